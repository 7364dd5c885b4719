"""Made-up records of runs: folders as ``fit`` leaves them, in no time and with figures that follow from the scores."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
import yaml

from clsunbias.experiments.grid import Grid, load_grid
from clsunbias.experiments.plan import arms, runs_of, trials_of
from clsunbias.experiments.running.run import Run
from clsunbias.files import config_sha256, sealed, sha256_of, write_csv, write_json
from clsunbias.metrics import classification_metrics
from clsunbias.results import versions
from tests.fakes import write_grid

Labels = Mapping[str, np.ndarray[Any, np.dtype[np.int64]]]
"""Split → class of each unit."""

SPEAKERS: Labels = {name: np.arange(size) % 2 for name, size in (("train", 40), ("val", 20), ("test", 30))}


def write_record(
    folder: Path,
    config: Mapping[str, Any],
    labels: Labels,
    *,
    dataset: str,
    objective: str,
    simulated: bool = False,
    skill: float = 1.0,
    classes: int = 2,
    unit: str = "",
    init: Path | None = None,
    bias: float = 0.0,
    class_names: Sequence[str] = (),
    names: Mapping[str, Sequence[int]] | None = None,
) -> None:
    """Writes a finished run.

    Args:
        folder: of the run.
        config: as saved; it must have ``data``, ``trainer`` and ``seed_everything``.
        labels: of the splits that were scored.
        dataset: name in the record.
        objective: name in the record.
        simulated: whether the record says so.
        skill: how far the scores of the classes are apart.
        classes: C.
        unit: what names of units begin with; without it they are numbers.
        init: the weights that the run started from.
        bias: on the logits of the last class.
        class_names: that the record says, if any.
        names: of the units of each split, which numbers from 0 stand for otherwise.
    """
    seed = int(config["seed_everything"])
    random = np.random.default_rng(int(config_sha256(config)[:8], 16))  # of each setting and seed its own
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "config.yaml").write_text(yaml.safe_dump(dict(config), sort_keys=False, allow_unicode=True))
    frames, figures = [], {}
    for split, label in labels.items():
        logits = random.normal(0, 1, (len(label), classes)) + skill * np.eye(classes)[label]
        logits[:, -1] += bias
        prob = torch.softmax(torch.tensor(logits, dtype=torch.float32), 1)
        target = torch.tensor(label)
        loss = -prob[torch.arange(len(label)), target].log()
        of_classes = class_names or [f"class {index}" for index in range(classes)]
        figures[split] = classification_metrics(prob, target, loss, of_classes)
        columns = {f"prob_{index}": prob[:, index].numpy() for index in range(classes)}
        units = [f"{unit}{at}" if unit else at for at in (names[split] if names else range(len(label)))]
        frames.append(pd.DataFrame({"split": split, "unit": units, "label": label, **columns}))
    write_csv(folder / "predictions.csv", pd.concat(frames))
    steps = np.arange(10, 60, 10)
    losses = {
        f"{phase}/{name}": random.uniform(0.1, 1, len(steps))
        for phase in ("train", "val")
        for name in ("loss_neg", "loss_pos", "loss_gap")
    }
    write_csv(folder / "metrics.csv", pd.DataFrame({"step": steps, **losses}))
    result = {
        "dataset": dataset,
        "simulated": simulated,
        "objective": objective,
        "seed": seed,
        "selection": "LastStep()",
        "step": 50,
        "units": {split: len(label) for split, label in labels.items()},
        **figures,
        "versions": versions(),
        "config_sha256": config_sha256(config),
        "predictions_sha256": sha256_of(folder / "predictions.csv"),
    }
    if class_names:
        result["class_names"] = list(class_names)
    if init:
        result["init_sha256"] = sha256_of(init)
    write_json(folder / "result.json", sealed(result))


def retina_labels(root: Path, positive_from: int = 2) -> Labels:
    """Binary labels of the RetinaMNIST file in a folder."""
    with np.load(root / "retinamnist.npz") as arrays:
        return {
            split: (arrays[f"{split}_labels"].reshape(-1) >= positive_from).astype(np.int64)
            for split in ("train", "val", "test")
        }


RETINA: dict[str, Any] = {
    "label": "Retina",
    "configs": {"paper": "retina.yaml"},
    "published": {"erm": {"test/macro_f1": [0.8, 0.01]}, "cls_unbias": {"test/macro_f1": [0.9, 0.02]}},
}
TEST = {"metrics": ["test/macro_f1", "test/accuracy"], "also": ["test/loss_gap"]}


def write_made_up_grid(folder: Path, columns: Mapping[str, Any], labels: Mapping[str, Labels], **changes: Any) -> Path:
    """Writes a grid of the toy grid's two methods, and all its runs into ``folder/out/runs/toy``.

    Args:
        folder: for ``toy.yaml`` and the runs.
        columns: of the grid; null drops the toy grid's own.
        labels: of each column; a column on the toy is simulated.
        changes: to the grid.

    Returns:
        The grid's file.
    """
    path = write_grid(folder / "toy.yaml", {**TEST, **changes})
    content = yaml.safe_load(path.read_text())
    content["columns"] = dict(columns)
    path.write_text(yaml.safe_dump(content, sort_keys=False))
    write_runs(load_grid(path), folder / "out" / "runs" / "toy", folder, labels)
    return path


def write_runs(grid: Grid, root: Path, where: Path, labels: Mapping[str, Labels], simulated: bool = False) -> None:
    """Writes all runs of a grid, a search's too.

    Args:
        grid: the grid.
        root: folder of the runs.
        where: folder that the grid's configs are looked for in first.
        labels: of each column that has runs.
        simulated: whether all records say so; else those on the toy.
    """
    for arm in arms(grid, list(labels), list(grid.protocols), root, where):
        final: list[Run] = list(runs_of(grid, arm).values())
        for run in (*final, *trials_of(grid, arm)):
            withheld = bool(run.config.get("withhold_test"))
            toy = "toy" in str(run.config["data"]["class_path"]).lower()
            write_record(
                run.out,
                run.config,
                {split: one for split, one in labels[arm.column].items() if not (withheld and split == "test")},
                dataset="toy" if toy else "retinamnist",
                objective=arm.row,
                simulated=toy or simulated,
                skill=1.5 if arm.row == "cls_unbias" else 0.5,
            )
