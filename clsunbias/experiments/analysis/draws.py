"""Draws of metrics of test units: resamples of few units, normal sums of many; and the interval of what is drawn."""

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


def normal_sums(values: Floats) -> Floats:
    """Draws ``(DRAWS, …)`` of how far the sum over many units of ``(N, …)`` may be from what it is."""
    order, there, begins = grouping(len(values))
    groups = np.add.reduceat((values - values.mean(0))[order], begins, axis=0)
    drawn = normal_draws()[:, there] @ groups.reshape(len(groups), -1).astype(np.float32)
    return np.asarray(drawn.reshape(len(drawn), *values.shape[1:]))


def drawn_metrics(sums: Sums, of: Metrics) -> dict[str, Floats]:
    """As :meth:`Resampling.bootstrap`, of any number of units: ``(draws, S)`` each, paired between methods.

    Args:
        sums: of each unit, ``(N, S, …)``.
        of: metrics of their sums over units.
    """
    units, runs = sums.shape[:2]
    if units <= MANY:
        return resampling_of(units, runs).bootstrap(sums, of)
    return of(sums.sum(0, dtype=float) + normal_sums(sums))


def described(sample: Sample, scale: Scale) -> tuple[float, float, str]:
    """A 95 % interval, and what it is over: units and seeds, or units alone where there are too few seeds.

    NaN of a metric that no resample has.
    """
    runs = len(sample.values)
    shares = resampling_of(2, runs).seeds[: len(sample.drawn)]
    found = interval(sample, shares, scale) or interval_of_runs(sample, scale) or (np.nan, np.nan)
    return *found, "units and seeds" if runs >= FEWEST else "units"
