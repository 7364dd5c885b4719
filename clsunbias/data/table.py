"""A CSV file as numbers: what is missing, what is none, and the scale of the training rows."""

import math
import re
import sys
import warnings
from collections.abc import Collection, Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from lightning.pytorch.utilities import rank_zero_only

from clsunbias.errors import InputError, listed

if TYPE_CHECKING:
    from sklearn.pipeline import Pipeline

FORMAT: dict[str, Any] = {"dtype": str, "skipinitialspace": True, "index_col": False, "encoding": "utf-8-sig"}
"""How a CSV file is read: all cells as text."""

WORDS = {True: ("yes", "true", "on"), False: ("no", "false", "off")}
"""What YAML takes for a truth value, in any case, unless it is quoted."""

TELLING = 0.99
"""AUROC from which on a feature alone is said to tell two classes apart."""


def read_table(path: Path, as_written: Collection[str] = ()) -> pd.DataFrame:
    """All cells as text, missing ones as NaN; in the columns as_written none but empty cells are missing.

    Raises:
        InputError: the file is missing, holds no rows, or is no CSV file.
    """
    if not path.is_file():
        raise InputError(f"{path} is missing; put the table there, or mend --data.path and --data.root")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", pd.errors.ParserWarning)  # of rows longer than the header, else cut short
            frame: pd.DataFrame = pd.read_csv(path, na_values=["?"], **FORMAT)
            written = [name for name in dict.fromkeys(as_written) if name in frame]
            frame[written] = pd.read_csv(path, usecols=written, keep_default_na=False, **FORMAT)[written]
            header = pd.read_csv(path, header=None, nrows=1, keep_default_na=False, **FORMAT).iloc[0].tolist()
    except (ValueError, pd.errors.ParserWarning) as error:  # pandas' own errors, and those of the encoding
        raise InputError(f"{path} is no CSV file with a header, commas and UTF-8: {str(error).strip()}") from error
    if frame.empty:
        raise InputError(f"{path} holds no rows below its header")
    named = [text for text in header if text]
    if all(map(is_number, named)) and named != [*map(str, range(len(named)))]:  # pandas counts columns so, from 0
        raise InputError(f"{path} has no header, but numbers in its first row; put names of the columns above them")
    # pandas gives a name to a column that has none, and another to one whose name was there before
    frame.attrs["header"] = dict(zip(frame, header, strict=True))
    return frame


def is_number(text: str) -> bool:
    """Whether a cell holds a number, such as no header would."""
    return not math.isnan(pd.to_numeric(text, errors="coerce"))


def check_names(frame: pd.DataFrame, features: list[str], path: Path) -> None:
    """Raises InputError with the features that have no name in the file, or one that another column has, too."""
    header = frame.attrs["header"]
    nameless = [name for name in features if not header[name] or re.fullmatch(r"Unnamed: \d+", name)]
    if nameless:
        raise InputError(
            f"{path} has columns without a name: {listed(map(repr, nameless))} (pandas' to_csv writes row numbers so "
            "unless index=False); take them out, name them, or leave them out with data.ignore"
        )
    twins = [f"{header[name]!r} (again as {name!r})" for name in features if name != header[name]]
    if twins:
        raise InputError(
            f"{path} has columns of the same name: {listed(twins)}; keep one of each, rename the others, or leave them "
            "out with data.ignore"
        )


@rank_zero_only
def warn_of_telling(x: npt.NDArray[np.float32], target: npt.NDArray[np.int64], names: list[str], path: Path) -> None:
    """Says on stderr which features alone tell two classes of these rows apart, unless chance may well have done it."""
    positive = int(target.sum())
    if target.max() > 1 or len(names) * 2 / math.comb(len(target), positive) > 0.01:
        return
    ranks = pd.DataFrame(x).rank().to_numpy()[target == 1].mean(0)
    auroc = (ranks - (positive + 1) / 2) / (len(target) - positive)
    telling = [repr(names[at]) for at in np.flatnonzero(np.maximum(auroc, 1 - auroc) >= TELLING)]
    if telling:
        print(
            f"clsunbias: warning: {path}: {listed(telling)} alone tells the classes of the training rows apart (AUROC "
            f"of at least {TELLING}); if it is known only after the diagnosis, leave it out with data.ignore",
            file=sys.stderr,
        )


def cells(frame: pd.DataFrame, column: str, path: Path) -> pd.Series:
    """A column of text that every row must have; raises InputError with the rows, from 1, that do not."""
    found: pd.Series = frame[column].str.strip()
    found = found.mask(found == "")
    empty = [str(row) for row in np.flatnonzero(found.isna()) + 1]
    if empty:
        raise InputError(f"{path}: {column} is empty in row {listed(empty)} (counted from 1 below the header)")
    return found


def as_labelled(classes: Sequence[str | float | bool], labels: Iterable[str], path: Path) -> list[str]:
    """Classes as texts; those that YAML made truth values as the labels spell them, else InputError."""
    texts = []
    for name in classes:
        meant = [label for label in sorted(set(labels)) if isinstance(name, bool) and label.lower() in WORDS[name]]
        if isinstance(name, bool) and len(meant) != 1:
            found = listed(map(repr, meant)) or f"none of {', '.join(WORDS[name])}"
            raise InputError(
                f"{path}: a class that is {name} to YAML is a label such as {WORDS[name][0]}, but labels hold {found}; "
                'put the classes in quotes, as the table spells them: data.classes \'["No", "Yes"]\''
            )
        texts.append(meant[0] if isinstance(name, bool) else str(name))
    return texts


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
            f"{path} has cells that are no numbers in {listed(shown)}; make categories columns of 0 and 1 "
            "(pandas.get_dummies does), or leave the columns out with data.ignore"
        )
    missing = values.isna().sum()
    if refuse_missing and missing.any():
        which = listed(f"{name!r} ({count} of {len(values)} rows)" for name, count in missing.items() if count)
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
        names = listed(map(repr, empty))
        raise InputError(f"{path}: no training row has {names}, so there is no median; name it in data.ignore")
    return make_pipeline(SimpleImputer(strategy="median"), StandardScaler()).fit(train)
