"""95 % intervals of means over runs, on test units and runs as they might have been drawn, within a metric's bounds."""

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
from scipy.special import expit, logit, ndtri, stdtrit

from clsunbias.experiments.analysis.statistics import CALIBRATION, RECALIBRATION, USE, Floats

FEWEST = 4
"""Runs that an interval, a verdict or an effect size takes: Student's quantile for fewer says nothing of use."""

EDGE = 1e-4
"""How near a bound counts as at it: there the scales below are infinite."""

Function = Callable[[Floats], Floats]


class Scale(NamedTuple):
    """A scale without the metric's bounds, there and back, so that no interval can leave them."""

    there: Function
    back: Function


class Sample(NamedTuple):
    """A metric of each run, ``(S,)``, and on resampled units, ``(B, S)``; or a weighted sum of some.

    Units: how many carry it, those of the smallest class if each class has a say of its own. Shared: how much the runs
    correlate since their models have seen much the same training units though others might have been drawn; 0 where the
    training split is one and the same, and results speak of it.
    """

    values: Floats
    drawn: Floats
    units: int
    shared: float = 0.0

    def less(self, other: "Sample") -> "Sample":
        """The paired difference from another on the same units and seeds."""
        units, shared = min(self.units, other.units), max(self.shared, other.shared)
        return Sample(self.values - other.values, self.drawn - other.drawn, units, shared)


def outward(values: Floats, ends: tuple[float, float], edges: tuple[float, float]) -> Floats:
    """Values within an edge of either end as that end."""
    low, high = ends[0] + edges[0], ends[1] - edges[1]
    return np.where(values <= low, ends[0], np.where(values >= high, ends[1], values))


def share_within(low: float, high: float) -> Scale:
    """Of metrics in [0, 1], where 0 counts as a low edge above it and 1 as a high one below."""
    return Scale(lambda x: logit(x.clip(low, 1 - high)), lambda x: outward(expit(x), (0, 1), (1.01 * low, 1.01 * high)))


SHARE = share_within(EDGE, EDGE)
"""Of metrics in [0, 1]; an interval takes its edges from what was seen."""


def share_seen(seen: Floats) -> Scale:
    """:data:`SHARE`, where 0 counts as half the least seen above it, and 1 as half as far from the greatest below.

    Next to a bound most resamples may lie at it. An edge that is far finer than the metric's own steps puts them far
    off on the scale, and the interval, whose median is the estimate, reaches as far to the other side.
    """
    low, high = (max(EDGE, rest[rest > 0].min(initial=1) / 2) for rest in (seen, 1 - seen))
    return share_within(low, high)


LOSS = Scale(lambda x: np.cbrt(x.clip(0)), lambda x: x.clip(0) ** 3)
"""Of losses and their gap: not below 0, skewed, and unlike on a logarithm's scale they may well be near it."""

SHARES = Scale(
    lambda x: np.arctanh(x.clip(EDGE - 1, 1 - EDGE)), lambda x: outward(np.tanh(x), (-1, 1), (2 * EDGE, 2 * EDGE))
)
"""Of differences between metrics in [0, 1]."""

PLAIN = Scale(lambda x: x, lambda x: x)
"""Of differences between losses, and of other sums."""


def is_loss(name: str) -> bool:
    """Whether a metric has no upper bound: losses, their gap, and the Brier score of many classes."""
    return name.startswith("loss") or name == "brier"


def of_metric(name: str) -> Scale:
    """The scale of a metric, by its name without the split."""
    if name in RECALIBRATION | USE:
        return PLAIN
    return LOSS if is_loss(name) else SHARE


def of_difference(name: str) -> Scale:
    """The scale of the difference of a metric between two methods."""
    return PLAIN if is_loss(name) or name in RECALIBRATION | USE else SHARES


def carrying(name: str, counts: npt.NDArray[Any]) -> int:
    """How many of a split's units, of which there are so many of each class, carry a metric."""
    of_all = name in CALIBRATION | RECALIBRATION or name in {"accuracy", "loss"}
    return int(counts.sum() if of_all else counts[counts > 0].min())


def shared_training(folds: int) -> float:
    """What two partings into folds correlate by: the test units over these and the training ones, less validation."""
    return 1 / (folds - 1)


def student(count: int) -> float:
    """Student's quantile for so many draws over the normal one."""
    return float(stdtrit(max(count - 1, 1), 0.975) / ndtri(0.975))


def interval(sample: Sample, shares: Floats, scale: Scale) -> tuple[float, float] | None:
    """The 95 % interval of a mean over runs; None of fewer runs than it takes.

    Units and runs are resampled each by themselves (after Owen, Annals of Applied Statistics 1, 2007): over units alone
    the interval would speak of these very runs, over runs alone of these very patients. On the scale, the two
    deviations from the estimate are widened as a bootstrap of few is too narrow, to Student's quantile and n/(n − 1) of
    the variance, and added; the interval is from 2.5 % to 97.5 % of the sums, the estimate at their median. How runs
    differ on these units is partly luck of the units, which the resamples of units hold already: that part, at the
    normal quantile, is taken off. How often such intervals hold the truth: ``python -m benchmarks coverage``.

    Of folds the truth is what models that are trained on other such patients score, on average, on patients yet to
    come. Models of several partings have seen much the same patients, so they differ less than such models would: the
    variance of the mean of S runs by runs is s²·(1/S + ρ/(1 − ρ)) rather than s²/S, with ρ/(1 − ρ) the test units over
    the training ones (Nadeau and Bengio, Machine Learning 52, 2003): ``python -m benchmarks fold_coverage``.

    Args:
        sample: the metric, of S runs.
        shares: of each run in each resample of runs, ``(B, S)``.
        scale: of the metric.
    """
    return None if len(sample.values) < FEWEST else ends(sample, shares, scale)


def interval_of_runs(sample: Sample, scale: Scale) -> tuple[float, float] | None:
    """As :func:`interval`, of these very runs on other units: it says nothing of how other runs would come out."""
    mean = Sample(sample.values.mean(keepdims=True), sample.drawn.mean(1, keepdims=True), sample.units)
    return ends(mean, np.ones((len(mean.drawn), 1)), scale)


def ends(sample: Sample, shares: Floats, scale: Scale) -> tuple[float, float] | None:
    """The ends of an interval; None of a metric that no resample has."""
    known = np.isfinite(sample.drawn).all(1)  # resamples without a class are left out of its own
    sample, shares = sample._replace(drawn=sample.drawn[known].astype(float)), shares[known]
    drawn, mean = sample.drawn, sample.values.mean()
    if not len(drawn):
        return None
    on_units, (by_units, by_runs) = drawn.mean(1), widening(sample)
    if scale is SHARE:
        if np.ptp(drawn) == 0 and mean in (0, 1):
            # All right, or all wrong, on every unit in every run: resamples know nothing else. Clopper and Pearson's.
            off = 1 - 0.025 ** (1 / sample.units)
            return (0.0, off) if mean == 0 else (1 - off, 1.0)
        scale = share_seen(np.append(on_units, mean))
    center = scale.there(np.asarray(mean))
    moved = by_units * (scale.there(on_units) - center) + by_runs * (scale.there(shares @ sample.values) - center)
    low, high = scale.back(center + np.quantile(moved, [0.025, 0.975]) - np.median(moved))
    return min(float(low), float(mean)), max(float(high), float(mean))


def widening(sample: Sample) -> tuple[float, float]:
    """What a bootstrap's deviations over units and over runs are to be multiplied with; 0 for a single run's."""
    runs, spread = len(sample.values), sample.values.var()
    by_units = student(sample.units) * float(np.sqrt(sample.units / max(sample.units - 1, 1)))
    if runs == 1 or spread == 0:
        return by_units, 0.0
    # Of a run on these units, beyond what it shares with the others.
    noise = sample.drawn.var(0).mean() - sample.drawn.mean(1).var()
    own = max(0.0, 1 - noise / spread / student(runs) ** 2)
    together = 1 + runs * sample.shared / (1 - sample.shared)
    return by_units, student(runs) * float(np.sqrt(own * together * runs / (runs - 1)))


def errors(sample: Sample) -> tuple[float, float]:
    """Standard errors of a mean over runs, by units and by runs, widened as :func:`interval` is."""
    drawn = sample.drawn[np.isfinite(sample.drawn).all(1)].astype(float)
    by_units, by_runs = widening(sample._replace(drawn=drawn))
    runs = len(sample.values)
    return by_units * float(drawn.mean(1).std()), by_runs * float(sample.values.std()) / runs**0.5
