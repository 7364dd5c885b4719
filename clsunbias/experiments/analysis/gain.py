"""How much of a gain over a baseline is ranking, and how much of it a threshold moved on validation would give too.

F(m, ½) − F(E, ½) = [F(m, t_m) − F(E, t_E)] + the rest. F is the macro-F1 of test units, ½ the most probable class, t
the threshold that one rule chooses for each run on its validation units (of more than two classes, offsets). In
brackets stands the *ranking part*: what is left of the gain once both methods have a threshold of their own. The rest
is the *threshold part*: the baseline with another threshold has it for nothing. A method that ranks units as the
baseline does has a ranking part of exactly 0, since a rule's cut is itself a score.

Thresholds stay as chosen in every resample. Such intervals hold the truth in about 95 % of simulated studies, those
with thresholds chosen anew in resamples of the validation units in up to all of them: how runs differ tells already how
their thresholds do (``python -m benchmarks gain_coverage``).
"""

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from clsunbias.decisions import MacroF1, Scores
from clsunbias.decisions.thresholds import Threshold
from clsunbias.experiments.analysis.decided import VALIDATION, of_runs
from clsunbias.experiments.analysis.intervals import PLAIN, SHARES, Sample, Scale
from clsunbias.experiments.analysis.statistics import Floats, Labels

PARTS: Mapping[str, Scale] = {"gain": SHARES, "ranking": SHARES, "threshold": PLAIN}
"""What a gain in macro-F1 is split into, and the scale of its interval: the threshold part may be as large as 2."""

BESIDE = ("auroc", "auprc", "brier", "calibration_slope", "calibration_intercept", "net_benefit")
"""Metrics that no threshold moves, whose differences stand beside the parts."""

FEWEST_DIFFERING = 5
"""As so many count fewer units on which two methods decide otherwise."""


class Levels(NamedTuple):
    """The macro-F1 of a method and the class that it decides for, ``(S, N)``.

    With the most probable class, and with a threshold of its own.
    """

    plain: Sample
    own: Sample
    probable: Labels
    decided: Labels


def own_decisions(
    prob: Floats,
    target: Labels,
    test: Floats,
    rule: Threshold | None = None,
    folds: Labels | None = None,
    test_folds: Labels | None = None,
) -> Labels:
    """What each run decides on test units with the threshold that a rule chooses for it on validation units.

    Args:
        prob: probabilities of the validation units, ``(S, N, C)``.
        target: their classes, ``(N,)``.
        test: probabilities of the test units, ``(S, M, C)``.
        rule: default the largest macro-F1.
        folds: of each validation unit, ``(S, N)``, if each fold has a threshold of its own.
        test_folds: of each test unit, ``(S, M)``.

    Returns:
        The class decided for, ``(S, M)``.
    """
    runs = [{VALIDATION: Scores(one, target), "test": Scores(scores)} for one, scores in zip(prob, test, strict=True)]
    return of_runs(rule or MacroF1(), runs, "test", test_folds, folds).decided


def split_gain(ours: Levels, theirs: Levels) -> dict[str, Sample]:
    """The gain over a baseline on the same units and seeds, and its two parts, by the names of :data:`PARTS`."""
    raw, own = differing(ours.probable, theirs.probable), differing(ours.decided, theirs.decided)
    gain, ranking = ours.plain.less(theirs.plain), ours.own.less(theirs.own)
    return {
        "gain": carried(gain, raw),
        "ranking": carried(ranking, own),
        "threshold": carried(gain.less(ranking), raw | own),
    }


def differing(ours: Labels, theirs: Labels) -> npt.NDArray[np.bool_]:
    """Units ``(N,)`` on which some run of two methods decides otherwise than its counterpart."""
    return np.asarray((ours != theirs).any(0))


def carried(sample: Sample, by: npt.NDArray[np.bool_]) -> Sample:
    """A difference as one that so many units carry: those on which methods decide alike tell nothing of its spread."""
    return sample._replace(units=min(sample.units, max(int(by.sum()), FEWEST_DIFFERING)))
