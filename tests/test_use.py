"""Net benefit and risk over coverage against figures by hand, and their intervals of few units and many."""

from typing import Any

import numpy as np
import pytest

from clsunbias.errors import InputError
from clsunbias.experiments.analysis.curves import (
    COVERAGES,
    benefit_samples,
    calibration_samples,
    risk_samples,
    risk_scale,
)
from clsunbias.experiments.analysis.draws import MANY, described
from clsunbias.experiments.analysis.intervals import PLAIN
from clsunbias.experiments.analysis.split_scores import SplitScores
from clsunbias.experiments.analysis.use import (
    THRESHOLDS,
    kept,
    net_benefit,
    risk_coverage,
    risk_coverage_area,
    thresholds_of,
)
from tests.test_decisions import draw

SCORE = np.array([0.1, 0.2, 0.35, 0.4, 0.6, 0.65, 0.8, 0.9])
POSITIVE = np.array([0, 0, 1, 0, 1, 0, 1, 1])


def test_net_benefit_by_hand() -> None:
    """TP/n − FP/n · t/(1 − t), at a threshold that a score equals, too."""
    found = net_benefit(SCORE, POSITIVE, np.array([0.1, 0.35, 0.5, 0.9]))
    expected = [4 / 8 - 4 / 8 * 1 / 9, 4 / 8 - 2 / 8 * 0.35 / 0.65, 3 / 8 - 1 / 8, 1 / 8]
    np.testing.assert_allclose(found, expected, atol=1e-10)
    for wrong in (0.0, 1.0):
        with pytest.raises(InputError, match="between 0 and 1"):
            net_benefit(SCORE, POSITIVE, np.array([0.5, wrong]))


def test_net_benefits_of_models_and_their_difference() -> None:
    """Means over runs within their intervals; a model and itself differ by 0; a better one is better."""
    scores = draw(200, seed=5)
    positive = scores.labels == 1
    runs = np.stack([scores.prob[:, 1]] * 5) * 0.9 + 0.05
    better = np.stack([positive * 0.6 + 0.2] * 5)
    found = benefit_samples(runs, positive, [0.1, 0.3])
    for sample, threshold in zip(found, (0.1, 0.3), strict=True):
        low, high, over = described(sample, PLAIN)
        assert sample.values.mean() == pytest.approx(net_benefit(runs[0], positive, [threshold])[0])
        assert low <= sample.values.mean() <= high
        assert over == "units and seeds"
    assert described(found[1].less(found[1]), PLAIN)[:2] == (0, 0)
    gained = benefit_samples(better, positive, [0.3])[0].less(found[1])
    assert 0 < described(gained, PLAIN)[0] < gained.values.mean()
    (single,) = benefit_samples(runs[:1], positive, [0.3])
    assert described(single, PLAIN)[2] == "units"


def test_risk_and_coverage() -> None:
    """By hand; equal confidences count alike, in whatever order they come."""
    prob = np.array([[0.1, 0.9], [0.8, 0.2], [0.3, 0.7], [0.45, 0.55]])
    coverage, risk = risk_coverage(prob, np.array([1, 0, 0, 1]))
    np.testing.assert_allclose(coverage, [0.25, 0.5, 0.75, 1])
    np.testing.assert_allclose(risk, [0, 0, 1 / 3, 1 / 4])
    assert risk_coverage_area(prob, np.array([1, 0, 0, 1])) == pytest.approx((1 / 3 + 1 / 4) / 4)
    tied, target = np.full((4, 2), 0.5), np.array([0, 1, 1, 0])
    np.testing.assert_allclose(risk_coverage(tied, target)[1], 0.5)


def cohort() -> tuple[Any, Any, dict[float, tuple[float, int, float]]]:
    """A cohort of 1,000 with 200 ill, scores at four levels, and its decision curve worked out by hand as fractions.

    At a threshold t so many ill (TP) and well (FP) score t or more; the third number is that of treating everybody.
    """
    levels, ill, well = (0.05, 0.15, 0.3, 0.6), (20, 30, 50, 100), (500, 200, 70, 30)
    score = np.repeat(levels * 2, ill + well)
    expected = {
        0.1: (180 / 1000 - 300 / 1000 / 9, 180, 200 / 1000 - 800 / 1000 / 9),
        0.2: (150 / 1000 - 100 / 1000 / 4, 150, 200 / 1000 - 800 / 1000 / 4),
        0.5: (100 / 1000 - 30 / 1000, 100, 200 / 1000 - 800 / 1000),
    }
    return score, np.repeat([1, 0], [200, 800]), expected


def test_net_benefit_of_a_cohort() -> None:
    """As fractions by hand, to 1e-10; in as many words: TP/n − FP/n · t/(1 − t), unit by unit."""
    score, positive, expected = cohort()
    for threshold, (value, hits, everybody) in expected.items():
        assert net_benefit(score, positive, [threshold])[0] == pytest.approx(value, abs=1e-10)
        assert net_benefit(np.ones(1000), positive, [threshold])[0] == pytest.approx(everybody, abs=1e-10)
        assert ((score >= threshold) & (positive == 1)).sum() == hits
    random = np.random.default_rng(0)
    score, positive = random.random(500).round(2), (random.random(500) < 0.3).astype(int)
    for threshold in THRESHOLDS:
        found = [
            (1.0 if y else -threshold / (1 - threshold)) for p, y in zip(score, positive, strict=True) if p >= threshold
        ]
        assert net_benefit(score, positive, [threshold])[0] == pytest.approx(sum(found) / 500, abs=1e-10)


@pytest.mark.parametrize("classes", [2, 3])
def test_the_mean_net_benefit(classes: int) -> None:
    """Over thresholds, scores on one of them too; of three classes over each against the rest."""
    scores = draw(300, classes, seed=6)
    prob = scores.prob.round(2)
    found = SplitScores(prob[None], scores.labels, ["net_benefit"]).values["net_benefit"][0]
    labels = [1] if classes == 2 else range(classes)
    expected = [net_benefit(prob[:, at], scores.labels == at, THRESHOLDS).mean() for at in labels]
    assert found == pytest.approx(np.mean(expected), abs=1e-6)


def test_ranges_of_thresholds() -> None:
    """From a lower to a higher one within (0, 1)."""
    assert thresholds_of(0.05, 0.5)[:3] == (0.05, 0.06, 0.07)
    for low, high in ((0, 0.5), (0.5, 1), (0.5, 0.1), (0.2, 0.2), (np.nan, 0.5)):
        with pytest.raises(InputError, match="from a lower to a higher"):
            thresholds_of(low, high)


@pytest.mark.parametrize("tied", [False, True])
def test_risks_at_coverages(tied: bool) -> None:
    """Those of the curve, ties shared out; nothing wrong has still an interval."""
    scores = draw(200, seed=7, tied=tied)
    curve = dict(zip(*risk_coverage(scores.prob, scores.labels), strict=True))
    for coverage, sample in zip(COVERAGES, risk_samples(scores.prob[None], scores.labels), strict=True):
        assert sample.values[0] == pytest.approx(curve[coverage], abs=1e-6)
        assert kept(scores.prob.max(1), coverage).sum() == pytest.approx(round(coverage * 200))
    right = np.eye(2)[scores.labels] * 0.8 + 0.1
    sample = risk_samples(right[None], scores.labels, [0.1])[0]
    low, high, _ = described(sample, risk_scale(sample))
    assert (low, high) == pytest.approx((0, 1 - 0.025 ** (1 / 20)))


def test_many_units_are_drawn_as_sums() -> None:
    """Just above the limit as just below it: the same spread of every part of calibration, net benefit and risk."""
    spreads = []
    for units in (MANY, MANY + 1):
        scores = draw(MANY + 1, seed=9)
        prob, target = scores.prob[:units], scores.labels[:units]
        made = calibration_samples(prob[None, :, 1], target == 1)
        made |= {
            f"benefit {at}": one for at, one in enumerate(benefit_samples(prob[None, :, 1], target == 1, [0.1, 0.4]))
        }
        made |= {f"risk {at}": one for at, one in enumerate(risk_samples(prob[None], target, [0.6, 1.0]))}
        spreads.append({name: float(np.std(one.drawn)) for name, one in made.items()})
    for name, spread in spreads[0].items():
        assert spreads[1][name] == pytest.approx(spread, rel=0.12, abs=5e-4), name
