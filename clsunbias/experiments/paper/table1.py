"""Table 1 and Figures 1 and 2: the toy under the authors' selection rule and under ours, and over many seeds."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import pandas as pd
import yaml
from rich.console import Console

from clsunbias.experiments.analysis.cells import Cell
from clsunbias.experiments.analysis.statistics import mean_interval
from clsunbias.experiments.paper.table1_report import parts
from clsunbias.experiments.paper.toy_figures import draw_toy
from clsunbias.experiments.paper.toy_runs import MEASURES, RULES, Measure, ToyRun, toy_runs
from clsunbias.experiments.report.sections import write_table
from clsunbias.experiments.running.executor import execute_all
from clsunbias.files import CONFIGS

TITLE = "Table 1: accuracy of negatives and positives on the toy (simulated data)"


def reproduce_table1(out: Path, jobs: int | None, seeds: int, wandb: bool = False) -> int:
    """Runs what is missing, writes the table and the figures; returns 0 if every run is done, else 1."""
    rows = yaml.safe_load((CONFIGS / "tables" / "table1.yaml").read_text())["rows"]
    planned = toy_runs(rows, out, seeds, wandb)
    missing = [toy_run.run for toy_run in planned if toy_run.run.record() is None]
    failures = execute_all(missing, jobs)
    for run, error in failures.items():
        Console(stderr=True).print(f"failed: {run.out}\n{error}", markup=False)
    if failures:
        return 1
    values = {toy_run: toy_run.values() for toy_run in planned}
    cells = [*paper_cells(values), *repeated_cells(values)]
    write_table(out, "table1", TITLE, cells, run_lines(values), parts(cells))
    for number, config in enumerate(("toy_balanced", "toy_imbalanced"), start=1):
        lines = {
            (toy_run.row["objective"], toy_run.rule): toy_run.line()
            for toy_run in planned
            if toy_run.row["config"] == config and toy_run.seed is None
        }
        draw_toy(out / f"figure{number}", config, lines)
    Console().print(f"table1.md, .tex, .csv, table1_runs.csv, figure1 and figure2 (.png, .svg) in {out}")
    return 0


def run_lines(values: Mapping[ToyRun, Mapping[Measure, float]]) -> pd.DataFrame:
    """A line a run."""
    return pd.DataFrame(
        {
            "row": toy_run.row["label"],
            "selection": repr(RULES[toy_run.rule]),
            "seed": "paper" if toy_run.seed is None else toy_run.seed,
            **{f"{split}/{metric}": value for (split, metric), value in measured.items()},
        }
        for toy_run, measured in values.items()
    )


def paper_cells(values: Mapping[ToyRun, Mapping[Measure, float]]) -> list[Cell]:
    """Cells of the paper's seeds, beside the published figures."""
    return [
        cell(
            toy_run.row["label"],
            rule,
            (split, metric),
            [measured[split, metric]],
            toy_run.row["published"][split][metric in {"pos_recall", "w2"}],
        )
        for rule in RULES
        for toy_run, measured in values.items()
        if (toy_run.rule, toy_run.seed) == (rule, None)
        for split, metric in MEASURES
    ]


def repeated_cells(values: Mapping[ToyRun, Mapping[Measure, float]]) -> list[Cell]:
    """Cells of the repetition: each row, and behind each of Cls-unbias its paired difference from ERM."""
    cells = []
    for rule in RULES:
        of_row: dict[tuple[str, str], dict[int, Mapping[Measure, float]]] = {}
        labels = {}
        for toy_run, measured in values.items():
            if toy_run.rule == rule and toy_run.seed is not None:
                place = (toy_run.row["config"], toy_run.row["objective"])
                of_row.setdefault(place, {})[toy_run.seed] = measured
                labels[place] = toy_run.row["label"]
        for (config, objective), by_seed in of_row.items():
            label, erm = labels[config, objective], (config, "erm")
            cells += [
                cell(label, rule, measure, [measured[measure] for measured in by_seed.values()]) for measure in MEASURES
            ]
            if objective == "erm":
                continue
            for measure in MEASURES:  # paired: both were trained and tested on the same draws
                gains = [measured[measure] - of_row[erm][seed][measure] for seed, measured in by_seed.items()]
                cells.append(cell(f"{label[0]} − {labels[erm][0]}", rule, measure, gains))
    return cells


def cell(label: str, rule: str, measure: Measure, values: Sequence[float], published: float | None = None) -> Cell:
    """One cell: a single figure beside the published one, or the mean of several with its interval."""
    mean, sd, low, high = mean_interval(values) if len(values) > 1 else (values[0], None, None, None)
    difference = None if published is None else mean - published
    protocol = "paper, its seeds" if len(values) == 1 else "paper, other seeds"
    return Cell(
        "table1",
        label,
        *measure,
        mean,
        sd,
        len(values),
        low,
        high,
        published,
        difference,
        protocol,
        repr(RULES[rule]),
        simulated=True,
    )
