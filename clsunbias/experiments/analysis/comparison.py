"""From the finished runs of a grid to its cells, to comparisons between its methods, and to claims about several."""

import itertools
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np

from clsunbias.errors import InputError
from clsunbias.experiments.analysis.cells import Cell, cells, row_label
from clsunbias.experiments.analysis.scores import Scored, score
from clsunbias.experiments.analysis.statistics import (
    Verdict,
    effect_size,
    holm,
    interval,
    lower_is_better,
    verdict,
)
from clsunbias.experiments.grid import Grid
from clsunbias.experiments.plan import Arm
from clsunbias.experiments.running.run import Record


class Comparison(NamedTuple):
    """A method against a baseline on one data set; its fields are the columns of ``tableN_comparisons.csv``.

    The mean over n seeds of method − baseline with its 95 % interval over test units and seeds; the p-value of the
    paired permutation test over test units, as it is and corrected for all comparisons of this metric and protocol in
    the table (Holm); mean over standard deviation of the seeds' differences (Cohen's d_z); what may be said.
    """

    table: str
    protocol: str
    column: str
    metric: str
    row: str
    baseline: str
    difference: float
    low: float
    high: float
    p: float
    p_corrected: float
    effect: float
    n: int
    verdict: Verdict


def results(
    table: str, grid: Grid, finished: Mapping[Arm, Mapping[int, Record]]
) -> tuple[list[Scored], dict[tuple[Arm, str], Cell], dict[tuple[Arm, Arm, str], Comparison]]:
    """The finished runs of a grid scored, its cells, and the comparisons between its methods."""
    names = list(dict.fromkeys((*grid.metrics, *grid.also)))
    scored = [score(arm, by_seed, names) for arm, by_seed in finished.items()]
    return scored, cells(table, grid, scored), compare(table, grid, scored)


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
        by_pair = [ours.permutation_p(theirs) for ours, theirs in pairs]
        for name in compared(grid):
            p_values = [found[name] for found in by_pair]
            for (ours, theirs), p, p_corrected in zip(pairs, p_values, holm(p_values), strict=True):
                gains = ours.values[name] - theirs.values[name]
                low, high = interval(ours.draws[name] - theirs.draws[name])
                made[ours.arm, theirs.arm, name] = Comparison(
                    table,
                    grid.protocols[protocol].label,
                    grid.columns[ours.arm.column].label,
                    name,
                    row_label(grid, ours.arm),
                    row_label(grid, theirs.arm),
                    float(gains.mean()),
                    low,
                    high,
                    p,
                    p_corrected,
                    effect_size(gains),
                    len(gains),
                    verdict(low, high, p_corrected, lower_is_better(name.partition("/")[2])),
                )
    return made


def comparable(grid: Grid, ours: Arm, theirs: Arm) -> bool:
    """Whether an arm is to be compared with another: a baseline of the same cell; each pair of baselines once."""
    if ours.column != theirs.column or theirs.row not in grid.baselines:
        return False
    if not grid.protocols[ours.protocol].search and ours.setting != theirs.setting:
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
        if not np.array_equal(part.target, theirs.splits[split].target):
            raise InputError(f"{ours.arm.run.out} and {theirs.arm.run.out} were scored on different {split} data")
    return ours.of_seeds(seeds), theirs.of_seeds(seeds)


class Contrast(NamedTuple):
    """A claim about several cells at once, such as "the gain is larger under imbalance": a weighted sum of them."""

    title: str
    protocol: str
    metric: str
    estimate: float
    low: float
    high: float


def contrasts(grid: Grid, scored: Sequence[Scored]) -> list[Contrast]:
    """Every contrast of the grid under every protocol that has its cells, by each metric that methods are compared by.

    Cells that were tested on the same units with as many seeds share their resamples: they are paired.
    """
    made = []
    for protocol in grid.protocols:
        found = {f"{one.arm.column}/{one.arm.row}": one for one in scored if one.arm.protocol == protocol}
        for title, weights in grid.contrasts.items():
            if not all(cell in found for cell in weights):
                continue
            for name in compared(grid):
                estimate = sum(weight * float(found[cell].values[name].mean()) for cell, weight in weights.items())
                draws = np.sum([weight * found[cell].draws[name] for cell, weight in weights.items()], axis=0)
                made.append(Contrast(title, protocol, name, estimate, *interval(draws)))
    return made


def compared(grid: Grid) -> list[str]:
    """The metrics that methods are compared by: the headline's first, and those of the tables below it."""
    return list(dict.fromkeys((grid.metrics[0], *grid.also)))
