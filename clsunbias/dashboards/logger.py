"""A run on Weights & Biases beside its own folder: curves while it trains, figures and tables when it is done.

Everything of W&B happens in a thread of its own, behind a queue: a slow network, a missing login or a defect there
neither stops nor slows training. What is logged is what the run's files hold, which stay the source of truth.
"""

import os
import shlex
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from queue import SimpleQueue
from typing import TYPE_CHECKING, Any

from lightning.pytorch import Trainer
from lightning.pytorch.loggers.logger import Logger

from clsunbias.dashboards import charts
from clsunbias.dashboards.service import STEP, SYNC, TIMEOUT, open_run
from clsunbias.privacy import without_places
from clsunbias.terminal import note

if TYPE_CHECKING:
    import pandas as pd
    import wandb


@dataclass(frozen=True)
class Wandb:
    """Where on W&B a run is shown, and how much of it.

    Attributes:
        project: default $WANDB_PROJECT, else ``clsunbias``.
        group: runs that belong together; default the data set.
        method: what runs have in common that differ in their seeds alone; default the objective.
        tags: such as the protocol; objective, and ``simulated`` or ``real``, come before them.
        unit_names: whether names of units, such as patients, leave this machine; else units go by their row in
            ``predictions.csv``.
    """

    project: str | None = None
    group: str | None = None
    method: str | None = None
    tags: list[str] = field(default_factory=list)
    unit_names: bool = False


class WandbLogger(Logger):
    """Sends a run's figures to W&B; nothing that happens there reaches the run.

    Args:
        shown: where.
        out: the run's folder; what W&B writes goes into its ``wandb``.
        config: the resolved config and what else to find the run by.
        config_sha256: of the config: a run that goes on has the same, and goes on in the same run of W&B.
    """

    def __init__(self, shown: Wandb, out: Path, config: Mapping[str, Any], config_sha256: str) -> None:
        super().__init__()
        self._shown, self._out, self._config, self._sha256 = shown, out, config, config_sha256
        self._tasks: SimpleQueue[Callable[[wandb.Run, int], None] | int] = SimpleQueue()
        self._thread = threading.Thread(target=self._work, name="wandb", daemon=True)
        self._thread.start()

    @property
    def name(self) -> str:
        return "wandb"

    @property
    def version(self) -> str:
        return self._sha256

    def log_hyperparams(self, params: Any, *args: Any, **kwargs: Any) -> None:
        """Does nothing: the run is opened with its whole config."""

    def log_metrics(self, metrics: Mapping[str, float], step: int | None = None) -> None:
        assert step is not None
        self._log(step, lambda: {**metrics, STEP: step})

    def log_result(
        self, step: int, frame: "pd.DataFrame", class_names: Sequence[str], result: Mapping[str, Any]
    ) -> None:
        """Logs what a finished run has found: its metrics and, in a row after its last step, charts and tables.

        Args:
            step: the run's last.
            frame: its predictions.
            class_names: C names.
            result: its record.
        """
        self._tasks.put(lambda run, logged: run.summary.update(without_places(charts.summary(result))))
        # Last, for tables need the service at once, and fail without it.
        self._log(step + 1, lambda: charts.figures(frame, class_names, self._shown.unit_names))

    def finalize(self, status: str) -> None:
        if status != "success":  # of training and of the test: a run that went well has its result still to come
            self.close(1)

    def close(self, exit_code: int = 0) -> None:
        """Ends the run, and waits a while for the service to have it all."""
        self._tasks.put(exit_code)
        self._thread.join(3 * TIMEOUT)  # to open the run online, then offline, and to end it
        if self._thread.is_alive():
            note("W&B does not answer; the run ends without it")

    def _log(self, step: int, row: Callable[[], Mapping[str, Any]]) -> None:
        def task(run: "wandb.Run", logged: int) -> None:
            if step > logged:  # what a resumed run repeats is there already
                run.log(dict(row()), step=step, commit=True)

        self._tasks.put(task)

    def _work(self) -> None:
        with self._said():
            run, logged = open_run(self._out, self._shown, self._config, self._sha256)
            while not isinstance(task := self._tasks.get(), int):
                with self._said():
                    task(run, logged)
            run.finish(exit_code=task)
            if run.offline:
                note(f"W&B has the run offline; to send it: {SYNC} {self._folder}")

    @property
    def _folder(self) -> str:
        """What W&B has of the run on this machine, as it is typed."""
        return shlex.quote(str(self._out / "wandb"))

    @contextmanager
    def _said(self) -> Iterator[None]:
        try:
            yield
        except Exception as error:  # whatever it is, it must not cost the run anything
            rest = f"To send what is there: {SYNC} --include-online {self._folder}"
            note(f"W&B: {error}; the run does not depend on it. {rest}")


def attach(
    trainer: Trainer, asked: Wandb | bool, out: Path, config: Mapping[str, Any], config_sha256: str
) -> WandbLogger | None:
    """Has a trainer log to W&B, too, if that is asked for.

    Args:
        trainer: of the run.
        asked: where, ``True`` for the defaults.
        out: the run's folder.
        config: the resolved config, and beside it ``objective``, ``dataset`` and ``simulated``.
        config_sha256: of the config.
    """
    trial = bool(trainer.fast_dev_run)  # type: ignore[attr-defined]
    if asked is False or trial or not trainer.is_global_zero or os.environ.get("WANDB_MODE") == "disabled":
        return None
    shown = Wandb() if asked is True else asked
    tags = [config["objective"], "simulated" if config["simulated"] else "real", *shown.tags]
    shown = replace(shown, group=shown.group or config["dataset"], tags=tags)
    to_find_by = {"group": shown.group, "method": shown.method or config["objective"]}
    logger = WandbLogger(shown, out, {**without_places(dict(config)), **to_find_by}, config_sha256)
    trainer.loggers.append(logger)  # after the CSV, which a run's curves are read from
    return logger
