"""Audits of several trainings of each method: mean reliance, its spread over seeds, and methods against each other.

A mean over seeds is uncertain twice: other units would give another, and so would other seeds. Of S seeds on the same
units the variance is that of the mean influence of units plus that between seeds over S. Whether a part is
class-specific to these trainings together is tested as it is of one, on means over them: that is of units alone.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import combinations
from typing import NamedTuple

import numpy as np
from scipy.special import stdtr, stdtrit

from clsunbias.audit.estimates import Estimate, error
from clsunbias.audit.found import Audit, Finding, PartFound, corrected
from clsunbias.audit.together import together
from clsunbias.errors import InputError
from clsunbias.experiments.analysis.statistics import Floats

Methods = dict[str, list[Audit]]
"""Audits by method, each of other seeds."""


class Averaged(NamedTuple):
    """A part to a method, about a class; as a line of ``seeds.csv``.

    Attributes:
        method: its name.
        part: of the input.
        label: the class.
        seeds: how many trainings.
        specific: in how many of them the part was found class-specific.
        finding: what may be said of it in all of them together.
        specific_p: of them together, of the hypothesis that as much can be read off it about all classes, corrected.
        evidence: mean over seeds, with its interval over units and seeds.
        mean_index: likewise.
        index_sd: standard deviation of the index over seeds; NaN of one.
        mean_read: index as read, which is the one that is tested, likewise.
    """

    method: str
    part: str
    label: str
    seeds: int
    specific: int
    finding: Finding
    specific_p: float
    evidence: Estimate
    mean_index: Estimate
    index_sd: float
    mean_read: Estimate


class Pair(NamedTuple):
    """A method less another, about a class; p is of the same index, corrected for the number of parts."""

    method: str
    baseline: str
    part: str
    label: str
    evidence: Estimate
    mean_index: Estimate
    p: float


class Mean(NamedTuple):
    """A mean over seeds: its value, unit by unit influence ``(U,)``, its variance between seeds over S, and S."""

    value: float
    influence: Floats
    between: float
    seeds: int

    def __sub__(self, other: "Mean") -> "Mean":
        """The difference from another's on the same units, of other seeds."""
        moved = self.influence - other.influence
        return Mean(self.value - other.value, moved, self.between + other.between, min(self.seeds, other.seeds))

    def spread(self, fewest: int) -> tuple[float, float]:
        """Standard error and degrees of freedom, with so many units of the rarest class (Welch and Satterthwaite)."""
        over_units = float(error(self.influence[:, np.newaxis], fewest)[0]) ** 2
        freedom = [over_units**2 / max(fewest - 1, 1), self.between**2 / max(self.seeds - 1, 1)]
        total = over_units + self.between
        return total**0.5, total**2 / max(sum(freedom), 1e-300)

    def estimate(self, fewest: int) -> Estimate:
        """With its 95 % interval."""
        spread, freedom = self.spread(fewest)
        half = float(stdtrit(max(freedom, 1.0), 0.975)) * spread
        return Estimate(self.value, self.value - half, self.value + half)

    def p(self, fewest: int) -> float:
        """Two-sided p-value of 0."""
        spread, freedom = self.spread(fewest)
        return 2 * float(stdtr(max(freedom, 1.0), -abs(self.value) / spread)) if spread > 1e-12 else 1.0


def by_method(audits: Sequence[Audit]) -> Methods:
    """Audits by what trained them; those of one objective with other settings go by their folders' names as well.

    Raises:
        InputError: a method has a seed twice.
    """
    grouped: dict[tuple[str, str], list[Audit]] = {}
    for one in audits:
        grouped.setdefault((one.method, one.settings), []).append(one)
    names = [method for method, _ in grouped]
    made: Methods = {}
    for (method, _), own in grouped.items():
        name = method if names.count(method) == 1 else f"{method} ({own[0].source.resolve().parent.name})"
        name = name if name not in made else f"{method} ({own[0].source})"
        seeds = [one.seed for one in own]
        if len(set(seeds)) < len(seeds):
            raise InputError(f"{own[0].source} is given with a run of the same settings and seed; give each run once")
        made[name] = [replace(one, method=name) for one in own]
    return made


def mean(found: Sequence[tuple[float, Floats]]) -> Mean:
    """The mean of a value of each seed, with the influence of units on it."""
    values = np.array([value for value, _ in found])
    between = float(values.var(ddof=1)) / len(values) if len(values) > 1 else 0.0
    return Mean(float(values.mean()), np.mean([influence for _, influence in found], axis=0), between, len(values))


def evidence_of(parts: Sequence[PartFound], label: int) -> Mean:
    """The mean evidence of a part about a class."""
    return mean([(one.reliance.evidence.value[label], one.reliance.evidence.influence[:, label]) for one in parts])


def index_of(parts: Sequence[PartFound], label: int) -> Mean:
    """The mean index of a part's evidence for a class."""
    return mean([one.reliance.evidence.linear_index(label) for one in parts])


def index_as_read(parts: Sequence[PartFound], label: int) -> Mean:
    """The mean index, for a class, of what can be read off a part."""
    return mean([one.reliance.read.linear_index(label) for one in parts])


class Trainings(NamedTuple):
    """A part to each training of a method, and to all of them together."""

    seeds: list[PartFound]
    whole: PartFound


def parts_by_method(methods: Methods) -> dict[str, dict[str, Trainings]]:
    """The findings of each method by part, of parts that some show a use of: else an index is noise over noise."""
    named: dict[str, dict[str, Trainings]] = {}
    for name, own in methods.items():
        wholes = together([one.parts for one in own], own[0].target)
        named[name] = {one.name: Trainings([other.parts[at] for other in own], one) for at, one in enumerate(wholes)}
    used = {
        part
        for found in named.values()
        for part, (seeds, whole) in found.items()
        if any(one.finding != "no use shown" for one in (*seeds, whole))
    }
    return {name: {part: one for part, one in found.items() if part in used} for name, found in named.items()}


def labels_of(classes: Sequence[str]) -> range:
    """The classes that an index is told of: of two the second, the other's is its opposite."""
    return range(1 if len(classes) == 2 else 0, len(classes))


def averaged(named: Mapping[str, Mapping[str, Trainings]], classes: Sequence[str]) -> list[Averaged]:
    """Mean reliance of each method on each part, given the findings by method and part."""
    made = []
    for name, found in named.items():
        for part, (seeds, whole) in found.items():
            fewest = seeds[0].reliance.evidence.fewest
            specific = sum(one.finding == "class-specific" for one in seeds)
            for label in labels_of(classes):
                index, evidence, read = (of(seeds, label) for of in (index_of, evidence_of, index_as_read))
                sd = (index.between * index.seeds) ** 0.5 if len(seeds) > 1 else float("nan")
                about = (name, part, classes[label], len(seeds), specific, whole.finding, whole.specific_p)
                found_of = evidence.estimate(fewest), index.estimate(fewest), sd, read.estimate(fewest)
                made.append(Averaged(*about, *found_of))
    return made


def pairs(named: Mapping[str, Mapping[str, Trainings]], classes: Sequence[str]) -> list[Pair]:
    """Every method against every one before it, part by part."""
    made = []
    for baseline, method in combinations(named, 2):
        lines = []
        for part, (seeds, _) in named[method].items():
            fewest = seeds[0].reliance.evidence.fewest
            for label in labels_of(classes):
                evidence, index = (
                    of(seeds, label) - of(named[baseline][part].seeds, label) for of in (evidence_of, index_of)
                )
                found = evidence.estimate(fewest), index.estimate(fewest), index.p(fewest)
                lines.append(Pair(method, baseline, part, classes[label], *found))
        p_values = corrected([one.p for one in lines])
        made += [one._replace(p=p) for one, p in zip(lines, p_values, strict=True)]
    return made
