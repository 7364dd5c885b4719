"""Tables as they should be, and ways in which they are not: in cells, in the header, in form."""

import csv
import io
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from hypothesis import strategies as st

NAME = "patients.csv"


@dataclass
class Sheet:
    """A table before it is written, and how it is written."""

    header: list[str]
    rows: list[list[str]]
    options: dict[str, Any]
    few: bool = False  # rows to be drawn for a split, for which there may be too few
    separator: str = ","
    quoting: int = csv.QUOTE_MINIMAL
    end: str = "\n"
    before: str = ""
    after: str = ""
    encoding: str = "utf-8"

    def content(self) -> bytes:
        """The file."""
        text = io.StringIO()
        writer = csv.writer(text, delimiter=self.separator, quoting=self.quoting, lineterminator=self.end)  # type: ignore[arg-type]
        writer.writerows([self.header, *self.rows])
        return f"{self.before}{text.getvalue()}{self.after}".encode(self.encoding)

    def column(self, name: str, change: Callable[[str], str], at: slice = slice(None)) -> None:
        """Changes cells of a column."""
        place = self.header.index(name)
        for row in self.rows[at]:
            row[place] = change(row[place])


CLASSES = (
    ("0", "1"),
    ("benign", "malignant"),
    ("no", "yes"),
    ("a", "b", "c"),
    ("1", "2"),
    ("−", "+"),
    ("A, B", 'C "D"'),
)


@st.composite
def sheets(draw: st.DrawFn) -> Sheet:
    """A table that is as it should be."""
    classes = draw(st.sampled_from(CLASSES))
    count, few = draw(st.integers(20, 30)) * len(classes), False
    random = np.random.default_rng(draw(st.integers(0, 99)))
    label = [index % len(classes) for index in range(count)]
    header = [f"x{index}" for index in range(draw(st.integers(1, 4)))]
    values = random.normal(size=(count, len(header))) + np.array(label)[:, None]
    rows = [[*(f"{value:.4f}" for value in row), classes[of]] for row, of in zip(values, label, strict=True)]
    header.append("diagnosis")
    options: dict[str, Any] = {"path": NAME, "label": "diagnosis", "batch_size": 8}
    if draw(st.booleans()):
        options["classes"] = list(classes)
    if draw(st.booleans()):
        header.append("patient")
        options["group"] = "patient"
        rows = [
            [*row, f"p{at // (2 * len(classes))}-{of}"] for at, (row, of) in enumerate(zip(rows, label, strict=True))
        ]
    if draw(st.booleans()):
        header.append("part")
        options["split"] = "part"
        parts = ["train", "train", "val", "test", draw(st.sampled_from(["train", "", "dev", "Validation"]))]
        few = "" in parts
        rows = [[*row, parts[at // (2 * len(classes)) % 5]] for at, row in enumerate(rows)]
    if draw(st.booleans()):
        header.append("number")
        options["ignore"] = ["number"]
        rows = [[*row, str(at)] for at, row in enumerate(rows)]
    if draw(st.booleans()):
        options["missing"] = "median"
    order = draw(st.permutations(range(len(header))))
    return Sheet([header[at] for at in order], [[row[at] for at in order] for row in rows], options, few)


def cell(column: str, text: str, at: slice = slice(3, 4)) -> Callable[[Sheet], None]:
    """Puts a text into cells of a column."""
    return lambda sheet: sheet.column(column, lambda _: text, at)


def renamed(old: str, new: str) -> Callable[[Sheet], None]:
    """Gives a column another name."""
    return lambda sheet: sheet.header.__setitem__(sheet.header.index(old), new)


def with_column(name: str, text: str) -> Callable[[Sheet], None]:
    """Adds a column that holds the same in each row."""

    def change(sheet: Sheet) -> None:
        sheet.header.append(name)
        sheet.rows = [[*row, text] for row in sheet.rows]

    return change


def widened(count: int) -> Callable[[Sheet], None]:
    """Adds columns of zeros."""

    def change(sheet: Sheet) -> None:
        sheet.header += [f"wide{index}" for index in range(count)]
        sheet.rows = [[*row, *["0"] * count] for row in sheet.rows]

    return change


def set_to(**values: Any) -> Callable[[Sheet], None]:
    """Sets how a sheet is written."""

    def change(sheet: Sheet) -> None:
        for name, value in values.items():
            setattr(sheet, name, value)

    return change


def one_class(sheet: Sheet) -> None:
    """Leaves the class of the first row alone."""
    first = sheet.rows[0][sheet.header.index("diagnosis")]
    sheet.column("diagnosis", lambda _: first)


HARMLESS: dict[str, Callable[[Sheet], None]] = {
    "a byte order mark": set_to(encoding="utf-8-sig"),
    "line ends of Windows": set_to(end="\r\n"),
    "all cells quoted": set_to(quoting=csv.QUOTE_ALL),
    "blank lines at the end": set_to(after="\n\n"),
    "blank lines before": set_to(before="\n\n"),
    "numbers with exponents": lambda sheet: sheet.column("x0", lambda text: f"{float(text) * 1000:+.4e}"),
    "blanks before cells": lambda sheet: sheet.column("x0", lambda text: f"  {text}"),
    "blanks after labels": lambda sheet: sheet.column("diagnosis", lambda text: f"{text} "),
    "a name in other letters": renamed("x0", "größe, 測定 🂡"),
    "a name with quotes and a line end": renamed("x0", 'the "first"\nof all'),
    "two thousand columns": widened(2000),
    "a column that never varies": with_column("constant", "0.1"),
    "very large numbers": lambda sheet: sheet.column("x0", lambda text: f"{float(text) * 1e30:.6e}"),
}

HARMFUL: dict[str, Callable[[Sheet], None]] = {
    "no label column": renamed("diagnosis", "diagnoses"),
    "an empty label": cell("diagnosis", ""),
    "a blank label": cell("diagnosis", "  "),
    "one class alone": one_class,
    "a class of one row": cell("diagnosis", "else"),
    "a word in a feature": cell("x0", "high"),
    "a comma for a point": cell("x0", "1,5"),
    "infinity": cell("x0", "inf"),
    "minus infinity": cell("x0", "-Infinity"),
    "a number out of range": cell("x0", "1e400"),
    "a bare sign": cell("x0", "-"),
    "percent": cell("x0", "5 %"),
    "a truth value": cell("x0", "True"),
    "a date": cell("x0", "2024-01-31"),
    "a feature missing everywhere": cell("x0", "", slice(None)),
    "a column twice": lambda sheet: with_column(sheet.header[0], "1")(sheet),
    "the label twice": with_column("diagnosis", "1"),
    "a column without a name": with_column("", "1"),
    "no header": lambda sheet: sheet.header.__setitem__(slice(None), sheet.rows.pop(0)),
    "semicolons": set_to(separator=";"),
    "tabulators": set_to(separator="\t"),
    "a longer row": lambda sheet: sheet.rows[5].append("7"),
    "header alone": lambda sheet: sheet.rows.clear(),
    "UTF-16": set_to(encoding="utf-16"),
    "three rows": lambda sheet: sheet.rows.__setitem__(slice(None), sheet.rows[:3]),
    "a classes' list without one": lambda sheet: sheet.options.update(classes=["nobody", "somebody"]),
    "a class named twice": lambda sheet: sheet.options.update(classes=["0", "0"]),
}

UNSURE: dict[str, Callable[[Sheet], None]] = {
    "a shorter row": lambda sheet: sheet.rows.__setitem__(5, sheet.rows[5][:-1]),
    "an empty feature": cell("x0", ""),
    "NA in a feature": cell("x0", "NA"),
    "a question mark in a feature": cell("x0", "?"),
    "None in a label": cell("diagnosis", "None", slice(0, None, 5)),
    "another spelling of a label": lambda sheet: sheet.column("diagnosis", str.upper, slice(0, None, 3)),
    "a label with a point": lambda sheet: sheet.column("diagnosis", lambda text: f"{text}.0", slice(0, None, 3)),
    "underscores in numbers": cell("x0", "1_000"),
    "a hexadecimal number": cell("x0", "0x1F"),
    "digits of another script": cell("x0", "١٢"),
    "a null character": cell("x0", "1\x002"),
    "a comment": set_to(before="# made by hand\n"),
    "a line of units": lambda sheet: sheet.rows.insert(0, ["[-]"] * len(sheet.header)),
    "the same row twice": lambda sheet: sheet.rows.append(list(sheet.rows[0])),
    "a name that is a number": renamed("x0", "7"),
    "a name that pandas gives": renamed("x0", "Unnamed: 0"),
    "a quotation mark left open": set_to(after='"'),
    "a denormal number": cell("x0", "1e-320"),
    "apostrophes": set_to(quoting=csv.QUOTE_NONNUMERIC),
}
