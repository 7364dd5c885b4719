"""The measure in the model: what each class loses without a part of the input, and what it is told by it.

Of a part f, a column say, and a class c, on scores without what imbalance does to them
(:mod:`clsunbias.audit.balance`):

* the *rise* ΔL_c = E_{x|c} E_{f'}[ℓ_c(x with f')] − E_{x|c}[ℓ_c(x)] of the class's loss when f' is drawn from f's
  distribution at equal class shares, independent of all else;
* the *evidence* R_c = E_{x|c}[log P(c | e(x)) / P(c)], in nats, where e(x) = s(x) − E_{f'}[s(x with f')] is what f
  adds to the scores, with offsets of its own. It is what f alone tells the model about the class: of a model that reads
  f rightly it is the measure in the data, KL(p(f|c) ‖ p(f)).

* what can be *read* off e(x), I_c = KL(p(e|c) ‖ p(e)): the evidence if e(x) were weighed as well as can be
  (:mod:`clsunbias.audit.information`).

Specificity is tested on what can be read. A loss is curved, so that the rise of one feature depends on where others
leave the scores: beside a specific feature one that tells about both classes alike has rises that differ (on the
paper's toy by an index of −.04). So is a network's e(x): where it runs flat on one side, the evidence of a feature that
tells about both classes alike differs between them. Read off, both are the same for both classes, and of a linear model
what is read is what the data tell.
"""

from dataclasses import replace
from typing import NamedTuple

import numpy as np
from scipy.special import log_softmax, softmax

from clsunbias.audit.balance import Balanced, centred, own, weights
from clsunbias.audit.estimates import ByClass, class_means, of_means
from clsunbias.audit.information import read_off
from clsunbias.experiments.analysis.statistics import Floats, Labels


class Swapped(NamedTuple):
    """Units scored with a part taken from other units.

    Attributes:
        logs: log-probabilities ``(K, U, C)``.
        donors: the unit that the part is of, ``(K, U)``.
    """

    logs: Floats
    donors: Labels


class Reliance(NamedTuple):
    """How far a model relies on a part: the rise of each class's loss, the evidence about it, and what can be read."""

    rise: ByClass
    evidence: ByClass
    read: ByClass

    def __sub__(self, other: "Reliance") -> "Reliance":
        """The paired difference from another's on the same units."""
        return Reliance(*(one - before for one, before in zip(self, other, strict=True)))


def draw_donors(target: Labels, classes: int, draws: int, seed: int = 0) -> Labels:
    """Whom each unit gets a part from, ``(K, U)``: each class gives as often, each unit of it as often as another.

    Classes take turns; K is draws, rounded up to an even number of such rounds.
    """
    random, units = np.random.default_rng(seed), len(target)
    members = [np.flatnonzero(target == label) for label in range(classes)]
    rounds = []
    for _ in range(2 * -(-draws // (2 * classes))):
        for own_class in members:
            times = -(-units // len(own_class))
            dealt = np.concatenate([random.permutation(own_class) for _ in range(times)])[:units]
            rounds.append(random.permutation(dealt))
    return np.stack(rounds)


def reliance(logs: Floats, target: Labels, swapped: Swapped, balanced: Balanced) -> Reliance:
    """Rise and evidence of a part, and what can be read; all 0 where scores rank no better than chance.

    Args:
        logs: log-probabilities of the units as they are, ``(U, C)``.
        target: their classes, ``(U,)``.
        swapped: with the part taken from others.
        balanced: what takes imbalance out.
    """
    if balanced.slope == 0:  # nothing of such scores counts
        nothing = np.zeros_like(logs[0]), np.zeros_like(logs), int(np.bincount(target).min())
        return Reliance(*(ByClass(*nothing) for _ in Reliance._fields))
    return Reliance(
        rise(logs, target, swapped, balanced),
        evidence(logs, target, swapped.logs, balanced),
        read_off(added_by(logs, swapped), target),
    )


def added_by(logs: Floats, swapped: Swapped) -> Floats:
    """What a part adds to each unit's scores, e(x), up to a constant, ``(U, C)``.

    A mean over K draws has the noise of whose parts were drawn, which blurs what can be read. What these parts add to
    their own units is known as well, so that most of it can be taken off.
    """
    added = logs - swapped.logs.mean(0)
    return np.asarray(added + added[swapped.donors].mean(0))


def rise(logs: Floats, target: Labels, swapped: Swapped, balanced: Balanced) -> ByClass:
    """The rise of each class's loss; its influence counts a unit as itself, as a donor, and by what it moves scores."""
    classes, draws = logs.shape[1], len(swapped.donors)
    lost = balanced.losses(swapped.logs, target)
    made = of_means(lost.mean(0) - balanced.losses(logs, target), target, classes)
    counts = np.bincount(target, minlength=classes)
    given = np.zeros_like(made.influence)
    for label in range(classes):
        own_losses, own_donors = lost[:, target == label], swapped.donors[:, target == label]
        of_class = target[own_donors]
        sums, number = (np.bincount(of_class.ravel(), one, classes) for one in (own_losses.ravel(), None))
        surplus = own_losses - (sums / np.maximum(number, 1))[of_class]
        added = np.bincount(own_donors.ravel(), surplus.ravel(), len(target))
        given[:, label] = added / (counts[label] * draws)
    moved = balanced.gradient(swapped.logs, target).mean(0) - balanced.gradient(logs, target)
    by_scale = balanced.influence @ class_means(moved, target, classes).T
    return replace(made, influence=made.influence + given + by_scale)


def evidence(logs: Floats, target: Labels, swapped: Floats, balanced: Balanced) -> ByClass:
    """What the part alone tells the model about each class, in nats, of scores with it taken from others ``(K, U, C)``.

    A mean over K draws is uncertain, by which evidence seems less. That is in proportion to 1/K: twice what all draws
    give, less what either half gives, is without it.
    """
    rounds = swapped.reshape(-1, logs.shape[1], *swapped.shape[1:])
    halves = [evidence_of(logs - half.mean((0, 1)), target, balanced) for half in (rounds[::2], rounds[1::2])]
    whole = evidence_of(logs - swapped.mean(0), target, balanced)
    value = 2 * whole.value - (halves[0].value + halves[1].value) / 2
    influence = 2 * whole.influence - (halves[0].influence + halves[1].influence) / 2
    return ByClass(value, influence, whole.fewest)


def evidence_of(added: Floats, target: Labels, balanced: Balanced) -> ByClass:
    """The evidence in what a part adds to the scores, ``(U, C)``, with offsets of its own."""
    classes, weight = added.shape[1], weights(target, added.shape[1])
    hits: Floats = np.eye(classes)[target]
    offset = np.zeros(classes)
    prob, curvature = hits, covariance(hits, hits, weight)
    for _ in range(50):
        prob = softmax(balanced.slope * added + offset, axis=1)
        curvature = covariance(prob, prob, weight)
        step = np.linalg.solve(curvature, weight @ (prob - hits)[:, 1:])
        offset[1:] -= np.clip(step, -2, 2)
        if np.abs(step).max() < 1e-10:
            break
    told = np.log(classes) + own(log_softmax(balanced.slope * added + offset, axis=1), target)
    made = of_means(told, target, classes)
    short = hits - prob
    by_slope = (short * added).sum(1)
    mean_added = (prob * added).sum(1, keepdims=True)
    turned = weight @ (prob * (added - mean_added))[:, 1:]  # of the offsets' equations, by the slope
    slope_moved = balanced.influence[:, :1]
    offset_moved = -np.linalg.solve(curvature, (centred(-short[:, 1:], target, classes) + slope_moved * turned).T).T
    influence = made.influence + offset_moved @ class_means(short[:, 1:], target, classes).T
    return replace(made, influence=influence + slope_moved * class_means(by_slope, target, classes))


def covariance(prob: Floats, other: Floats, weight: Floats) -> Floats:
    """Weighted second derivatives by offsets of all classes but the first, ``(C − 1, C − 1)``."""
    mixed = (weight[:, None] * prob[:, 1:]).T @ other[:, 1:]
    return np.asarray(np.diag(weight @ prob[:, 1:]) - mixed + 1e-10 * np.eye(prob.shape[1] - 1))
