"""Cells of a table: a method on a data set by a metric, over its runs, with what is published."""

from collections.abc import Sequence
from typing import NamedTuple

from clsunbias.experiments.analysis.intervals import interval, of_metric
from clsunbias.experiments.analysis.scores import Scored
from clsunbias.experiments.grid import Grid
from clsunbias.experiments.plan import Arm


class Cell(NamedTuple):
    """One number of a table; its fields are the columns of ``tableN.csv``.

    The mean over n runs, their standard deviation (None for a single run) and the ends of the mean's 95 % interval
    (None for too few runs); the paper's number, if it has one, and value − published; whose settings, and which
    checkpoint.
    """

    table: str
    row: str
    column: str
    metric: str
    value: float
    sd: float | None
    n: int
    low: float | None
    high: float | None
    published: float | None
    difference: float | None
    protocol: str
    selection: str
    simulated: bool


def cells(table: str, grid: Grid, scored: Sequence[Scored]) -> dict[tuple[Arm, str], Cell]:
    """A cell for each arm and metric: mean, standard deviation, interval over test units and seeds, published."""
    made = {}
    for one in scored:
        column = grid.columns[one.arm.column]
        record = next(iter(one.records.values())).result
        for name in (*grid.metrics, *grid.also):
            values, mean = one.values[name], float(one.values[name].mean())
            several = len(values) > 1  # of a single run there is no saying how another would come out
            ends = interval(one.sample(name), one.shares(name), of_metric(name.partition("/")[2]))
            low, high = ends or (None, None)
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


def row_label(grid: Grid, arm: Arm) -> str:
    """The method, and the setting where it is not the outcome of a search."""
    label = grid.rows[arm.row].label
    return label if not arm.setting or grid.protocols[arm.protocol].search else f"{label}, {arm.setting}"
