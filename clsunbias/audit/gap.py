"""The gap between the class losses, with what it would be by chance.

The null: class makes no difference to a unit's loss. Losses are then dealt out anew among the units of all classes; the
95 % quantile of the gaps that come of it is what a gap must pass in a split of that size. Beside the gap as it is
stands the one without imbalance's part (:mod:`clsunbias.audit.balance`): what no threshold and no class weight would
mend.
"""

from typing import NamedTuple

import numpy as np

from clsunbias.audit.balance import fit_balanced, own
from clsunbias.audit.estimates import DEALINGS, MOST_DEALT, ByClass, Estimate, of_means
from clsunbias.decisions.base import log_prob
from clsunbias.experiments.analysis.statistics import Floats, Labels


class Gap(NamedTuple):
    """The gap of a split.

    Attributes:
        losses: of each class, with its interval.
        gap: largest less smallest class loss; for two classes it has a sign, the second's less the first's.
        by_chance: the 95 % quantile of its size where class makes no difference.
        p: that a gap of this size or more comes about by chance.
    """

    losses: list[Estimate]
    gap: Estimate
    by_chance: float
    p: float


def gap_of(losses: Floats, target: Labels, classes: int) -> Gap:
    """The gap of losses ``(U,)``."""
    by_class = of_means(losses, target, classes)
    first, last = (0, 1) if classes == 2 else (int(by_class.value.argmin()), int(by_class.value.argmax()))
    moved = by_class.influence[:, last] - by_class.influence[:, first]
    two = ByClass(by_class.value[[first, last]], by_class.influence[:, [first, last]], by_class.fewest)
    difference = ByClass(two.value[1:] - two.value[:1], moved[:, np.newaxis], two.fewest)
    sizes = by_chance(losses, target, classes)
    seen = float(np.ptp(by_class.value))
    p = float((1 + (sizes >= seen - 1e-12).sum()) / (1 + len(sizes)))
    found = [by_class.of_class(label) for label in range(classes)]
    return Gap(found, difference.of_class(0), float(np.quantile(sizes, 0.95)), p)


def by_chance(losses: Floats, target: Labels, classes: int) -> Floats:
    """Sizes of gaps after losses were dealt out anew; of many units as the classes' means come out then, normal."""
    hits, random = np.eye(classes)[target], np.random.default_rng(0)
    counts = hits.sum(0)
    if len(losses) > MOST_DEALT:
        means = random.normal(size=(DEALINGS, classes)) * losses.std() / np.sqrt(counts)
    else:
        means = random.permuted(np.tile(losses, (DEALINGS, 1)), axis=1) @ (hits / counts)
    return np.asarray(np.ptp(means, axis=1))


def gaps(prob: Floats, target: Labels) -> dict[str, Gap]:
    """Of class probabilities ``(U, C)``: the gap ``as it is`` and ``without imbalance``."""
    logs, classes = log_prob(prob), prob.shape[1]
    return {
        "as it is": gap_of(own(-logs, target), target, classes),
        "without imbalance": gap_of(fit_balanced(logs, target).losses(logs, target), target, classes),
    }
