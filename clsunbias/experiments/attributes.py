"""Attributes of units, such as sex or site, from a file beside the predictions."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from clsunbias.errors import InputError, listed, shortened
from clsunbias.splits import in_order

PARTS = 3
"""Groups that the values of a number are cut into, of alike many units."""

MOST = 20
"""Groups of an attribute: more are names, or numbers of something."""

Names = npt.NDArray[Any]


def read_attributes(path: Path, columns: Sequence[str]) -> pd.DataFrame:
    """Columns of a CSV file with a line a unit: ``unit``, ``split`` if it is there, and those asked for, as text.

    Raises:
        InputError: the file cannot be read, lacks a column, or names a unit twice.
    """
    try:
        table = pd.read_csv(path, dtype=str, keep_default_na=False, skipinitialspace=True)
    except (OSError, ValueError) as error:
        raise InputError(f"the attributes {path} cannot be read: {error}") from error
    for name in ("unit", *columns):
        if name not in table:
            raise InputError(f"{path} has no column {name!r}; it has {', '.join(map(str, table.columns))}")
    keys = ["split", "unit"] if "split" in table else ["unit"]
    table = pd.DataFrame({name: table[name].str.strip() for name in (*keys, *columns)})
    if twice := sorted(set(table["unit"][table.duplicated(keys)])):
        split = "" if "split" in table else "; where splits share names, add a column split"
        raise InputError(f"{path} names units twice: {listed(twice, 3)}{split}")
    return table


@dataclass(frozen=True)
class Attributes:
    """A column of a CSV file with a line a unit: ``unit``, the column, and ``split`` where splits share names of units.

    Attributes:
        path: of the file.
        column: the attribute.
    """

    path: Path
    column: str

    def of_units(self, predictions: pd.DataFrame) -> dict[str, Names]:
        """The attribute of each unit by split, in the order of the predictions.

        Raises:
            InputError: the file cannot be read, lacks a column, or names a unit of the predictions twice or not at all.
        """
        table = read_attributes(self.path, [self.column])
        keys = ["split", "unit"] if "split" in table else ["unit"]
        if "split" not in table and predictions["unit"].duplicated().any():
            raise InputError(
                f"units of several splits have the same names, so {self.path} needs a column split beside unit"
            )
        merged = predictions[["split", "unit"]].merge(table, "left", keys)
        unknown = merged["unit"][merged[self.column].isna() | (merged[self.column] == "")]
        if len(unknown):
            raise InputError(
                f"{self.path} has no {self.column} of {len(unknown)} of {len(merged)} units: {listed(unknown, 3)}"
            )
        return {
            str(name): np.asarray(part, dtype=object) for name, part in merged.groupby("split", sort=False)[self.column]
        }


@dataclass(frozen=True)
class Grouping:
    """By what results are shown apart: some columns of a table of attributes.

    Attributes:
        table: ``unit``, ``split`` if it is there, and the columns, as text.
        by: the columns.
        where: what messages call it.
    """

    table: pd.DataFrame
    by: Sequence[str]
    where: str

    @cached_property
    def groups(self) -> dict[str, pd.Categorical]:
        """The group of each line by attribute, none where it is empty; a number is cut into three of alike many units.

        Raises:
            InputError: an attribute is empty or the same everywhere, or of more than 20 entries that are no numbers.
        """
        return {name: self.groups_by(name) for name in self.by}

    def groups_by(self, name: str) -> pd.Categorical:
        """The groups of one attribute."""
        said = self.table[name].fillna("").to_numpy(object)
        known = said != ""
        different = in_order(set(said[known]))
        if len(different) < 2:
            what = f"is {different[0]}" if different else "is empty"
            raise InputError(f"{self.where}: {name} {what} for all units: there is nothing to compare; leave it out")
        numbers = pd.to_numeric(pd.Series(said[known]), errors="coerce").to_numpy(float)
        if np.isfinite(numbers).all() and len(different) > 2 * PARTS:
            names, place = cut(numbers)
            codes = np.full(len(said), -1)
            codes[known] = place
            return pd.Categorical.from_codes(codes, pd.Index(names, dtype=object))
        if len(different) > MOST:
            raise InputError(
                f"{self.where}: {name} has {len(different)} different entries, such as {shortened(different[0])}; "
                f"groups are of a number, or of {MOST} entries at most"
            )
        return pd.Categorical([one or None for one in said], different)

    def of_units(self, split: str, units: Names) -> dict[str, pd.Categorical]:
        """The group of each unit of a split by attribute, none of one that has no line.

        Raises:
            InputError: as for :attr:`groups`, or none of the units is there.
        """
        here = (self.table["split"] == split).to_numpy() if "split" in self.table else np.full(len(self.table), True)
        line_of = {unit: line for line, unit in enumerate(self.table["unit"]) if here[line]}
        lines = np.array([line_of.get(str(unit), -1) for unit in units])
        if (lines < 0).all():
            called = listed(map(str, units), 3)
            raise InputError(f"{self.where} has none of the {len(units)} units of {split}, which are called {called}")
        return {
            name: pd.Categorical.from_codes(np.where(lines < 0, -1, groups.codes[lines]).astype(int), groups.categories)
            for name, groups in self.groups.items()
        }


def asked_grouping(runs: Path, attributes: Path | None, by: str | None) -> Grouping | None:
    """What is asked for of groups.

    Args:
        runs: folder of runs, which may have attributes of their own.
        attributes: file of them, in place of those.
        by: columns, with commas between them.

    Raises:
        InputError: only half of it is asked for, or no run has attributes of its own.
    """
    if by is None:
        if attributes:
            raise InputError(f"--attributes {attributes} needs --by COLUMN, or several with commas between them")
        return None
    path = attributes or next(iter(sorted(runs.rglob("attributes.csv"))), None)
    if path is None:
        raise InputError(f"--by {by} needs attributes: give --attributes FILE, a CSV file with columns unit and {by}")
    columns = list(dict.fromkeys(name.strip() for name in by.split(",")))
    return Grouping(read_attributes(path, columns), columns, str(path))


def cut(numbers: npt.NDArray[np.float64]) -> tuple[list[str], npt.NDArray[np.int64]]:
    """Names of the thirds that numbers lie in, and in which each does; fewer where many are the same."""
    edges = np.unique(np.quantile(numbers, [part / PARTS for part in range(1, PARTS)], method="lower"))
    edges = edges[edges < numbers.max()] if edges[0] < numbers.max() else np.unique(numbers)[-2:-1]
    shown = [f"{edge:g}" for edge in edges]
    between = [f"over {low} to {high}" for low, high in pairwise(shown)]
    return [f"to {shown[0]}", *between, f"over {shown[-1]}"], np.searchsorted(edges, numbers)
