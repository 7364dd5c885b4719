"""Wall time of the 30 image runs of Table 2 in two worker processes, over the bare training loops' sum over two."""

import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

import lightning
import torch
import yaml
from joblib import Parallel, delayed
from torch import Tensor
from torch.nn import functional as F

from benchmarks.retina_step import BinaryObjective, cls_unbias, plain_loop
from benchmarks.timing import Row, judged
from clsunbias.data import BreastMNIST, DataModule, RetinaMNIST
from clsunbias.errors import InputError
from clsunbias.files import CONFIGS
from clsunbias.networks import SmallConvNet

TARGET = 1.25
IDLE = 10.0
"""Seconds that a second call, which has nothing to run, may take."""

SEEDS = 5
ROWS = ("erm", "class_weighted_erm", "cls_unbias")
COLUMNS: dict[str, type[BreastMNIST | RetinaMNIST]] = {"breast": BreastMNIST, "retina2": RetinaMNIST}


def objective_of(row: str, data: DataModule) -> BinaryObjective:
    """The loss of a method as a script for two classes would have it."""
    if row == "cls_unbias":
        return cls_unbias
    counts = data.class_counts
    weights = counts.sum() / (2 * counts) if row == "class_weighted_erm" else torch.ones(2)

    def weighted(logit: Tensor, target: Tensor, lam: float, tau: float) -> Tensor:
        losses = F.binary_cross_entropy_with_logits(logit.squeeze(1), target.float(), reduction="none")
        return (losses * weights[target]).mean()

    return weighted


def bare(column: str, row: str) -> float:
    """Seconds of one bare training loop, on one thread."""
    torch.set_num_threads(1)
    lightning.seed_everything(0, verbose=False)
    path = CONFIGS / f"{column.rstrip('2')}.yaml"
    config = yaml.safe_load(path.read_text())
    data = COLUMNS[column](batch_size=config["data"]["init_args"]["batch_size"])
    data.setup("fit")
    network = SmallConvNet(data.channels)
    return plain_loop(network, data, objective_of(row, data), path, config["trainer"]["max_epochs"])


def reproduce(out: str, grid: Path, *options: str) -> float:
    """Seconds of one call in two workers, in a process of its own."""
    command = [sys.executable, "-m", "clsunbias", "reproduce", str(grid), "--out", out, "--jobs", "2"]
    began = time.perf_counter()
    done = subprocess.run([*command, *options], capture_output=True, text=True)
    if done.returncode:
        raise RuntimeError(f"reproduce failed:\n{done.stderr}")
    return time.perf_counter() - began


def measure() -> Sequence[Row]:
    """Six bare loops, two at a time, stand for their five seeds each; then the grid, once with all to do, once more."""
    try:
        for data in COLUMNS.values():
            data().setup("fit")
    except InputError as error:
        return [Row("grid_time: the image runs of Table 2", f"not measured: {error}")]
    kinds = [(column, row) for column in reversed(COLUMNS) for row in ROWS]
    loops = sum(Parallel(n_jobs=2)(delayed(bare)(*kind) for kind in kinds)) * SEEDS / 2
    grid = yaml.safe_load((CONFIGS / "tables" / "table2.yaml").read_text())
    grid["rows"] = {row: grid["rows"][row] for row in ROWS}
    with tempfile.TemporaryDirectory() as out:
        path = Path(out, "table2.yaml")
        path.write_text(yaml.safe_dump(grid))
        options = ["--columns", ",".join(COLUMNS), "--protocols", "paper", "--seeds", str(SEEDS)]
        seconds, again = reproduce(out, path, *options), reproduce(out, path, *options)
    runs = len(kinds) * SEEDS
    figure = f"{seconds / loops:.3f} ({seconds:.0f} s over {loops:.0f} s)"
    return [
        Row(
            f"grid_time: {runs} image runs of Table 2, 2 workers, over the bare loops' sum / 2",
            figure,
            judged(seconds / loops, "≤", TARGET),
        ),
        Row("grid_time: the same call again, with nothing to run", f"{again:.1f} s", judged(again, "<", IDLE, " s")),
    ]
