"""From the finished runs of a grid to its cells and to comparisons between its methods."""

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np
import pandas as pd

from clsunbias.errors import InputError
from clsunbias.experiments.grid import Arm, Grid
from clsunbias.experiments.run import Record
from clsunbias.experiments.statistics import (
    Floats,
    Resampling,
    Verdict,
    effect_size,
    holm,
    interval,
    metrics,
    unit_sums,
    verdict,
)
from clsunbias.experiments.tables import Cell


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


@dataclass(frozen=True, eq=False)
class Scored:
    """The finished runs of an arm, scored.

    Attributes:
        arm: whose runs.
        records: seed → its record.
        sums: split → what each unit adds, ``(N, S, 4, C)``, seeds in the order of records.
        units: split → class of each unit, by which two arms are seen to be scored on the same ones.
    """

    arm: Arm
    records: Mapping[int, Record]
    sums: Mapping[str, Floats]
    units: Mapping[str, Floats]

    def values(self, name: str) -> Floats:
        """A metric of each seed, ``(S,)``."""
        split, short = name.split("/")
        return metrics(self.sums[split].sum(0))[short]

    @cached_property
    def draws(self) -> dict[str, dict[str, Floats]]:
        """Bootstrap of each split's metrics, which cells and comparisons share."""
        return {split: Resampling.of(*sums.shape[:2]).bootstrap(sums) for split, sums in self.sums.items()}

    def of_seeds(self, seeds: Sequence[int]) -> "Scored":
        """The runs of some of the seeds."""
        if list(seeds) == list(self.records):
            return self
        at = [list(self.records).index(seed) for seed in seeds]
        sums = {split: sums[:, at] for split, sums in self.sums.items()}
        return Scored(self.arm, {seed: self.records[seed] for seed in seeds}, sums, self.units)


def score(arm: Arm, records: Mapping[int, Record], splits: Sequence[str]) -> Scored:
    """Reads the predictions of an arm's runs.

    Raises:
        InputError: a run has no such split, runs of the arm were scored on other units, or a record's figures are not
            those of its predictions.
    """
    frames = [record.predictions() for record in records.values()]
    sums, units = {}, {}
    for split in splits:
        for record in records.values():
            if split not in record.result["units"]:
                there = ", ".join(record.result["units"])
                raise InputError(f"{record.folder} has no split {split!r} to take a metric of; it has {there}")
        tables = [frame.drop(columns="split").to_numpy()[frame["split"].to_numpy() == split] for frame in frames]
        for record, table in zip(records.values(), tables, strict=True):
            if not np.array_equal(tables[0][:, :2], table[:, :2]):  # unit and label
                raise InputError(f"{record.folder} was scored on other {split} data than the other runs of its row")
        units[split] = tables[0][:, 1].astype(int)
        sums[split] = unit_sums(np.stack(tables)[:, :, 2:], units[split])
        for record, f1 in zip(records.values(), metrics(sums[split].sum(0))["macro_f1"], strict=True):
            if abs(record.result[split]["macro_f1"] - f1) > 1e-4:
                raise InputError(
                    f"{record.folder}: result.json says {split} macro-F1 {record.result[split]['macro_f1']:.4f}, its "
                    f"predictions give {f1:.4f}; delete the folder to have it run again"
                )
    return Scored(arm, records, sums, units)


def cells(table: str, grid: Grid, scored: Sequence[Scored]) -> dict[tuple[Arm, str], Cell]:
    """A cell for each arm and metric: mean, standard deviation, interval over test units and seeds, published."""
    made = {}
    for one in scored:
        column = grid.columns[one.arm.column]
        record = next(iter(one.records.values())).result
        for name in (*grid.metrics, *grid.also):
            split, short = name.split("/")
            values, mean = one.values(name), float(one.values(name).mean())
            low, high = interval(one.draws[split][short])
            published = column.published.get(one.arm.row, {}).get(name)
            made[one.arm, name] = Cell(
                table,
                row_label(grid, one.arm),
                column.label,
                name,
                mean,
                float(values.std(ddof=1)),
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


def run_lines(grid: Grid, scored: Sequence[Scored]) -> pd.DataFrame:
    """A line a run: where it stands in the grid, and every figure of its record."""
    return pd.DataFrame(
        {
            "protocol": one.arm.protocol,
            "column": one.arm.column,
            "row": one.arm.row,
            "setting": one.arm.setting,
            "seed": seed,
            "step": record.result["step"],
            "selection": record.result["selection"],
            "simulated": record.result["simulated"],
            **{
                f"{split}/{name}": value
                for split in ("val", "test")
                for name, value in record.result.get(split, {}).items()
            },
            "config_sha256": record.result["config_sha256"],
            "record_sha256": record.result["record_sha256"],
        }
        for one in scored
        for seed, record in one.records.items()
    )
