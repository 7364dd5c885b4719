"""Intervals of means over runs: their bounds, their ends by hand, and how they and verdicts do in simulated studies."""

from functools import cache
from typing import NamedTuple

import numpy as np
import pytest
from scipy.stats import norm, t

from benchmarks.coverage import METRICS, Method, coverage, outside
from clsunbias.experiments.analysis.intervals import (
    LOSS,
    PLAIN,
    SHARE,
    SHARES,
    Sample,
    Scale,
    carrying,
    errors,
    interval,
    of_difference,
    of_metric,
    shared_training,
)
from clsunbias.experiments.analysis.split_scores import SplitScores
from clsunbias.experiments.analysis.statistics import Floats, Resampling, unit_sums
from clsunbias.experiments.analysis.verdicts import either_p, verdict

BOUNDS = ((SHARE, 0, 1), (LOSS, 0, np.inf), (SHARES, -1, 1))


def ends(sample: Sample, scale: Scale, draws: int = 4000) -> tuple[float, float]:
    """The interval of a sample whose draws are given."""
    found = interval(sample, Resampling(4, len(sample.values), draws).seeds[: len(sample.drawn)], scale)
    assert found is not None
    return found


@pytest.mark.parametrize(("scale", "low", "high"), BOUNDS, ids=["share", "loss", "difference of shares"])
@pytest.mark.parametrize("runs", [4, 5, 10])
def test_an_interval_stays_within_bounds_and_around_its_mean(scale: Scale, low: float, high: float, runs: int) -> None:
    """Also where runs differ as much as they can, or all are at a bound, on units of which few carry the metric."""
    random = np.random.default_rng(0)
    top = min(high, 3)
    for values in (
        random.choice([low, top], runs),
        np.full(runs, top),
        np.full(runs, low),
        random.uniform(low, top, runs),
    ):
        drawn = np.clip(values + random.normal(0, 0.3, (4000, 1)) + random.normal(0, 0.1, (4000, runs)), low, high)
        for units in (2, 50):
            found = ends(Sample(values.astype(float), drawn, units), scale)
            assert low <= found[0] <= values.mean() <= found[1] <= high


@pytest.mark.parametrize("runs", [4, 10])
def test_of_runs_alone_it_is_students(runs: int) -> None:
    """Where the units are known for certain, and where it lies far from its bounds."""
    values = 0.5 + 0.001 * (np.arange(runs) - (runs - 1) / 2)
    low, high = ends(Sample(values, np.tile(values, (4000, 1)), 1000), SHARE)
    expected = t.interval(0.95, runs - 1, loc=0.5, scale=values.std(ddof=1) / runs**0.5)
    assert (low, high) == pytest.approx(expected, abs=0.08 * (expected[1] - expected[0]))


@pytest.mark.parametrize("units", [5, 1000])
def test_of_units_alone_it_is_students(units: int) -> None:
    """Where all runs are the same: of few units the bootstrap's spread lacks (n - 1)/n and Student's quantile."""
    error = 0.001 * np.random.default_rng(0).normal(0, ((units - 1) / units) ** 0.5, (4000, 1))
    low, high = ends(Sample(np.full(5, 0.5), np.tile(0.5 + error, 5), units), PLAIN)
    assert high - low == pytest.approx(2 * 0.001 * t.ppf(0.975, units - 1), rel=0.06)


def test_what_units_do_to_runs_counts_once() -> None:
    """Runs that differ by the luck of the units alone have Student's interval; counted twice, one 1.3 as wide."""
    noise = np.random.default_rng(1).normal(0, 0.01, (4000, 10))
    values = 0.5 + np.linspace(-0.0148, 0.0148, 10)  # a standard deviation of 0.01
    low, high = ends(Sample(values, values + noise, 1000), PLAIN)
    assert high - low == pytest.approx(2 * t.ppf(0.975, 9) * 0.01 / 10**0.5, rel=0.06)


@pytest.mark.parametrize("folds", [3, 5, 10])
def test_runs_that_share_training_units_differ_too_little(folds: int) -> None:
    """The variance by runs is s²·(1/S + ρ/(1 − ρ)); of one training split for all it stays s²/S, to the bit."""
    runs = np.array([0.6, 0.7, 0.65, 0.72])
    alone = Sample(runs, np.tile(runs, (50, 1)), 80)
    shared = alone._replace(shared=shared_training(folds))
    wider = (shared.shared / (1 - shared.shared) + 1 / 4) / (1 / 4)
    assert shared.shared / (1 - shared.shared) == pytest.approx(1 / (folds - 2))
    assert errors(shared)[1] == pytest.approx(errors(alone)[1] * wider**0.5)
    assert ends(shared, SHARE)[0] < ends(alone, SHARE)[0] == ends(alone._replace(shared=0.0), SHARE)[0]
    assert alone.less(shared).shared == shared.shared


def test_scores_know_whether_they_are_of_folds() -> None:
    """By the fold of each unit."""
    random = np.random.default_rng(0)
    prob = random.dirichlet([1, 1], (4, 40))
    target, of = np.arange(40) % 2, np.tile(np.arange(40) % 5, (4, 1))
    assert SplitScores(prob, target, ["macro_f1"], folds=of).samples["macro_f1"].shared == pytest.approx(0.25)
    assert SplitScores(prob, target, ["macro_f1"]).samples["macro_f1"].shared == 0


def test_fewer_than_four_runs_have_none() -> None:
    """Nor has a metric that no resample has."""
    for runs in (1, 2, 3):
        values = np.linspace(0.4, 0.5, runs)
        assert interval(Sample(values, np.tile(values, (9, 1)), 50), np.full((9, runs), 1 / runs), SHARE) is None
    values = np.linspace(0.4, 0.5, 4)
    assert interval(Sample(values, np.full((9, 4), np.nan), 50), np.full((9, 4), 0.25), SHARE) is None


def test_resamples_without_a_class_are_left_out() -> None:
    """They have no recall of it."""
    random = np.random.default_rng(0)
    values = np.full(5, 0.5)
    drawn = np.tile(random.normal(0.5, 0.05, (3000, 1)), 5)
    some = np.concatenate([np.full((1000, 5), np.nan), drawn])
    shares = Resampling(4, 5, 4000).seeds
    expected = interval(Sample(values, drawn, 50), shares[1000:], SHARE)
    assert interval(Sample(values, some, 50), shares, SHARE) == pytest.approx(expected)


def test_perfect_runs_are_no_certainty() -> None:
    """With 20 of 20 right in every run, the interval reaches down to Clopper and Pearson's; with none, up to it."""
    off = 1 - 0.025 ** (1 / 20)
    assert ends(Sample(np.ones(4), np.ones((100, 4)), 20), SHARE) == pytest.approx((1 - off, 1))
    assert ends(Sample(np.zeros(4), np.zeros((100, 4)), 20), SHARE) == pytest.approx((0, off))
    assert ends(Sample(np.zeros(4), np.zeros((100, 4)), 20), SHARES) == (0, 0), "no difference at all is one"


@pytest.mark.parametrize("units", [10, 20, 60])
def test_next_to_a_bound_it_is_not_the_whole_range(units: int) -> None:
    """One hit of one run in five on one unit, which a third of the resamples miss: seven times the mean, not all."""
    hits = np.zeros((units, 5))
    hits[0, 4] = 1
    resampling = Resampling(units, 5, 1000)
    drawn = np.random.default_rng(0).multinomial(units, np.full(units, 1 / units), 1000) @ hits / units
    for values, resamples, end in ((hits, drawn, 1), (1 - hits, 1 - drawn, 0)):
        found = interval(Sample(values.mean(0), resamples, units), resampling.seeds, SHARE)
        assert found is not None
        assert found[1 - end] == 1 - end
        assert abs(found[end] - (1 - end)) < 2 / units


def test_scales_by_metric() -> None:
    """Losses have no upper bound, and the difference of two of them has none at all."""
    assert [of_metric(name) for name in ("macro_f1", "auroc", "precision/a", "ece")] == [SHARE] * 4
    assert [of_metric(name) for name in ("loss", "loss_gap", "loss_pos", "loss/a", "brier")] == [LOSS] * 5
    assert [of_difference(name) for name in ("pos_f1", "auprc", "loss_gap")] == [SHARES, SHARES, PLAIN]
    counts = np.array([90, 0, 10])
    assert [carrying(name, counts) for name in ("accuracy", "loss", "brier", "macro_f1", "auroc")] == [100] * 3 + [
        10
    ] * 2


@pytest.mark.parametrize(("units", "share", "runs"), [(40, 0.27, 5), (100, 0.1, 5), (100, 0.27, 10)])
def test_intervals_hold_the_truth(units: int, share: float, runs: int) -> None:
    """In about 95 % of studies, of every metric and paired difference; ``python -m benchmarks coverage`` has more."""
    found = coverage(units, share, runs, studies=200, draws=200)
    assert set(found) == {f"{sign}{shown}" for shown in METRICS.values() for sign in ("", "Δ ")}
    assert min(found.values()) >= 0.90, found
    assert np.mean(list(found.values())) == pytest.approx(0.955, abs=0.025), found


def test_the_simulation_can_tell() -> None:
    """Of methods that are the same, the truth of the difference is none; a wrong truth would be missed."""
    same = Method(1.0, 0.2)
    found = coverage(100, 0.3, 5, studies=60, methods=(same, same), draws=200)
    assert min(found[f"Δ {shown}"] for shown in METRICS.values()) >= 0.88


class Rates(NamedTuple):
    """Of simulated studies, how often equal methods are told apart, and a better one is."""

    said_of_same: float
    test_alone_of_same: float
    better_of_better: float


@cache
def verdicts(seeds: int, seed_sd: float, studies: int = 200, units: int = 160) -> Rates:
    """Studies in which units are harder or easier for all, and runs come out better or worse on all units.

    With a seed_sd of 0.1 the accuracies of a method's runs have a standard deviation of 0.03, with 0.5 one of 0.12.
    """
    random = np.random.default_rng(0)
    label = np.arange(units) % 2
    resampling = Resampling(units, seeds, draws=600)

    def method(skill: float, ease: Floats) -> Floats:
        """Sums of a new method's runs: right where skill, the unit's ease, the run's shift and noise exceed 0."""
        shift, noise = random.normal(0, seed_sd, (seeds, 1)), random.normal(0, 0.5, (seeds, units))
        right = norm.cdf(skill + ease + shift + noise)
        return unit_sums(np.where(np.eye(2, dtype=bool)[label], right[..., None], 1 - right[..., None]), label)

    def sample(sums: Floats) -> Sample:
        """Accuracies."""
        values = sums[:, :, 0].sum((0, 2)) / units
        return Sample(values.astype(float), resampling.bootstrap(sums)["accuracy"], units)

    rows = []
    for _ in range(studies):
        ease = random.normal(0, 1, units)
        ours, same, better = method(1, ease), method(1, ease), method(1.4, ease)
        said, p_values = [], []
        for other in (same, better):
            p_values.append(resampling.permutation_p(other, ours)["accuracy"])
            gained = sample(other).less(sample(ours))
            found, mean = interval(gained, resampling.seeds, SHARES), float(gained.values.mean())
            assert found is not None
            said.append(verdict(mean, either_p(p_values[-1], mean, *found)))
        rows.append((said[0] != "no difference shown", p_values[0] < 0.05, said[1] == "better"))
    return Rates(*np.mean(rows, 0).tolist())


@pytest.mark.parametrize("seeds", [5, 10])
@pytest.mark.parametrize("seed_sd", [0.1, 0.5])
def test_equal_methods_are_seldom_told_apart(seeds: int, seed_sd: float) -> None:
    """In 4 to 6 % of 800 studies, whether runs differ little or much; here of fewer."""
    assert verdicts(seeds, seed_sd).said_of_same <= 0.09


@pytest.mark.parametrize("seeds", [5, 10])
def test_verdicts_find_a_difference(seeds: int) -> None:
    """Six points of accuracy, where runs differ by three."""
    assert verdicts(seeds, 0.1).better_of_better > 0.7


@pytest.mark.parametrize("seeds", [5, 10])
def test_the_permutation_test_alone_would_not_do(seeds: int) -> None:
    """Where runs differ much it takes their luck for a difference."""
    rates = verdicts(seeds, 0.5)
    assert rates.test_alone_of_same > rates.said_of_same + 0.4


def test_shares_outside_by_chance() -> None:
    """Of 200 studies a share of exact intervals is often below 93 % or above 97 %; of many, never."""
    row = outside([0.92, 0.93, 0.95, 0.97, 0.975] * 20, 200)
    assert (row.figure, row.target) == ("20 and 20", "of exact intervals, 200 studies each, 8 and 6 by chance")
    assert outside([0.92, 0.95], 10_000).target.endswith("0 and 0 by chance")
