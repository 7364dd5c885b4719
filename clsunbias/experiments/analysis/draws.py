"""Draws of metrics of test units: resamples of few units, normal sums of many; and the interval of what is drawn."""

from collections.abc import Iterable
from functools import cache

import numpy as np
import numpy.typing as npt

from clsunbias.experiments.analysis.intervals import FEWEST, Sample, Scale, interval, interval_of_runs
from clsunbias.experiments.analysis.statistics import DRAWS, Floats, Metrics, Resampling, Sums

MANY = 500
"""More units than this are not drawn: above it resamples and influences give the same intervals."""

GROUPS = 2000
"""Random groups of units whose influences are added up before they are drawn: enough for a deviation within 2 %."""

resampling_of = cache(Resampling)
"""The resampling of so many units and runs, drawn once for all comparisons."""


@cache
def normal_draws() -> Floats:
    """Weights of groups, ``(DRAWS, GROUPS)``: a mean of 0 and a deviation of 1."""
    return np.random.default_rng(0).standard_normal((DRAWS, GROUPS), np.float32)


@cache
def grouping(units: int) -> tuple[npt.NDArray[np.intp], npt.NDArray[np.intp], npt.NDArray[np.intp]]:
    """Units in the order of their random groups, the groups that have any, and where each begins.

    The same for every method: what is drawn is paired.
    """
    group = np.random.default_rng(1).integers(0, GROUPS, units)
    order = np.argsort(group, kind="stable")
    there, begins = np.unique(group[order], return_index=True)
    return order, there, begins


def group_sums(values: Floats) -> Floats:
    """Sums ``(G, …)`` over random groups of how far values of many units, ``(N, …)``, are from their mean."""
    order, _, begins = grouping(len(values))
    return np.asarray(np.add.reduceat((values - values.mean(0))[order], begins, axis=0), np.float32)


def normal_sums(groups: Floats, units: int) -> Floats:
    """Draws ``(DRAWS, …)`` of how far the sum over so many units may be from what it is, of :func:`group_sums`."""
    _, there, _ = grouping(units)
    weights = normal_draws() if len(there) == GROUPS else normal_draws()[:, there]  # a copy, which takes long
    drawn = weights @ groups.reshape(len(groups), -1)
    return np.asarray(drawn.reshape(len(drawn), *groups.shape[1:]))


def drawn_metrics(sums: Sums, of: Metrics) -> dict[str, Floats]:
    """As :meth:`Resampling.bootstrap`, of any number of units: ``(draws, S)`` each, paired between methods.

    Args:
        sums: of each unit, ``(N, S, …)``.
        of: metrics of their sums over units.
    """
    ((_, drawn),) = metrics_and_draws([sums], of)
    return drawn


def metrics_and_draws(parts: Iterable[Sums], of: Metrics) -> list[tuple[dict[str, Floats], dict[str, Floats]]]:
    """Metrics of several sums over the same units as they are, ``(S,)``, and drawn; see :func:`drawn_metrics`.

    Of many units one part is held at a time, and all are drawn at once: the draws are what takes long.
    """
    few, totals, groups, units = [], list[Floats](), list[Floats](), 0
    for sums in parts:
        units, runs = sums.shape[:2]
        if units <= MANY:
            few.append((of(sums.sum(0, dtype=float)), resampling_of(units, runs).bootstrap(sums, of)))
        else:
            totals.append(sums.sum(0, dtype=float))
            groups.append(group_sums(sums))
    if not groups:
        return few
    drawn = normal_sums(np.stack(groups, axis=1), units)
    return [(of(total), of(total + drawn[:, at])) for at, total in enumerate(totals)]


def described(sample: Sample, scale: Scale) -> tuple[float, float, str]:
    """A 95 % interval, and what it is over: units and seeds, or units alone where there are too few seeds.

    NaN of a metric that no resample has.
    """
    runs = len(sample.values)
    shares = resampling_of(2, runs).seeds[: len(sample.drawn)]
    found = interval(sample, shares, scale) or interval_of_runs(sample, scale) or (np.nan, np.nan)
    return *found, "units and seeds" if runs >= FEWEST else "units"
