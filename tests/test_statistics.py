"""Statistics against scikit-learn and scipy, and by hand."""

import itertools
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from scipy.special import expit
from scipy.stats import bootstrap, norm, permutation_test, t
from sklearn.metrics import f1_score

from clsunbias.experiments.analysis.statistics import (
    Floats,
    Resampling,
    interval,
    mean_interval,
    metrics,
    resamples,
    unit_sums,
)
from clsunbias.experiments.analysis.verdicts import effect_size, either_p, holm, verdict
from tests.test_unit_metrics import draw


def test_a_draw_is_each_run_on_drawn_units() -> None:
    """By repeating units as often as they were drawn; runs are drawn with replacement beside them."""
    prob, label = draw(4, 50, 3)
    resampling = Resampling(50, 4, draws=6)
    found = resampling.bootstrap(unit_sums(prob, label))
    for index in range(6):
        units = np.repeat(np.arange(50), resampling.units[index].astype(int))
        assert len(units) == 50
        f1 = [f1_score(label[units], one[units].argmax(1), average="macro") for one in prob]
        assert found["macro_f1"][index] == pytest.approx(f1, abs=1e-6)
    assert resampling.seeds.sum(1) == pytest.approx(np.ones(6))
    assert set(np.unique(4 * resampling.seeds)) <= {0, 1, 2, 3, 4}
    assert len(np.unique(resampling.units, axis=0)) == 6
    assert len(np.unique(resampling.seeds, axis=0)) > 1


def test_a_single_run_is_not_resampled() -> None:
    """Its share is 1 in every draw."""
    assert (Resampling(4, 1, draws=10).seeds == 1).all()


def test_resamples_of_a_single_run() -> None:
    """Each holds as many units as there are, drawn with replacement."""
    drawn = resamples(30, 200, seed=1)
    assert (drawn.sum(1) == 30).all()
    assert drawn.var() == pytest.approx(29 / 30, rel=0.05)
    assert not np.array_equal(drawn, resamples(30, 200, seed=2))


def macro_f1(predicted: npt.NDArray[Any], label: npt.NDArray[Any], axis: int) -> npt.NDArray[Any]:
    """Plain macro-F1 of two classes."""
    hits = [((predicted == c) & (label == c)).sum(axis) for c in range(2)]
    sizes = [(predicted == c).sum(axis) + (label == c).sum(axis) for c in range(2)]
    return np.asarray((2 * hits[0] / sizes[0] + 2 * hits[1] / sizes[1]) / 2)


def test_bootstrap_over_units_against_scipy() -> None:
    """Of a single run."""
    prob, label = draw(1, 400)
    drawn = {name: one[:, 0] for name, one in Resampling(400, 1).bootstrap(unit_sums(prob, label)).items()}
    loss = -np.log(prob[0, np.arange(400), label])
    options: dict[str, Any] = {"n_resamples": 5000, "method": "percentile", "rng": np.random.default_rng(1)}
    of_loss = bootstrap((loss,), np.mean, **options)
    of_f1 = bootstrap((prob[0].argmax(1), label), macro_f1, paired=True, vectorized=True, **options)
    for name, expected in {"loss": of_loss, "macro_f1": of_f1}.items():
        assert interval(drawn[name]) == pytest.approx(expected.confidence_interval, abs=0.2 * expected.standard_error)
        assert drawn[name].std() == pytest.approx(expected.standard_error, rel=0.06)


def difference(ours: Floats, theirs: Floats, axis: int) -> Floats:
    """Of means."""
    return np.asarray(ours.mean(axis) - theirs.mean(axis))


def test_permutation_test_against_scipy() -> None:
    """The exact p-values of accuracy with one seed and of loss with three, whose runs are swapped together."""
    for name, seeds in (("accuracy", 1), ("loss", 3)):
        (ours, label), (theirs, _) = draw(seeds, 12, skill=2.0), draw(seeds, 12, skill=0.5, seed=1)
        if name == "accuracy":
            samples = [(prob.argmax(2) == label).mean(0) for prob in (ours, theirs)]
        else:
            samples = [-np.log(prob[:, np.arange(12), label]).mean(0) for prob in (ours, theirs)]
        exact = permutation_test(samples, difference, permutation_type="samples", n_resamples=2**12, vectorized=True)
        p = Resampling(12, seeds, draws=5000).permutation_p(unit_sums(ours, label), unit_sums(theirs, label))
        assert len(exact.null_distribution) == 2**12
        assert 0.01 < exact.pvalue < 0.9
        assert p[name] == pytest.approx(exact.pvalue, abs=0.02)


def test_permutation_test_against_every_swap() -> None:
    """All metrics, also those that are no mean over units, with each of the 1024 ways to swap."""
    (ours, label), (theirs, _) = draw(1, 10, skill=2.0), draw(1, 10, skill=0.0, seed=1)
    swaps = np.array(list(itertools.product([False, True], repeat=10)))[..., None]
    one = metrics(unit_sums(np.where(swaps, theirs, ours), label).sum(0))
    other = metrics(unit_sums(np.where(swaps, ours, theirs), label).sum(0))
    p = Resampling(10, 1, draws=5000).permutation_p(unit_sums(ours, label), unit_sums(theirs, label))
    changes = {name: np.abs(one[name] - other[name]) for name in one}
    expected = {name: float((values >= values[0] - 1e-5).mean()) for name, values in changes.items()}
    assert len(set(expected.values())) > 4
    assert p == pytest.approx(expected, abs=0.025)


def test_smallest_and_largest_p() -> None:
    """A method is no different from itself; one that is always right differs from one that is always wrong."""
    prob, label = draw(3, 60)
    resampling = Resampling(60, 3, draws=199)
    sums = unit_sums(prob, label)
    assert set(resampling.permutation_p(sums, sums).values()) == {1}
    right = np.repeat(0.8 * np.eye(2)[label][None] + 0.1, 3, 0)
    for pair in ((right, 1 - right), (1 - right, right)):
        ours, theirs = (unit_sums(one, label) for one in pair)
        p = resampling.permutation_p(ours, theirs)
        assert all(0 < p[name] < 1e-9 for name in ("accuracy", "macro_f1", "loss"))  # of all swaps 2 in 2 to the 60


def test_the_tail_of_few_swaps_is_that_of_many() -> None:
    """Where none of 2,000 swaps comes so far, p is somewhat more than what 200,000 of them say."""
    random, label = np.random.default_rng(5), np.arange(60) % 2
    logits = random.normal(0, 1, (2, 3, 60)) + (2 * label - 1) * np.array([0.6, 0.0])[:, None, None]
    ours, theirs = (unit_sums(np.stack([expit(-one), expit(one)], 2), label) for one in logits)
    few, many = (Resampling(60, 3, draws, seed=5).permutation_p(ours, theirs)["loss"] for draws in (2_000, 200_000))
    assert 5 / 200_001 < many < few < min(5 * many, 1 / 2001)


def test_holm_by_hand() -> None:
    """4 × 0.005, 3 × 0.01, 2 × 0.03, and 0.04 no smaller than the one before."""
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert holm([0.9, 0.3, 0.8]) == pytest.approx([1, 0.9, 1])
    assert holm([0.03]) == [0.03]
    assert holm([]) == []


def test_holm_keeps_the_order() -> None:
    """It is never below the p-value, never above Bonferroni's or 1, and ranks as the p-values do."""
    p = np.random.default_rng(0).random(20) ** 4
    corrected = np.array(holm(list(p)))
    assert (np.diff(corrected[np.argsort(p)]) >= 0).all()
    assert ((corrected >= p) & (corrected <= np.minimum(20 * p, 1))).all()
    assert len(np.unique(corrected)) > 5


def test_effect_size() -> None:
    """Mean over standard deviation with n − 1; of gains that differ by rounding alone there is none."""
    assert effect_size(np.array([1.0, 2, 3, 4])) == pytest.approx(2.5 / np.sqrt(5 / 3))
    assert effect_size(-np.array([0.01, 0.02, 0.03])) == pytest.approx(-2)
    assert effect_size(np.full(3, 0.1)) is None
    assert effect_size(np.array([0.9, 0.8, 0.3], np.float32) - np.array([0.8, 0.7, 0.2], np.float32)) is None


def test_interval_of_a_mean_against_scipy() -> None:
    """Of independent runs: Student's."""
    values = [0.1, 0.4, 0.2, 0.9]
    mean, sd, low, high = mean_interval(values)
    assert (mean, sd) == pytest.approx((np.mean(values), np.std(values, ddof=1)))
    assert (low, high) == pytest.approx(t.interval(0.95, 3, loc=mean, scale=sd / 2))


def test_interval_leaves_nan_out() -> None:
    """2.5 % of the rest lie below it, 2.5 % above."""
    assert interval(np.append(np.arange(1001.0), [np.nan] * 300)) == pytest.approx((25, 975))


def test_verdict() -> None:
    """By the corrected p-value; of a loss, less is better; NaN shows nothing."""
    assert (verdict(0.1, 0.049), verdict(-0.1, 0.049)) == ("better", "worse")
    assert (verdict(0.1, 0.049, True), verdict(-0.1, 0.049, True)) == ("worse", "better")
    for difference, p, less_is_better in itertools.product((0.1, -0.1), (0.05, 1, np.nan), (False, True)):
        assert verdict(difference, p, less_is_better) == "no difference shown"


def test_a_p_value_knows_of_units_and_of_runs() -> None:
    """The larger of both; the interval's is 0.05 where its nearer end is 0, on either side; never below one in 1e6."""
    assert either_p(0.2, 0.1, 0.0, 0.5) == 0.2
    for sign in (1, -1):
        low, high = sorted((0.0, sign * 0.5))
        assert either_p(0.001, sign * 0.1, low, high) == pytest.approx(0.05)
        low, high = sorted((sign * 0.05, sign * 0.5))
        assert either_p(1e-9, sign * 0.1, low, high) == pytest.approx(2 * norm.sf(2 * 1.959964), rel=1e-5)
        assert either_p(0.001, sign * 0.1, -1.0, 1.0) > 0.8
    assert either_p(0.0, 0.1, 0.09, 0.11) == either_p(0.0, 0.1, 0.1, 0.1) == 1e-6
    assert either_p(0.0, 0.0, 0.0, 0.0) == either_p(0.0, np.nan, np.nan, np.nan) == 1
