"""A table of results as cells, and the same table as CSV, Markdown, LaTeX and in the terminal."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
from rich.box import SIMPLE_HEAD
from rich.cells import cell_len
from rich.console import Console
from rich.markdown import Markdown
from rich.table import Table
from scipy.special import stdtrit  # Student's quantile; all of scipy.stats takes a second to import

from clsunbias.files import atomic, write_csv


class Cell(NamedTuple):
    """One figure of a table; its fields are the columns of ``tableN.csv``.

    Attributes:
        table: such as ``table1``.
        row: label of the row.
        column: data set or split.
        metric: what is measured.
        value: mean over runs.
        sd: standard deviation over runs; None for a single run.
        n: number of runs.
        low: lower end of the 95 % interval of the mean; None for a single run.
        high: its upper end.
        published: the paper's figure, if it has one.
        difference: value − published.
        protocol: whose settings.
        selection: which checkpoint.
        simulated: whether the data are simulated.
    """

    table: str
    row: str
    column: str
    metric: str
    value: float
    sd: float | None
    n: int
    low: float | None
    high: float | None
    published: float | None
    difference: float | None
    protocol: str
    selection: str
    simulated: bool


def mean_interval(values: Sequence[float]) -> tuple[float, float, float, float]:
    """Mean, standard deviation, and the 95 % Student interval of the mean, over independent runs (two or more)."""
    mean, sd = float(np.mean(values)), float(np.std(values, ddof=1))
    half = float(stdtrit(len(values) - 1, 0.975)) * sd / len(values) ** 0.5
    return mean, sd, mean - half, mean + half


@dataclass(frozen=True)
class Section:
    """A titled table of a report; its first column labels the rows.

    Attributes:
        title: above it.
        header: of the columns.
        rows: cells as they are to be read.
    """

    title: str
    header: Sequence[str]
    rows: Sequence[Sequence[str]]


def markdown(section: Section) -> str:
    """The section as Markdown; the first column is aligned left, the others right."""
    lines = [section.header, [":--", *["--:"] * (len(section.header) - 1)], *section.rows]
    return f"## {section.title}\n\n" + "\n".join("| " + " | ".join(line) + " |" for line in lines) + "\n"


def latex(section: Section) -> str:
    """The section as a LaTeX tabular for the booktabs package, its title in a comment."""
    special = {"%": r"\%", "_": r"\_", "±": r"$\pm$", "−": "$-$", "λ": r"$\lambda$", "&": r"\&"}
    special |= {"≥": r"$\geq$", "▲": r"$\blacktriangle$", "▼": r"$\blacktriangledown$", "◀": "*", "–": "--"}
    table = (section.header, *section.rows)
    lines = [" & ".join("".join(special.get(sign, sign) for sign in cell) for cell in line) + r" \\" for line in table]
    columns = "l" + "r" * (len(section.header) - 1)
    body = [lines[0], r"\midrule", *lines[1:], r"\bottomrule", r"\end{tabular}"]
    return "\n".join([f"% {section.title}", rf"\begin{{tabular}}{{{columns}}}", r"\toprule", *body]) + "\n"


def terminal(section: Section, width: int) -> list[Table]:
    """The section for the terminal: as many tables as its columns need to be shown whole, the labels in each.

    Args:
        section: what to show.
        width: characters of a line.
    """
    lengths = [max(map(cell_len, column)) + 1 for column in zip(section.header, *section.rows, strict=True)]
    label = min(lengths[0], width // 2) + 1  # the labels alone may wrap
    groups: list[list[int]] = [[]]
    for index, length in enumerate(lengths[1:], start=1):
        if groups[-1] and label + sum(lengths[other] for other in groups[-1]) + length > width:
            groups.append([])
        groups[-1].append(index)
    tables = []
    for group in groups:
        title = section.title if group is groups[0] else f"{section.title}, continued"
        table = Table(title=title, box=SIMPLE_HEAD, padding=(0, 1, 0, 0), title_justify="left")
        table.add_column(section.header[0], max_width=label)
        for index in group:
            table.add_column(section.header[index], justify="right", no_wrap=True)
        for row in section.rows:
            table.add_row(row[0], *(row[index] for index in group))
        tables.append(table)
    return tables


def write_table(
    out: Path, name: str, title: str, cells: Sequence[Cell], runs: pd.DataFrame, parts: Sequence[Section | str]
) -> None:
    """Writes a report and prints it.

    Args:
        out: folder.
        name: of the files: ``<name>.csv`` (a line a cell), ``<name>_runs.csv`` (a line a run), ``.md`` and ``.tex``.
        title: of the report.
        cells: the figures.
        runs: the runs behind them.
        parts: tables and paragraphs (Markdown), in order.
    """
    write_csv(out / f"{name}.csv", pd.DataFrame(cells, columns=Cell._fields))
    write_csv(out / f"{name}_runs.csv", runs)
    text = [markdown(part) if isinstance(part, Section) else f"{part}\n" for part in parts]
    tables = [latex(part) for part in parts if isinstance(part, Section)]
    for suffix, content in (("md", [f"# {title}\n", *text]), ("tex", tables)):
        with atomic(out / f"{name}.{suffix}") as temporary:
            temporary.write_text("\n".join(content))
    show(title, parts)


def show(title: str, parts: Sequence[Section | str]) -> None:
    """Prints a report."""
    console = Console()
    console.print(Markdown(f"# {title}"))
    for part in parts:
        for shown in terminal(part, console.width) if isinstance(part, Section) else [Markdown(part)]:
            console.print(shown)
