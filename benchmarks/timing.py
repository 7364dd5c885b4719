"""What the benchmarks share: timing in turn, training through Lightning under a clock, and the table's rows."""

import contextlib
import copy
import io
import statistics
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import torch
from lightning.pytorch import Callback, LightningModule, Trainer
from torch import nn

from clsunbias.commands.fit import run
from clsunbias.data import DataModule


@dataclass(frozen=True)
class Row:
    """One line of the table.

    Attributes:
        what: what was measured.
        figure: the result.
        target: what it should be, and whether it is; empty for a figure shown for information.
    """

    what: str
    figure: str
    target: str = ""


def in_turn(repetitions: int, *ways: Callable[[], float]) -> list[list[float]]:
    """Times several ways as A B A B …, so that other load on the machine falls on all alike.

    Args:
        repetitions: rounds that count; one more goes before them to warm up and does not.
        ways: each does its work once and returns its seconds.

    Returns:
        The seconds of each way, by round.
    """
    rounds = [[way() for way in ways] for _ in range(repetitions + 1)]
    return [list(seconds) for seconds in zip(*rounds[1:], strict=True)]


def ratio_row(
    what: str, over: Sequence[float], under: Sequence[float], sign: str = "", target: float | None = None
) -> Row:
    """Median, least and largest of the ratios of paired seconds; sign is ``≤`` or ``<``, None is no target."""
    ratios = [first / second for first, second in zip(over, under, strict=True)]
    median = statistics.median(ratios)
    figure = f"{median:.3g} ({min(ratios):.3g} to {max(ratios):.3g})"
    return Row(what, figure, "" if target is None else judged(median, sign, target))


def judged(figure: float, sign: str, target: float, unit: str = "") -> str:
    """The target in words, and whether the figure meets it."""
    met = figure < target or (sign == "≤" and figure == target)
    return f"{sign} {target:g}{unit}, {'met' if met else 'missed'}"


@dataclass(frozen=True)
class Training:
    """One training through Lightning.

    Attributes:
        seconds: from the start of training to its end, without imports, set-up and test.
        steps: optimiser steps done.
        before: the network as training found it.
        after: the network as training left it, before the selected weights are put back.
        data: the data module.
    """

    seconds: float
    steps: int
    before: nn.Module
    after: nn.Module
    data: DataModule


class Clock(Callback):
    """Takes the time inside training, and the network before and after it."""

    done: ClassVar[list[Training]] = []  # on the class, since the command line makes the instance

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self.before = copy.deepcopy(pl_module.network)
        self.began = time.perf_counter()

    def on_train_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        seconds = time.perf_counter() - self.began
        after, data = copy.deepcopy(pl_module.network), trainer.datamodule  # type: ignore[attr-defined]
        assert isinstance(self.before, nn.Module)
        assert isinstance(after, nn.Module)
        Clock.done.append(Training(seconds, trainer.global_step, self.before, after, data))


def fit(*options: str, out: Path | None = None, accelerator: str = "cpu") -> Training:
    """Trains as ``clsunbias fit`` does, on one device, its files in ``out`` or in a folder that does not outlive it."""
    fixed = ["--trainer.accelerator", accelerator, "--trainer.devices", "1", "--trainer.enable_progress_bar", "false"]
    fixed += ["--trainer.callbacks+", f"{Clock.__module__}.{Clock.__name__}"]
    silent = io.StringIO()
    with (
        tempfile.TemporaryDirectory() as temporary,
        contextlib.redirect_stdout(silent),
        contextlib.redirect_stderr(silent),
    ):
        run(["fit", *options, *fixed, "--out", str(out or temporary)])
    return Clock.done.pop()


def check_same(ours: nn.Module, plain: nn.Module, tolerance: float = 1e-4) -> None:
    """Makes sure that two trainings did the same work.

    Raises:
        RuntimeError: a weight differs by more than the tolerance.
    """
    pairs = zip(ours.parameters(), plain.parameters(), strict=True)
    difference = max(float((one - other).detach().abs().max()) for one, other in pairs)
    if not difference <= tolerance:
        raise RuntimeError(f"the two sides end with weights that differ by up to {difference:.2g}")


def threads() -> str:
    """The threads that both sides compute with."""
    count = torch.get_num_threads()
    return f"{count} thread{'s' if count > 1 else ''}"
