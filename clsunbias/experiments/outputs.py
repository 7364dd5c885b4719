"""What ``clsunbias reproduce`` writes of a study: the table, its comparisons, its figures and all records."""

import json
from pathlib import Path

import pandas as pd
from rich.console import Console

from clsunbias.experiments.analysis.comparison import Comparison, results
from clsunbias.experiments.analysis.scores import run_lines
from clsunbias.experiments.plan import choose
from clsunbias.experiments.report.build import contrast_section, parts, search_sections
from clsunbias.experiments.report.plots import draw_curves, draw_dots
from clsunbias.experiments.report.sections import write_table
from clsunbias.experiments.study import Study
from clsunbias.files import atomic, write_csv


def write_study(study: Study, out: Path) -> None:
    """Writes everything into a folder, and prints the table.

    Raises:
        InputError: a record does not agree with its predictions; then nothing is written.
    """
    name, grid = study.name, study.grid
    scored, cells, comparisons = results(name, grid, study.finished)
    report = [
        *parts(grid, study.columns, study.absent, cells, comparisons),
        *contrast_section(grid, scored),
        *search_sections(grid, study.scores, choose(grid, study.scores)),
    ]
    write_csv(out / f"{name}_comparisons.csv", pd.DataFrame(comparisons.values(), columns=Comparison._fields))
    write_table(out, name, grid.title, list(cells.values()), run_lines(grid, scored), report)
    if cells:
        draw_dots(out / name, grid, grid.metrics[0], cells)
    write_curves(study, out)
    write_records(study, out)
    Console().print(f"{name}.md, .tex, .csv, .png and .svg, {name}_comparisons.csv and {name}_runs.csv in {out}")


def write_curves(study: Study, out: Path) -> None:
    """Draws the grid's figures of training curves, those whose runs there are."""
    grid = study.grid
    protocol = next(iter(grid.protocols))
    for figure, curves in grid.curves.items():
        runs = {
            grid.rows[arm.row].label: list(by_seed.values())
            for arm, by_seed in study.finished.items()
            if (arm.protocol, arm.column) == (protocol, curves.column) and arm.row in curves.rows
        }
        if runs:
            title = f"{figure.replace('figure', 'Figure ')}, {grid.columns[curves.column].label}"
            draw_curves(out / figure, title, runs)


def write_records(study: Study, out: Path) -> None:
    """Writes all records, a search's too, as ``<name>_records.jsonl``: a line a run, small enough to be published."""
    root = out / "runs" / study.name
    lines = [
        json.dumps({"run": str(run.out.relative_to(root)), **record.result})
        for run, record in study.records.items()
        if record
    ]
    with atomic(out / f"{study.name}_records.jsonl") as temporary:
        temporary.write_text("".join(f"{line}\n" for line in lines))
