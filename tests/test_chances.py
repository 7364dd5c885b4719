"""What a test set could show and how far it may be luck: by simulation; and what compare's intervals hold."""

import numpy as np
import pytest

from benchmarks.compare_coverage import Size, coverage, equal
from clsunbias.experiments.comparing.chances import chances

ERROR = 0.02


def seen(true: float, studies: int = 400_000) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    """Differences that studies of one standard error see."""
    return np.random.default_rng(0).normal(true, ERROR, studies)


@pytest.mark.parametrize("true", [0.005, 0.03, 0.06])
def test_power_sign_and_magnitude(true: float) -> None:
    """How often a true difference is shown; of those, how often with the wrong sign and how much too large."""
    found, differences = chances(0.1, ERROR, 0, 100, stated=true), seen(true)
    shown = differences[np.abs(differences) > 1.96 * ERROR]
    assert found.power == pytest.approx(len(shown) / len(differences), abs=0.002)
    assert found.wrong_sign == pytest.approx((shown < 0).mean(), abs=0.003)
    assert found.exaggeration == pytest.approx(np.abs(shown).mean() / true, rel=0.01)


def test_luck() -> None:
    """Of differences that look like so much, the share whose truth has the other sign, all truths being as likely."""
    random = np.random.default_rng(1)
    truths = random.uniform(-0.3, 0.3, 2_000_000)
    differences = random.normal(truths, ERROR)
    for difference in (0.01, 0.04):
        alike = np.abs(differences - difference) < 0.001
        assert chances(difference, ERROR, 0, 100).luck == pytest.approx((truths[alike] < 0).mean(), abs=0.01)


def test_smallest_difference_and_units_needed() -> None:
    """Shown four times of five; as it is with so many units; with none where runs alone differ too much."""
    by_units, by_runs = 0.02, 0.01
    found = chances(0.03, by_units, by_runs, 400)
    assert chances(0, by_units, by_runs, 400, stated=found.smallest).power == pytest.approx(0.8, abs=0.001)
    needed = found.units_needed
    assert needed is not None
    scaled = by_units * (400 / needed) ** 0.5
    assert chances(0.03, scaled, by_runs, needed).power == pytest.approx(0.8, abs=0.002)
    assert chances(0.01, by_units, by_runs, 400).units_needed is None
    several = chances(0.03, by_units, by_runs, 400, comparisons=9)
    assert several.smallest > found.smallest
    assert chances(0.0, 0.0, 0.0, 400).luck == 0.5, "methods that decide alike"
    assert chances(0.0, 0.02, 0.0, 400).exaggeration is None


@pytest.mark.parametrize("size", [Size(40, 2, 0.5, 1), pytest.param(Size(600, 3, 0.3, 1), marks=pytest.mark.slow)])
def test_intervals_hold_the_truth_and_equal_methods_are_not_told_apart(size: Size) -> None:
    """In about 95 % and at most 5 % of studies; ``python -m benchmarks compare_coverage`` has more."""
    found = coverage(size, 40)
    assert found.pop("shown") < 1
    assert min(found.values()) >= 0.84, found
    assert np.mean(list(found.values())) == pytest.approx(0.955, abs=0.035), found
    assert coverage(size, 40, equal(size.runs), seed=12)["shown"] <= 0.1
