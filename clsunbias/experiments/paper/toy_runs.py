"""The runs behind Table 1: the toy's rows under two selection rules, with the paper's seeds and with others."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from clsunbias.experiments.running.run import Run
from clsunbias.files import CONFIGS
from clsunbias.selection import LastStep, LossRatio, SelectionRule

RULES: Mapping[str, SelectionRule] = {"authors": LossRatio(), "last": LastStep()}
SPLITS = ("train", "test_1", "test_2")

Measure = tuple[str, str]
"""A split and a metric on it, or ``weights`` and which of them."""

MEASURES: list[Measure] = [(split, metric) for split in SPLITS for metric in ("neg_recall", "pos_recall")]
MEASURES += [("weights", "w1"), ("weights", "w2")]


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

    def values(self) -> dict[Measure, float]:
        """What a finished run came to: accuracy of each class on each split, and the direction of the weights."""
        result = json.loads((self.run.out / "result.json").read_text())
        values = {(split, metric): result[split][metric] for split, metric in MEASURES if split != "weights"}
        direction = torch.nn.functional.normalize(self.line()[:2], dim=0)
        return values | {("weights", f"w{index + 1}"): float(weight) for index, weight in enumerate(direction)}

    def line(self) -> torch.Tensor:
        """Weights and bias (w1, w2, b) of the selected model."""
        state = torch.load(self.run.weights, map_location="cpu", weights_only=True)["state_dict"]
        return torch.cat([state["network.weight"].flatten(), state["network.bias"]])


def toy_runs(rows: Sequence[Mapping[str, Any]], out: Path, seeds: int, wandb: bool = False) -> list[ToyRun]:
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
    first = 1000 + 3 * repetition
    data = {f"data.init_args.{name}_seed": first + index for index, name in enumerate(("train", "val", "test"))}
    return {"seed_everything": repetition, **data}
