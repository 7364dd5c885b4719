"""A table of results as typed entries, and the same table as CSV, Markdown, LaTeX and in the terminal."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, NamedTuple

import pandas as pd
from rich.box import SIMPLE_HEAD
from rich.cells import cell_len
from rich.markdown import Markdown
from rich.table import Table

from clsunbias.experiments.analysis.cells import Cell
from clsunbias.files import write_csv, write_text
from clsunbias.terminal import console

Mark = Literal["better", "worse", "chosen"]

SIGNS: dict[Mark, str] = {"better": "▲", "worse": "▼", "chosen": "◀"}


class Label(NamedTuple):
    """What labels a row of results: a method, and whose settings its runs have, or that it is published."""

    method: str
    protocol: str

    def __str__(self) -> str:
        return f"{self.method}, {self.protocol}"


class Measured(NamedTuple):
    """A metric as a table shows it, its standard deviation and its difference from the published mean if there are any.

    The mark says what was found of it, if anything; a dagger, that some run never predicts one of the classes.
    """

    value: float
    sd: float | None = None
    difference: float | None = None
    mark: Mark | None = None
    simulated: bool = False
    dagger: bool = False

    @property
    def mean(self) -> str:
        """Mean ± standard deviation."""
        return f"{self.value:.3f}" if self.sd is None else f"{self.value:.3f} ± {self.sd:.3f}"

    def __str__(self) -> str:
        difference = "" if self.difference is None else f" ({self.difference:+.3f})"
        mark = f" {SIGNS[self.mark]}" if self.mark else ""
        dagger = " †" if self.dagger else ""
        return f"{self.mean}{difference}{mark}{dagger}{', simulated' if self.simulated else ''}"


NO_DATA = "no data"
"""What stands for a result of which the data are not at hand."""

Entry = str | Label | Measured
"""What stands in a table; as a string it is what Markdown and the terminal show."""


@dataclass(frozen=True)
class Section:
    """A titled table of a report; its first column labels the rows."""

    title: str
    header: Sequence[str]
    rows: Sequence[Sequence[Entry]]

    @property
    def lines(self) -> list[list[str]]:
        """The rows as text."""
        return [[str(entry) for entry in row] for row in self.rows]


def markdown(section: Section) -> str:
    """The section as Markdown."""
    return f"## {section.title}\n\n{markdown_table(section.header, section.lines)}"


def document(title: str, parts: Sequence[Section | str]) -> str:
    """Sections and paragraphs as Markdown below a title."""
    text = [markdown(part) if isinstance(part, Section) else f"{part}\n" for part in parts]
    return "\n".join([f"# {title}\n", *text])


def markdown_table(header: Sequence[str], lines: Sequence[Sequence[str]]) -> str:
    """A Markdown table; the first column is aligned left, the others right."""
    table = [header, [":--", *["--:"] * (len(header) - 1)], *lines]
    return "\n".join("| " + " | ".join(line) + " |" for line in table) + "\n"


def latex(section: Section) -> str:
    """The section as a LaTeX tabular for the booktabs package, its title in a comment."""
    special = {"%": r"\%", "_": r"\_", "±": r"$\pm$", "−": "$-$", "λ": r"$\lambda$", "&": r"\&"}
    special |= {"≥": r"$\geq$", "▲": r"$\blacktriangle$", "▼": r"$\blacktriangledown$", "◀": "*", "–": "--"}
    special |= {"†": r"\dag", "τ": r"$\tau$"}
    table = (section.header, *section.lines)
    lines = [" & ".join("".join(special.get(sign, sign) for sign in cell) for cell in line) + r" \\" for line in table]
    columns = "l" + "r" * (len(section.header) - 1)
    body = [lines[0], r"\midrule", *lines[1:], r"\bottomrule", r"\end{tabular}"]
    return "\n".join([f"% {section.title}", rf"\begin{{tabular}}{{{columns}}}", r"\toprule", *body]) + "\n"


def terminal(section: Section, width: int, whole: str) -> list[Table | str]:
    """The section for a terminal of a width: a table, and which columns it has no room for.

    Columns are whole or left out: first those of which there are no data, then from the right.

    Args:
        section: what is shown.
        width: characters of a line.
        whole: where all columns are, such as ``results/table2.md``.
    """
    gap = 2  # between columns, and half of it at either end of a line
    lengths = [max(map(cell_len, column)) + gap for column in zip(section.header, *section.lines, strict=True)]
    label = min(lengths[0], width // 3)  # the labels alone may wrap
    columns = list(range(1, len(lengths)))
    absent = [index for index in columns if any(line[index] == NO_DATA for line in section.lines)]
    kept: list[int] = []
    for index in sorted(columns, key=lambda index: index in absent):
        if kept and label + sum(lengths[other] for other in (*kept, index)) >= width:
            break
        kept.append(index)
    label = max(label, width - gap - sum(lengths[index] for index in kept))  # what is left of the line is the labels'
    table = Table(title=section.title, box=SIMPLE_HEAD, padding=(0, 1, 0, 0), title_justify="left")
    table.add_column(section.header[0], max_width=label - gap)
    for index in sorted(kept):
        table.add_column(section.header[index], justify="right", no_wrap=True)
    for line in section.lines:
        table.add_row(line[0], *(line[index] for index in sorted(kept)))
    left_out = ", ".join(section.header[index] for index in columns if index not in kept)
    return [table, f"No room in {width} columns for {left_out}: {whole}.\n"] if left_out else [table]


def write_table(
    out: Path, name: str, title: str, cells: Sequence[Cell], runs: pd.DataFrame, parts: Sequence[Section | str]
) -> None:
    """Writes a report, tables and paragraphs (Markdown), with its cells and the runs behind them, and prints it.

    The files are ``<name>.csv`` (a line a cell), ``<name>_runs.csv`` (a line a run), ``<name>.md`` and ``<name>.tex``.
    """
    write_csv(out / f"{name}.csv", pd.DataFrame(cells, columns=Cell._fields))
    write_csv(out / f"{name}_runs.csv", runs)
    tables = [latex(part) for part in parts if isinstance(part, Section)]
    write_text(out / f"{name}.md", document(title, parts))
    write_text(out / f"{name}.tex", "\n".join(tables))
    show(title, parts, f"see {out / name}.md")


def show(title: str, parts: Sequence[Section | str], whole: str) -> None:
    """Prints a report; ``whole`` says where columns are that the terminal has no room for."""
    screen = console()
    screen.print(Markdown(f"# {title}"))
    for part in parts:
        for shown in terminal(part, screen.width, whole) if isinstance(part, Section) else [Markdown(part)]:
            screen.print(shown)
