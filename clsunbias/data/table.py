"""A CSV file as numbers: what is missing, and what is none."""

import math
import re
import warnings
from collections.abc import Collection, Iterable, Mapping, Sequence
from itertools import takewhile
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from clsunbias.errors import InputError, listed, shortened
from clsunbias.splits import SPLIT_NAMES

FORMAT: dict[str, Any] = {"dtype": str, "skipinitialspace": True, "index_col": False, "encoding": "utf-8-sig"}
"""How a CSV file is read: all cells as text."""

COMPRESSED = {".gz", ".zip", ".bz2", ".xz", ".zst", ".tar"}
"""Of files that pandas would unpack, to whatever size."""

WORDS = {True: ("yes", "true", "on"), False: ("no", "false", "off")}
"""What YAML takes for a truth value, in any case, unless it is quoted."""


def read_table(path: Path, as_written: Collection[str] = ()) -> tuple[pd.DataFrame, dict[str, str]]:
    """All cells as text, missing ones as NaN, and what the header calls each column.

    In the columns as_written none but empty cells are missing. pandas names a column that has no name, and renames
    one whose name was there before. The index numbers rows as a spreadsheet does, the header being row 1; rows
    without any text are left out.

    Raises:
        InputError: the file is missing, holds no rows, or is no CSV file.
    """
    if path.suffix.lower() in COMPRESSED:
        raise InputError(f"{path} is compressed: unpack it, and give the CSV file that is in it")
    if not path.is_file():
        raise InputError(f"{path} is missing; give a CSV file that is there")
    try:
        with path.open(encoding="utf-8-sig") as lines:
            above = sum(1 for _ in takewhile(lambda line: not line.strip(), lines))
        rows: dict[str, Any] = {"skiprows": above, "skip_blank_lines": False, **FORMAT}
        with warnings.catch_warnings():
            warnings.simplefilter("error", pd.errors.ParserWarning)  # of rows longer than the header, else cut short
            frame: pd.DataFrame = pd.read_csv(path, na_values=["?"], **rows)
            written = [name for name in dict.fromkeys(as_written) if name in frame]
            frame[written] = pd.read_csv(path, usecols=written, keep_default_na=False, **rows)[written]
            header = pd.read_csv(path, header=None, nrows=1, keep_default_na=False, **FORMAT).iloc[0].tolist()
    except (ValueError, pd.errors.ParserWarning) as error:  # pandas' own errors, and those of the encoding
        raise InputError(f"{path} is no CSV file with a header, commas and UTF-8: {str(error).strip()}") from error
    frame.index = pd.RangeIndex(above + 2, above + 2 + len(frame))
    frame = frame[(frame.notna() & (frame != "")).any(axis=1)]
    if frame.empty:
        raise InputError(f"{path} holds no rows below its header")
    named = [text for text in header if text]
    if all(map(is_number, named)) and named != [*map(str, range(len(named)))]:  # pandas counts columns so, from 0
        raise InputError(f"{path} has no header, but numbers in its first row; put names of the columns above them")
    return frame, dict(zip(map(str, frame), header, strict=True))  # not in attrs, which each look at a column copies


def is_number(text: str) -> bool:
    """Whether a cell holds a number, such as no header would."""
    return not math.isnan(pd.to_numeric(text, errors="coerce"))


def check_names(header: Mapping[str, str], features: list[str], path: Path) -> None:
    """Raises InputError with the features that have no name in the file, or one that another column has, too."""
    nameless = [name for name in features if not header[name] or re.fullmatch(r"Unnamed: \d+", name)]
    if nameless:
        raise InputError(
            f"{path} has columns without a name: {listed(map(shortened, nameless))} (pandas' to_csv writes row numbers "
            "so unless index=False); take them out, name them, or leave them out with data.ignore"
        )
    twins = [f"{shortened(header[name])} (again as {shortened(name)})" for name in features if name != header[name]]
    if twins:
        raise InputError(
            f"{path} has columns of the same name: {listed(twins)}; keep one of each, rename the others, or leave them "
            "out with data.ignore"
        )


def cells(frame: pd.DataFrame, column: str, path: Path) -> pd.Series:
    """A column of text that every row must have; raises InputError with the rows that do not."""
    found: pd.Series = frame[column].str.strip()
    found = found.mask(found == "")
    empty = [str(row) for row in frame.index[found.isna()]]
    if empty:
        raise InputError(f"{path}: {column} is empty in row {listed(empty)} (the header is row 1)")
    return found


def of_units(frame: pd.DataFrame, unit: pd.Series, path: Path) -> pd.DataFrame:
    """Columns of text by unit: the first entry of a unit's rows, empty where it has none.

    Raises:
        InputError: a column is empty in all rows.
    """
    text = frame.apply(lambda column: column.str.strip()).replace("", np.nan)
    if nothing := [str(name) for name in text if text[name].isna().all()]:
        raise InputError(f"{path}: the attributes {listed(nothing)} are empty in all rows; take them out")
    found: pd.DataFrame = text.groupby(unit.astype(str).to_numpy(), sort=False).first().fillna("")
    return found


def split_cells(frame: pd.DataFrame, column: str | None, path: Path) -> "pd.Series[str]":
    """The split that a table gives each row, empty where it gives none; InputError if it calls one otherwise."""
    if column is None:
        return pd.Series("", frame.index)
    found = frame[column].fillna("").str.strip().str.lower()
    unknown = sorted(set(found) - set(SPLIT_NAMES) - {""})
    if unknown:
        raise InputError(f"{path}: {column} {shortened(unknown[0])} is none of {', '.join(SPLIT_NAMES)}")
    return found.map({"": "", **SPLIT_NAMES})


def as_labelled(classes: Sequence[str | float | bool], labels: Iterable[str], path: Path) -> list[str]:
    """Classes as texts; those that YAML made truth values as the labels spell them, else InputError."""
    texts = []
    for name in classes:
        meant = [label for label in sorted(set(labels)) if isinstance(name, bool) and label.lower() in WORDS[name]]
        if isinstance(name, bool) and len(meant) != 1:
            found = listed(map(shortened, meant)) or f"none of {', '.join(WORDS[name])}"
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
    text = frame.to_numpy(object)  # a column of a wide frame takes long to reach
    found = np.array([pd.to_numeric(column, errors="coerce") for column in text.T], np.float64).T
    wrong = frame.notna().to_numpy() & ~np.isfinite(found)
    values, names = pd.DataFrame(found, frame.index, frame.columns), frame.columns
    if shown := [
        f"{shortened(names[at])} (such as {shortened(text[wrong[:, at], at][0])})"
        for at in np.flatnonzero(wrong.any(0)).tolist()
    ]:
        raise InputError(
            f"{path} has cells that are no numbers in {listed(shown)}; mend the cells, have text as "
            "a number for each entry with data.text encode, or leave the columns out with data.ignore"
        )
    missing = values.isna().sum()
    if refuse_missing and missing.any():
        which = listed(f"{shortened(name)} ({count} of {len(values)} rows)" for name, count in missing.items() if count)
        raise InputError(
            f"{path} has missing cells in {which}; fill them in, leave the columns out with data.ignore, or set "
            "data.missing to median"
        )
    return values
