"""A training step with each overlay over one of ERM, on RetinaMNIST (configs/retina.yaml)."""

import contextlib
import io
import statistics
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import pandas as pd
from lightning.pytorch import Callback, LightningModule, Trainer

from benchmarks.retina_step import CONFIG, RandomRetina
from benchmarks.timing import Row, in_turn, ratio_row, threads
from clsunbias.commands.fit import ExperimentCLI, run
from clsunbias.commands.train import prepare
from clsunbias.data_paths import data_root
from clsunbias.files import CONFIGS, write_csv

OUT = Path("docs/results/step_costs.csv")
"""What the cards of docs/methods.md say of costs."""

ERM = ["--config", str(CONFIGS / "objectives" / "erm.yaml")]

ROUNDS = 15
TOGETHER = 6
"""Overlays between two epochs of ERM: few, so that other load falls on all alike."""

ROWS = 1080
MOST = 1.15
PASSES = {"sam": 2.1, "imbsam": 2.3, "self_supervised": 2.3}
"""What may cost more: SAM goes over a batch twice, ImbSAM twice more over the smaller class's rows of it, training
without labels over two views of each row."""

ELSEWHERE = {"erm", "crt", "segment_attention"}
"""What the others are compared with, what starts from another run, and what is for speech."""


class StepClock(Callback):
    """Takes the processor's time from the start of an epoch's training to its validation."""

    seconds = 0.0

    def on_train_epoch_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self.began, self.steps = time.process_time(), trainer.global_step

    def on_validation_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self.seconds = (time.process_time() - self.began) / (trainer.global_step - self.steps)


class Steps:
    """A training that goes on by an epoch when it is called; gives the seconds of processor a step of it took.

    Args:
        options: of ``fit``.
    """

    def __init__(self, *options: str) -> None:
        fixed = ["--trainer.accelerator", "cpu", "--trainer.enable_progress_bar", "false"]
        fixed += ["--trainer.enable_checkpointing", "false", "--trainer.logger", "false"]
        self.cli: ExperimentCLI = run(["--config", str(CONFIG), *options, *fixed], execute=False)
        prepare(self.cli, None)
        self.clock = StepClock()
        self.cli.trainer.callbacks.append(self.clock)  # type: ignore[attr-defined]
        self.epochs = 0

    def __call__(self) -> float:
        self.epochs += 1
        self.cli.trainer.fit_loop.max_epochs = self.epochs
        self.cli.trainer.fit(self.cli.model, datamodule=self.cli.datamodule)
        return self.clock.seconds


def overlays() -> list[str]:
    """Those that train, and do so from a start of their own, by their place in the configs."""
    found = [path for kind in ("objectives", "remedies") for path in sorted((CONFIGS / kind).glob("*.yaml"))]
    trained = [path for path in found if path.stem not in ELSEWHERE and "refit:" not in path.read_text()]
    return [f"{path.parent.name}/{path.stem}" for path in trained]


def options_of(overlay: str, folder: Path) -> list[str]:
    """What an overlay needs beside itself."""
    sex = ["--data.resample.path", str(folder / "units.csv"), "--data.resample.column", "sex"]
    needed = {
        "auxiliary_grade": ["--data.resample.path", str(folder / "units.csv"), "--model.network.outputs", "3"],
        "diverse_experts": ["--model.network.outputs", "6"],
        "regrouped": ["--model.network.outputs", "4"],
        "group_parity": sex,
        "attribute_balanced": ["--data.resample", "clsunbias.data.Attribute", *sex],
    }
    return ["--config", str(CONFIGS / f"{overlay}.yaml"), *needed.get(Path(overlay).stem, [])]


def costs(shared: Sequence[str]) -> Iterator[tuple[str, list[float], list[float]]]:
    """Seconds of a step with each overlay, and of one of ERM with these options, by epochs in turn."""
    silent = io.StringIO()
    with tempfile.TemporaryDirectory() as temporary:
        of_each = {"sex": ["f", "m"] * (ROWS // 2), "grade": [0, 1, 2, 3, 4] * (ROWS // 5)}
        pd.DataFrame({"unit": range(ROWS), **of_each}).to_csv(Path(temporary) / "units.csv", index=False)
        for some in batched(overlays(), TOGETHER):
            with contextlib.redirect_stdout(silent), contextlib.redirect_stderr(silent):
                ways = [Steps(*shared, *options_of(overlay, Path(temporary))) for overlay in some]
                under, *over = in_turn(ROUNDS, Steps(*shared), *ways)
            for overlay, seconds in zip(some, over, strict=True):
                yield overlay, seconds, under


def measure() -> Sequence[Row]:
    """A ratio for each overlay."""
    real = (data_root(None) / "retinamnist.npz").exists()
    shared = ERM if real else [*ERM, "--data", f"{RandomRetina.__module__}.{RandomRetina.__name__}"]
    data = "RetinaMNIST" if real else "random tensors in the shapes of RetinaMNIST, whose file was not found"
    return [
        ratio_row(
            f"step_costs: a step with {overlay} over one with erm ({data}, processor time, {threads()})",
            *(seconds, under, "≤", PASSES.get(Path(overlay).stem, MOST)),
        )
        for overlay, seconds, under in costs(shared)
    ]


def main() -> None:
    """``python -m benchmarks.step_costs``: writes what the cards say, on the real images."""
    lines = []
    for overlay, seconds, under in costs(ERM):
        ratios = [one / erm for one, erm in zip(seconds, under, strict=True)]
        lines.append((overlay, statistics.median(ratios), min(ratios), max(ratios)))
    write_csv(OUT, pd.DataFrame(lines, columns=["overlay", "ratio", "least", "most"]).round(3))


def batched(names: Sequence[str], size: int) -> list[Sequence[str]]:
    """Names, some at a time."""
    return [names[start : start + size] for start in range(0, len(names), size)]


if __name__ == "__main__":
    main()
