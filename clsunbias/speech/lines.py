"""What several corpora are read by: tables of text whose every line can be named, and speakers listed once."""

import csv
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from clsunbias.errors import InputError, listed, shortened

MARKER = "SIMULATED.txt"
"""File at the top of a raw tree that is made up."""

Stretch = tuple[str, int, str, str, float, float]
"""A row of a corpus, as STRETCH says."""

STRETCH = ("speaker", "label", "split", "path", "start", "end")


@dataclass(frozen=True)
class Line:
    """One line of a table: file and line, for messages, and the stripped text of each column, named in lower case."""

    where: str
    cells: dict[str, str]

    def text(self, column: str) -> str:
        """A cell that must not be empty."""
        if not self.cells[column]:
            raise InputError(f"{self.where}: {column} is empty")
        return self.cells[column]

    def seconds(self, column: str) -> float:
        """A cell that must hold a number of seconds, 0 or more."""
        text = self.cells[column]
        try:
            value = float(text)
        except ValueError:
            value = math.nan
        if not math.isfinite(value) or value < 0:
            raise InputError(f"{self.where}: {column} must be a number of seconds, 0 or more; it is {shortened(text)}")
        return value

    def binary(self, column: str) -> int:
        """A cell that must hold 0 or 1."""
        if self.cells[column] not in {"0", "1"}:
            raise InputError(f"{self.where}: {column} must be 0 or 1; it is {shortened(self.cells[column])}")
        return int(self.cells[column])

    def file(self, column: str, raw: Path) -> Path:
        """A cell that must name a file, by its path relative to raw or an absolute one."""
        path = raw / self.text(column)
        if not path.is_file():
            raise InputError(f"{self.where}: {path} is missing")
        return path


def check_order(start: float, end: float, where: str) -> None:
    """Raises InputError for an end before the start."""
    if end < start:
        raise InputError(f"{where}: it ends at {end} s, before its start at {start} s")


def read_lines(path: Path, separator: str, columns: Sequence[str], quoted: bool = True) -> list[Line]:
    """Reads a table with a header; lines without any text are passed over, short ones filled up.

    Args:
        path: a text file in UTF-8, with or without a byte order mark.
        separator: between cells.
        columns: names in lower case that the header must have, in any spelling of case.
        quoted: whether cells may stand in double quotes; else a quotation mark is a character like any other.

    Raises:
        InputError: no such file, no text, a column that is missing, or a line with more cells than the header.
    """
    if not path.is_file():
        raise InputError(f"{path} is missing")
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            reader = csv.reader(file, delimiter=separator, quoting=csv.QUOTE_MINIMAL if quoted else csv.QUOTE_NONE)
            table = [(reader.line_num, [cell.strip() for cell in cells]) for cells in reader]
    except (UnicodeDecodeError, csv.Error) as error:
        raise InputError(f"{path} is no table of text in UTF-8: {error}") from error
    table = [(number, cells) for number, cells in table if any(cells)]
    header = [name.lower() for name in table[0][1]] if table else []
    missing = [column for column in columns if column not in header]
    if missing:
        found = listed((name[:60] for name in header), 10) or "(nothing)"
        raise InputError(f"{path} has no column {missing[0]!r}; its header is: {found}")
    lines = []
    for number, cells in table[1:]:
        where = f"{path}, line {number}"
        if any(cells[len(header) :]):
            raise InputError(f"{where}: {len(cells)} cells, but the header has {len(header)} columns")
        lines.append(Line(where, dict(zip(header, cells + [""] * len(header), strict=False))))
    return lines


@dataclass(frozen=True)
class Speaker:
    """A speaker as the labels list it: index of the class, split (empty where it is left open), and file and line."""

    name: str
    label: int
    split: str
    where: str

    def stretch(self, path: Path, start: float = 0.0, end: float = math.nan) -> Stretch:
        """Seconds of a recording in which the speaker speaks, by default all of it."""
        return self.name, self.label, self.split, str(path), start, end


def check_once(speakers: Iterable[Speaker]) -> None:
    """Raises InputError for a speaker that is listed twice, in one file or in two."""
    first: dict[str, Speaker] = {}
    for speaker in speakers:
        if speaker.name in first:
            raise InputError(
                f"speaker {speaker.name} is listed twice: {first[speaker.name].where}, and {speaker.where}; keep one"
            )
        first[speaker.name] = speaker


def to_rows(stretches: Iterable[Stretch]) -> pd.DataFrame:
    """Stretches as the rows of a corpus."""
    return pd.DataFrame(stretches, columns=list(STRETCH))


def is_simulated(raw: Path) -> bool:
    """Whether a raw tree, or the one that it is the only folder of, is made up."""
    return any((folder / MARKER).is_file() for folder in (raw, raw.resolve().parent))
