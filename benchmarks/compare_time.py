"""Seconds and memory of ``clsunbias compare`` on ten methods' predictions of 100,000 units, and of its start."""

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from benchmarks.timing import Row, judged

METHODS, UNITS = 10, 100_000
SECONDS, START, GIGABYTES = 20.0, 2.0, 2.0

RUN = """
import resource, sys
from clsunbias.__main__ import main
status = main(sys.argv[1:])
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, file=sys.stderr)
sys.exit(status)
"""


def write_predictions(folder: Path) -> list[str]:
    """Made-up predictions with a validation split of 2,000 more units, a file a method."""
    random = np.random.default_rng(0)
    split = np.repeat(["val", "test"], [2000, UNITS])
    label = (random.random(len(split)) < 0.3).astype(int)
    ease, unit = random.normal(0, 1, len(split)), np.arange(len(split))
    paths = []
    for method in range(METHODS):
        logits = (2 * label - 1) * (1 + ease + 0.01 * method) + random.normal(0, 0.5, len(split))
        paths.append(str(folder / f"method{method}.csv"))
        frame = pd.DataFrame({"split": split, "unit": unit, "label": label, "prob": 1 / (1 + np.exp(-logits))})
        frame.to_csv(paths[-1], index=False)
    return paths


def process(*args: str) -> tuple[float, float, str]:
    """Wall time, processor time and what the process said last; RuntimeError if it failed."""
    began, before = time.perf_counter(), os.times()
    done = subprocess.run([sys.executable, "-c", RUN, *args], capture_output=True, text=True)
    after = os.times()
    if done.returncode:
        raise RuntimeError(f"compare failed:\n{done.stderr}")
    spent = after.children_user + after.children_system - before.children_user - before.children_system
    return time.perf_counter() - began, spent, done.stderr.strip().splitlines()[-1]


def measure() -> Sequence[Row]:
    """The comparison, then a small one of the first units, which is mostly the start."""
    with tempfile.TemporaryDirectory() as folder:
        paths = write_predictions(Path(folder))
        seconds, spent, kilobytes = process("compare", *paths, "--out", folder)
        small = [str(Path(folder, f"small{index}.csv")) for index in range(2)]
        for path, whole in zip(small, paths, strict=False):
            pd.read_csv(whole).query("split == 'test'").head(100).to_csv(path, index=False)
        idle, start, _ = process("compare", *small)
    gigabytes = int(kilobytes) / 1e6
    what = f"compare_time: {UNITS:,} units × {METHODS} methods"
    return [
        Row(what, f"{seconds:.1f} s, {spent:.1f} s of processor", judged(spent, "<", SECONDS, " s of processor")),
        Row("compare_time: its memory", f"{gigabytes:.2f} GB", judged(gigabytes, "<", GIGABYTES, " GB")),
        Row(
            "compare_time: 100 units × 2 methods, start and all",
            f"{idle:.1f} s, {start:.1f} s of processor",
            judged(start, "<", START, " s of processor"),
        ),
    ]
