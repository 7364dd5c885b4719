"""Tables: a CSV file of numbers with a column of labels, a row or a patient at a time."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pandas as pd
import torch
from torch import nn

from clsunbias.data.base import DataModule
from clsunbias.data.categories import Levels, encode, find_levels
from clsunbias.data.leaks import numbers_of_records, warn_of_slips, warn_of_spellings
from clsunbias.data.scale import Standardise, fit_scale
from clsunbias.data.split import Split
from clsunbias.data.table import as_labelled, cells, check_names, numbers, of_units, read_table, split_cells
from clsunbias.data.units import Units
from clsunbias.data_paths import find_data, nowhere
from clsunbias.errors import InputError, listed, shortened
from clsunbias.splits import SPLITS, SplitPlan, order_classes
from clsunbias.terminal import warn


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
        text: ``refuse`` features that are no numbers, or ``encode`` them: a number for each entry that a column has,
            in whatever split, so that every fold has the same features.
        plan: how rows, or groups, are drawn: by class, with a seed of its own; default 60, 20 and 20 %.
        attributes: columns such as sex and age that are no features: results are shown by them, too. Of a patient's
            rows the first that has an entry says it.
        ordered: whether the classes are grades, each more than the one before.
        options: of every data set (:class:`DataModule`).
    """

    scaling = "(value - mean) / deviation of each feature; where missing is median, that stands in for missing values"

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
        text: Literal["refuse", "encode"] = "refuse",
        plan: SplitPlan | None = None,
        attributes: Sequence[str] | None = None,
        ordered: bool = False,
        **options: Any,
    ) -> None:
        super().__init__(**options)
        self.asked, self.path = path, find_data(path, root)
        self.name = self.path.stem
        self.label, self.split, self.group, self.ignore = label, split, group, tuple(ignore)
        self.roles_in_table = [label, *(name for name in (split, group) if name)]
        self.shown_by = list(attributes or ())
        self.named = [*self.roles_in_table, *ignore, *self.shown_by]
        self.classes, self.ordered = list(classes), ordered
        self.missing, self.text = missing, text
        self.levels: Levels = {}  # of columns of text
        self.plan = plan or SplitPlan()
        self.features: list[str] = []  # in the order of the model's inputs
        self.record_numbers: list[str] = []  # features that look like them
        self.columns: list[str] = []  # of the table, that they are made of
        self.standardise: Standardise | None = None

    @property
    def source(self) -> Path:
        return self.path

    def describe(self) -> None:
        self.class_names = tuple(map(str, self.classes))
        if not self.classes or any(isinstance(name, bool) for name in self.classes):
            labels = cells(self.table()[0], self.label, self.path)
            self.class_names = order_classes(labels, as_labelled(self.classes, labels, self.path), self.path)

    def table(self) -> tuple[pd.DataFrame, dict[str, str]]:
        """The file's cells as text, and its header; every column that is named is there."""
        if not self.path.is_file():
            raise InputError(nowhere(self.asked, self.path, "put the table there, or mend --data.path and --data.root"))
        frame, header = read_table(self.path, self.roles_in_table)
        for name in self.named:
            if name not in frame:
                raise InputError(f"{self.path} has no column {name!r}; it has {listed(map(shortened, frame))}")
        return frame, header

    def load(self) -> dict[str, Split]:
        """Reads the file.

        Raises:
            InputError: a file that is no table; a column that is not there; a feature that is no number or missing;
                a label, group or split that is empty, unknown or contradicts itself; too few rows of a class to split.
        """
        values, rows = self.measured()
        of_split = {name: values[rows["split"] == name] for name in SPLITS}
        self.features, self.record_numbers = [*map(str, values)], numbers_of_records(values)
        self.standardise = fit_scale(of_split["train"], self.missing == "median", self.path)
        splits = {}
        for name, part in of_split.items():
            target = torch.tensor(rows.loc[part.index, "label"].to_numpy(np.int64))
            group = rows.loc[part.index, "group"] if self.group else None
            splits[name] = Split(self.standardise(tensor(part)), target, self.units(target, part.index, group))
        return splits

    def measured(self) -> tuple[pd.DataFrame, pd.DataFrame]:
        """Features as they were measured, missing ones as NaN, and :meth:`roles`, of all rows."""
        values, frame = self.measurements()
        rows = self.roles(frame)
        if self.shown_by:
            self.attributes = of_units(frame[self.shown_by], rows["group"], self.path)
        return values, rows

    def measurements(self) -> tuple[pd.DataFrame, pd.DataFrame]:
        """Features as they were measured, missing ones as NaN, and the cells of the whole table."""
        frame, header = self.table()
        self.columns = self.feature_columns(header)
        if self.text == "encode":
            self.levels = find_levels(frame[self.columns], self.path)
        return self.numbers(frame, self.path), frame

    def numbers(self, frame: pd.DataFrame, path: Path) -> pd.DataFrame:
        """The features of some rows as float64, missing ones as NaN; raises InputError for those that are none."""
        text = encode(frame[self.columns], self.levels, path) if self.levels else frame[self.columns]
        return numbers(text, path, self.missing == "refuse")

    def setup(self, stage: str) -> None:
        fresh = not self.splits
        super().setup(stage)
        if fresh and stage == "fit":
            warn_of_slips(self.splits, self.features, self.record_numbers, self.group, self.path)

    def account(self) -> dict[str, Any]:
        assert self.standardise is not None
        learnt = {"features": self.features, "missing": self.missing, **self.standardise.account()}
        text = {"columns": self.columns, "levels": self.levels} if self.levels else {}
        return super().account() | learnt | text

    def preparation(self) -> nn.Module:
        assert self.standardise is not None
        return self.standardise

    def measured_rows(self, split: str) -> Iterator[torch.Tensor]:
        values, rows = self.measured()
        yield from torch.split(tensor(values[rows["split"] == split]), self.evaluation_rows)

    def restore(self, account: Mapping[str, Any]) -> None:
        super().restore(account)
        self.features = list(account["features"])
        self.columns, self.levels = account.get("columns", self.features), account.get("levels", {})
        self.standardise = Standardise(account, self.missing == "median")

    def feature_columns(self, header: Mapping[str, str]) -> list[str]:
        """Names of the features, in the order of the table."""
        features = [name for name in header if name not in self.named]
        if not features:
            raise InputError(f"{self.path} has no column of features beside {listed(map(shortened, self.named))}")
        check_names(header, features, self.path)
        return features

    def roles(self, frame: pd.DataFrame) -> pd.DataFrame:
        """Of each row: ``group`` (its own, or its number), ``label`` (number of the class) and ``split``."""
        labels = cells(frame, self.label, self.path)
        self.class_names = names = order_classes(labels, as_labelled(self.classes, labels, self.path), self.path)
        unknown = sorted(set(labels) - set(names))
        if unknown:
            raise InputError(
                f"{self.path}: {self.label} is {listed(map(shortened, unknown))} in some rows, none of the classes "
                f"{listed(map(shortened, names))}; name every class in data.classes, or take those rows out"
            )
        rows = pd.DataFrame(
            {"label": labels.map(names.index).astype(int), "split": split_cells(frame, self.split, self.path)}
        )
        rows["group"] = cells(frame, self.group, self.path) if self.group else frame.index
        for what in ("label", "split"):
            torn = rows.groupby("group")[what].nunique()
            if (torn > 1).any():
                raise InputError(
                    f"{self.path}: {self.group} {shortened(torn.idxmax())} has rows with more than one {what}"
                )
        rows["split"] = self.plan.assign(rows, of=f"{'groups' if self.group else 'rows'} of {self.path}", classes=names)
        for name in SPLITS:
            if name not in set(rows["split"]):
                raise InputError(
                    f"{self.path}: no row is of split {name!r}; leave {self.split} empty where rows may be drawn for it"
                )
        return rows

    def units(
        self, target: torch.Tensor, rows: "pd.Index[Any]", group: "pd.Series[str] | None", by: str = "row"
    ) -> list[Units]:
        """What is scored: groups if there are any, and rows, which go by the names in an index, and are called so."""
        each = Units(target, None, by, [*map(str, rows)])
        if group is None:
            return [each]
        codes, names = pd.factorize(group)
        of_row = torch.from_numpy(codes.astype(np.int64))
        unit_target = torch.zeros(len(names), dtype=torch.int64).index_copy_(0, of_row, target)
        return [Units(unit_target, of_row, self.group or "", list(names)), each]

    def read(self, path: Path) -> Split:
        """New rows with the features that the model takes, by their names; of other columns it is said that they are.

        Rows of a group are scored together where the column of groups is there. Else a row goes by its cell in the
        first column that is no feature and names each row otherwise, or by its number in a spreadsheet.

        Raises:
            InputError: a column is not there, or a feature is no number or missing.
        """
        if self.standardise is None:
            self.setup("predict")
        assert self.standardise is not None
        frame, header = read_table(path, self.roles_in_table)
        absent = [name for name in self.columns if name not in frame]
        if absent:
            raise InputError(f"{path} lacks {listed(map(shortened, absent))}, with which the model was trained")
        features = set(self.columns)
        twins = [name for name, text in header.items() if text in features and name not in self.ignore]
        check_names(header, twins, path)
        others = [name for name in header if name not in features]
        if more := [repr(name) for name in others if name not in self.named]:
            warn(f"{path}: {listed(more)} is no feature of the model, and has no part in the scores")
        values = self.numbers(frame, path)
        target = torch.zeros(len(frame), dtype=torch.int64)
        group = cells(frame, self.group, path) if self.group and self.group in others else None
        warn_of_spellings(() if group is None else group, f"{path}: names in {self.group}")
        named = (str(name) for name in others if name not in self.roles_in_table)
        by = next((name for name in named if frame[name].is_unique and frame[name].notna().all()), "row")
        names = frame.index if by == "row" else pd.Index(frame[by])
        return Split(self.standardise(tensor(values)), target, self.units(target, names, group, by))


def tensor(values: pd.DataFrame) -> torch.Tensor:
    """Features as measured, float64 ``(N, D)``."""
    return torch.tensor(values.to_numpy(np.float64))
