"""A CSV file as numbers: what is missing, what is none, and the scale of the training rows."""

import warnings
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from clsunbias.errors import InputError

REMEDY = "fill them in, leave the columns out with data.ignore, or set data.missing to median"


def read_table(path: Path) -> pd.DataFrame:
    """All cells as text, missing ones as NaN.

    Raises:
        InputError: the file is missing, holds no rows, or is no CSV file.
    """
    if not path.is_file():
        raise InputError(f"{path} is missing; put the table there, or mend --data.path and --data.root")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", pd.errors.ParserWarning)  # of rows longer than the header, else cut short
            frame = pd.read_csv(
                path, dtype=str, na_values=["?"], skipinitialspace=True, index_col=False, encoding="utf-8-sig"
            )
    except (ValueError, pd.errors.ParserWarning) as error:  # pandas' own errors, and those of the encoding
        raise InputError(f"{path} is no CSV file with a header, commas and UTF-8: {str(error).strip()}") from error
    if frame.empty:
        raise InputError(f"{path} holds no rows below its header")
    return frame


def cells(frame: pd.DataFrame, column: str, path: Path) -> pd.Series:
    """A column of text that every row must have; raises InputError with the rows, from 1, that do not."""
    found: pd.Series = frame[column].str.strip()
    found = found.mask(found == "")
    empty = [str(row) for row in np.flatnonzero(found.isna()) + 1]
    if empty:
        more = ", …" if len(empty) > 5 else ""
        raise InputError(
            f"{path}: {column} is empty in row {', '.join(empty[:5])}{more} (counted from 1 below the header)"
        )
    return found


def numbers(frame: pd.DataFrame, path: Path) -> pd.DataFrame:
    """Features as float64, missing ones as NaN.

    Raises:
        InputError: cells that are neither missing nor a finite number, with their columns.
    """
    values: pd.DataFrame = frame.apply(pd.to_numeric, errors="coerce").astype(float)
    wrong = frame.notna() & ~np.isfinite(values)
    shown = [
        f"{name!r} (such as {column[wrong[name]].iloc[0]!r})" for name, column in frame.items() if wrong[name].any()
    ]
    if shown:
        raise InputError(
            f"{path} has cells that are no numbers in {', '.join(shown)}; make categories columns of 0 and 1 "
            "(pandas.get_dummies does), or leave the columns out with data.ignore"
        )
    return values


@dataclass(frozen=True)
class Scale:
    """What the training rows say of each feature.

    Attributes:
        mean: of each feature, after missing ones were filled in.
        sd: of each feature, 1 where it does not vary.
        fill: what a missing feature becomes, its median; None to refuse it.
    """

    mean: pd.Series
    sd: pd.Series
    fill: pd.Series | None

    @classmethod
    def of(cls, train: pd.DataFrame, path: Path, median: bool) -> "Scale":
        """The scale of the training rows.

        Args:
            train: their features.
            path: of the table, for errors.
            median: whether to fill in missing features.

        Raises:
            InputError: a feature that no training row has.
        """
        fill = train.median() if median else None
        if fill is not None and fill.isna().any():
            names = ", ".join(map(repr, fill.index[fill.isna()]))
            raise InputError(f"{path}: no training row has {names}, so there is no median; name it in data.ignore")
        filled = train if fill is None else train.fillna(fill)
        varies = filled.max() > filled.min()  # not by the deviation, which rounding may leave above 0
        return cls(filled.mean(), filled.std(ddof=0).where(varies, 1.0), fill)

    def __call__(self, values: pd.DataFrame, path: Path) -> Tensor:
        """Features as float32 ``(N, D)``, standardised.

        Raises:
            InputError: missing features that are not to be filled in, with their columns.
        """
        missing = values.isna().sum()
        if self.fill is None and missing.any():
            shown = ", ".join(f"{name!r} ({count} of {len(values)} rows)" for name, count in missing.items() if count)
            raise InputError(f"{path} has missing cells in {shown}; {REMEDY}")
        filled = values if self.fill is None else values.fillna(self.fill)
        return torch.tensor(((filled - self.mean) / self.sd).to_numpy(), dtype=torch.float32)
