"""The runs behind Table 1: the toy's rows under two selection rules, with the paper's seeds and with others."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import torch

from clsunbias.experiments.running.run import Run
from clsunbias.files import CONFIGS
from clsunbias.selection import LastStep, LossRatio, SelectionRule

RULES: Mapping[str, SelectionRule] = {"authors": LossRatio(), "last": LastStep()}
RECALLS = [(split, side) for split in ("train", "test_1", "test_2") for side in ("neg", "pos")]


class ToyRun(NamedTuple):
    """One run of one row.

    Attributes:
        row: the row, as ``configs/tables/table1.yaml`` has it.
        rule: key into RULES.
        seed: ``paper`` for the paper's own seeds, else which of the repetitions.
        run: what to execute.
    """

    row: Mapping[str, Any]
    rule: str
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
                    overrides["wandb"] = {"group": f"table1/{row['config']}", "tags": [rule, seed]}
                planned.append(ToyRun(row, rule, seed, Run(folder, files, tuple(overrides.items()))))
    return planned


def seeds_of(repetition: int | None) -> dict[str, Any]:
    """Parameters of a repetition; unlike in the authors' code, training and test noise are independent."""
    if repetition is None:
        return {}
    first = 1000 + 3 * repetition
    data = {f"data.init_args.{name}_seed": first + index for index, name in enumerate(("train", "val", "test"))}
    return {"seed_everything": repetition, **data}
