"""One progress bar for a whole run."""

import time
from typing import Any

from lightning.pytorch import LightningModule, Trainer
from lightning.pytorch.callbacks import ProgressBar
from rich.progress import BarColumn, MofNCompleteColumn, Progress, ProgressColumn, TextColumn, TimeRemainingColumn

from clsunbias.module import Classifier
from clsunbias.terminal import console


class RunProgress(ProgressBar):
    """Steps done of all, time left, and the newest validation's figures, on the standard error stream.

    Lightning's own bars restart each epoch, which tells little when epochs are short, and redraw so often that they
    slow a small model's steps down.
    """

    def __init__(self) -> None:
        super().__init__()
        self._next = 0.0
        self._bar: Progress | None = None

    def enable(self) -> None:
        """Shows the bar, where this process shows one."""

    def disable(self) -> None:
        """Hides the bar, as Lightning asks of every process but the first."""
        self._next = float("inf")

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        if self._next == float("inf"):
            return
        columns: tuple[ProgressColumn, ...] = (
            TextColumn("{task.description}"),
            BarColumn(bar_width=16),
            MofNCompleteColumn(),
        )
        columns += (TimeRemainingColumn(), TextColumn("{task.fields[figures]}"))
        self._bar = Progress(*columns, console=console(stderr=True), refresh_per_second=4)
        total = int(trainer.estimated_stepping_batches)
        assert isinstance(pl_module, Classifier)
        self._bar.add_task(pl_module.objective.name, total=total, completed=trainer.global_step, figures="")
        self._bar.start()

    def on_train_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        if self._bar and time.monotonic() >= self._next:
            self._bar.update(self._bar.task_ids[0], completed=trainer.global_step)
            self._next = time.monotonic() + 0.25

    def on_validation_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        if self._bar:
            f1, gap = (float(trainer.callback_metrics[f"val/{name}"]) for name in ("macro_f1", "loss_gap"))
            figures = f"val MF1 {f1:.3f} gap {gap:.3f}"
            self._bar.update(self._bar.task_ids[0], completed=trainer.global_step, figures=figures)

    def on_train_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        if self._bar:  # which may not have been told of the last steps
            self._bar.update(self._bar.task_ids[0], completed=trainer.global_step)
        self._stop()

    def on_exception(self, trainer: Trainer, pl_module: LightningModule, exception: BaseException) -> None:
        self._stop()

    def _stop(self) -> None:
        if self._bar:
            self._bar.stop()
            self._bar = None
