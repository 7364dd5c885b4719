"""How each unit moves a metric: the bootstrap and the permutation test of many units without drawing any of them.

A metric of weighted units is nearly linear in their weights where the units are many: it moves by the mean of what each
unit's weight beyond 1 is worth, its influence. Sums of such draws are normal, with the influences' covariance.
"""

import numpy as np
import numpy.typing as npt
from scipy.special import ndtr

from clsunbias.experiments.analysis.draws import MANY, group_sums, normal_sums
from clsunbias.experiments.analysis.ranking import places
from clsunbias.experiments.analysis.split_scores import SplitScores
from clsunbias.experiments.analysis.statistics import CALIBRATION, USE, Floats, Labels, calibration_sums, unit_sums
from clsunbias.experiments.analysis.use import use_sums


def scores_of(prob: Floats, target: Labels, names: tuple[str, ...]) -> SplitScores:
    """The scores of some runs, by resamples of few units, by influences of many."""
    return (SplitScores if len(target) <= MANY else ManyUnits)(prob, target, names)


class ManyUnits(SplitScores):
    """The scores of some runs on many units; of ``macro_f1``, ``auroc``, ``auprc``, ``brier``, ``net_benefit``."""

    def draws(self) -> dict[str, Floats]:
        influences = self.influences()
        groups = np.stack([group_sums(influence.T) for influence in influences.values()], axis=1)
        drawn = normal_sums(groups, len(self.target)) / len(self.target)
        moved = dict(zip(influences, np.moveaxis(drawn, 1, 0), strict=True))
        return {name: self.values[name] + drawn for name, drawn in moved.items()}

    def permutation_p(self, other: SplitScores) -> dict[str, float]:
        assert isinstance(other, ManyUnits)
        ours, theirs = self.influences(), other.influences()
        found = {}
        for name, influence in ours.items():
            difference = float((self.values[name] - other.values[name]).mean())
            swapped = (influence - theirs[name]).mean(0) + difference  # of each unit's swap, halved
            error = float(np.sqrt(np.square(swapped).mean() / len(swapped)))
            found[name] = 2 * float(ndtr(-abs(difference) / error)) if error > 0 else 1.0
        return found

    def influences(self) -> dict[str, Floats]:
        """Of each unit on each metric of each run, ``(S, N)``; their mean is 0."""
        made: dict[str, Floats] = {}
        if "macro_f1" in self.names:
            made["macro_f1"] = f1_influence(self.prob, self.target, self.decided)
        if self.ranked:
            classes = [1] if self.prob.shape[2] == 2 else range(self.prob.shape[2])
            each = [
                [area_influences(run[:, label], self.target == label) for label in classes] for run in places(self.prob)
            ]
            made["auroc"], made["auprc"] = np.moveaxis(np.mean(each, axis=1), 1, 0)
        if not CALIBRATION.isdisjoint(self.names):
            error = calibration_sums(self.prob, self.target)[:, :, 1].T
            made["brier"] = error - error.mean(1, keepdims=True)
        if not USE.isdisjoint(self.names):
            benefit = use_sums(self.prob, self.target, self.thresholds)[:, :, 1].T
            made["net_benefit"] = benefit - benefit.mean(1, keepdims=True)
        return made


def f1_influence(prob: Floats, target: Labels, decided: Labels | None = None) -> Floats:
    """On macro-F1, ``(S, N)``: 2·hits / (predicted + support) of each class, of sums over units."""
    hit, predicted, support, _ = unit_sums(prob, target, decided).transpose(2, 3, 1, 0)  # (C, S, N) each
    both = predicted + support
    size = np.maximum(both.mean(2, keepdims=True), 1e-12)
    f1 = 2 * hit.mean(2, keepdims=True) / size
    return np.asarray(((2 * hit - f1 * both) / size).mean(0))


def area_influences(score: Floats, positive: npt.NDArray[np.bool_]) -> tuple[Floats, Floats]:
    """On AUROC and average precision, ``(N,)`` each; equal scores make one step, as in ``ranking.areas``."""
    _, step = np.unique(-score, return_inverse=True)  # from the highest score on
    units = len(score)
    found, passed = (np.bincount(step, weights=of) for of in (positive.astype(float), 1.0 - positive))
    above = passed.cumsum()
    positives, negatives = found.sum(), above[-1]
    # A positive is worth the negatives below it, a negative the positives above it.
    beats, beaten = (negatives - above + passed / 2) / negatives, (found.cumsum() - found / 2) / positives
    auroc = (found * beats).sum() / positives
    on_auroc = np.where(positive, (beats[step] - auroc) / positives, (beaten[step] - auroc) / negatives)
    hits, ranked = found.cumsum(), (found + passed).cumsum()
    precision = hits / ranked
    auprc = (found * precision).sum() / positives
    ahead = (found / ranked)[::-1].cumsum()[::-1]  # of all steps from one's own on
    behind = (found * hits / ranked**2)[::-1].cumsum()[::-1]
    on_auprc = (np.where(positive, precision[step] - auprc + ahead[step], 0) - behind[step]) / positives
    return units * on_auroc, units * on_auprc
