"""A table of results as cells, and the same table as CSV, Markdown, LaTeX and in the terminal."""

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
from rich.console import Console
from rich.markdown import Markdown
from scipy import stats

from clsunbias.results import atomic, write_csv


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
    low, high = stats.t.interval(0.95, len(values) - 1, loc=mean, scale=sd / len(values) ** 0.5) if sd else (mean, mean)
    return mean, sd, float(low), float(high)


def markdown_table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A Markdown table; the first column is aligned left, the others right."""
    lines = [header, [":--", *["--:"] * (len(header) - 1)], *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines) + "\n"


def latex_table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A LaTeX tabular for the booktabs package."""
    special = {"%": r"\%", "_": r"\_", "±": r"$\pm$", "−": "$-$", "λ": r"$\lambda$", "&": r"\&"}
    lines = [" & ".join("".join(special.get(sign, sign) for sign in cell) for cell in line) for line in (header, *rows)]
    body = [f"{line} \\\\" for line in lines]
    start = f"\\begin{{tabular}}{{l{'r' * (len(header) - 1)}}}\n\\toprule\n"
    return start + body[0] + "\n\\midrule\n" + "\n".join(body[1:]) + "\n\\bottomrule\n\\end{tabular}\n"


def write_table(out: Path, name: str, cells: Sequence[Cell], runs: pd.DataFrame, text: str, latex: str) -> None:
    """Writes ``<name>.csv`` (a line a cell), ``<name>_runs.csv`` (a line a run), ``<name>.md`` and ``<name>.tex``."""
    write_csv(out / f"{name}.csv", pd.DataFrame(cells, columns=Cell._fields))
    write_csv(out / f"{name}_runs.csv", runs)
    for suffix, content in (("md", text), ("tex", latex)):
        with atomic(out / f"{name}.{suffix}") as temporary:
            temporary.write_text(content)
    Console().print(Markdown(text))
