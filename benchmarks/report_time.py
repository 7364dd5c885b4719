"""Seconds of a call of ``clsunbias reproduce`` that has nothing to run, on 1,000 made-up records."""

import copy
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd
import yaml

from benchmarks.timing import Row, fit, judged
from clsunbias.experiments.analysis.statistics import metrics, unit_sums
from clsunbias.experiments.grid import load_grid
from clsunbias.experiments.plan import Arm, arms
from clsunbias.files import config_sha256, sealed, sha256_of, write_csv, write_json

TARGET = 5.0
"""Seconds."""

SEEDS = 40
UNITS = {"train": 1080, "val": 120, "test": 400}
RATES = (0.001, 0.002, 0.003, 0.004, 0.005)
DATA = (1, 2, 3, 4, 5)

SHORT = {"trainer.max_epochs": 1, "selection": "clsunbias.selection.LastStep"}

GRID = {
    "title": "Made-up records",
    "metrics": ["test/macro_f1"],
    "also": ["test/loss_gap"],
    "baselines": ["rate0"],
    "protocols": {"paper": {"label": "made up", "seeds": SEEDS}},
    "rows": {
        f"rate{index}": {
            "label": f"lr {rate}",
            "config": "objectives/erm.yaml",
            "set": {"model.optimizer.init_args.lr": rate, **SHORT},
        }
        for index, rate in enumerate(RATES)
    },
    "columns": {
        f"data{seed}": {
            "label": f"data {seed}",
            "configs": {"paper": "toy_balanced.yaml"},
            "set": {"data.init_args.train_seed": seed},
        }
        for seed in DATA
    },
}
"""Five methods on five data sets with 40 seeds."""


def predictions(random: np.random.Generator) -> pd.DataFrame:
    """Made-up predictions, right three times of four."""
    frames = []
    for split, size in UNITS.items():
        label = np.arange(size) % 2
        positive = np.where(random.random(size) < 0.75, label, 1 - label) * 0.5 + random.random(size) * 0.5
        columns = {"split": split, "unit": range(size), "label": label, "prob_0": 1 - positive, "prob_1": positive}
        frames.append(pd.DataFrame(columns))
    return pd.concat(frames)


def make_up(arm: Arm, seed: int, saved: dict[str, object], random: np.random.Generator) -> None:
    """Writes a record as ``fit`` would have left it."""
    out, config = arm.seed(seed).out, copy.deepcopy(saved)
    out.mkdir(parents=True)
    for dotted, value in arm.seed(seed).overrides:
        *path, last = dotted.split(".")
        below = config
        for name in path:
            below = below[name]  # type: ignore[assignment]
        if dotted != "selection":  # a class, which the template has with its arguments
            below[last] = value
    (out / "config.yaml").write_text(yaml.safe_dump(config, sort_keys=False))
    frame = predictions(random)
    write_csv(out / "predictions.csv", frame)
    figures = {}
    for split in ("val", "test"):
        part = frame[frame["split"] == split]
        sums = unit_sums(part[["prob_0", "prob_1"]].to_numpy()[None], part["label"].to_numpy()).sum(0)
        figures[split] = {name: float(values[0]) for name, values in metrics(sums).items()}
    result = {"selection": "Best()", "step": 1, "simulated": True, "units": UNITS, **figures}
    result["config_sha256"] = config_sha256(config)
    write_json(out / "result.json", sealed({**result, "predictions_sha256": sha256_of(out / "predictions.csv")}))


def measure() -> Sequence[Row]:
    """One call on made-up records, in a process of its own."""
    random = np.random.default_rng(0)
    with tempfile.TemporaryDirectory() as folder:
        path, out = Path(folder, "made_up.yaml"), Path(folder, "out")
        path.write_text(yaml.safe_dump(GRID))
        grid = load_grid(path)
        planned = arms(grid, list(grid.columns), list(grid.protocols), out / "runs" / path.stem, path.parent)
        fit(*planned[0].seed(0).options, out=Path(folder, "template"))
        saved = yaml.safe_load(Path(folder, "template", "config.yaml").read_text())
        for arm in planned:
            for seed in range(SEEDS):
                make_up(arm, seed, saved, random)
        began = time.perf_counter()
        command = [sys.executable, "-m", "clsunbias", "reproduce", str(path), "--out", str(out)]
        done = subprocess.run(command, capture_output=True, text=True)
        seconds = time.perf_counter() - began
    if done.returncode:
        raise RuntimeError(f"reproduce failed:\n{done.stderr}")
    what = f"report_time: a call with nothing to run, on {len(planned) * SEEDS} made-up records"
    return [Row(what, f"{seconds:.1f} s", judged(seconds, "<", TARGET, " s"))]
