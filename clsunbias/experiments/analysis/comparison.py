"""From the finished runs of a grid to its cells, to comparisons between its methods, and to claims about several."""

import itertools
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np

from clsunbias.errors import InputError
from clsunbias.experiments.analysis.cells import Cell, cells, row_label
from clsunbias.experiments.analysis.intervals import FEWEST, PLAIN, Sample, interval, of_difference
from clsunbias.experiments.analysis.scores import Scored, score
from clsunbias.experiments.analysis.statistics import RECALIBRATION, lower_is_better
from clsunbias.experiments.analysis.verdicts import Verdict, effect_size, either_p, holm, verdict
from clsunbias.experiments.grid import Grid, under_rules
from clsunbias.experiments.plan import Arm
from clsunbias.experiments.running.run import Record


class Comparison(NamedTuple):
    """A method against a baseline on one data set; its fields are the columns of ``tableN_comparisons.csv``.

    The mean over n seeds of method − baseline with its 95 % interval over test units and seeds; the larger of the
    p-values of that interval and of a paired permutation test over test units, as it is and corrected for all
    comparisons of this metric and protocol in the table (Holm); mean over standard deviation of the seeds' differences
    (Cohen's d_z); what may be said. Of too few seeds nothing may: then only the difference is there.
    """

    table: str
    protocol: str
    column: str
    metric: str
    row: str
    baseline: str
    difference: float
    low: float | None
    high: float | None
    p: float | None
    p_corrected: float | None
    effect: float | None
    n: int
    verdict: Verdict | None


def results(
    table: str, grid: Grid, finished: Mapping[Arm, Mapping[int, Record]]
) -> tuple[list[Scored], dict[tuple[Arm, str], Cell], dict[tuple[Arm, Arm, str], Comparison]]:
    """The finished runs of a grid scored, its cells, and the comparisons between its methods.

    Of a grid of specifications the runs alone: its curves say the rest.
    """
    names = list(dict.fromkeys((*grid.metrics, *grid.also)))
    scored = [score(arm, by_seed, names) for arm, by_seed in finished.items()]
    return scored, *(({}, {}) if grid.specifications else (cells(table, grid, scored), compare(table, grid, scored)))


def compare(table: str, grid: Grid, scored: Sequence[Scored]) -> dict[tuple[Arm, Arm, str], Comparison]:
    """Each method against each baseline: by the two arms and the metric."""
    made = {}
    for protocol in grid.protocols:
        pairs = [
            pair
            for ours, theirs in itertools.product(scored, scored)
            if ours.arm.protocol == theirs.arm.protocol == protocol and comparable(grid, ours.arm, theirs.arm)
            if (pair := on_common_seeds(ours, theirs))
        ]
        by_pair = [ours.permutation_p(theirs) if len(ours.records) >= FEWEST else None for ours, theirs in pairs]
        for name in compared(grid):
            found = [
                comparison(table, grid, ours, theirs, name, swapped[name] if swapped else None)
                for (ours, theirs), swapped in zip(pairs, by_pair, strict=True)
            ]
            for (ours, theirs), one in zip(pairs, corrected(found), strict=True):
                made[ours.arm, theirs.arm, name] = one
    return made


def corrected(family: Sequence[Comparison]) -> list[Comparison]:
    """Comparisons of a metric and protocol with p-values corrected for their number, and what may be said then."""
    p_values = iter(holm([one.p for one in family if one.p is not None]))
    made = []
    for one in family:
        if one.p is not None:
            p = next(p_values)
            said = verdict(one.difference, p, lower_is_better(one.metric.partition("/")[2]))
            one = one._replace(p_corrected=p, verdict=said)
        made.append(one)
    return made


def comparison(table: str, grid: Grid, ours: Scored, theirs: Scored, name: str, swapped: float | None) -> Comparison:
    """Two arms on the same seeds by a metric, given p of a permutation test, None of too few seeds; not corrected."""
    metric = name.partition("/")[2]
    gained = ours.sample(name).less(theirs.sample(name))
    labels = table, grid.protocols[ours.arm.protocol].label, grid.columns[ours.arm.column].label, name
    rows, mean = (row_label(grid, ours.arm), row_label(grid, theirs.arm)), float(gained.values.mean())
    ends, n = interval(gained, ours.shares(name), of_difference(metric)), len(gained.values)
    if swapped is None or ends is None:
        return Comparison(*labels, *rows, mean, None, None, None, None, None, n, None)
    p = either_p(swapped, mean, *ends)
    return Comparison(*labels, *rows, mean, *ends, p, None, effect_size(gained.values), n, None)


def comparable(grid: Grid, ours: Arm, theirs: Arm) -> bool:
    """Whether an arm is to be compared with another: a baseline of the same cell; each pair of baselines once."""
    if ours.column != theirs.column or theirs.row not in grid.baselines:
        return False
    if not grid.protocols[ours.protocol].search and ours.setting not in (theirs.setting, *theirs.stands_for):
        return False
    return ours.row not in grid.baselines or grid.baselines.index(ours.row) > grid.baselines.index(theirs.row)


def on_common_seeds(ours: Scored, theirs: Scored) -> tuple[Scored, Scored] | None:
    """Two arms on the seeds that both have; None if those are fewer than two.

    Raises:
        InputError: they were scored on other units.
    """
    seeds = [seed for seed in ours.records if seed in theirs.records]
    if len(seeds) < 2:
        return None
    for split, part in ours.splits.items():
        other = theirs.splits[split]
        if not (np.array_equal(part.target, other.target) and np.array_equal(part.units, other.units)):
            raise InputError(f"{ours.arm.run.out} and {theirs.arm.run.out} were scored on different {split} data")
    return ours.of_seeds(seeds), theirs.of_seeds(seeds)


class Contrast(NamedTuple):
    """A claim about several cells at once, such as "the gain is larger under imbalance": a weighted sum of them."""

    title: str
    protocol: str
    metric: str
    estimate: float
    low: float | None
    high: float | None


def contrasts(grid: Grid, scored: Sequence[Scored]) -> list[Contrast]:
    """Every contrast of the grid under every protocol that has its cells, by each metric that methods are compared by.

    They are of the seeds that all its cells have. Cells that were tested on the same units share their resamples: they
    are paired.
    """
    made = []
    for protocol in grid.protocols:
        found = {f"{one.arm.column}/{one.arm.row}": one for one in scored if one.arm.protocol == protocol}
        for title, weights in grid.contrasts.items():
            if not all(cell in found for cell in weights):
                continue
            shared = set.intersection(*(set(found[cell].records) for cell in weights))
            seeds = [seed for seed in found[next(iter(weights))].records if seed in shared]
            if not seeds:
                continue
            parts = [(found[cell].of_seeds(seeds), weight) for cell, weight in weights.items()]
            for name in compared(grid):
                samples = [(one.sample(name), weight) for one, weight in parts]
                sample = Sample(
                    np.sum([weight * one.values for one, weight in samples], axis=0),
                    np.sum([weight * one.drawn for one, weight in samples], axis=0),
                    min(one.units for one, _ in samples),
                    max(one.shared for one, _ in samples),
                )
                ends = interval(sample, parts[0][0].shares(name), PLAIN)
                made.append(Contrast(title, protocol, name, float(sample.values.mean()), *(ends or (None, None))))
    return made


def compared(grid: Grid) -> list[str]:
    """The metrics that methods are compared by: the headline's first, also under each rule, and those below it.

    Not those that are best in the middle, as a calibration slope is.
    """
    first = {grid.metrics[0], *under_rules(grid.metrics[:1], grid.decisions)}
    names = (*(name for name in grid.metrics if name in first), *grid.also)
    return [name for name in dict.fromkeys(names) if name.partition("/")[2] not in RECALIBRATION]
