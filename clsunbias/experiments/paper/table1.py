"""Table 1 and Figures 1 and 2: the toy under the authors' selection rule and under ours, and over many seeds."""

import json
from collections.abc import Iterable, Mapping, Sequence
from itertools import chain, zip_longest
from pathlib import Path
from typing import Any, NamedTuple

import pandas as pd
import torch

from clsunbias.experiments.analysis.cells import Cell
from clsunbias.experiments.analysis.intervals import FEWEST
from clsunbias.experiments.analysis.statistics import mean_interval
from clsunbias.experiments.paper.toy_figures import draw_toy
from clsunbias.experiments.report.sections import Section, write_table
from clsunbias.experiments.running.config import load_yaml
from clsunbias.experiments.running.executor import execute_all
from clsunbias.experiments.running.run import Run
from clsunbias.files import CONFIGS
from clsunbias.selection import LastStep, LossRatio, SelectionRule
from clsunbias.terminal import note, say

RULES: Mapping[str, SelectionRule] = {"authors": LossRatio(), "last": LastStep()}
RECALLS = [(split, side) for split in ("train", "test_1", "test_2") for side in ("neg", "pos")]
TITLE = "Table 1: accuracy of negatives and positives on the toy (simulated data)"
HEADER = ["", *(f"{split.replace('_', ' ')} {side}" for split, side in RECALLS), "w1", "w2"]
PRINTED = "0.001"
"""Row 3's accuracy of the training positives in the paper; the authors' log of that run has what is in the YAML."""
AUTHORS, LAST = map(repr, RULES.values())
RULE_TITLES = {AUTHORS: "the authors' selection rule", LAST: "our rule, the last validation (iteration 996)"}


def reproduce_table1(out: Path, jobs: int | None, seeds: int, wandb: bool = False) -> int:
    """Runs what is missing, writes the table and the figures; returns 0 if every run is done, else 1."""
    rows = load_yaml(CONFIGS / "tables" / "table1.yaml")["rows"]
    planned = toy_runs(rows, out, seeds, wandb)
    failures = execute_all([one.run for one in planned if one.run.record() is None], jobs)
    for run, error in failures.items():
        note(f"failed: {run.out}\n{error}")
    if failures:
        return 1
    runs = pd.DataFrame(
        {"row": one.row["label"], "selection": repr(RULES[one.rule]), "seed": one.seed, **one.values()}
        for one in planned
    )
    cells = table_cells(rows, runs)
    write_table(out, "table1", TITLE, cells, runs, parts(cells))
    for number, config in enumerate(("toy_balanced", "toy_imbalanced"), start=1):
        of_paper = [one for one in planned if (one.row["config"], one.seed) == (config, "paper")]
        lines = {(one.row["objective"], one.rule): one.line() for one in of_paper}
        draw_toy(out / f"figure{number}", config, lines)
    say(f"table1.md, .tex, .csv, table1_runs.csv, figure1 and figure2 (.png, .svg) in {out}")
    return 0


class ToyRun(NamedTuple):
    """One run of a row of ``configs/tables/table1.yaml``, with the seed ``paper`` for the paper's own."""

    row: Mapping[str, Any]
    rule: str  # key into RULES
    seed: str
    run: Run

    def values(self) -> dict[str, float]:
        """What a finished run came to: accuracy of each class on each split, and the direction of the weights."""
        result = json.loads((self.run.out / "result.json").read_text())
        values = {f"{split}/{side}_recall": result[split][f"{side}_recall"] for split, side in RECALLS}
        w1, w2 = torch.nn.functional.normalize(self.line()[:2], dim=0).tolist()
        return {**values, "weights/w1": w1, "weights/w2": w2}

    def line(self) -> torch.Tensor:
        """Weights and bias (w1, w2, b) of the selected model."""
        state = torch.load(self.run.weights, map_location="cpu", weights_only=True)["state_dict"]
        return torch.cat([state["network.weight"].flatten(), state["network.bias"]])


def toy_runs(rows: Sequence[Mapping[str, Any]], out: Path, seeds: int, wandb: bool = False) -> list[ToyRun]:
    """All runs: each row under each rule, with the paper's seeds and then ``seeds`` times with others."""
    planned = []
    for repetition in (None, *range(seeds)):
        seed = "paper" if repetition is None else str(repetition)
        for row in rows:
            files = tuple(CONFIGS / f"{name}.yaml" for name in (row["config"], f"objectives/{row['objective']}"))
            for rule, selection in RULES.items():
                folder = out / "runs" / "table1" / f"{row['config']}-{row['objective']}-{rule}" / seed
                overrides = {"selection": f"clsunbias.selection.{type(selection).__name__}", **seeds_of(repetition)}
                if wandb:
                    about = {"group": f"table1/{row['config']}", "method": f"{row['objective']}, {rule}"}
                    overrides["wandb"] = {**about, "tags": [rule, seed]}
                planned.append(ToyRun(row, rule, seed, Run(folder, files, tuple(overrides.items()))))
    return planned


def seeds_of(repetition: int | None) -> dict[str, Any]:
    """Parameters of a repetition; unlike in the authors' code, training and test noise are independent."""
    if repetition is None:
        return {}
    first = 1000 + 3 * repetition
    data = {f"data.init_args.{name}_seed": first + index for index, name in enumerate(("train", "val", "test"))}
    return {"seed_everything": repetition, **data}


def table_cells(rows: Sequence[Mapping[str, Any]], runs: pd.DataFrame) -> list[Cell]:
    """Cells of the paper's seeds; then of the repetition, with the paired difference of Cls-unbias from ERM."""
    paper, repeated = list[Cell](), list[Cell]()
    for rule in RULE_TITLES:
        erm: dict[str, tuple[str, pd.DataFrame]] = {}
        for row in rows:
            label, config = row["label"], row["config"]
            ours = runs[(runs["selection"] == rule) & (runs["row"] == label)]
            ours = ours.set_index("seed").drop(columns=["row", "selection"])
            paper += cells(label, rule, ours.loc[["paper"]], chain(*row["published"].values()))
            others = ours.drop("paper")
            if others.empty:
                continue
            repeated += cells(label, rule, others)
            if row["objective"] == "erm":  # stands first
                erm[config] = label, others
            else:  # paired: both were trained and tested on the same draws
                baseline, theirs = erm[config]
                repeated += cells(f"{label[0]} − {baseline[0]}", rule, others - theirs)
    return paper + repeated


def cells(label: str, rule: str, values: pd.DataFrame, published: Iterable[float] = ()) -> list[Cell]:
    """Cells of a row: of one run beside the published figures, or the means of several with their intervals."""
    made = []
    for (name, column), theirs in zip_longest(values.items(), published):
        several = len(column) > 1
        mean, sd, low, high = mean_interval(column.tolist()) if several else (column.item(), None, None, None)
        split, metric = str(name).split("/")
        if low is not None and high is not None:
            least, most = bounds(label, split)
            low, high = (max(low, least), min(high, most)) if len(column) >= FEWEST else (None, None)
        difference = None if theirs is None else mean - theirs
        protocol = "paper, other seeds" if several else "paper, its seeds"
        figures = (mean, sd, len(column), low, high, theirs, difference)
        made.append(Cell("table1", label, split, metric, *figures, protocol, rule, simulated=True))
    return made


def bounds(label: str, split: str) -> tuple[float, float]:
    """Between what a cell's value lies: an accuracy, a weight of the direction, or a difference of either."""
    low, high = (-1.0, 1.0) if split == "weights" else (0.0, 1.0)
    return (low - high, high - low) if "−" in label else (low, high)


def parts(cells: Sequence[Cell]) -> list[Section | str]:
    """Tables and paragraphs: the paper's seeds beside the published figures, then the repetition, by selection rule."""
    tables: dict[tuple[bool, str], dict[str, list[Cell]]] = {}
    for cell in cells:
        tables.setdefault((cell.n > 1, cell.selection), {}).setdefault(cell.row, []).append(cell)
    paper = [beside_published(rule, rows) for (several, rule), rows in tables.items() if not several]
    repeated = [over_seeds(rule, rows) for (several, rule), rows in tables.items() if several]
    few = any(cell.low is None for (several, _), rows in tables.items() if several for cell in rows["1 ERM"])
    authors, last = (tables[False, rule]["3 ERM"][1].value for rule in RULE_TITLES)
    collapse = (
        f"**Row 3's collapse is a selection artefact.** The same training run has a train pos-acc of {authors:.3f} at "
        f"the iteration that the authors' rule picks (the first it may) and {last:.3f} at its end: the rule divides a "
        "balanced validation loss by an imbalanced training loss, and the ratio only grows while ERM learns."
    )
    defined = (
        "Accuracy of a class: the share of its samples that are found, its sensitivity. w1, w2: the direction of the "
        f"weights, w/‖w‖. ¹ The paper prints {PRINTED}; the authors' log of that run, and their code, give 0.010 (one "
        "of 100 positives)."
    )
    drawn = (
        "The repetition draws data and initialisation anew, training and test noise independently. ±: standard "
        'deviation over seeds. "2 − 1" and "4 − 3": mean paired difference between Cls-unbias and ERM, and its 95 % '
        f"Student interval{f'; there is none of fewer than {FEWEST} seeds' if few else ''}."
    )
    return [*paper, defined, collapse, *repeated, *([drawn] if repeated else [])]


def beside_published(rule: str, rows: Mapping[str, Sequence[Cell]]) -> Section:
    """The paper's seeds under a rule: of each row ours, what is published, and the difference."""
    lines = []
    for label, group in rows.items():
        lines.append([label, *(f"{cell.value:.3f}" for cell in group)])
        lines.append(["published", *(f"{cell.published:.3f}{' ¹' * misprinted(cell)}" for cell in group)])
        lines.append(["difference", *(f"{cell.difference:+z.3f}" for cell in group)])
    return Section(f"The paper's seeds, {RULE_TITLES[rule]}", HEADER, lines)


def misprinted(cell: Cell) -> bool:
    """Whether the paper prints another number than its authors' log of the same run."""
    return (cell.row, cell.column, cell.metric) == ("3 ERM", "train", "pos_recall")


def over_seeds(rule: str, rows: Mapping[str, Sequence[Cell]]) -> Section:
    """The repetition under a rule: mean and standard deviation of each row, mean and interval of paired differences."""
    lines = [[label, *map(over_seeds_entry, group)] for label, group in rows.items()]
    seeds = next(iter(rows.values()))[0].n
    return Section(f"Mean ± standard deviation over {seeds} seeds, {RULE_TITLES[rule]}", HEADER, lines)


def over_seeds_entry(cell: Cell) -> str:
    """A cell of the repetition."""
    if "−" not in cell.row:
        return f"{cell.value:.3f} ± {cell.sd:.3f}"
    known = cell.low is not None and cell.high is not None
    return f"{cell.value:+z.3f} ({cell.low:+z.3f} to {cell.high:+z.3f})" if known else f"{cell.value:+z.3f}"
