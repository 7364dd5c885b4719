"""Scores without what imbalance does to them: calibrated as if all classes were as frequent.

A model trained on few positives puts all its scores low. Then the losses of positives are large and grow in proportion
to every feature, those of negatives are next to nothing, and any feature at all seems to matter for positives alone. An
offset of each class and one slope, fitted by the mean of the class losses, undo that: they change neither the order of
units nor what the model reads, only from where its scores are counted and in what unit.
"""

from typing import NamedTuple

import numpy as np
from scipy.special import log_softmax, softmax

from clsunbias.experiments.analysis.statistics import Floats, Labels

RIDGE = 1e-3
"""Of the slope, in units of the scores' spread, so that scores that separate the classes have one."""


class Balanced(NamedTuple):
    """Slope and offsets of scores ``(…, C)``, and each unit's influence on them, ``(U, C)``: slope, then offsets.

    The first class's offset is 0.
    """

    slope: float
    offset: Floats
    influence: Floats

    def scores(self, logs: Floats) -> Floats:
        """Log-odds of the classes, up to a constant, of log-probabilities."""
        return np.asarray(self.slope * logs + self.offset)

    def losses(self, logs: Floats, target: Labels) -> Floats:
        """Cross-entropy of each unit, ``(…, U)``, of log-probabilities ``(…, U, C)``."""
        return own(-log_softmax(self.scores(logs), axis=-1), target)

    def gradient(self, logs: Floats, target: Labels) -> Floats:
        """Of the losses by slope and offsets, ``(…, U, C)``."""
        over = softmax(self.scores(logs), axis=-1) - np.eye(logs.shape[-1])[target]
        return np.concatenate([(over * logs).sum(-1, keepdims=True), over[..., 1:]], axis=-1)


def own(values: Floats, target: Labels) -> Floats:
    """Of values ``(…, U, C)`` that of each unit's class, ``(…, U)``."""
    return np.asarray(np.take_along_axis(values, np.broadcast_to(target, values.shape[:-1])[..., None], -1)[..., 0])


def weights(target: Labels, classes: int) -> Floats:
    """Weights of units, that add up to 1 and by which all classes count alike."""
    return np.asarray(1 / (classes * np.bincount(target, minlength=classes)[target]))


def centred(gradient: Floats, target: Labels, classes: int) -> Floats:
    """Weighted gradients of units ``(U, K)`` less their class's mean: what a unit adds, the classes' sizes given."""
    means = np.stack([gradient[target == label].mean(0) for label in range(classes)])
    return np.asarray((gradient - means[target]) * weights(target, classes)[:, np.newaxis])


def fit_balanced(logs: Floats, target: Labels) -> Balanced:
    """Fits slope and offsets by the mean of the class losses, with Newton's method.

    Args:
        logs: log-probabilities of units, ``(U, C)``.
        target: their classes, ``(U,)``, each there.

    Returns:
        What was fitted; a slope of 0 where the scores rank no better than chance, so that nothing of them counts.
    """
    classes, weight = logs.shape[1], weights(target, logs.shape[1])
    spread = float(np.sqrt((weight[:, None] * np.square(logs - logs.mean(0))).sum())) or 1.0
    penalty = np.zeros((classes, classes))
    penalty[0, 0] = RIDGE * spread**2 / classes
    parameters, none = np.zeros(classes), np.zeros((len(target), classes))

    def made(values: Floats) -> Balanced:
        return Balanced(float(values[0]), np.concatenate([[0.0], values[1:]]), none)

    def mean_loss(values: Floats) -> float:
        return float(weight @ made(values).losses(logs, target) + values @ penalty @ values / 2)

    curvature = np.eye(classes)
    for _ in range(100):
        here = made(parameters)
        slope = weight @ here.gradient(logs, target) + penalty @ parameters
        curvature = hessian(here, logs, weight) + penalty
        step = np.linalg.solve(curvature, slope)
        size, before = 1.0, mean_loss(parameters)
        while size > 1e-6 and mean_loss(parameters - size * step) > before:
            size /= 2
        parameters = parameters - size * step
        if np.abs(slope * step).sum() < 1e-12:
            break
    if parameters[0] <= 0:
        return Balanced(0.0, np.zeros(classes), none)
    found = made(parameters)
    moved = centred(found.gradient(logs, target), target, classes)
    return found._replace(influence=-np.linalg.solve(curvature, moved.T).T)


def hessian(at: Balanced, logs: Floats, weight: Floats) -> Floats:
    """Second derivatives of the mean class loss by slope and offsets, ``(C, C)``, a little above singular."""
    prob = softmax(at.scores(logs), axis=1)
    classes = logs.shape[1]
    by_scores = np.concatenate(
        [logs[:, None], np.broadcast_to(np.eye(classes)[1:], (len(logs), classes - 1, classes))], 1
    )
    mean = (by_scores * prob[:, None]).sum(2, keepdims=True)
    centred_by = by_scores - mean
    return np.asarray(
        np.einsum("u,upc,uqc,uc->pq", weight, centred_by, centred_by, prob, optimize=True) + 1e-10 * np.eye(classes)
    )
