"""Attributes of units, such as sex or site, from a file beside the predictions."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from clsunbias.errors import InputError, listed


@dataclass(frozen=True)
class Attributes:
    """A column of a CSV file with a line a unit: ``unit``, the column, and ``split`` where splits share names of units.

    Attributes:
        path: of the file.
        column: the attribute.
    """

    path: Path
    column: str

    def of_units(self, predictions: pd.DataFrame) -> dict[str, npt.NDArray[Any]]:
        """The attribute of each unit by split, in the order of the predictions.

        Raises:
            InputError: the file cannot be read, lacks a column, or names a unit of the predictions twice or not at all.
        """
        table = self._table()
        keys = ["split", "unit"] if "split" in table else ["unit"]
        if twice := sorted(set(table["unit"][table.duplicated(keys)])):
            raise InputError(f"{self.path} names units twice: {listed(twice, 3)}")
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

    def _table(self) -> pd.DataFrame:
        try:
            table = pd.read_csv(self.path, dtype=str, keep_default_na=False)
        except (OSError, ValueError) as error:
            raise InputError(f"--attributes {self.path} cannot be read: {error}") from error
        for name in ("unit", self.column):
            if name not in table:
                raise InputError(f"{self.path} has no column {name!r}; it has {', '.join(map(str, table.columns))}")
        return table[[*(["split"] if "split" in table else []), "unit", self.column]]
