"""How groups of units within the classes fare, such as women and men: metrics of each, and which gaps are shown.

A gap is the largest less the smallest value of a metric over groups. Its p-value is that of a permutation test: within
each class the groups of the units are dealt out anew, which keeps how many of a class each group has, so that groups of
another mix of classes are no gap by themselves. All p-values of a table are corrected for their number (Holm), so that
the chance of showing any gap where there is none is at most 5 %: ``python -m benchmarks subgroup_gaps``.
"""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
import pandas as pd

from clsunbias.experiments.analysis.intervals import FEWEST, interval, interval_of_runs, of_metric
from clsunbias.experiments.analysis.split_scores import SplitScores
from clsunbias.experiments.analysis.statistics import Labels, metrics, totals, unit_sums
from clsunbias.experiments.analysis.verdicts import holm

LEAST = 10
"""Units of a class that a group needs for an interval, and to take part in a test."""

DRAWS = 2000
"""Permutations of a test."""

ALPHA = 0.05

UNKNOWN = "(not known)"
"""The group of units without an entry: shown, and in no test."""

GAP = "largest gap"
"""Stands where the group does, of a test."""


class SubgroupLine(NamedTuple):
    """A metric of a group, or its largest gap between groups; the fields are the columns of ``subgroups.csv``.

    Of a group: its units (of a class's metric those of the class), the value with its 95 % interval, or how many more
    units an interval needs. Of a gap: its value, the p-value as it is and corrected for all of the table, and whether
    it is shown.
    """

    dataset: str
    protocol: str
    row: str
    split: str
    attribute: str
    group: str
    metric: str
    units: int
    value: float | None
    low: float | None = None
    high: float | None = None
    needed: int = 0
    p: float | None = None
    p_corrected: float | None = None
    shown: bool | None = None


Place = tuple[str, str, str, str]
"""Data set, protocol, row and split."""


def subgroups(
    place: Place, scores: SplitScores, classes: Sequence[str], attributes: Mapping[str, pd.Categorical]
) -> list[SubgroupLine]:
    """The lines of a method on a split: every group of every attribute, and after them its gaps.

    Args:
        place: what the lines are of.
        scores: class probabilities ``(S, N, C)`` and classes of the units.
        classes: their names.
        attributes: the group of each unit by attribute; none of a unit without an entry.
    """
    made: list[SubgroupLine] = []
    for attribute, groups in attributes.items():
        for code, group in (*enumerate(groups.categories), (-1, UNKNOWN)):
            inside = np.flatnonzero(groups.codes == code)
            if len(inside):
                made += group_lines((*place, attribute, str(group)), scores, inside, classes)
        for metric, (value, p) in gaps(scores, groups.codes, classes).items():
            made.append(SubgroupLine(*place, attribute, GAP, metric, int((groups.codes >= 0).sum()), value, p=p))
    corrected = iter(holm([line.p for line in made if line.p is not None]))
    return [line if line.p is None else judged(line, next(corrected)) for line in made]


def judged(gap: SubgroupLine, p_corrected: float) -> SubgroupLine:
    """A gap with its corrected p-value, and whether it is shown."""
    return gap._replace(p_corrected=p_corrected, shown=p_corrected < ALPHA)


def class_metrics(classes: Sequence[str]) -> list[str]:
    """The metrics of a group: of each class, and the gap of its class losses."""
    return [*(f"{kind}/{name}" for kind in ("recall", "f1", "loss") for name in classes), "loss_gap"]


def group_lines(
    place: tuple[str, str, str, str, str, str], scores: SplitScores, inside: Labels, classes: Sequence[str]
) -> list[SubgroupLine]:
    """The metrics of some units, with intervals over units and runs where there are enough of them."""
    target = scores.target[inside]
    counts = np.bincount(target, minlength=len(classes))
    decided = None if scores.decided is None else scores.decided[:, inside]
    names = class_metrics(classes)
    own = SplitScores(scores.prob[:, inside], target, names, classes, decided=decided)
    made = []
    for name in names:
        of = classes.index(name.partition("/")[2]) if "/" in name else None
        units, fewest = int(counts.sum() if of is None else counts[of]), int(counts.min() if of is None else counts[of])
        mean = float(own.values[name].mean()) if fewest else None
        line = SubgroupLine(*place, name, units, mean, needed=max(0, LEAST - fewest))
        if not line.needed:
            sample, scale = own.samples[name]._replace(units=fewest), of_metric(name)
            several = len(scores.prob) >= FEWEST
            ends = interval(sample, own.resampling.seeds, scale) if several else interval_of_runs(sample, scale)
            low, high = ends or (None, None)
            line = line._replace(low=low, high=high)
        made.append(line)
    return made


def gaps(
    scores: SplitScores, groups: Labels, classes: Sequence[str], draws: int = DRAWS
) -> dict[str, tuple[float, float]]:
    """Of each metric that two groups or more have enough units for: the largest gap, and its p-value.

    Args:
        scores: class probabilities ``(S, N, C)`` and classes of the units.
        groups: number of each unit's group, ``(N,)``; below 0 of a unit that takes no part.
        classes: names of the classes.
        draws: permutations.
    """
    known = np.flatnonzero(groups >= 0)
    if len(np.unique(groups[known])) < 2:
        return {}
    target, groups = scores.target[known], groups[known]
    sums = unit_sums(scores.prob[:, known], target, None if scores.decided is None else scores.decided[:, known])
    dealt, random = np.tile(groups, (draws + 1, 1)), np.random.default_rng(0)
    for label in range(len(classes)):
        own = np.flatnonzero(target == label)
        dealt[1:, own] = random.permuted(dealt[1:, own], axis=1)
    numbers = np.unique(groups)
    by_group = [metrics(totals((dealt == number).astype(np.float32), sums), classes) for number in numbers]
    counts = np.stack([np.bincount(target[groups == number], minlength=len(classes)) for number in numbers])
    found = {}
    for name in class_metrics(classes):
        of = counts[:, classes.index(name.partition("/")[2])] if "/" in name else counts.min(1)
        taking = np.flatnonzero(of >= LEAST)
        if len(taking) > 1:
            sizes = np.ptp([by_group[at][name].mean(1) for at in taking], axis=0)
            found[name] = float(sizes[0]), float((sizes >= sizes[0] - 1e-6).mean())  # sums are in float32
    return found
