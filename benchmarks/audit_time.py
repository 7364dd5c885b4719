"""Seconds and memory of ``clsunbias audit`` on a large table: of a run, and of files without the model."""

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from benchmarks.timing import Row, fit, judged

UNITS, COLUMNS = 100_000, 50
TARGET = 60.0
"""Seconds, on two cores."""


def write(folder: Path, units: int) -> Path:
    """A table whose first five columns tell about the class; its test split has so many units."""
    random, sizes = np.random.default_rng(0), {"train": 2000, "val": 500, "test": units}
    split = np.repeat(list(sizes), list(sizes.values()))
    target = random.random(len(split)) < 0.3
    x = random.normal(size=(len(split), COLUMNS))
    x[:, :5] += target[:, None] * np.linspace(0.2, 1, 5)
    frame = pd.DataFrame(x, columns=[f"c{number}" for number in range(COLUMNS)]).round(4)
    path = folder / f"{units}.csv"
    frame.assign(split=split, label=np.where(target, "ill", "well")).to_csv(path, index=False)
    return path


def trained(table: Path) -> Path:
    """A run on a table, trained for a moment."""
    data = ("--data.path", str(table), "--data.split", "split", "--data.classes", '["well","ill"]')
    short = ("--trainer.max_epochs", "2", "--model.network.in_features", str(COLUMNS))
    out = table.with_suffix("")
    fit("--config", "tabular", *data, *short, out=out)
    return out


def audited(*options: str) -> tuple[float, float]:
    """Seconds, and gigabytes at most, of a call in a process of its own."""
    began = time.perf_counter()
    process = subprocess.Popen([sys.executable, "-m", "clsunbias", "audit", *options], stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    seconds = time.perf_counter() - began
    if status:
        raise RuntimeError(f"clsunbias audit {' '.join(options)} failed")
    return seconds, usage.ru_maxrss / 2**20


def measure() -> Sequence[Row]:
    """A run of all units and of half of them; then predictions and features as files."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        half, whole = (trained(write(folder, units)) for units in (UNITS // 2, UNITS))
        (_, less), (seconds, most) = (audited(str(run), "--out", str(run / "audit")) for run in (half, whole))
        predictions = str(whole / "predictions.csv")
        features = pd.read_csv(folder / f"{UNITS}.csv").drop(columns="label").rename_axis("unit").reset_index()
        features["unit"] = pd.read_csv(predictions)["unit"]
        features.to_csv(folder / "features.csv", index=False)
        of_files, _ = audited("--predictions", predictions, "--features", str(folder / "features.csv"))
    size = f"{UNITS:,} units × {COLUMNS} columns"
    return [
        Row(f"audit_time: a run, {size}", f"{seconds:.0f} s", judged(seconds, "<", TARGET, " s")),
        Row(f"audit_time: predictions and features, {size}", f"{of_files:.0f} s", judged(of_files, "<", TARGET, " s")),
        Row("audit_time: memory of all units over that of half of them", f"{most / less:.2f}, {most:.1f} GB", "≤ 2"),
    ]
