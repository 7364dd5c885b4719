"""How a unit's loss goes with a feature within its class: what predictions alone say of a model that is not at hand.

It is no reliance: a loss may go with a feature that the model never reads, by way of another that goes with it.
"""

from typing import NamedTuple

import numpy as np
from scipy.special import chdtrc
from scipy.stats import rankdata

from clsunbias.experiments.analysis.statistics import Floats, Labels


class Association(NamedTuple):
    """Within a class: the share of the ranks' variance that a feature's bins explain, less that by chance, and p."""

    share: float
    p: float


def association(code: Labels, losses: Floats, target: Labels, label: int) -> Association:
    """Kruskal and Wallis' test of the losses of a class's units ``(U,)`` between a feature's bins ``(U,)``."""
    own = target == label
    ranks = rankdata(losses[own])
    _, place = np.unique(code[own], return_inverse=True)
    counts, units = np.bincount(place), len(ranks)
    spread = float(ranks.var(ddof=1))
    if len(counts) < 2 or spread == 0 or units <= len(counts):
        return Association(0.0, 1.0)
    means = np.bincount(place, ranks) / counts
    statistic = float((counts * np.square(means - ranks.mean())).sum() / spread)
    between = len(counts) - 1
    share = (statistic - between) / (units - len(counts))
    return Association(max(share, 0.0), float(chdtrc(between, statistic)))
