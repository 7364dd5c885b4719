"""How many labels of each class are likely wrong, and which, from scores of units that the model was not trained on.

Confident learning: a unit is surely of a class if its probability of that is at least what units labelled so have on
average, and is the largest among those of which that holds. The shares of a class's sure units stand for all of it.
Source: arXiv 1911.00068, the confident joint (section 3.1); of several labels, arXiv 2211.13895.
"""

from typing import NamedTuple

import numpy as np

from clsunbias.audit.estimates import Estimate
from clsunbias.experiments.analysis.statistics import Floats, Labels

RESAMPLES = 2000


class Mislabelled(NamedTuple):
    """The units of a class whose label is likely wrong.

    Attributes:
        label: the class that they are said to be.
        units: how many are said to be of it.
        wrong: how many likely are of another, with its interval by resampling units.
        likely: which class most of these are of; None where there are none.
    """

    label: int
    units: int
    wrong: Estimate
    likely: int | None


class Suspect(NamedTuple):
    """A unit, by its place, that is surely of another class than its label's; and the probability of its label."""

    unit: int
    label: int
    likely: int
    prob: float


def confident(prob: Floats, target: Labels) -> Labels:
    """The class that each unit ``(U,)`` is surely of; −1 where none."""
    classes = prob.shape[1]
    usual = np.array([prob[target == label, label].mean() for label in range(classes)])
    sure = np.where(prob >= usual, prob, -np.inf)
    return np.where(np.isfinite(sure.max(1)), sure.argmax(1), -1)


def mislabelled(prob: Floats, target: Labels) -> list[Mislabelled]:
    """Of each class, how many labels are likely wrong, of class probabilities ``(U, C)`` and labels ``(U,)``."""
    classes, random = prob.shape[1], np.random.default_rng(0)

    surely = confident(prob, target)
    sizes = np.bincount(target, minlength=classes)
    counted = np.zeros((classes, classes + 1))  # the last: of none surely, −1
    np.add.at(counted, (target, surely), 1)

    def likely(sure: Floats) -> Floats:
        """Units by label and by the class that they likely are of, ``(…, C, C)``."""
        return np.asarray(sure / sure.sum(-1, keepdims=True).clip(min=1) * sizes[:, np.newaxis])

    def wrong(units: Floats) -> Floats:
        return np.asarray(units.sum(-1) - np.diagonal(units, axis1=-2, axis2=-1))

    drawn = np.stack([random.multinomial(sizes[at], counted[at] / sizes[at], RESAMPLES) for at in range(classes)], 1)
    low, high = np.quantile(wrong(likely(drawn[..., :-1].astype(float))), [0.025, 0.975], axis=0)
    table = likely(counted[:, :-1])
    made = []
    for label, value in enumerate(wrong(table).tolist()):
        others = np.where(np.arange(classes) == label, 0, table[label])
        found = Estimate(value, min(float(low[label]), value), max(float(high[label]), value))
        made.append(Mislabelled(label, int(sizes[label]), found, int(others.argmax()) if value else None))
    return made


def suspects(prob: Floats, target: Labels) -> list[Suspect]:
    """The units whose label is likely wrong, of class probabilities ``(U, C)``, the least likely label first."""
    surely, own = confident(prob, target), prob[np.arange(len(target)), target]
    found = np.flatnonzero((surely >= 0) & (surely != target))
    order = found[np.argsort(own[found], kind="stable")]
    return [Suspect(at, int(target[at]), int(surely[at]), float(own[at])) for at in order.tolist()]
