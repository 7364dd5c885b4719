"""The measure in the data: how much a feature tells about each class, whatever the model makes of it.

I_c(f) = E_{f|c}[log P(c|f) / P(c)] = KL(p(f|c) ‖ p(f)) in nats, at equal class shares, so that imbalance has no part in
it. Numbers are put into bins of alike many units at equal class shares, an entry that is no number or missing has a bin
of its own; the classes' shares in the bins give I_c, less its bias from so few units: half the sum over bins of each
share's variance times the second derivative by it. All of it follows from counts, so it is linear in units.

Each class counts a unit more, spread over the bins as all classes are. Without it a class of few units of which none
happens to be an exception seems to be told much, and that without any doubt: with 15 to 35 units of the rarer class
something class-specific is found without cause in 10 to 16 % of sets, with it in 1 to 3 %.
"""

from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from scipy.special import chdtrc

from clsunbias.audit.balance import weights
from clsunbias.audit.estimates import ByClass
from clsunbias.experiments.analysis.statistics import Floats, Labels

MOST_BINS = 24
MOST_ENTRIES = 32
"""Entries of a column of text with a bin of their own; rarer ones share one."""


class Information(NamedTuple):
    """What a feature tells about each class, and the p-value of the hypothesis that it tells nothing (χ²)."""

    told: ByClass
    p: float


def bins_for(fewest: int) -> int:
    """How many bins of numbers so many units of the rarest class carry."""
    return int(np.clip(round(2 * fewest ** (1 / 3)), 3, MOST_BINS))


def codes_of(column: "pd.Series[Any]", target: Labels, classes: int) -> Labels:
    """The bin of each unit's entry, ``(U,)``."""
    values = pd.to_numeric(column, errors="coerce").to_numpy(float)
    missing = column.isna().to_numpy()
    if np.isfinite(values[~missing]).all():
        return binned(values, target, classes)
    code, entries = pd.factorize(column.astype(str).mask(missing, ""), sort=True)
    counts = np.bincount(code, minlength=len(entries))
    place = np.empty(len(entries), int)
    place[np.argsort(-counts, kind="stable")] = np.arange(len(entries)).clip(max=MOST_ENTRIES)
    return np.asarray(place[code])


def binned(values: Floats, target: Labels, classes: int) -> Labels:
    """The bin of each number; few different ones are their own bins, those that are missing have the last."""
    known = np.flatnonzero(np.isfinite(values))
    code = np.zeros(len(values), int)
    bins = bins_for(int(np.bincount(target, minlength=classes).min()))
    order = known[np.argsort(values[known], kind="stable")]
    ranked = values[order]
    fresh = np.concatenate([[False], ranked[1:] != ranked[:-1]])
    if fresh.sum() < bins:
        code[order] = np.cumsum(fresh)
    else:
        share = np.cumsum(weights(target, classes)[order])
        place = np.minimum((share / share[-1] * bins * (1 - 1e-12)).astype(int), bins - 1)
        code[order] = place[np.maximum.accumulate(np.where(fresh, np.arange(len(order)), 0))]  # equal ones together
    code[np.setdiff1d(np.arange(len(values)), known)] = code.max() + 1
    return code


def information(code: Labels, target: Labels, classes: int) -> Information:
    """What a feature tells about each class; a unit's influence is the jackknife's, by leaving it out.

    Args:
        code: the bin of each unit, ``(U,)``.
        target: its class, ``(U,)``, each there.
        classes: C.
    """
    _, code = np.unique(code, return_inverse=True)
    bins = int(code.max()) + 1
    counts = np.bincount(target * bins + code, minlength=classes * bins).reshape(classes, bins).astype(float)
    sizes = counts.sum(1, keepdims=True)
    value = told(counts)
    without = told((counts - np.eye(classes * bins).reshape(-1, classes, bins)).clip(min=0)).reshape(
        classes, bins, classes
    )
    share = (counts / sizes)[..., np.newaxis]
    moved = (share * without).sum(1, keepdims=True) - without
    moved *= ((sizes - 1) / sizes)[..., np.newaxis]
    influence = moved[target, code]
    expected = sizes * counts.sum(0) / counts.sum()
    squared, freedom = float((np.square(counts - expected) / expected).sum()), (classes - 1) * (bins - 1)
    p = float(chdtrc(freedom, squared)) if freedom else 1.0
    return Information(ByClass(value, influence, int(sizes.min())), p)


def read_off(added: Floats, target: Labels) -> ByClass:
    """What can be read about each class off what is added to its score against the others', ``(U, C)``."""
    classes = added.shape[1]
    above = added - (added.sum(1, keepdims=True) - added) / (classes - 1)
    if classes == 2:  # the same of both, but for the sign
        return information(binned(above[:, 1], target, 2), target, 2).told
    found = [information(binned(one, target, classes), target, classes).told for one in above.T]
    value = np.array([one.value[label] for label, one in enumerate(found)])
    influence = np.stack([one.influence[:, label] for label, one in enumerate(found)], 1)
    return ByClass(value, influence, found[0].fewest)


def told(counts: Floats) -> Floats:
    """I_c ``(…, C)``, less its bias, of counts ``(…, C, B)`` and a unit of each class beside them."""
    classes = counts.shape[-2]
    counts = counts + (counts / counts.sum(-1, keepdims=True)).mean(-2, keepdims=True)
    sizes = counts.sum(-1, keepdims=True)
    share = counts / sizes
    mean = share.mean(-2, keepdims=True).clip(min=1e-300)
    ratio = share / mean
    variance = share * (1 - share) / sizes
    # Second derivatives of share·log(share / mean) by the class's own share and by another's.
    twice = 1 / np.where(share > 0, share, np.inf) - 2 / (classes * mean) + ratio / (classes**2 * mean)
    crossed = ratio / (classes**2 * mean)
    bias = ((twice - crossed) * variance + crossed * variance.sum(-2, keepdims=True)).sum(-1) / 2
    return np.asarray((share * np.log(np.where(share > 0, ratio, 1))).sum(-1) - bias)
