"""Calibration against scikit-learn, hand-computed figures and closed forms."""

import numpy as np
import pytest
from scipy.stats import binomtest
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import average_precision_score, brier_score_loss, f1_score, recall_score, roc_auc_score

from clsunbias.experiments.analysis.calibration import brier_parts, recalibration, reliability_curve
from clsunbias.experiments.analysis.curves import calibration_samples
from clsunbias.experiments.analysis.split_scores import SplitScores
from clsunbias.experiments.analysis.statistics import METRICS, Resampling
from tests.test_decisions import draw

SCORE = np.array([0.1, 0.2, 0.35, 0.4, 0.6, 0.65, 0.8, 0.9])
POSITIVE = np.array([0, 0, 1, 0, 1, 0, 1, 1])


@pytest.mark.parametrize("seed", range(5))
def test_recalibration_is_a_logistic_regression(seed: int) -> None:
    """Slope as scikit-learn has it without penalty; the intercept makes the mean probability the share of positives."""
    scores = draw(300, seed=seed)
    positive, p = scores.labels == 1, scores.prob[:, 1]
    odds = np.log(p / (1 - p))
    weights = np.random.default_rng(seed).integers(0, 4, (3, 300))
    slope, intercept = recalibration(p, positive, np.vstack([np.ones(300), weights]))
    for at, weight in enumerate([np.ones(300), *weights]):
        theirs = LogisticRegression(C=np.inf, tol=1e-10).fit(odds[:, None], positive, sample_weight=weight)
        assert slope[at] == pytest.approx(theirs.coef_[0, 0], abs=1e-4)
        moved = 1 / (1 + np.exp(-odds - intercept[at]))
        assert weight @ moved == pytest.approx(weight @ positive, rel=1e-8)


def test_a_step_is_the_whole_way() -> None:
    """Slope and intercept on resamples: a Newton step from the estimate spreads as fits of each do."""
    scores = draw(300, seed=8)
    prob, positive = scores.prob[:, 1], scores.labels == 1
    found = calibration_samples(prob[None], positive)
    fitted = recalibration(prob, positive, Resampling(300, 1, 300).units)
    for name, theirs in zip(("slope", "intercept"), fitted, strict=True):
        ours = found[name].drawn[:300, 0]
        assert np.corrcoef(ours, theirs)[0, 1] > 0.97, name
        assert ours.std() == pytest.approx(theirs.std(), rel=0.15), name


def test_a_calibrated_model_has_slope_one() -> None:
    """And intercept 0; log odds twice too large have slope ½, odds shifted by 1 intercept −1."""
    random = np.random.default_rng(0)
    odds = random.normal(0, 1.5, 50_000)
    positive = random.random(50_000) < 1 / (1 + np.exp(-odds))
    once = np.ones((1, 50_000))
    for factor, offset, expected in ((1, 0, (1, 0)), (2, 0, (0.5, None)), (1, 1, (1, -1))):
        found = recalibration(1 / (1 + np.exp(-factor * odds - offset)), positive, once)
        assert found[0][0] == pytest.approx(expected[0], abs=0.03)
        assert expected[1] is None or found[1][0] == pytest.approx(expected[1], abs=0.03)


def test_no_slope_where_there_is_none() -> None:
    """Scores that separate the classes, or a single class: no number is made up."""
    separated = np.array([0.1, 0.2, 0.8, 0.9]), np.array([False, False, True, True])
    assert np.isnan(recalibration(*separated, np.ones((1, 4)))[0])
    slope, intercept = recalibration(SCORE, POSITIVE == 1, np.stack([np.ones(8), 1 - POSITIVE]))
    assert np.isfinite(slope[0])
    assert np.isnan([slope[1], intercept[1]]).all()


def test_metrics_are_scikit_learns() -> None:
    """Lowest recall, geometric mean, weighted F1, AUROC and average precision of each class; of a decision, too."""
    scores = draw(400, 3, seed=2)
    classes = ("a", "b", "c")
    names = [
        "worst_recall",
        "geometric_mean",
        "weighted_f1",
        *(f"{k}/{c}" for k in ("auroc", "auprc") for c in classes),
    ]
    found = SplitScores(scores.prob[None], scores.labels, names, classes).values
    decided = scores.prob.argmax(1)
    recalls = recall_score(scores.labels, decided, average=None)
    assert found["worst_recall"][0] == pytest.approx(recalls.min(), abs=1e-6)
    assert found["geometric_mean"][0] == pytest.approx(recalls.prod() ** (1 / 3), abs=1e-6)
    assert found["weighted_f1"][0] == pytest.approx(f1_score(scores.labels, decided, average="weighted"), abs=1e-6)
    for at, name in enumerate(classes):
        assert found[f"auroc/{name}"][0] == pytest.approx(roc_auc_score(scores.labels == at, scores.prob[:, at]))
        theirs = average_precision_score(scores.labels == at, scores.prob[:, at])
        assert found[f"auprc/{name}"][0] == pytest.approx(theirs)
    cut = np.roll(decided, 1)
    moved = SplitScores(scores.prob[None], scores.labels, ["macro_f1", "brier"], decided=cut[None]).values
    assert moved["macro_f1"][0] == pytest.approx(f1_score(scores.labels, cut, average="macro"), abs=1e-6)


def test_f1_between_macro_and_micro() -> None:
    """By hand, of shares ¾ and ¼ and F1 of 0.8 and 0.5 within rounding: the heavier the frequent class, the higher."""
    target = np.array([0] * 12 + [1] * 4)
    decided = np.array([0] * 10 + [1] * 2 + [1, 1, 0, 0])
    prob = np.eye(2)[decided][None]
    found = SplitScores(prob, target, ["macro_f1", "weighted_f1", "dodrans_f1", "entropy_f1"]).values
    f1 = np.array([20 / (12 + 12), 4 / (4 + 4)])
    shares = np.array([0.75, 0.25])
    for name, weight in (("weighted", shares), ("dodrans", shares**0.75), ("entropy", -shares * np.log(shares))):
        assert found[f"{name}_f1"][0] == pytest.approx(f1 @ weight / weight.sum(), abs=1e-6)
    assert found["macro_f1"] < found["dodrans_f1"] < found["weighted_f1"]


def test_the_parts_of_a_brier_score() -> None:
    """They add up to scikit-learn's; of distinct forecasts nothing is left within bins, by hand."""
    scores = draw(500, seed=3)
    parts = brier_parts(scores.prob[:, 1], scores.labels == 1)
    assert parts.score == pytest.approx(brier_score_loss(scores.labels, scores.prob[:, 1]), abs=1e-12)
    four = brier_parts(np.array([0.25, 0.25, 0.75, 0.75]), np.array([False, True, True, True]))
    assert four[:3] == pytest.approx(((0.25**2 + 0.25**2) / 2, 0.25**2, 0.75 * 0.25))
    assert four.within == pytest.approx(0, abs=1e-15)


def test_a_reliability_curve() -> None:
    """Every unit is in one bin, whose band holds its frequency and narrows with its units."""
    small, large = draw(100, seed=4), draw(10_000, seed=4)
    for scores in (small, large):
        curve = reliability_curve(scores.prob[:, 1], scores.labels == 1)
        assert sum(one.units for one in curve) == len(scores.labels)
        assert all(one.low <= one.frequency <= one.high for one in curve)
        assert sum(one.units * one.frequency for one in curve) == pytest.approx(scores.labels.sum())
    widths = [
        np.mean([one.high - one.low for one in reliability_curve(scores.prob[:, 1], scores.labels == 1)])
        for scores in (small, large)
    ]
    assert widths[1] < widths[0] / 3


def test_runs_of_a_reliability_curve_are_pooled_over_the_same_units() -> None:
    """Ten runs that say the same are as sure as one, whose band is Wilson's; a unit in a bin counts once."""
    scores = draw(200, seed=5)
    prob, positive = scores.prob[:, 1], scores.labels == 1
    once, ten = (reliability_curve(one, positive) for one in (prob, np.stack([prob] * 10)))
    for one, other in zip(once, ten, strict=True):
        assert one == pytest.approx(other)
        band = binomtest(round(one.frequency * one.units), one.units).proportion_ci(method="wilson")
        assert (one.low, one.high) == pytest.approx((band.low, band.high))


def test_metrics_have_names() -> None:
    """What a grid may ask for."""
    assert {"worst_recall", "geometric_mean", "calibration_slope", "calibration_intercept", "entropy_f1"} <= METRICS
