"""What else can be read off a representation: how well a linear probe finds an attribute, or the label off silence."""

from typing import NamedTuple

import numpy as np
from scipy.stats import rankdata

from clsunbias.audit.estimates import Estimate, of_means
from clsunbias.experiments.analysis.statistics import Floats, Labels

FOLDS, DEALINGS, DRAWS = 10, 999, 500
"""Of the probe's test, permutations, and resamples of a direction."""


class Decoded(NamedTuple):
    """AUROC of a probe on units that it was not fitted to, and the p-value of a permutation test of none."""

    auroc: Estimate
    p: float


def decoded(features: Floats, hit: Labels) -> Decoded:
    """How well a ridge regression on features ``(U, D)`` tells units that are hit, ``(U,)`` of 0 and 1, from others."""
    random = np.random.default_rng(0)
    dealt = random.permuted(np.tile(hit, (DEALINGS, 1)), axis=1)
    wanted = np.vstack([hit, dealt]).T.astype(float)
    fold = np.empty(len(hit), int)
    for value in (0, 1):  # as many of each in every fold
        of_value = random.permutation(np.flatnonzero(hit == value))
        fold[of_value] = np.arange(len(of_value)) % FOLDS
    told = np.empty_like(wanted)
    for number in np.unique(fold):
        left = fold == number
        mean, spread = features[~left].mean(0), features[~left].std(0).clip(min=1e-9)
        fitted, asked = (features[~left] - mean) / spread, (features[left] - mean) / spread
        middle = wanted[~left].mean(0)
        gram = fitted.T @ fitted + features.shape[1] * np.eye(features.shape[1])
        told[left] = asked @ np.linalg.solve(gram, fitted.T @ (wanted[~left] - middle))
    ranks = rankdata(told, axis=0)
    ones = wanted.sum(0)
    area = ((ranks * wanted).sum(0) - ones * (ones + 1) / 2) / (ones * (len(hit) - ones))
    return Decoded(auroc(told[:, 0], hit), float((area >= area[0] - 1e-12).mean()))


def auroc(scores: Floats, hit: Labels) -> Estimate:
    """The AUROC of scores with its interval, by how each unit ranks among those of the other kind (DeLong)."""
    ranks = rankdata(scores)
    placed = np.empty(len(hit))
    for value in (0, 1):
        own = hit == value
        among = (ranks[own] - rankdata(scores[own])) / (len(hit) - own.sum())
        placed[own] = among if value else 1 - among
    means = of_means(placed, hit, 2)
    spread = float(np.sqrt(np.square(means.influence).sum() * means.fewest / means.freedom))
    return means.within(float(means.value[1]), spread, 0.0, 1.0)


def nearness(features: Floats, hit: Labels, target: Labels, label: int) -> Estimate:
    """Cosine between an attribute's direction within a class and that of the class against the others.

    A direction is the difference of two means, in units of each dimension's deviation within classes. The interval is
    that of a bootstrap over units.

    Args:
        features: ``(U, D)``.
        hit: 1 of units that have the attribute, 0 of others, below 0 where that is not known.
        target: classes of the units.
        label: the class.
    """
    spread = np.sqrt(np.mean([features[target == one].var(0) for one in np.unique(target)], axis=0)).clip(min=1e-9)
    scaled, random = features / spread, np.random.default_rng(0)
    own = target == label
    groups = [own & (hit == 1), own & (hit == 0), own, ~own]
    weights = np.ones((DRAWS + 1, len(target)))
    for at in (own & (hit == 1), own & (hit == 0), own & (hit < 0), ~own):
        if size := int(at.sum()):
            weights[1:, at] = random.multinomial(size, np.full(size, 1 / size), DRAWS)
    with_it, without, of_class, others = (
        (weights[:, at] @ scaled[at]) / weights[:, at].sum(1, keepdims=True) for at in groups
    )
    one, other = with_it - without, of_class - others
    lengths = np.linalg.norm(one, axis=1) * np.linalg.norm(other, axis=1)
    cosine = (one * other).sum(1) / np.maximum(lengths, 1e-12)
    low, high = np.quantile(cosine[1:], [0.025, 0.975])
    return Estimate(float(cosine[0]), float(min(low, cosine[0])), float(max(high, cosine[0])))
