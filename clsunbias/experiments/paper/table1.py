"""Table 1 and Figures 1 and 2: the toy under the authors' selection rule and under ours, and over many seeds."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
import torch
import yaml
from rich.console import Console

from clsunbias.experiments.analysis.cells import Cell
from clsunbias.experiments.analysis.statistics import mean_interval
from clsunbias.experiments.paper.toy_figures import draw_toy
from clsunbias.experiments.report.sections import Section, write_table
from clsunbias.experiments.running.executor import execute_all
from clsunbias.experiments.running.run import Run
from clsunbias.files import CONFIGS
from clsunbias.selection import LastStep, LossRatio, SelectionRule

RULES: Mapping[str, SelectionRule] = {"authors": LossRatio(), "last": LastStep()}
SPLITS = ("train", "test_1", "test_2")
FIGURES = [(split, metric) for split in SPLITS for metric in ("neg_recall", "pos_recall")]
FIGURES += [("weights", "w1"), ("weights", "w2")]


@dataclass(frozen=True, eq=False)
class ToyRun:
    """One run of one row.

    Attributes:
        row: the row, as ``configs/tables/table1.yaml`` has it.
        rule: key into RULES.
        seed: None for the paper's own seeds, else which of the repetitions.
        run: what to execute.
    """

    row: Mapping[str, Any]
    rule: str
    seed: int | None
    run: Run

    def values(self) -> dict[tuple[str, str], float]:
        """The figures of a finished run: accuracy of each class on each split, and the direction of the weights."""
        result = json.loads((self.run.out / "result.json").read_text())
        values = {(split, metric): result[split][metric] for split, metric in FIGURES if split != "weights"}
        direction = torch.nn.functional.normalize(self.line()[:2], dim=0)
        return values | {("weights", f"w{index + 1}"): float(weight) for index, weight in enumerate(direction)}

    def line(self) -> torch.Tensor:
        """Weights and bias (w1, w2, b) of the selected model."""
        path = self.run.out / "checkpoints" / "selected.ckpt"
        state = torch.load(path, map_location="cpu", weights_only=True)["state_dict"]
        return torch.cat([state["network.weight"].flatten(), state["network.bias"]])


def plan(rows: Sequence[Mapping[str, Any]], out: Path, seeds: int, wandb: bool = False) -> list[ToyRun]:
    """All runs: each row under each rule, with the paper's seeds and then ``seeds`` times with others."""
    planned = []
    for seed in (None, *range(seeds)):
        for row in rows:
            for rule, selection in RULES.items():
                name = "paper" if seed is None else str(seed)
                folder = out / "runs" / "table1" / f"{row['config']}-{row['objective']}-{rule}" / name
                files = (f"{row['config']}.yaml", f"objectives/{row['objective']}.yaml")
                overrides = {"selection": f"clsunbias.selection.{type(selection).__name__}", **seeds_of(seed)}
                if wandb:
                    overrides["wandb"] = {"group": f"table1/{row['config']}", "tags": [rule, name]}
                run = Run(folder, tuple(CONFIGS / file for file in files), tuple(overrides.items()))
                planned.append(ToyRun(row, rule, seed, run))
    return planned


def seeds_of(repetition: int | None) -> dict[str, Any]:
    """Parameters of a repetition; unlike in the authors' code, training and test noise are independent."""
    if repetition is None:
        return {}
    data = {
        f"data.init_args.{name}_seed": 1000 + 3 * repetition + at for at, name in enumerate(("train", "val", "test"))
    }
    return {"seed_everything": repetition, **data}


def cells(figures: Mapping[ToyRun, Mapping[tuple[str, str], float]]) -> list[Cell]:
    """Cells of finished runs: of the paper's seeds beside the published figures, then of the repetition."""
    values = {(run.row["label"], run.rule, run.seed): found for run, found in figures.items()}
    rows = {run.row["label"]: run.row for run in figures}
    seeds = sorted({run.seed for run in figures if run.seed is not None})
    made = []
    for rule in RULES:
        for label, row in rows.items():
            for split, metric in FIGURES:
                value = values[label, rule, None][split, metric]
                published = row["published"][split][metric in {"pos_recall", "w2"}]
                made.append(cell(label, rule, split, metric, [value], published))
    if not seeds:
        return made
    for rule in RULES:
        for label, row in rows.items():
            for split, metric in FIGURES:
                made.append(
                    cell(label, rule, split, metric, [values[label, rule, seed][split, metric] for seed in seeds])
                )
            if row["objective"] == "erm":
                continue
            baseline = next(
                other for other in rows.values() if (other["config"], other["objective"]) == (row["config"], "erm")
            )
            for split, metric in FIGURES:  # paired: both were trained and tested on the same draws
                pairs = [(values[label, rule, seed], values[baseline["label"], rule, seed]) for seed in seeds]
                gains = [ours[split, metric] - theirs[split, metric] for ours, theirs in pairs]
                made.append(cell(f"{label[0]} − {baseline['label'][0]}", rule, split, metric, gains))
    return made


def cell(
    label: str, rule: str, split: str, metric: str, figures: Sequence[float], published: float | None = None
) -> Cell:
    """One cell: a single figure beside the published one, or the mean of several with its interval."""
    mean, sd, low, high = mean_interval(figures) if len(figures) > 1 else (figures[0], None, None, None)
    difference = None if published is None else mean - published
    protocol = "paper, its seeds" if len(figures) == 1 else "paper, other seeds"
    where = ("table1", label, split, metric)
    return Cell(
        *where, mean, sd, len(figures), low, high, published, difference, protocol, repr(RULES[rule]), simulated=True
    )


def report(made: Sequence[Cell]) -> list[Section | str]:
    """The table's parts: under each rule the paper's seeds beside the published figures, and the repetition."""
    header = ["", *(f"{split.replace('_', ' ')} {side}" for split in SPLITS for side in ("neg", "pos")), "w1", "w2"]
    titles = {"authors": "the authors' selection rule", "last": "our rule, the last validation (iteration 996)"}
    single, repeated = [one for one in made if one.n == 1], [one for one in made if one.n > 1]
    parts: list[Section | str] = []
    for rule, title in titles.items():
        lines = []
        for label, group in by_row(single, rule).items():
            lines.append([label, *(f"{one.value:.3f}" for one in group)])
            lines.append(["published", *(f"{one.published:.3f}" for one in group)])
            lines.append(["difference", *(signed(one) for one in group)])
        parts.append(Section(f"The paper's seeds, {title}", header, lines))
    collapse = {rule: by_row(single, rule)["3 ERM"][1].value for rule in titles}
    parts.append(
        f"**Row 3's collapse is a selection artefact.** The same training run has a train pos-acc of "
        f"{collapse['authors']:.3f} at the iteration that the authors' rule picks (the first it may) and "
        f"{collapse['last']:.3f} at its end: the rule divides a balanced validation loss by an imbalanced training "
        "loss, and the ratio only grows while ERM learns."
    )
    if repeated:
        for rule, title in titles.items():
            lines = [
                [label, *(f"{one.value:.3f} ±{half_width(one):.3f}" for one in group)]
                for label, group in by_row(repeated, rule).items()
            ]
            title = f"Mean over {repeated[0].n} seeds ± half its 95 % interval, {title}"
            parts.append(Section(title, header, lines))
        parts.append(
            'The repetition draws data and initialisation anew, training and test noise independently. "2 − 1" and '
            '"4 − 3" are the paired differences between Cls-unbias and ERM.'
        )
    return parts


def signed(cell: Cell) -> str:
    """The difference from the published figure, with its sign, and no sign of zero."""
    return f"{round(cell.difference or 0.0, 3) + 0.0:+.3f}"


def half_width(cell: Cell) -> float:
    """Half the width of the cell's interval."""
    return ((cell.high or 0.0) - (cell.low or 0.0)) / 2


def by_row(made: Sequence[Cell], rule: str) -> dict[str, list[Cell]]:
    """The cells of one selection rule, by row."""
    rows: dict[str, list[Cell]] = {}
    for cell in made:
        if cell.selection == repr(RULES[rule]):
            rows.setdefault(cell.row, []).append(cell)
    return rows


def reproduce_table1(out: Path, jobs: int, seeds: int, wandb: bool = False) -> int:
    """Runs what is missing, writes the table and the figures; returns 0 if every run is done, else 1."""
    rows = yaml.safe_load((CONFIGS / "tables" / "table1.yaml").read_text())["rows"]
    planned = plan(rows, out, seeds, wandb)
    missing = [toy_run.run for toy_run in planned if toy_run.run.record() is None]
    failures = execute_all(missing, jobs)
    for run, error in failures.items():
        Console(stderr=True).print(f"failed: {run.out}\n{error}", markup=False)
    if failures:
        return 1
    figures = {toy_run: toy_run.values() for toy_run in planned}
    made = cells(figures)
    runs = pd.DataFrame(
        {
            "row": toy_run.row["label"],
            "selection": repr(RULES[toy_run.rule]),
            "seed": "paper" if toy_run.seed is None else toy_run.seed,
            **{f"{split}/{metric}": value for (split, metric), value in found.items()},
        }
        for toy_run, found in figures.items()
    )
    title = "Table 1: accuracy of negatives and positives on the toy (simulated data)"
    write_table(out, "table1", title, made, runs, report(made))
    for number, config in enumerate(("toy_balanced", "toy_imbalanced"), start=1):
        shown = {
            (t.row["objective"], t.rule): t.line() for t in planned if t.row["config"] == config and t.seed is None
        }
        draw_toy(out / f"figure{number}", config, shown)
    Console().print(f"table1.md, .tex, .csv, table1_runs.csv, figure1 and figure2 (.png, .svg) in {out}")
    return 0
