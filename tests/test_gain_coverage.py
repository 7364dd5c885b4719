"""The simulation that decides how thresholds stand in the intervals of a gain's parts."""

import numpy as np

from benchmarks.gain_coverage import Size, at_cuts, best_cuts, coverage, truth
from clsunbias.decisions import MacroF1, Scores
from clsunbias.experiments.analysis.statistics import Resampling, metrics, unit_sums


def test_thresholds_of_resamples_are_those_of_the_rule() -> None:
    """On each resample as the rule chooses on the units drawn, with ties; and what is decided then."""
    random = np.random.default_rng(1)
    score, target = random.random(30).round(1), (random.random(30) < 0.4).astype(int)
    weights = Resampling(30, 1, 100, 2).units
    cuts = best_cuts(score, target, weights)
    values = at_cuts(score, target, weights, cuts)
    for cut, value, weight in zip(cuts, values, weights, strict=True):
        drawn = np.repeat(np.arange(30), weight.astype(int))
        prob = np.stack([1 - score[drawn], score[drawn]], axis=1)
        chosen = MacroF1().choose(Scores(prob, target[drawn]))
        assert chosen.value()["threshold"] == cut or (cut == np.inf and chosen.value()["threshold"] > 1)
        decided = np.eye(2)[chosen.decide(Scores(prob))]
        assert abs(metrics(unit_sums(decided[None], target[drawn]).sum(0))["macro_f1"][0] - value) < 1e-6


def test_fixed_thresholds_hold_the_truth_and_new_ones_are_too_wide() -> None:
    """``python -m benchmarks gain_coverage`` has more."""
    found = coverage(Size(40, 60, 0.3, 4), 40, draws=200)
    assert all(found[False, part] >= 0.88 for part in ("gain", "ranking", "threshold")), found
    assert found[True, "threshold"] >= found[False, "threshold"]


def test_the_truth_of_a_cut() -> None:
    """In closed form: of no skill and even classes, half of either is right, and a macro-F1 of a half."""
    assert abs(truth(np.zeros(1), np.zeros(1), 0.5, 0.5) - 0.5) < 1e-9
