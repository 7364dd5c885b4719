"""How far the units of a class lie from those of the same class elsewhere: another split, site or group.

The squared Fréchet distance of two normal distributions, ‖μ − ν‖² + tr(A + B − 2 (AB)^½), of what comes into a model's
last layer, in its directions of most spread, each in units of its deviation within classes. Few units are far from each
other by chance alone: what that gives, by dealing the units out anew, is taken off.
Source: arXiv 2305.11895, where the distance says how well a classifier of galaxies carries over; here class by class.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from clsunbias.audit.estimates import LEAST, Estimate
from clsunbias.experiments.analysis.statistics import Floats, Labels

DIRECTIONS, DEALINGS, RESAMPLES = 8, 499, 200


class Distance(NamedTuple):
    """The distance between the units of a class here and there.

    Attributes:
        label: the class.
        here: such as ``test``.
        there: such as ``train``.
        units: how many of the class, here and there.
        distance: above chance, with its interval by resampling units.
        p: of as large a distance where both are alike.
    """

    label: int
    here: str
    there: str
    units: tuple[int, int]
    distance: Estimate
    p: float


def squared(one: Floats, other: Floats) -> float:
    """The squared Fréchet distance of two sets of rows ``(N, D)``, ``(M, D)``."""
    spreads = [np.atleast_2d(np.cov(rows, rowvar=False)) for rows in (one, other)]
    values, vectors = np.linalg.eigh(spreads[0])
    root = vectors * np.sqrt(values.clip(min=0)) @ vectors.T
    mixed = np.sqrt(np.linalg.eigvalsh(root @ spreads[1] @ root).clip(min=0)).sum()
    moved = one.mean(0) - other.mean(0)
    return float(moved @ moved + spreads[0].trace() + spreads[1].trace() - 2 * mixed)


def directions(features: Floats, target: Labels) -> Floats:
    """Features ``(U, D)`` in their directions of most spread, in units of the deviation within classes."""
    _, spread, axes = np.linalg.svd(features - features.mean(0), full_matrices=False)
    kept = [at for at in range(min(DIRECTIONS, len(spread))) if spread[at] > 1e-6 * max(spread[0], 1e-12)]
    turned = features @ axes[kept].T
    within = np.sqrt(np.mean([turned[target == label].var(0) for label in np.unique(target)], axis=0))
    return np.asarray(turned / within.clip(min=1e-9))


def distance(one: Floats, other: Floats) -> tuple[Estimate, float]:
    """The distance above chance of two sets of rows, and the p-value of none."""
    random, rows = np.random.default_rng(0), np.concatenate([one, other])
    seen, size = squared(one, other), len(one)
    dealt = []
    for _ in range(DEALINGS):
        order = random.permutation(len(rows))
        dealt.append(squared(rows[order[:size]], rows[order[size:]]))
    drawn = [
        squared(one[random.integers(size, size=size)], other[random.integers(len(other), size=len(other))])
        for _ in range(RESAMPLES)
    ]
    value, half = seen - float(np.mean(dealt)), 1.96 * float(np.std(drawn))
    p = float((1 + (np.array(dealt) >= seen).sum()) / (1 + DEALINGS))
    return Estimate(value, value - half, value + half), p


def distances(
    here: tuple[str, Floats, Labels], others: Sequence[tuple[str, Floats, Labels]], classes: int
) -> list[Distance]:
    """Of each class, how far its units here lie from those elsewhere.

    Args:
        here: a name, features ``(U, D)`` and classes ``(U,)``.
        others: the same of others.
        classes: C; one of fewer than 10 units on either side is left out.
    """
    made = []
    for name, features, target in others:
        both = directions(np.concatenate([here[1], features]), np.concatenate([here[2], target]))
        ours, theirs = both[: len(here[2])], both[len(here[2]) :]
        for label in range(classes):
            one, other = ours[here[2] == label], theirs[target == label]
            if min(len(one), len(other)) < LEAST or not both.shape[1]:
                continue
            found, p = distance(one, other)
            made.append(Distance(label, here[0], name, (len(one), len(other)), found, p))
    return made
