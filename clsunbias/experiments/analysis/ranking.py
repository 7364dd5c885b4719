"""Metrics of how scores rank units: no functions of sums over units, but of sums over all that rank above a score."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.stats import rankdata

from clsunbias.experiments.analysis.statistics import Floats, Labels, Resampling, p_values

KINDS = ("auroc", "auprc")

CELLS = 100_000
"""Draws × units that are ranked at once, few enough for a processor's cache."""


def areas(score: Floats, positive: npt.NDArray[np.bool_], weights: npt.NDArray[Any]) -> tuple[Floats, Floats]:
    """Areas under the ROC curve and the precision–recall curve, the latter as average precision.

    The scores are sorted once. Equal scores make one step of either curve, as in scikit-learn.

    Args:
        score: of each unit, ``(N,)``; higher is more positive.
        positive: which units are, ``(N,)``.
        weights: how often each unit counts, whole numbers ``(B, N)``.

    Returns:
        AUROC and AUPRC, ``(B,)`` each; NaN where a class that they need has no weight.
    """
    order = np.argsort(-score, kind="stable")
    starts = np.flatnonzero(np.diff(score[order], prepend=np.inf))  # of each step, equal scores
    ends = np.append(starts[1:], len(score)) - 1
    counts = np.add.reduceat(positive[order].astype(int), starts)
    up, hits = counts > 0, counts.cumsum()  # the steps on which positives are found are all that matter
    right, last_hit, first, last = positive[order], hits[up] - 1, starts[up], ends[up]
    made = []
    for block in np.array_split(weights, 1 + weights.size // CELLS):
        at_rank = block.T[order].astype(np.float32)  # whole numbers, whose sums are exact
        found = at_rank[right].cumsum(0)[last_hit].astype(float)
        ranked = at_rank.cumsum(0)
        above, steps = ranked[last].astype(float), np.diff(found, axis=0, prepend=0)
        wrong, wrong_before = above - found, ranked[first] - at_rank[first] - (found - steps)
        positives, negatives = found[-1], ranked[-1] - found[-1]
        with np.errstate(invalid="ignore", divide="ignore"):
            auroc = (steps * (negatives - (wrong + wrong_before) / 2)).sum(0) / (positives * negatives)
            auprc = (steps * found / np.maximum(above, 1)).sum(0) / positives
        made.append((auroc, auprc))
    auroc, auprc = np.concatenate(made, axis=1)
    return auroc, auprc


def places(prob: Floats) -> Floats:
    """Ranks of units by the log-odds of each class, 1 for the lowest, ``(S, N, C)`` from class probabilities.

    Probabilities are single precision: from log-odds of about 17 on one of them is exactly 1, while those next to 0 are
    told apart down to e⁻¹⁰³. So a class is ranked by its probability over that of all others, not by its own alone.
    """
    prob = prob.astype(float)
    with np.errstate(divide="ignore"):
        odds = np.log(prob) - np.log(prob @ (1 - np.eye(prob.shape[2])))
    return np.asarray(rankdata(odds, axis=1))


def ranking_metrics(score: Floats, target: Labels, weights: Floats, names: Sequence[str] = ()) -> dict[str, Floats]:
    """``auroc`` and ``auprc`` of the positive class; of C > 2 classes their means, each class against the rest.

    Args:
        score: of each class ``(S, N, C)``, such as :func:`places`.
        target: class of each unit, ``(N,)``.
        weights: how often each unit counts, ``(B, N)``.
        names: of the C classes, whose own ``auroc/<class>`` and ``auprc/<class>`` are wanted.

    Returns:
        ``(B, S)`` each; NaN where a class that they need has no weight.
    """
    headline = slice(1, 2) if score.shape[2] == 2 else slice(None)
    classes = range(score.shape[2])[slice(None) if names else headline]
    found = np.array([[areas(run[:, label], target == label, weights) for label in classes] for run in score])
    by_class = found.transpose(2, 1, 3, 0)  # area, class, draw, run
    auroc, auprc = by_class[:, headline if names else slice(None)].mean(1)
    own = {
        f"{kind}/{name}": values[at]
        for kind, values in zip(KINDS, by_class, strict=True)
        for at, name in enumerate(names)
    }
    return {"auroc": auroc, "auprc": auprc} | own


def ranking_bootstrap(
    resampling: Resampling, prob: Floats, target: Labels, names: Sequence[str] = ()
) -> dict[str, Floats]:
    """As :meth:`Resampling.bootstrap`, ``(draws, S)`` each."""
    return ranking_metrics(places(prob), target, resampling.units, names)


def ranking_p(
    resampling: Resampling, ours: Floats, theirs: Floats, target: Labels, names: Sequence[str] = ()
) -> dict[str, float]:
    """As :meth:`Resampling.permutation_p`, of class probabilities ``(S, N, C)`` of both methods on the same units.

    A method after swaps ranks the units of both, half of which do not count. What is swapped is a unit's rank in its
    own run: two methods' probabilities are on scales of their own (one's may all lie near 1), and a mixture of two
    scales ranks badly whichever method is better, which would hide any difference.
    """
    both, twice = np.concatenate([places(ours), places(theirs)], axis=1), np.tile(target, 2)
    kept, moved = 1 - resampling.swaps, resampling.swaps
    one = ranking_metrics(both, twice, np.concatenate([kept, moved], axis=1), names)
    return p_values(one, ranking_metrics(both, twice, np.concatenate([moved, kept], axis=1), names))
