"""What ``clsunbias reproduce`` writes of a study: the table, its comparisons, its figures and all records."""

import json
from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from clsunbias.experiments.analysis.comparison import Comparison, results
from clsunbias.experiments.analysis.gains import GainLine, gains, split_gains
from clsunbias.experiments.analysis.overview import OverviewLine, over_all
from clsunbias.experiments.analysis.scores import run_lines
from clsunbias.experiments.analysis.specifications import Curve, Summary, curves, specification_lines, summary
from clsunbias.experiments.report.html.specifications import page
from clsunbias.experiments.report.notes import classes_of
from clsunbias.experiments.report.overview import draw_overview, overview_sections
from clsunbias.experiments.report.plots import draw_curves, draw_dots, draw_gains
from clsunbias.experiments.report.sections import document, show, write_table
from clsunbias.experiments.report.specifications import curve_sections, draw_specifications
from clsunbias.experiments.report.study_parts import sections
from clsunbias.experiments.study import Study
from clsunbias.files import write_csv, write_text
from clsunbias.terminal import say


def write_study(study: Study, out: Path) -> None:
    """Writes all of it into a folder, prints the table, and says what it wrote, which has two finished runs of a cell.

    Raises:
        InputError: predictions belie a record; before anything is written.
    """
    name, grid = study.name, study.grid
    scored, cells, comparisons = results(name, grid, study.finished)
    if grid.specifications:
        write_specifications(study, out, curves(grid, scored), run_lines(scored))
        return
    split_by_arm = split_gains(grid, scored)
    split = list(gains(name, grid, split_by_arm).values())
    lines, found = over_all(name, grid, scored, split_by_arm)
    report = [*overview_sections(grid, lines, found), *sections(study, scored, cells, comparisons, split)]
    write_csv(out / f"{name}_comparisons.csv", pd.DataFrame(comparisons.values(), columns=Comparison._fields))
    if split:
        write_csv(out / f"{name}_gains.csv", pd.DataFrame(split, columns=GainLine._fields))
    write_table(out, name, grid.title, list(cells.values()), run_lines(scored), report)
    draw_dots(out / name, grid, grid.metrics[0], cells, classes_of(scored))
    figures = draw_figures(study, out)
    if lines:
        write_csv(out / f"{name}_overview.csv", pd.DataFrame(lines, columns=OverviewLine._fields))
        draw_overview(out / f"{name}_overview", grid, lines, found, split)
        figures.append(f"{name}_overview")
    if split:
        draw_gains(out / f"{name}_gains", grid, split, any(cell.simulated for cell in cells.values()))
        figures.append(f"{name}_gains")
    write_records(study, out)
    lines_by_part = (
        "comparisons.csv",
        *(["gains.csv"] if split else []),
        *(["overview.csv"] if lines else []),
        "runs.csv",
    )
    tables = [f"{name}.md, .tex, .csv, .png and .svg", *(f"{name}_{part}" for part in lines_by_part)]
    written = [*tables, f"{name}_records.jsonl", *(f"{figure}.png and .svg" for figure in figures)]
    say(f"{', '.join(written)} in {out}")


def write_records(study: Study, out: Path) -> None:
    """Writes the record of every run, a search's too, small enough to be published."""
    root = out / "runs" / study.name
    records = {run.out.relative_to(root): record.result for run, record in study.records.items() if record}
    early = {arm.run.out.relative_to(root): {"ended_after_seeds": seeds} for arm, seeds in study.ended.items()}
    printed = (
        json.dumps({"run": str(folder), **early.get(folder.parent, {}), **result}) + "\n"
        for folder, result in records.items()
    )
    write_text(out / f"{study.name}_records.jsonl", "".join(printed))


def write_specifications(study: Study, out: Path, found: Sequence[Curve], runs: pd.DataFrame) -> None:
    """Writes the curves of a grid of specifications: a line each, what they come to, figure, page and records."""
    name, grid = study.name, study.grid
    summaries = [summary(name, curve) for curve in found]
    parts = curve_sections(grid, found, summaries)
    write_csv(out / f"{name}_curves.csv", pd.DataFrame(summaries, columns=Summary._fields))
    write_csv(out / f"{name}_differences.csv", specification_lines(name, found))
    write_csv(out / f"{name}_runs.csv", runs)
    write_text(out / f"{name}.md", document(grid.title, parts))
    write_text(out / f"{name}.html", page(study, found, summaries))
    if first := [curve for curve in found if curve.metric == grid.metrics[0]]:
        draw_specifications(out / name, grid, first)
    write_records(study, out)
    show(grid.title, parts, f"see {out / name}.html, or a wider terminal")
    figures = f"{name}.md, .html, .png and .svg, {name}_differences.csv"
    say(f"{figures}, {name}_curves.csv, {name}_runs.csv, {name}_records.jsonl in {out}")


def draw_figures(study: Study, out: Path) -> list[str]:
    """Draws the grid's figures of training curves, those whose runs there are; returns their names."""
    grid, drawn = study.grid, []
    protocol = next(iter(grid.protocols))
    for figure, drawn_from in grid.curves.items():
        runs = {
            grid.rows[arm.row].label: list(by_seed.values())
            for arm, by_seed in study.finished.items()
            if (arm.protocol, arm.column) == (protocol, drawn_from.column) and arm.row in drawn_from.rows
        }
        if runs:
            title = f"{figure.replace('figure', 'Figure ')}, {grid.columns[drawn_from.column].label}"
            draw_curves(out / figure, title, runs)
            drawn.append(figure)
    return drawn
