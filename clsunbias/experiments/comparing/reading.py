"""Predictions to compare: of a run, of a folder of runs by seed, or anyone's CSV file."""

import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from clsunbias.errors import InputError, listed
from clsunbias.experiments.analysis.statistics import Floats, Labels
from clsunbias.experiments.comparing.faults import check_prob, check_units
from clsunbias.experiments.running.run import read_record

VALIDATION = frozenset({"val", "valid", "validation"})
"""What a split to choose thresholds on may be called; one that is called ``train`` is left out, the others are test."""

FORMAT = "unit,label,prob or prob_CLASS for each class, and if need be split (val, test) and seed"
"""The columns of a file of predictions."""


class Part(NamedTuple):
    """The units of a split, ``(N,)``, the class of each, ``(N,)``, and probabilities ``(S, N, C)`` of S runs."""

    units: pd.Index
    target: Labels
    prob: Floats


@dataclass(frozen=True, eq=False)
class Predictions:
    """What one method predicts: its name, where from, the classes (of two the second is positive), seeds and splits.

    Simulated: whether a run says that its data are; a file says nothing of it.
    """

    name: str
    source: Path
    classes: tuple[str, ...]
    seeds: tuple[Any, ...]
    parts: Mapping[str, Part]
    simulated: bool = False


def read(source: Path, unit: str | None) -> Predictions:
    """Reads the predictions of one method.

    Args:
        source: a run folder, a folder with run folders of one objective below it, or a CSV file.
        unit: the column of what counts as one unit, if not ``unit``: rows that share it are merged by their mean.

    Raises:
        InputError: they are not there, cannot be read or are no predictions.
    """
    if source.is_dir():
        return of_runs(source, unit)
    if not source.is_file():
        raise InputError(f"there is no {source}; give a run folder, a folder of runs or a CSV file ({FORMAT})")
    try:
        frame = pd.read_csv(source, low_memory=False, dtype={unit or "unit": str})  # 007 is not 7
    except (ValueError, OSError) as error:  # pandas' own errors are ValueErrors
        raise InputError(f"{source} cannot be read as CSV: {error}") from error
    return of_frame(source.stem, source, frame, unit)


def of_runs(folder: Path, unit: str | None) -> Predictions:
    """The predictions of a run, or of all runs below a folder, which differ in their seeds alone."""
    folders = sorted(path.parent for path in folder.rglob("result.json"))
    if not folders:
        raise InputError(f"{folder} holds no finished run (there is no result.json in it or below it)")
    return of_trainings(folder, folders, unit)


def of_trainings(folder: Path, folders: Sequence[Path], unit: str | None = None) -> Predictions:
    """The predictions of runs that differ in their seeds alone; the first folder is what messages speak of."""
    records = [read_record(path)[0] for path in folders]
    names = dict.fromkeys(str(record.result["objective"]) for record in records)
    data = dict.fromkeys(str(record.result["dataset"]) for record in records)
    for what, found in (("objective", names), ("data set", data)):
        if len(found) > 1:
            raise InputError(f"{folder} holds runs of more than one {what} ({listed(found)}); give the folder of one")
    frames, seeds = [], dict[int, Path]()
    for record in records:
        seed = int(record.result["seed"])
        if seed in seeds:
            raise InputError(
                f"{seeds[seed]} and {record.folder} are both of seed {seed}; give the folder of one setting"
            )
        seeds[seed] = record.folder
        content = io.BytesIO(record.file("predictions"))
        frames.append(pd.read_csv(content, low_memory=False, dtype={"unit": str}).assign(seed=seed))
    classes = records[0].result.get("class_names")
    made = of_frame(next(iter(names)), folder, pd.concat(frames, ignore_index=True), unit, classes)
    return replace(made, simulated=any(record.result["simulated"] for record in records))


def of_frame(
    name: str, source: Path, frame: pd.DataFrame, unit: str | None = None, names: Sequence[str] | None = None
) -> Predictions:
    """Predictions in a table.

    Args:
        name: of the method.
        source: where the table is from, for messages.
        frame: a row for each unit, split and seed.
        unit: as for :func:`read`.
        names: of the classes that ``prob_0``, ``prob_1`` … and a numeric label count.
    """
    column = unit or "unit"
    for needed in (column, "label"):
        if needed not in frame:
            raise InputError(
                f"{source} has no column {needed!r}; it has {listed(frame.columns, 12)} (needed: {FORMAT})"
            )
    classes, prob = probabilities(source, frame)
    target = labels(source, frame, classes)
    if is_unnamed(classes):
        classes = tuple(names or named(frame, target) or classes)
    check_prob(source, frame[column], prob)
    split = frame["split"].astype(str) if "split" in frame else pd.Series("test", frame.index)
    seed = frame["seed"] if "seed" in frame else pd.Series(0, frame.index)
    kind = split.where(split == "train", "test").mask(split.isin(VALIDATION), "val").to_numpy()
    if lacking := [one for one in (column, "split", "seed") if one in frame and frame[one].isna().any()]:
        raise InputError(f"{source} has rows without {' and '.join(lacking)}")
    unit_of = frame[column].astype(str)
    tests = split[kind == "test"].unique()
    if len(tests) > 1:  # a unit's name need be its own within its split alone
        unit_of = unit_of.where(kind != "test", split + ": " + unit_of)
    table = Table(source, unit_of.to_numpy(str), target, prob, seed.to_numpy())
    seeds = tuple(sorted(seed.unique().tolist()))
    parts = {
        part: table.part(kind == part, seeds, part, merged=unit is not None)
        for part in ("val", "test")
        if (kind == part).any()
    }
    if "test" not in parts:
        raise InputError(f"{source} has no test rows: its splits are {listed(split.unique())}")
    return Predictions(name, source, classes, seeds, parts)


class Table(NamedTuple):
    """Columns of a file of predictions, a row each for unit, split and seed."""

    source: Path
    unit: Any
    target: Labels
    prob: Floats
    seed: Any

    def part(self, rows: Any, seeds: Sequence[Any], split: str, merged: bool) -> Part:
        """The rows of a split, units in the order of the first seed's; those of a unit merged if that is asked for."""
        parts: list[Part] = []
        for seed in seeds:
            at = np.flatnonzero(rows & (self.seed == seed))
            part = Part(pd.Index(self.unit[at]), self.target[at], self.prob[at])
            if merged:
                part = merge(self.source, part)
            elif part.units.has_duplicates:
                several = part.units[part.units.duplicated()].unique()
                of_seed = f" of seed {seed}" if len(seeds) > 1 else ""
                raise InputError(
                    f"{self.source}: {len(several)} {split} units{of_seed} stand there more than once: "
                    f"{listed(several, 3)}; each is one row, or --unit names the column whose rows are to be merged"
                )
            first = parts[0] if parts else part
            order = first.units.get_indexer(part.units)
            if len(part.units) != len(first.units) or (order < 0).any():
                check_units(f"{self.source}, seed {seeds[0]}", first.units, f"seed {seed}", part.units, split)
            back = np.argsort(order)
            parts.append(Part(first.units, part.target[back], part.prob[back]))
            if not np.array_equal(parts[-1].target, first.target):
                wrong = first.units[parts[-1].target != first.target]
                raise InputError(
                    f"{self.source}: {len(wrong)} {split} units have one label in seed {seeds[0]} and another in seed "
                    f"{seed}: {listed(wrong, 3)}"
                )
        return Part(parts[0].units, parts[0].target, np.stack([one.prob for one in parts]))


def merge(source: Path, part: Part) -> Part:
    """Rows of the same unit as one, with the mean of their probabilities; raises InputError if their labels differ."""
    code, units = pd.factorize(part.units)
    count = np.bincount(code)
    prob = np.stack([np.bincount(code, column) / count for column in part.prob.T], axis=1)
    target = np.zeros(len(units), int)
    target[code] = part.target
    if (differing := np.unique(code[target[code] != part.target])).size:
        raise InputError(
            f"{source}: {len(differing)} units have rows of more than one label: {listed(units[differing], 3)}; "
            "a unit that is merged has one"
        )
    return Part(pd.Index(units), target, prob)


def probabilities(source: Path, frame: pd.DataFrame) -> tuple[tuple[str, ...], Floats]:
    """Names of the classes as columns have them, and probabilities ``(rows, C)``."""
    found = [str(column) for column in frame if str(column).startswith("prob_")]
    if set(found) == {f"prob_{index}" for index in range(len(found))}:
        found = [f"prob_{index}" for index in range(len(found))]
    if len(found) == 1 or (not found and "prob" not in frame):
        raise InputError(
            f"{source} has no probabilities: a column prob (of label 1), or prob_CLASS for each class; "
            f"it has {listed(frame.columns, 12)}"
        )
    try:
        values = frame[found or ["prob"]].to_numpy(float)
    except ValueError as error:
        raise InputError(f"{source} has probabilities that are no numbers: {error}") from error
    prob = values if found else np.concatenate([1 - values, values], axis=1)
    return tuple(name.removeprefix("prob_") for name in found) or ("0", "1"), prob


def labels(source: Path, frame: pd.DataFrame, classes: Sequence[str]) -> Labels:
    """The index of each row's class; raises InputError if a label is no class."""
    column = frame["label"]
    if column.dtype == bool or (column.dtype.kind == "f" and (column.dropna() % 1 == 0).all()):
        column = column.astype("Int64")
    code = pd.Index(classes).get_indexer(pd.Index(column.astype(str)))
    if (code < 0).any():
        unknown = [str(one) for one in column[code < 0]]
        raise InputError(
            f"{source}: {len(unknown)} labels are no class ({listed(dict.fromkeys(unknown), 3)}); "
            f"by its columns of probabilities the classes are {listed(classes, 12)}"
        )
    return code


def is_unnamed(classes: Sequence[str]) -> bool:
    """Whether classes are but counted."""
    return list(classes) == [str(index) for index in range(len(classes))]


def named(frame: pd.DataFrame, target: Labels) -> list[str] | None:
    """The classes by the column ``class``, if it names each label once."""
    if "class" not in frame:
        return None
    pairs = pd.DataFrame({"label": target, "class": frame["class"].astype(str)}).drop_duplicates().sort_values("label")
    once = pairs["label"].is_unique and pairs["class"].is_unique and len(pairs) == pairs["label"].max() + 1
    return list(pairs["class"]) if once else None
