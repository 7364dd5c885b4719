"""Metrics as functions of sums over units, and how sure they are: resamples, intervals, a permutation test."""

from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.special import ndtr, stdtrit

Floats = npt.NDArray[np.floating[Any]]
Sums = Floats
"""Sums over units, ``(…, 4, C)``: of each class the units found (true positives), predicted, its own, their losses."""

Metrics = Callable[[Floats], dict[str, Floats]]
"""From sums over units to metrics by their names."""

DRAWS = 5000
"""Resamples of a bootstrap and permutations of a test."""

SMALLEST = float(np.finfo(np.float32).smallest_subnormal)
"""The smallest probability that is kept, e⁻¹⁰³: one of 0 counts as this in losses."""

BINS = 15
"""Equal bins of the largest probability, for the calibration error."""

BY_CLASS = ("f1", "recall", "precision", "loss", "auroc", "auprc")
"""Metrics that each class has under its name."""

SIDED = ("f1", "recall", "precision")
"""Metrics of a class that go by ``neg_`` and ``pos_`` for two."""

OF_TWO = frozenset({"loss_neg", "loss_pos"} | {f"{side}_{name}" for side in ("neg", "pos") for name in SIDED})
"""Metrics of the first and the second of two classes."""

CALIBRATION = frozenset({"brier", "ece"})
RANKING = frozenset({"auroc", "auprc"})
RECALIBRATION = frozenset({"calibration_slope", "calibration_intercept"})
"""Best at 1 and at 0, not at an end: no method is better by one."""

USE = frozenset({"net_benefit"})
"""The mean net benefit over a range of thresholds."""

Labels = npt.NDArray[np.integer[Any]]


def unit_sums(prob: Floats, target: Labels, decided: Labels | None = None) -> npt.NDArray[np.float32]:
    """What each unit adds to the sums that every metric is a function of.

    Args:
        prob: class probabilities ``(S, N, C)`` of S seeds on the same N units.
        target: class of each unit, ``(N,)``.
        decided: the class decided for, ``(S, N)``; None: the most probable one.

    Returns:
        float32 ``(N, S, 4, C)``. The loss of a unit is at most 103, that of :data:`SMALLEST`.
    """
    own = np.broadcast_to(np.eye(prob.shape[2])[target], prob.shape)
    predicted = np.eye(prob.shape[2])[prob.argmax(2) if decided is None else decided]
    loss = own * -np.log(prob.clip(SMALLEST))
    return np.stack([predicted * own, predicted, own, loss], axis=2).transpose(1, 0, 2, 3).astype(np.float32)


def metrics(sums: Sums, classes: Sequence[str] = ()) -> dict[str, Floats]:
    """Metrics as functions of sums.

    Args:
        sums: ``(…, 4, C)``.
        classes: names of the C classes, whose own metrics are wanted by name.

    Returns:
        ``(…)`` each: ``macro_f1``, ``accuracy``, ``balanced_accuracy``, ``worst_recall`` and ``geometric_mean`` of the
        classes' recalls, the F1 between macro and micro of :func:`weighted_f1`, ``loss``, ``loss_gap`` (largest minus
        smallest class loss), of the first two classes ``neg_f1``, ``neg_recall``, ``neg_precision``, ``loss_neg`` and
        ``pos_f1`` … ``loss_pos``, and of each class that is named ``f1/<class>``, ``recall/<class>``,
        ``precision/<class>``, ``loss/<class>``. The F1 of a class that is neither there nor predicted is 0, as is the
        precision of one not predicted; recall and loss of a class that is not there are NaN.
    """
    # Classes first and contiguous: numpy reduces a short last axis slowly.
    hit, predicted, support, loss = np.ascontiguousarray(np.moveaxis(sums, (-2, -1), (0, 1)))
    f1 = 2 * hit / np.maximum(predicted + support, 1e-9)
    with np.errstate(invalid="ignore", divide="ignore"):
        recall, class_loss = hit / support, loss / support
    by_class = {"f1": f1, "recall": recall, "precision": hit / np.maximum(predicted, 1), "loss": class_loss}
    return {
        "macro_f1": f1.mean(0),
        "accuracy": hit.sum(0) / support.sum(0),
        "balanced_accuracy": recall.mean(0),
        "worst_recall": recall.min(0),
        "geometric_mean": recall.prod(0) ** (1 / len(recall)),
        **weighted_f1(f1, support),
        "loss": loss.sum(0) / support.sum(0),
        "loss_gap": class_loss.max(0) - class_loss.min(0),
        **{f"{side}_{name}": by_class[name][at] for name in SIDED for at, side in enumerate(("neg", "pos"))},
        "loss_neg": class_loss[0],
        "loss_pos": class_loss[1],
        **{f"{name}/{label}": values[at] for name, values in by_class.items() for at, label in enumerate(classes)},
    }


def weighted_f1(f1: Floats, support: Floats) -> dict[str, Floats]:
    """Means of the classes' F1 by weights between macro's (all alike) and those of the classes' shares.

    Source: why only micro-F1? class weighting of measures for relation classification (arXiv 2205.09460): ``weighted``
    n_c, as scikit-learn has it; ``dodrans`` n_c^¾; ``entropy`` −p_c·log p_c, with p_c = n_c / n.

    Args:
        f1: ``(C, …)``.
        support: units of each class n_c, ``(C, …)``.
    """
    share = support / support.sum(0)
    entropy = -share * np.log(np.where(share > 0, share, 1))
    weights = {"weighted_f1": share, "dodrans_f1": share**0.75, "entropy_f1": entropy}
    with np.errstate(invalid="ignore"):
        return {name: (f1 * weight).sum(0) / weight.sum(0) for name, weight in weights.items()}


def calibration_sums(prob: Floats, target: Labels) -> npt.NDArray[np.float32]:
    """What each unit adds to the sums that Brier score and calibration error are functions of; see :func:`unit_sums`.

    Returns:
        float32 ``(N, S, 2 + BINS)``: 1, the squared error, and in its bin the confidence less 1 where it is right.
    """
    prob = prob.astype(np.float32)  # as records are made: a confidence on an edge falls into the same bin
    squares = np.square(prob - np.eye(prob.shape[2], dtype=np.float32)[target]).sum(2)
    confidence, right = prob.max(2), prob.argmax(2) == target
    index = np.ceil(confidence * np.float32(BINS)).astype(int).clip(1, BINS) - 1
    surplus = np.eye(BINS)[index] * (confidence.astype(float) - right)[..., np.newaxis]
    error = squares / 2 if prob.shape[2] == 2 else squares
    parts = np.concatenate([np.ones_like(error)[..., np.newaxis], error[..., np.newaxis], surplus], axis=2)
    return parts.transpose(1, 0, 2).astype(np.float32)


def calibration_metrics(sums: Floats) -> dict[str, Floats]:
    """``brier`` and ``ece``, ``(…)`` each, of :func:`calibration_sums` added up over units, ``(…, 2 + BINS)``."""
    units = sums[..., 0]
    return {"brier": sums[..., 1] / units, "ece": np.abs(sums[..., 2:]).sum(-1) / units}


METRICS = frozenset(metrics(np.ones((4, 2)))) | CALIBRATION | RANKING | RECALIBRATION | USE
"""Names of the metrics that an interval can be given for, less those of a class that goes by its name."""


def is_metric(name: str) -> bool:
    """Whether an interval can be given for a metric of this name, such as ``macro_f1`` or ``f1/<class>``."""
    return name in METRICS or (name.partition("/")[0] in BY_CLASS and "/" in name)


def lower_is_better(name: str) -> bool:
    """Whether less of a metric is better: of losses and of errors of calibration."""
    return name.startswith("loss") or name in CALIBRATION


class Resampling:
    """The same resamples and swaps for every comparison on one set of units: paired, and drawn once.

    Args:
        units: number of units N.
        seeds: number of runs S.
        draws: B resamples of units, ``(B, N)``, and the shares of runs in B resamples of them, ``(B, S)``, and B swaps
            of units behind none, ``(1 + B, N)``.
        seed: of the draws.
    """

    def __init__(self, units: int, seeds: int, draws: int = DRAWS, seed: int = 0) -> None:
        random = np.random.default_rng(seed)
        self.units = random.multinomial(units, np.full(units, 1 / units), draws).astype(np.float32)
        self.seeds = random.multinomial(seeds, np.full(seeds, 1 / seeds), draws) / seeds
        swaps = random.integers(0, 2, (draws, units)).astype(np.float32)
        self.swaps = np.concatenate([np.zeros_like(swaps[:1]), swaps])  # first as observed

    def bootstrap(self, sums: Sums, of: Metrics = metrics) -> dict[str, Floats]:
        """Each metric of each run on resampled units, drawn with replacement, the same for all runs: ``(draws, S)``.

        Args:
            sums: of each unit, ``(N, S, …)``.
            of: metrics of their sums over units.
        """
        return of(totals(self.units, sums))

    def permutation_p(self, ours: Sums, theirs: Sums, of: Metrics = metrics) -> dict[str, float]:
        """Two-sided p-value, for each metric, of a paired permutation test over units; see :meth:`bootstrap`.

        The hypothesis: for each unit it makes no difference which of the two methods scored it. The runs of a unit
        are swapped together, since they are no independent evidence about it.
        """
        moved = totals(self.swaps, theirs - ours)
        return p_values(of(ours.sum(0) + moved), of(theirs.sum(0) - moved))


def p_values(ours: Mapping[str, Floats], theirs: Mapping[str, Floats]) -> dict[str, float]:
    """Two-sided p-values of differences, means over runs: metrics ``(1 + B, S)`` as observed and after B swaps.

    Where no swap comes as far as what was observed, p is the tail of a normal distribution as wide as the swaps, and
    1/(B + 1) at most: corrected for hundreds of comparisons, 1/(B + 1) alone could never show anything.
    """
    sizes = {name: np.abs((ours[name] - theirs[name]).mean(1)) for name in ours}
    return {name: p_value(size[0], size[1:]) for name, size in sizes.items()}


def p_value(observed: float, swapped: Floats) -> float:
    """The p-value of the size of a difference, given its sizes after swaps ``(B,)``."""
    # Sums are in float32. NaN, of a class that is not there, is no evidence: p = 1.
    reached = int((~(swapped < observed - 1e-6)).sum())
    p, spread = (1 + reached) / (1 + len(swapped)), float(np.sqrt(np.square(swapped).mean()))
    return p if reached or not spread else min(p, 2 * float(ndtr(-observed / spread)))


def totals(weights: npt.NDArray[np.float32], sums: Sums) -> Floats:
    """Weighted sums over units: weights ``(B, N)`` and sums ``(N, S, …)`` give ``(B, S, …)``."""
    return np.asarray((weights @ sums.reshape(len(sums), -1)).reshape(len(weights), *sums.shape[1:]))


@lru_cache(maxsize=8)  # the splits of a data set, whose runs follow each other
def resamples(units: int, draws: int, seed: int) -> npt.NDArray[np.float32]:
    """How often each unit is in each of some resamples of a single run, ``(draws, units)``; not to be changed."""
    picked = np.random.default_rng(seed).integers(0, units, (draws, units)) + units * np.arange(draws)[:, np.newaxis]
    return np.bincount(picked.ravel(), minlength=draws * units).reshape(draws, units).astype(np.float32)


def mean_interval(values: Sequence[float]) -> tuple[float, float, float, float]:
    """Mean, standard deviation, and the 95 % Student interval of the mean, over independent runs (two or more)."""
    mean, sd = float(np.mean(values)), float(np.std(values, ddof=1))
    half = float(stdtrit(len(values) - 1, 0.975)) * sd / len(values) ** 0.5
    return mean, sd, mean - half, mean + half


def interval(draws: Floats) -> tuple[float, float]:
    """The 95 % percentile interval of a bootstrap's draws; those without a class (NaN) are left out."""
    low, high = np.nanquantile(draws, [0.025, 0.975])
    return float(low), float(high)
