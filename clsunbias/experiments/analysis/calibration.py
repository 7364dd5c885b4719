"""How far class probabilities are frequencies: recalibration, the parts of the Brier score, reliability curves."""

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
from scipy.special import expit, logit, ndtri

from clsunbias.experiments.analysis.statistics import Floats, Labels, Metrics, Resampling, Sums

LEAST = 1e-12
"""A probability of 0 counts as this in log odds."""

STEPS = 50
"""Newton steps after which a fit that still moves has no finite solution: the scores separate the classes."""

CELLS = 1_000_000
"""Draws × units that are fitted at once, which bounds the memory."""


def recalibration(score: Floats, positive: npt.NDArray[np.bool_], weights: Floats) -> tuple[Floats, Floats]:
    """Calibration slope and intercept of a class's probability: those of logit P(positive) = a + b·logit(score).

    The slope is b with a free: below 1 the probabilities are too extreme. The intercept is a with b = 1, calibration in
    the large: above 0 they are too low. Source: Van Calster et al., a calibration hierarchy for risk models (Journal of
    Clinical Epidemiology 74, 2016).

    Args:
        score: probability of each unit, ``(N,)``.
        positive: which units are of the class, ``(N,)``.
        weights: how often each unit counts, ``(B, N)``.

    Returns:
        ``(B,)`` each; NaN where there is none: a class has no weight, or the scores separate the two.
    """
    odds, y = logit(score.astype(float).clip(LEAST, 1 - LEAST)), positive.astype(float)
    blocks = np.array_split(weights.astype(float), 1 + weights.size // CELLS)
    scale = max(float(odds.std()), LEAST)
    x = np.stack([np.ones_like(odds), (odds - odds.mean()) / scale])
    slope = np.concatenate([fitted(x, 0 * odds, y, one)[:, 1] for one in blocks]) / scale
    large = np.concatenate([fitted(np.ones_like(odds)[np.newaxis], odds, y, one)[:, 0] for one in blocks])
    return slope, large


def fitted(x: Floats, offset: Floats, y: Floats, weights: Floats) -> Floats:
    """Coefficients ``(B, K)`` of B weighted logistic regressions of y on x ``(K, N)`` by Newton's method."""
    count = len(x)
    products = (x[:, np.newaxis] * x).reshape(count**2, -1).T
    coefficients, moved = np.zeros((len(weights), count)), np.full(len(weights), np.inf)
    with np.errstate(all="ignore"):
        for _ in range(STEPS):
            p = expit(coefficients @ x + offset)
            gradient = (weights * (y - p)) @ x.T
            hessian = (weights * p * (1 - p) @ products).reshape(-1, count, count)
            solvable = np.linalg.det(hessian) > 1e-12
            hessian[~solvable] = np.eye(count)
            step = np.linalg.solve(hessian, gradient[..., np.newaxis])[..., 0]
            step = np.where(solvable[:, np.newaxis], step, np.nan)
            coefficients, moved = coefficients + step.clip(-5, 5), np.abs(step).max(1)
            if not (moved > 1e-8).any():
                break
    return np.asarray(np.where((moved <= 1e-6)[:, np.newaxis], coefficients, np.nan))


def recalibration_metrics(prob: Floats, target: Labels, weights: Floats) -> dict[str, Floats]:
    """``calibration_slope`` and ``calibration_intercept`` of the positive class; of C > 2 classes the classes' means.

    Args:
        prob: class probabilities ``(S, N, C)``.
        target: class of each unit, ``(N,)``.
        weights: how often each unit counts, ``(B, N)``.

    Returns:
        ``(B, S)`` each; see :func:`recalibration`.
    """
    classes = [1] if prob.shape[2] == 2 else range(prob.shape[2])
    found = np.array(
        [[recalibration(run[:, label], target == label, weights) for label in classes] for run in prob]
    ).mean(1)  # (S, 2, B)
    return {"calibration_slope": found[:, 0].T, "calibration_intercept": found[:, 1].T}


def recalibration_bootstrap(resampling: Resampling, prob: Floats, target: Labels) -> dict[str, Floats]:
    """As :meth:`Resampling.bootstrap`, ``(draws, S)`` each."""
    return recalibration_metrics(prob, target, resampling.units)


def recalibration_step(score: Floats, positive: npt.NDArray[np.bool_]) -> tuple[Sums, Metrics]:
    """Slope and intercept of runs as functions of sums over units: a Newton step from the estimate on all units.

    One step is nearly all of the way to the estimate on a resample, and takes no fit for each.

    Args:
        score: probability of each unit in S runs, ``(S, N)``.
        positive: which units are of the class, ``(N,)``.

    Returns:
        What each unit adds, ``(N, S, 7)``, and the function, of ``slope`` and ``intercept``.
    """
    once = np.ones((1, len(positive)))
    found = np.array([recalibration(run, positive, once) for run in score])[:, :, 0]  # (S, 2)
    odds = logit(score.astype(float).clip(LEAST, 1 - LEAST))
    slope, large = found.T
    scaled = slope[:, np.newaxis] * odds
    free = np.array([fitted(np.ones((1, len(positive))), one, positive.astype(float), once)[0, 0] for one in scaled])
    p, q = expit(free[:, np.newaxis] + scaled), expit(large[:, np.newaxis] + odds)
    v = p * (1 - p)
    parts = [positive - p, (positive - p) * odds, v, v * odds, v * odds**2, positive - q, q * (1 - q)]

    def stepped(sums: Sums) -> dict[str, Floats]:
        e, ex, w, wx, wxx, off, turn = np.moveaxis(sums, -1, 0)
        with np.errstate(divide="ignore", invalid="ignore"):
            return {"slope": slope + (w * ex - wx * e) / (w * wxx - wx**2), "intercept": large + off / turn}

    return np.stack(parts, axis=2).transpose(1, 0, 2), stepped


class BrierParts(NamedTuple):
    """A Brier score: reliability − resolution + uncertainty + within (Murphy 1973; Stephenson et al. 2008).

    Of a class against the rest: how far the bins' probabilities are from their frequencies; how far these are from the
    share of the class; what always giving that share would score; what differs within the bins.
    """

    reliability: float
    resolution: float
    uncertainty: float
    within: float

    @property
    def score(self) -> float:
        """The mean of (p − y)²."""
        return self.reliability - self.resolution + self.uncertainty + self.within


def brier_parts(score: Floats, positive: npt.NDArray[np.bool_], bins: int = 10) -> BrierParts:
    """The parts of a class's Brier score over equal bins of its probability.

    Args:
        score: probability of each unit, ``(N,)``.
        positive: which units are of the class, ``(N,)``.
        bins: of [0, 1].
    """
    found = brier_metrics(brier_sums(score[np.newaxis], positive, bins).sum(0))
    return BrierParts(*(float(found[name][0]) for name in BrierParts._fields))


def brier_sums(score: Floats, positive: npt.NDArray[np.bool_], bins: int = 10) -> Sums:
    """What each unit adds to the sums that the parts of a Brier score are functions of.

    Args:
        score: probability of each unit in S runs, ``(S, N)``.
        positive: which units are of the class, ``(N,)``.
        bins: of [0, 1].

    Returns:
        ``(N, S, 4, bins)``: in its bin 1, its probability, whether it is of the class, the squared error.
    """
    y = np.broadcast_to(positive.astype(float), score.shape)
    parts = np.stack([np.ones_like(y), score, y, np.square(score - y)], axis=2)
    return np.asarray((parts[..., np.newaxis] * np.eye(bins)[binned(score, bins)][:, :, np.newaxis]).swapaxes(0, 1))


def brier_metrics(sums: Sums) -> dict[str, Floats]:
    """``brier`` and its parts, ``(…)`` each, of :func:`brier_sums` added up over units, ``(…, 4, bins)``.

    Of sums that were drawn a bin may hold less than nothing: then it counts as empty.
    """
    counts, mean, rate, squares = np.moveaxis(sums, -2, 0)
    units, counts = counts.sum(-1), counts.clip(0)
    mean, rate = (np.clip(one / np.maximum(counts, 1e-9), 0, 1) for one in (mean, rate))
    share = counts / units[..., np.newaxis]
    positive = (share * rate).sum(-1)
    whole, uncertainty = squares.sum(-1) / units, positive * (1 - positive)
    reliability = (share * (mean - rate) ** 2).sum(-1)
    resolution = (share * (rate - positive[..., np.newaxis]) ** 2).sum(-1)
    within = whole - reliability + resolution - uncertainty
    return {
        "brier": whole,
        "reliability": reliability,
        "resolution": resolution,
        "uncertainty": uncertainty,
        "within": within,
    }


def binned(score: Floats, bins: int) -> npt.NDArray[Any]:
    """The number of the equal bin of [0, 1] that each score falls into."""
    return (score * bins).astype(int).clip(0, bins - 1)


class Reliability(NamedTuple):
    """A bin of a reliability curve: mean probability, frequency with its 95 % band (Wilson's), and units."""

    probability: float
    frequency: float
    low: float
    high: float
    units: int


def reliability_curve(score: Floats, positive: npt.NDArray[np.bool_], bins: int = 10) -> list[Reliability]:
    """How often units are of a class, by its probability; bins without a unit are left out. See :func:`brier_parts`.

    Runs are pooled. The band is over units: one that several runs put into a bin counts more, but is one unit still,
    so that a bin has as many as Kish's effective size.

    Args:
        score: probability of each unit, ``(N,)``, or in S runs, ``(S, N)``.
        positive: which units are of the class, ``(N,)``.
        bins: of [0, 1].
    """
    score = np.atleast_2d(score)
    index, made = binned(score, bins), []
    for at in np.unique(index):
        inside = index == at
        times = inside.sum(0)
        frequency = float(times @ positive / times.sum())
        effective = float(times.sum() ** 2 / np.square(times).sum())
        band = wilson(frequency, effective)
        made.append(Reliability(float(score[inside].mean()), frequency, *band, int((times > 0).sum())))
    return made


def wilson(share: float, units: float) -> tuple[float, float]:
    """Wilson's 95 % interval of a share of so many units, which need be no whole number."""
    z = float(ndtri(0.975)) ** 2 / units
    middle, half = (share + z / 2) / (1 + z), float(np.sqrt(z * share * (1 - share) + z**2 / 4)) / (1 + z)
    return max(0.0, middle - half), min(1.0, middle + half)
