"""From the finished runs of a grid to its cells and to comparisons between its methods."""

import itertools
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np

from clsunbias.errors import InputError
from clsunbias.experiments.analysis.scores import Scored, score
from clsunbias.experiments.analysis.statistics import (
    Floats,
    Resampling,
    Verdict,
    effect_size,
    holm,
    interval,
    verdict,
)
from clsunbias.experiments.grid import Grid
from clsunbias.experiments.plan import Arm
from clsunbias.experiments.report.sections import Cell
from clsunbias.experiments.running.run import Record


class Comparison(NamedTuple):
    """A method against a baseline on one data set; its fields are the columns of ``tableN_comparisons.csv``.

    Attributes:
        table: such as ``table2``.
        protocol: whose settings.
        column: data set.
        metric: ``split/metric``.
        row: the method.
        baseline: what it is compared with.
        difference: mean over seeds, method − baseline.
        low: lower end of its 95 % interval, over test units and seeds.
        high: its upper end.
        p: of the paired permutation test over test units.
        p_corrected: for all comparisons of this metric and protocol in the table (Holm).
        effect: mean over standard deviation of the differences of the seeds (Cohen's d_z).
        n: seeds.
        verdict: what may be said.
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
    splits = list(dict.fromkeys(metric.split("/")[0] for metric in (*grid.metrics, *grid.also)))
    scored = [score(arm, by_seed, splits) for arm, by_seed in finished.items()]
    return scored, cells(table, grid, scored), compare(table, grid, scored)


def cells(table: str, grid: Grid, scored: Sequence[Scored]) -> dict[tuple[Arm, str], Cell]:
    """A cell for each arm and metric: mean, standard deviation, interval over test units and seeds, published."""
    made = {}
    for one in scored:
        column = grid.columns[one.arm.column]
        record = next(iter(one.records.values())).result
        for name in (*grid.metrics, *grid.also):
            split, short = name.split("/")
            values, mean = one.values(name), float(one.values(name).mean())
            several = len(values) > 1  # of a single run there is no saying how another would come out
            low, high = interval(one.draws[split][short]) if several else (None, None)
            published = column.published.get(one.arm.row, {}).get(name)
            made[one.arm, name] = Cell(
                table,
                row_label(grid, one.arm),
                column.label,
                name,
                mean,
                float(values.std(ddof=1)) if several else None,
                len(values),
                low,
                high,
                published[0] if published else None,
                mean - published[0] if published else None,
                grid.protocols[one.arm.protocol].label,
                record["selection"],
                record["simulated"],
            )
    return made


def compare(table: str, grid: Grid, scored: Sequence[Scored]) -> dict[tuple[Arm, Arm, str], Comparison]:
    """Each method against each baseline: by the two arms and the metric."""
    names = list(dict.fromkeys((grid.metrics[0], *grid.also)))
    made = {}
    for protocol in grid.protocols:
        pairs = [
            judged
            for ours, theirs in itertools.product(scored, scored)
            if ours.arm.protocol == theirs.arm.protocol == protocol and comparable(grid, ours.arm, theirs.arm)
            if (judged := judge(ours, theirs, names))
        ]
        for name in names:
            lower_is_better = name.partition("/")[2].startswith("loss")
            for pair, p_corrected in zip(pairs, holm([pair.p[name] for pair in pairs]), strict=True):
                made[pair.ours, pair.theirs, name] = Comparison(
                    table,
                    grid.protocols[protocol].label,
                    grid.columns[pair.ours.column].label,
                    name,
                    row_label(grid, pair.ours),
                    row_label(grid, pair.theirs),
                    float(pair.gains[name].mean()),
                    *pair.interval[name],
                    pair.p[name],
                    p_corrected,
                    effect_size(pair.gains[name]),
                    len(pair.gains[name]),
                    verdict(*pair.interval[name], p_corrected, lower_is_better),
                )
    return made


def comparable(grid: Grid, ours: Arm, theirs: Arm) -> bool:
    """Whether an arm is to be compared with another: a baseline of the same cell; each pair of baselines once."""
    if ours.column != theirs.column or theirs.row not in grid.baselines:
        return False
    if not grid.protocols[ours.protocol].search and ours.setting != theirs.setting:
        return False
    return ours.row not in grid.baselines or grid.baselines.index(ours.row) > grid.baselines.index(theirs.row)


class Judged(NamedTuple):
    """Two arms compared, each metric by its name: the seeds' differences, the interval of their mean, the p-value."""

    ours: Arm
    theirs: Arm
    gains: Mapping[str, Floats]
    interval: Mapping[str, tuple[float, float]]
    p: Mapping[str, float]


def judge(ours: Scored, theirs: Scored, names: Sequence[str]) -> Judged | None:
    """Compares two arms on their common seeds; None if those are fewer than two.

    Raises:
        InputError: they were scored on other units.
    """
    seeds = [seed for seed in ours.records if seed in theirs.records]
    if len(seeds) < 2:
        return None
    ours, theirs = ours.of_seeds(seeds), theirs.of_seeds(seeds)
    gains, intervals, p_values = {}, {}, {}
    for split in ours.sums:
        if not np.array_equal(ours.units[split], theirs.units[split]):
            raise InputError(f"{ours.arm.run.out} and {theirs.arm.run.out} were scored on different {split} data")
        p = Resampling.of(*ours.sums[split].shape[:2]).permutation_p(ours.sums[split], theirs.sums[split])
        for name in names:
            short = name.partition("/")[2]
            if name.startswith(f"{split}/"):
                gains[name] = ours.values(name) - theirs.values(name)
                intervals[name] = interval(ours.draws[split][short] - theirs.draws[split][short])
                p_values[name] = p[short]
    return Judged(ours.arm, theirs.arm, gains, intervals, p_values)


def row_label(grid: Grid, arm: Arm) -> str:
    """The method, and the setting where it is not the outcome of a search."""
    label = grid.rows[arm.row].label
    return label if not arm.setting or grid.protocols[arm.protocol].search else f"{label}, {arm.setting}"
