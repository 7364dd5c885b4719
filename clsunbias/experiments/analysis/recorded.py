"""Records and the predictions behind them: what a record must have, and whether its figures are theirs."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from clsunbias.errors import InputError
from clsunbias.experiments.analysis.decided import VALIDATION
from clsunbias.experiments.analysis.statistics import METRICS, OF_TWO, RANKING, Floats, Labels
from clsunbias.experiments.running.run import Record


def on_split(
    frames: Sequence[pd.DataFrame], split: str, records: Mapping[int, Record]
) -> tuple[Floats, Labels, npt.NDArray[Any]]:
    """Probabilities ``(S, N, C)`` of the runs on a split, class and name of each unit; InputError if units differ."""
    # Arrays, since parts of a thousand frames take pandas a second.
    rows = [np.flatnonzero(frame["split"] == split) for frame in frames]
    parts = list(zip(frames, rows, strict=True))
    # Names as text: beside made-up training rows, which have names, a number is read as one.
    units = [(frame["unit"].to_numpy()[at].astype(str), frame["label"].to_numpy()[at]) for frame, at in parts]
    for record, (unit, label) in zip(records.values(), units, strict=True):
        if not (np.array_equal(units[0][0], unit) and np.array_equal(units[0][1], label)):
            raise InputError(f"{record.folder} was scored on other {split} data than the other runs of its row")
    prob = np.stack([frame.filter(regex=r"^prob_\d+$").to_numpy(float)[at] for frame, at in parts])
    return prob, units[0][1].astype(int), units[0][0]


def folds_on(frames: Sequence[pd.DataFrame], split: str) -> Labels | None:
    """The fold whose model scored each unit of a split in each run, ``(S, N)``; None of runs without folds."""
    if "fold" not in frames[0]:
        return None
    return np.stack([frame["fold"].to_numpy()[frame["split"] == split].astype(int) for frame in frames])


def check_recorded(record: Record, split: str, f1: float) -> None:
    """Raises InputError if the macro-F1 of a record is not that of its predictions."""
    if abs(record.result[split]["macro_f1"] - f1) > 1e-4:
        raise InputError(
            f"{record.folder}: result.json says {split} macro-F1 {record.result[split]['macro_f1']:.4f}, its "
            f"predictions give {f1:.4f}; delete the folder to have it run again"
        )


def check_asked(record: Record, asked: Mapping[str, Sequence[str]]) -> None:
    """Raises InputError if a record lacks a split, or a metric of one, that is asked for."""
    for asked_split, names in asked.items():
        split, _, rule = asked_split.partition("@")
        for needed in (split, *([VALIDATION] if rule else [])):
            if needed not in record.result["units"]:
                splits = ", ".join(record.result["units"])
                raise InputError(f"{record.folder} has no split {needed!r} to take a metric of; it has {splits}")
        recorded = record.result[split]
        known = {*recorded, *METRICS - OF_TWO, *(f"{kind}/{name}" for kind in RANKING for name in classes_in(recorded))}
        if lacking := [name for name in names if name not in known]:
            raise InputError(f"{record.folder} has no {split} metric {lacking[0]!r}; it has {', '.join(sorted(known))}")


def classes_in(metrics: Mapping[str, float]) -> list[str]:
    """The classes whose own metrics go by their names in a record."""
    return [name.removeprefix("f1/") for name in metrics if name.startswith("f1/")]
