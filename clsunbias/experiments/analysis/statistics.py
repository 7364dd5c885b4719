"""How sure a comparison is: intervals over seeds and test units, a permutation test, an effect size, a verdict."""

from collections.abc import Sequence
from functools import cache
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
from scipy.special import ndtri, stdtrit

Floats = npt.NDArray[np.floating[Any]]
Sums = Floats
"""Sums over units, ``(…, 4, C)``: units of each class found (true positives), predicted, there, and their losses."""

Verdict = Literal["better", "no difference shown", "worse"]

DRAWS = 5000
"""Resamples of a bootstrap and permutations of a test."""


def unit_sums(prob: Floats, target: npt.NDArray[np.integer[Any]]) -> npt.NDArray[np.float32]:
    """What each unit adds to the sums that every metric is a function of.

    Args:
        prob: class probabilities ``(S, N, C)`` of S seeds on the same N units.
        target: class of each unit, ``(N,)``.

    Returns:
        float32 ``(N, S, 4, C)``.
    """
    there = np.broadcast_to(np.eye(prob.shape[2])[target], prob.shape)
    predicted = np.eye(prob.shape[2])[prob.argmax(2)]
    loss = there * -np.log(prob.clip(1e-12))
    return np.stack([predicted * there, predicted, there, loss], axis=2).transpose(1, 0, 2, 3).astype(np.float32)


def metrics(sums: Sums) -> dict[str, Floats]:
    """Metrics as functions of sums.

    Args:
        sums: ``(…, 4, C)``.

    Returns:
        ``(…)`` each: ``macro_f1``, ``accuracy``, ``balanced_accuracy``, ``loss``, ``loss_gap`` (largest minus smallest
        class loss), and of the first two classes ``neg_f1``, ``pos_f1``, ``loss_neg``, ``loss_pos``. The F1 of a class
        that is neither there nor predicted is 0; the loss of a class that is not there is NaN.
    """
    # Classes first and contiguous: numpy reduces a short last axis slowly.
    hit, predicted, there, loss = np.ascontiguousarray(np.moveaxis(sums, (-2, -1), (0, 1)))
    f1 = 2 * hit / np.maximum(predicted + there, 1e-9)
    with np.errstate(invalid="ignore", divide="ignore"):
        recall, class_loss = hit / there, loss / there
    return {
        "macro_f1": f1.mean(0),
        "accuracy": hit.sum(0) / there.sum(0),
        "balanced_accuracy": recall.mean(0),
        "loss": loss.sum(0) / there.sum(0),
        "loss_gap": class_loss.max(0) - class_loss.min(0),
        "neg_f1": f1[0],
        "pos_f1": f1[1],
        "loss_neg": class_loss[0],
        "loss_pos": class_loss[1],
    }


METRICS = frozenset(metrics(np.ones((4, 2))))
"""Names of the metrics that an interval can be given for."""


class Resampling:
    """The same resamples and swaps for every comparison on one set of units: paired, and drawn once.

    Args:
        units: number of units N.
        seeds: number of runs S; of one there is nothing to resample.
        draws: how many.
        seed: of the draws.
    """

    def __init__(self, units: int, seeds: int, draws: int = DRAWS, seed: int = 0) -> None:
        random = np.random.default_rng(seed)
        self.units = random.multinomial(units, np.full(units, 1 / units), draws).astype(np.float32)
        shares = random.multinomial(seeds, np.full(seeds, 1 / seeds), draws) / seeds
        # Percentiles of few runs are too narrow: they lack S/(S − 1) in the variance, and Student's wider tails.
        # With five runs that differ much, equal methods would be told apart in 15 % of studies instead of 5 %.
        wider = stdtrit(seeds - 1, 0.975) / ndtri(0.975) * (seeds / (seeds - 1)) ** 0.5 if seeds > 1 else 1.0
        self.seeds = 1 / seeds + wider * (shares - 1 / seeds)
        self.swaps = random.integers(0, 2, (draws, units)).astype(np.float32)

    @staticmethod
    @cache
    def of(units: int, seeds: int) -> "Resampling":
        """The resampling of so many units and runs, drawn once."""
        return Resampling(units, seeds)

    def bootstrap(self, sums: Sums) -> dict[str, Floats]:
        """The mean over runs of each metric on resampled units and runs, ``(draws,)``.

        Both are drawn anew with replacement, crossed (Owen, Annals of Applied Statistics 1, 2007: the pigeonhole
        bootstrap): over units alone the interval would speak of these very runs, over runs alone of these very
        patients. The runs' part is widened to Student's quantile for their number.

        Args:
            sums: of each unit, ``(N, S, 4, C)``.
        """
        drawn = metrics(totals(self.units, sums))
        return {name: np.einsum("bs,bs->b", values, self.seeds) for name, values in drawn.items()}

    def permutation_p(self, ours: Sums, theirs: Sums) -> dict[str, float]:
        """Two-sided p-value, for each metric, of a paired permutation test over units.

        The hypothesis: for each unit it makes no difference which of the two methods scored it. The runs of a unit
        are swapped together, since they are no independent evidence about it.

        Args:
            ours: of one method, ``(N, S, 4, C)``.
            theirs: of the other, on the same units and as many seeds.
        """
        moved = totals(self.swaps, theirs - ours)
        swapped = metrics(ours.sum(0) + moved), metrics(theirs.sum(0) - moved)
        observed = metrics(ours.sum(0)), metrics(theirs.sum(0))
        p_values = {}
        for name in observed[0]:
            difference = (swapped[0][name] - swapped[1][name]).mean(1)
            limit = abs((observed[0][name] - observed[1][name]).mean()) - 1e-6  # sums are in float32
            # NaN, of a class that is not there, is no evidence: p = 1.
            p_values[name] = float((1 + (~(np.abs(difference) < limit)).sum()) / (1 + len(difference)))
        return p_values


def totals(weights: npt.NDArray[np.float32], sums: Sums) -> Floats:
    """Weighted sums over units: weights ``(B, N)`` and sums ``(N, S, 4, C)`` give ``(B, S, 4, C)``."""
    return np.asarray((weights @ sums.reshape(len(sums), -1)).reshape(len(weights), *sums.shape[1:]))


def interval(draws: Floats) -> tuple[float, float]:
    """The 95 % percentile interval of a bootstrap's draws; those without a class (NaN) are left out."""
    low, high = np.nanquantile(draws, [0.025, 0.975])
    return float(low), float(high)


def holm(p_values: Sequence[float]) -> list[float]:
    """P-values corrected for their number (Holm, Scandinavian Journal of Statistics 6, 1979)."""
    order = np.argsort(p_values, kind="stable")
    scaled = np.asarray(p_values, float)[order] * np.arange(len(p_values), 0, -1)
    corrected = np.empty(len(p_values))
    corrected[order] = np.minimum(np.maximum.accumulate(scaled), 1)
    return [float(p) for p in corrected]


def effect_size(gains: Floats) -> float:
    """Mean over standard deviation of paired differences (Cohen's d_z); NaN when they are all the same."""
    sd = float(np.std(gains, ddof=1))
    return float(np.mean(gains)) / sd if sd > 1e-6 else float("nan")  # metrics are in float32


def verdict(low: float, high: float, p_corrected: float, lower_is_better: bool = False) -> Verdict:
    """What may be said of a difference.

    Both must say so: the interval over units and runs leaves out 0, and the corrected p-value is below 0.05. The
    interval alone knows that another training run comes out differently; the test alone is corrected for the number
    of comparisons.

    Args:
        low: lower end of the interval of the difference.
        high: its upper end.
        p_corrected: of the permutation test.
        lower_is_better: for losses.
    """
    if not (low > 0 or high < 0) or p_corrected >= 0.05:  # nor does an interval of NaN show one
        return "no difference shown"
    return "better" if (low > 0) != lower_is_better else "worse"
