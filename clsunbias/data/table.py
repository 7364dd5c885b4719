"""A CSV file as numbers: what is missing, what is none, and the scale of the training rows."""

import warnings
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from clsunbias.errors import InputError

if TYPE_CHECKING:
    from sklearn.pipeline import Pipeline


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


def numbers(frame: pd.DataFrame, path: Path, refuse_missing: bool) -> pd.DataFrame:
    """Features as float64, missing ones as NaN.

    Raises:
        InputError: cells that are no finite number, or missing and refused, with their columns.
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
    missing = values.isna().sum()
    if refuse_missing and missing.any():
        which = ", ".join(f"{name!r} ({count} of {len(values)} rows)" for name, count in missing.items() if count)
        raise InputError(
            f"{path} has missing cells in {which}; fill them in, leave the columns out with data.ignore, or set "
            "data.missing to median"
        )
    return values


def fit_scaler(train: pd.DataFrame, path: Path) -> "Pipeline":
    """What fills in and standardises features, by median, mean and deviation of the training rows alone.

    Raises:
        InputError: a feature that no training row has.
    """
    from sklearn.impute import SimpleImputer  # takes a second, which a data set without a table saves
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    empty = train.columns[train.isna().all()]
    if len(empty):
        names = ", ".join(map(repr, empty))
        raise InputError(f"{path}: no training row has {names}, so there is no median; name it in data.ignore")
    return make_pipeline(SimpleImputer(strategy="median"), StandardScaler()).fit(train)
