"""What is said of a quantity of each class: values, intervals, tests, all from the influence of single units.

An estimate's influence ``(U, C)`` says how far each unit moves it; the classes' sizes are taken as given. Sums of its
squares are variances, so that intervals cost one pass over the units, and of paired quantities influences subtract.
That they hold is shown by simulation: ``python -m benchmarks audit_errors``.
"""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from scipy.special import fdtrc, stdtr, stdtrit

from clsunbias.experiments.analysis.statistics import Floats, Labels

LEAST = 10
"""Units of a class that an interval takes."""

TRIVIAL = 0.025
"""An index so small is none: trained networks do not read a feature of all classes more evenly than that."""

MOST_DEALT, DEALINGS, PLAIN, CLEAR = 4000, 1999, 1e-5, 0.15
"""Up to how many units are dealt out anew, how often, and below and above which p-value more would change nothing."""


class Estimate(NamedTuple):
    """A value with its 95 % interval."""

    value: float
    low: float
    high: float


@dataclass(frozen=True, eq=False)
class ByClass:
    """A quantity of each class.

    Attributes:
        value: ``(C,)``.
        influence: of each unit, ``(U, C)``.
        fewest: units of the rarest class.
    """

    value: Floats
    influence: Floats
    fewest: int

    def __sub__(self, other: "ByClass") -> "ByClass":
        """The paired difference from another on the same units."""
        return ByClass(self.value - other.value, self.influence - other.influence, self.fewest)

    @property
    def freedom(self) -> int:
        """Degrees of freedom of a standard error."""
        return max(self.fewest - 1, 1)

    @property
    def errors(self) -> Floats:
        """Standard error of each class's value."""
        return error(self.influence, self.fewest)

    def of_class(self, label: int) -> Estimate:
        """The value of a class."""
        return self.within(float(self.value[label]), float(self.errors[label]))

    def within(self, value: float, spread: float, least: float = -np.inf, most: float = np.inf) -> Estimate:
        """A value with its interval, by its standard error, cut to what is possible."""
        half = float(stdtrit(self.freedom, 0.975)) * spread
        return Estimate(value, max(value - half, least), min(value + half, most))

    @property
    def total(self) -> Estimate:
        """The mean over classes."""
        return self.within(float(self.value.mean()), self.total_error)

    @property
    def total_error(self) -> float:
        """Standard error of the mean over classes."""
        return float(error(self.influence.mean(1, keepdims=True), self.fewest)[0])

    def positive_p(self) -> float:
        """One-sided p-value of the hypothesis that the mean over classes is 0 or less."""
        nothing = self.total_error < 1e-12  # but for rounding
        return 1.0 if nothing else float(stdtr(self.freedom, -self.value.mean() / self.total_error))

    def two_sided_p(self) -> float:
        """P-value of the hypothesis that the mean over classes is 0; 1 where nothing moved at all."""
        nothing = self.total_error < 1e-12  # but for rounding
        return 1.0 if nothing else 2 * float(stdtr(self.freedom, -abs(self.value.mean()) / self.total_error))

    def equal_p(self, target: Labels) -> float:
        """P-value of the hypothesis that all classes have the same value.

        Welch's test of what each unit adds; its distribution is that of dealing these out anew among the classes, since
        few and skewed values are far from normal, and F where the units are many or the matter is plain.
        """
        counts = np.bincount(target, minlength=len(self.value))
        at = np.arange(len(target))
        own = self.influence[at, target]
        crossed = (self.influence.sum(1) - own) / (len(self.value) - 1)
        added = self.value[target] + counts[target] * (own - crossed)
        hits = np.eye(len(counts))[target]
        seen = welch(added[np.newaxis], hits)[0]
        between = len(counts) - 1
        p = float(fdtrc(between, self.freedom, seen / between))
        if len(target) > MOST_DEALT or not PLAIN < p < 1 / 2:
            return p
        random = np.random.default_rng(0)
        for dealings in (DEALINGS // 10, DEALINGS):
            dealt = random.permuted(np.tile(added, (dealings, 1)), axis=1)
            p = float((1 + (welch(dealt, hits) >= seen * (1 - 1e-9)).sum()) / (1 + dealings))
            if p > CLEAR:
                break
        return p

    def specific_p(self, target: Labels) -> float:
        """P-value of the hypothesis that no class has more of it than another, but for an index of :data:`TRIVIAL`."""
        return max(self.equal_p(target), self.beyond_p())

    def beyond_p(self) -> float:
        """P-value of the hypothesis that no class's index is beyond :data:`TRIVIAL` on either side."""
        classes, found = len(self.value), []
        for label in range(1 if classes == 2 else 0, classes):
            for sign in (1, -1):
                weight = np.full(classes, -(sign + TRIVIAL) / (classes - 1))
                weight[label] = sign - TRIVIAL
                spread = float(error(self.influence @ weight[:, np.newaxis], self.fewest)[0])
                found.append(float(stdtr(self.freedom, -(self.value @ weight) / spread)) if spread > 1e-12 else 1.0)
        return min(1.0, len(found) * min(found))

    def index(self, label: int) -> Estimate:
        """How far a quantity is one of a class, in [−1, 1]: (v_c − v̄) / (|v_c| + mean |v|), v̄ the others' mean.

        0: of all classes alike; 1: of this class alone. For two classes (v₊ − v₋) / (|v₊| + |v₋|) of the second. The
        interval is Fieller's, that of a ratio.
        """
        above, size, moved, grown = self._ratio(label)
        if size == 0:
            return Estimate(0.0, -1.0, 1.0)
        limit = float(stdtrit(self.freedom, 0.975)) ** 2 * self.fewest / self.freedom
        first = size**2 - limit * float(grown @ grown)
        middle = above * size - limit * float(moved @ grown)
        last = above**2 - limit * float(moved @ moved)
        value, room = above / size, middle**2 - first * last
        if first <= 0 or room < 0:
            return Estimate(value, -1.0, 1.0)
        ends = [(middle + sign * room**0.5) / first for sign in (-1, 1)]
        return Estimate(value, max(ends[0], -1.0), min(ends[1], 1.0))

    def linear_index(self, label: int) -> tuple[float, Floats]:
        """The index of a class, and the influence of each unit on it, ``(U,)``, for means and differences of such."""
        above, size, moved, grown = self._ratio(label)
        index = above / size if size else 0.0
        return index, (moved - index * grown) / size if size else np.zeros_like(moved)

    def _ratio(self, label: int) -> tuple[float, float, Floats, Floats]:
        """Numerator and denominator of an index, and the influence of units on either."""
        others = [at for at in range(len(self.value)) if at != label]
        signs = np.sign(self.value)
        above = float(self.value[label] - self.value[others].mean())
        size = float(abs(self.value[label]) + np.abs(self.value[others]).mean())
        moved = self.influence[:, label] - self.influence[:, others].mean(1)
        grown = signs[label] * self.influence[:, label] + (signs[others] * self.influence[:, others]).mean(1)
        return above, size, moved, grown


def welch(added: Floats, hits: Floats) -> Floats:
    """Welch's statistic of each row of values ``(B, U)`` between classes, one-hot ``(U, C)``: ``(B,)``."""
    counts = hits.sum(0)
    mean = added @ hits / counts
    spread = (np.square(added) @ hits / counts - np.square(mean)).clip(min=1e-300) / (counts - 1).clip(min=1)
    precision = 1 / spread
    middle = (precision * mean).sum(1) / precision.sum(1)
    return np.asarray((precision * np.square(mean - middle[:, np.newaxis])).sum(1))


def error(influence: Floats, fewest: int) -> Floats:
    """Standard errors of the columns of an influence, for so many units of the rarest class."""
    return np.asarray(np.sqrt(np.square(influence).sum(0) * fewest / max(fewest - 1, 1)))


def class_means(values: Floats, target: Labels, classes: int) -> Floats:
    """Means over the units of each class: of ``(U,)``, ``(C,)``; of ``(U, K)``, ``(C, K)``."""
    return np.stack([values[target == label].mean(0) for label in range(classes)])


def of_means(values: Floats, target: Labels, classes: int) -> ByClass:
    """The mean of single units' values, ``(U,)``, over each class."""
    means, counts = class_means(values, target, classes), np.bincount(target, minlength=classes)
    influence = np.zeros((len(target), classes))
    influence[np.arange(len(target)), target] = (values - means[target]) / counts[target]
    return ByClass(means, influence, int(counts.min()))
