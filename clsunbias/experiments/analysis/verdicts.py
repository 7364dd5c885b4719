"""What may be said of a difference: p-values of units and of runs, corrected for their number, and a verdict."""

from collections.abc import Sequence
from typing import Literal

import numpy as np
from scipy.special import ndtr, ndtri

from clsunbias.experiments.analysis.statistics import Floats

Verdict = Literal["better", "no difference shown", "worse"]

LEAST = 1e-6
"""Below this no p-value is believed: it would rest on the far tail of a normal distribution alone."""


def holm(p_values: Sequence[float]) -> list[float]:
    """P-values corrected for their number (Holm, Scandinavian Journal of Statistics 6, 1979)."""
    order = np.argsort(p_values, kind="stable")
    scaled = np.asarray(p_values, float)[order] * np.arange(len(p_values), 0, -1)
    corrected = np.empty(len(p_values))
    corrected[order] = np.minimum(np.maximum.accumulate(scaled), 1)
    return [float(p) for p in corrected]


def effect_size(gains: Floats) -> float | None:
    """Mean over standard deviation of paired differences (Cohen's d_z); None when they are all the same."""
    sd = float(np.std(gains, ddof=1))
    return float(np.mean(gains)) / sd if sd > 1e-6 else None  # metrics are in float32


def either_p(swapped: float, difference: float, low: float, high: float) -> float:
    """The larger of two p-values of a difference: of a permutation test over units, and of its interval.

    The test takes the runs as they came out; the interval over units and runs knows that others come out differently.
    Both enter a correction for many comparisons: a verdict that only asked of the interval to leave 0 out would leave
    the luck of runs uncorrected. The interval's is that of a normal error by its end nearer 0, and neither is believed
    below :data:`LEAST`.

    Args:
        swapped: p of the permutation test.
        difference: the estimate.
        low: the 95 % interval's lower end; NaN, of a class that is not there, gives 1.
        high: its upper end.
    """
    half = difference - low if difference > 0 else high - difference
    if np.isnan(half) or difference == 0:
        return 1.0
    by_interval = 2 * float(ndtr(-abs(difference) / half * float(ndtri(0.975)))) if half else 0.0
    return max(swapped, by_interval, LEAST)


def verdict(difference: float, p_corrected: float, less_is_better: bool = False) -> Verdict:
    """What may be said of a difference, by its p-value of :func:`either_p`, corrected for the number of comparisons."""
    if not p_corrected < 0.05:
        return "no difference shown"
    return "better" if (difference > 0) != less_is_better else "worse"
