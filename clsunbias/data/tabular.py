"""Tables: a CSV file of numbers with a column of labels, a row or a patient at a time."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import pandas as pd
import torch

from clsunbias.data.base import DataModule, Split
from clsunbias.data.table import as_labelled, cells, check_names, fit_scaler, numbers, read_table, warn_of_telling
from clsunbias.data.units import Units
from clsunbias.errors import InputError, listed
from clsunbias.files import find_data, nowhere
from clsunbias.splits import SPLIT_NAMES, SPLITS, SplitPlan, order_classes


class Tabular(DataModule):
    """A table of one's own: a CSV file with a header, a row for each measurement, and a column of labels.

    Every column that is not named here is a feature, with a name of its own: a number, standardised by mean and
    standard deviation of the training rows (a column that does not vary there becomes 0). Empty cells, NA,
    NaN and ``?`` are missing there; labels, splits and groups are as written, such as None.

    Args:
        path: the file, as seen from where one stands or, if it is not there, below root; its name without suffix is the
            data set's.
        label: column of the class.
        root: folder of the file; default $CLSUNBIAS_DATA, else ``data``.
        classes: labels in the order of the classes, the negative one first; default all labels, sorted. Yes and no,
            on and off, true and false need no quotes.
        split: column that says train, val (also valid, validation or dev) or test; rows where it is empty are drawn
            by the plan. None has all rows drawn.
        group: column of what rows belong to, such as a patient: it is drawn into one split as a whole, and results
            count it (mean probability of its rows), with rows beside it. None has each row stand alone.
        ignore: columns to leave out, such as numbers of records or what is known only after the diagnosis.
        missing: ``refuse`` missing features, or put the ``median`` of the training rows in their place.
        plan: how rows, or groups, are drawn: by class, with a seed of its own; default 60, 20 and 20 %.
        options: of every data set (:class:`DataModule`).
    """

    def __init__(
        self,
        path: Path,
        label: str,
        root: Path | None = None,
        classes: Sequence[str | int | float | bool] = (),
        split: str | None = None,
        group: str | None = None,
        ignore: Sequence[str] = (),
        missing: Literal["refuse", "median"] = "refuse",
        plan: SplitPlan | None = None,
        **options: Any,
    ) -> None:
        super().__init__(**options)
        self.asked, self.path = path, find_data(path, root)
        self.name = self.path.stem
        self.label, self.split, self.group, self.ignore = label, split, group, tuple(ignore)
        self.roles_in_table = [label, *(name for name in (split, group) if name)]
        self.named = [*self.roles_in_table, *ignore]
        self.classes = list(classes)
        self.missing = missing
        self.plan = plan or SplitPlan()

    @property
    def source(self) -> Path:
        return self.path

    def describe(self) -> None:
        self.class_names = tuple(map(str, self.classes))
        if not self.classes or any(isinstance(name, bool) for name in self.classes):
            labels = cells(self.table(), self.label, self.path)
            self.class_names = order_classes(labels, as_labelled(self.classes, labels, self.path), self.path)

    def table(self) -> pd.DataFrame:
        """The file's cells as text; every column that is named is there."""
        if not self.path.is_file():
            raise InputError(nowhere(self.asked, self.path, "put the table there, or mend --data.path and --data.root"))
        frame = read_table(self.path, self.roles_in_table)
        for name in self.named:
            if name not in frame:
                raise InputError(f"{self.path} has no column {name!r}; it has {listed(map(repr, frame))}")
        return frame

    def load(self) -> dict[str, Split]:
        """Reads the file.

        Raises:
            InputError: a file that is no table; a column that is not there; a feature that is no number or missing;
                a label, group or split that is empty, unknown or contradicts itself; too few rows of a class to split.
        """
        frame = self.table()
        self.features = self.feature_columns(frame)
        values = numbers(frame[self.features], self.path, self.missing == "refuse")
        rows = self.roles(frame)
        self.scaler = fit_scaler(values[rows["split"] == "train"], self.path)
        x = self.standardise(values)
        splits = {}
        for name in SPLITS:
            at = np.flatnonzero(rows["split"] == name)
            target = torch.tensor(rows["label"].to_numpy(np.int64)[at])
            splits[name] = Split(x[at], target, self.units(rows["group"].iloc[at], target, at + 1))
        return splits

    def setup(self, stage: str) -> None:
        fresh = not self.splits
        super().setup(stage)
        if fresh and stage == "fit":
            train = self.splits["train"]
            warn_of_telling(train.x[:].numpy(), train.target.numpy(), self.features, self.path)

    def feature_columns(self, frame: pd.DataFrame) -> list[str]:
        """Names of the features, in the order of the table."""
        features = [str(name) for name in frame if name not in self.named]
        if not features:
            raise InputError(f"{self.path} has no column of features beside {listed(map(repr, self.named))}")
        check_names(frame, features, self.path)
        return features

    def standardise(self, values: pd.DataFrame) -> torch.Tensor:
        """Features as float32 ``(N, D)``, filled in and scaled as the training rows say."""
        return torch.from_numpy(self.scaler.transform(values)).float()

    def roles(self, frame: pd.DataFrame) -> pd.DataFrame:
        """Of each row: ``group`` (its own, or its number), ``label`` (number of the class) and ``split``."""
        labels = cells(frame, self.label, self.path)
        self.class_names = names = order_classes(labels, as_labelled(self.classes, labels, self.path), self.path)
        unknown = sorted(set(labels) - set(names))
        if unknown:
            raise InputError(
                f"{self.path}: {self.label} is {listed(map(repr, unknown))} in some rows, none of the classes "
                f"{listed(map(repr, names))}; name every class in data.classes, or take those rows out"
            )
        rows = pd.DataFrame({"label": labels.map(names.index).astype(int), "split": self.given_splits(frame)})
        rows["group"] = cells(frame, self.group, self.path) if self.group else np.arange(1, len(frame) + 1)
        for what in ("label", "split"):
            torn = rows.groupby("group")[what].nunique()
            if (torn > 1).any():
                raise InputError(f"{self.path}: {self.group} {torn.idxmax()!r} has rows with more than one {what}")
        rows["split"] = self.plan.assign(rows, of=f"{'groups' if self.group else 'rows'} of {self.path}", classes=names)
        for name in SPLITS:
            if name not in set(rows["split"]):
                raise InputError(
                    f"{self.path}: no row is of split {name!r}; leave {self.split} empty where rows may be drawn for it"
                )
        return rows

    def given_splits(self, frame: pd.DataFrame) -> pd.Series:
        """The split that the table gives each row, empty where it gives none."""
        if self.split is None:
            return pd.Series("", frame.index)
        found = frame[self.split].fillna("").str.strip().str.lower()
        unknown = sorted(set(found) - set(SPLIT_NAMES) - {""})
        if unknown:
            raise InputError(f"{self.path}: {self.split} {unknown[0]!r} is none of {', '.join(SPLIT_NAMES)}")
        return found.map({"": "", **SPLIT_NAMES})

    def units(self, group: pd.Series, target: torch.Tensor, row: npt.NDArray[np.int64]) -> list[Units]:
        """What is scored: groups if there are any, and rows, by their number in the file from 1 below the header."""
        rows = Units(target, None, "row", [*map(str, row)])
        if self.group is None:
            return [rows]
        codes, names = pd.factorize(group)
        of_row = torch.from_numpy(codes.astype(np.int64))
        unit_target = torch.zeros(len(names), dtype=torch.int64).index_copy_(0, of_row, target)
        return [Units(unit_target, of_row, self.group, list(names)), rows]

    def read(self, path: Path) -> Split:
        """New rows with the features of the table, which must still be there for their scale; other columns may be too.

        Raises:
            InputError: a column is not there, or a feature is no number or missing.
        """
        self.setup("predict")
        frame = read_table(path, self.roles_in_table)
        absent = [name for name in self.features if name not in frame]
        if absent:
            raise InputError(f"{path} lacks {listed(map(repr, absent))}, with which the model was trained")
        header = frame.attrs["header"].items()
        check_names(frame, [name for name, text in header if text in self.features and name not in self.ignore], path)
        x = self.standardise(numbers(frame[self.features], path, self.missing == "refuse"))
        target = torch.zeros(len(frame), dtype=torch.int64)
        row = np.arange(1, len(frame) + 1)
        group = cells(frame, self.group, path) if self.group and self.group in frame else pd.Series(row.astype(str))
        return Split(x, target, self.units(group, target, row))
