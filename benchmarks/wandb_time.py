"""A run that is shown on W&B over one that is not, on RetinaMNIST under the paper's settings, and on the toy."""

import os
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from benchmarks.timing import Row, fit, in_turn, ratio_row, threads
from clsunbias.data import RetinaMNIST
from clsunbias.errors import InputError
from clsunbias.files import CONFIGS

TARGET = 1.05
REPETITIONS = 4


def seconds(config: Path, *options: str) -> float:
    """Wall time of a whole run: training, test, files, and the end of W&B's part; imports are done before."""
    with tempfile.TemporaryDirectory() as out:
        began = time.perf_counter()
        fit("--config", str(config), *options, out=Path(out, "run"))
        return time.perf_counter() - began


def measure() -> Sequence[Row]:
    """Offline, so that no network is measured; the first round, which starts W&B's own process, does not count."""
    before = os.environ.get("WANDB_MODE")
    os.environ["WANDB_MODE"] = "offline"
    try:
        return [*rows("retina.yaml", TARGET), *rows("toy_imbalanced.yaml", None)]
    finally:
        os.environ.pop("WANDB_MODE")
        if before is not None:
            os.environ["WANDB_MODE"] = before


def rows(config: str, target: float | None) -> list[Row]:
    """The ratio for one config."""
    what = f"wandb_time: a run of {config} with W&B over one with the CSV alone ({threads()})"
    if config.startswith("retina"):
        try:
            RetinaMNIST().setup("fit")
        except InputError as error:
            return [Row(what, f"not measured: {error}")]
    path = CONFIGS / config
    shown, plain = in_turn(REPETITIONS, lambda: seconds(path, "--wandb", "true"), lambda: seconds(path))
    return [ratio_row(f"{what}; {sum(plain) / len(plain):.1f} s a run", shown, plain, "≤", target)]
