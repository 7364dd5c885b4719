"""Finished runs of an arm, scored on the same units: what cells, comparisons and contrasts are made of."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pandas as pd

from clsunbias.errors import InputError
from clsunbias.experiments.analysis.statistics import Floats, Resampling, metrics, unit_sums
from clsunbias.experiments.grid import Grid
from clsunbias.experiments.plan import Arm
from clsunbias.experiments.running.run import Record, read_predictions


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
    frames = read_predictions(list(records.values()))
    sums, units = {}, {}
    for split in splits:
        for record in records.values():
            if split not in record.result["units"]:
                there = ", ".join(record.result["units"])
                raise InputError(f"{record.folder} has no split {split!r} to take a metric of; it has {there}")
        # Arrays, since parts of a thousand frames take pandas a second.
        rows = [np.flatnonzero(frame["split"] == split) for frame in frames]
        parts = list(zip(frames, rows, strict=True))
        scored_units = [(frame["unit"].to_numpy()[at], frame["label"].to_numpy()[at]) for frame, at in parts]
        for record, (unit, label) in zip(records.values(), scored_units, strict=True):
            if not (np.array_equal(scored_units[0][0], unit) and np.array_equal(scored_units[0][1], label)):
                raise InputError(f"{record.folder} was scored on other {split} data than the other runs of its row")
        units[split] = scored_units[0][1].astype(int)
        sums[split] = unit_sums(np.stack([frame.iloc[:, 3:].to_numpy(float)[at] for frame, at in parts]), units[split])
        for record, f1 in zip(records.values(), metrics(sums[split].sum(0))["macro_f1"], strict=True):
            if abs(record.result[split]["macro_f1"] - f1) > 1e-4:
                raise InputError(
                    f"{record.folder}: result.json says {split} macro-F1 {record.result[split]['macro_f1']:.4f}, its "
                    f"predictions give {f1:.4f}; delete the folder to have it run again"
                )
    return Scored(arm, records, sums, units)


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
