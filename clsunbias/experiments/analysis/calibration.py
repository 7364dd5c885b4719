"""How far class probabilities are frequencies: recalibration, the parts of the Brier score, reliability curves."""

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
from scipy.special import expit, logit
from scipy.stats import binomtest

from clsunbias.experiments.analysis.statistics import Floats, Labels, Resampling

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
    y, index = positive.astype(float), binned(score, bins)
    counts = np.bincount(index, minlength=bins)
    at_least = np.maximum(counts, 1)
    mean, rate = (np.bincount(index, weights=one, minlength=bins) / at_least for one in (score, y))
    share = counts / len(y)
    reliability, resolution = float(share @ (mean - rate) ** 2), float(share @ (rate - y.mean()) ** 2)
    uncertainty = float(y.mean() * (1 - y.mean()))
    whole = float(np.square(score - y).mean())
    return BrierParts(reliability, resolution, uncertainty, whole - reliability + resolution - uncertainty)


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
    """How often units are of a class, by its probability; bins without a unit are left out. See :func:`brier_parts`."""
    index, made = binned(score, bins), []
    for at in np.unique(index):
        inside = index == at
        units, found = int(inside.sum()), int(positive[inside].sum())
        band = binomtest(found, units).proportion_ci(method="wilson")
        made.append(Reliability(float(score[inside].mean()), found / units, float(band.low), float(band.high), units))
    return made
