"""Callbacks: annealing of the objective's numbers, and the checkpoints of a run."""

import io
import math
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import lightning
import torch
from lightning.pytorch import Callback, LightningModule, Trainer
from lightning.pytorch.callbacks import Checkpoint, WeightAveraging
from lightning.pytorch.trainer.states import TrainerFn
from torch import Tensor, nn

from clsunbias.errors import InputError
from clsunbias.experiments.running.run import FILES, LAST
from clsunbias.files import atomic
from clsunbias.module import Classifier
from clsunbias.objectives import Objective
from clsunbias.schedules import Schedule
from clsunbias.selection import Selection, SelectionRule


class Anneal(Callback):
    """Moves numbers of the objective along schedules, as closed forms of training progress.

    Nothing is counted, so a resumed run goes on exactly where it was.

    Args:
        lam: schedule of λ; None leaves the objective's own value.
        tau: schedule of τ; None leaves the objective's own value.
        others: schedules of any other number that the objective declares, by its name; of one that its sample loss
            declares as ``sample_loss.NAME``. (λ and τ stand apart because config files are merged name by name, but
            for what is in here.)
    """

    def __init__(
        self,
        lam: Schedule | None = None,
        tau: Schedule | None = None,
        others: Mapping[str, Schedule] | None = None,
    ) -> None:
        if twice := {"lam", "tau"} & set(others or ()):
            raise InputError(f"anneal.others names {', '.join(sorted(twice))}, which stands beside it: anneal.NAME")
        named = {"lam": lam, "tau": tau, **(others or {})}
        self.schedules = {name: schedule for name, schedule in named.items() if schedule is not None}
        self._moves: list[tuple[nn.Module, str, Schedule]] = []

    def check(self, objective: Objective) -> None:
        """Tries both ends of every schedule on the objective.

        Raises:
            InputError: the objective has no such number, or refuses a value that the schedule would give it.
        """
        known = objective.annealed_by()
        if unknown := [name for name in self.schedules if name not in known]:
            mend = [
                f"set anneal.{name} to null" if name in {"lam", "tau"} else f"take {name} out of anneal.others"
                for name in unknown
            ]
            raise InputError(
                f"{type(objective).__name__} has no {' and no '.join(map(repr, unknown))} to anneal (it has "
                f"{', '.join(known) or 'none'}); {', '.join(mend)}"
            )
        self._moves = [(known[name], name.rpartition(".")[2], schedule) for name, schedule in self.schedules.items()]
        for end in (1.0, 0.0):
            self.move(end)

    def move(self, progress: float) -> None:
        """Sets every number to its value at a progress in [0, 1]."""
        for owner, attribute, schedule in self._moves:
            setattr(owner, attribute, schedule(progress))

    def on_fit_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        assert isinstance(pl_module, Classifier)
        self.check(pl_module.objective)

    def on_train_batch_start(self, trainer: Trainer, pl_module: LightningModule, batch: Any, batch_idx: int) -> None:
        if self._moves:
            assert isinstance(pl_module, Classifier)
            self.move(pl_module.training_progress())


class EndEarly(Callback):
    """Ends a training after a share of its length, at the end of an epoch; all schedules stay those of the whole.

    A refit, whose epochs are sets of weights to try, is not ended.

    Args:
        share: of the steps of the optimiser, above 0 and at most 1.

    Raises:
        InputError: another share.
    """

    def __init__(self, share: float) -> None:
        if not 0 < share <= 1:
            raise InputError(f"EndEarly: share is of a training, above 0 and at most 1; got {share}")
        self.share = share

    def on_train_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        refits = isinstance(pl_module, Classifier) and pl_module.refit is not None
        if not refits and trainer.global_step >= self.share * trainer.estimated_stepping_batches:
            trainer.should_stop = True


def copied_weights(model: nn.Module) -> dict[str, Tensor]:
    """A model's weights as they are now, whatever becomes of it."""
    return {name: value.clone() for name, value in model.state_dict().items()}


def write_checkpoint(path: Path, content: Mapping[str, Any]) -> None:
    """Writes a checkpoint atomically; the same content gives the same bytes (torch names an archive by its file)."""
    buffer = io.BytesIO()
    torch.save(dict(content), buffer)
    with atomic(path) as temporary:
        temporary.write_bytes(buffer.getvalue())


@dataclass
class Kept:
    """What a rule prefers so far: the validation, and a copy of its weights (training goes on changing the others)."""

    rule: SelectionRule
    selection: Selection = field(default_factory=Selection)
    weights: dict[str, Tensor] = field(default_factory=dict)


class Checkpoints(Checkpoint):
    """Keeps the weights that each selection rule prefers, and a checkpoint to resume from.

    Each rule's ``selected.ckpt`` is written once, when training ends. ``last.ckpt`` is the whole state with what is
    kept in it; it is written at the end of an epoch when ``every_seconds`` have passed since the last time, so that a
    killed run loses little and a short one writes nothing it does not need.

    Args:
        rules: score each validation, each by the folder of the run that it selects for; the first is the run's own.
        every_seconds: least time between two writes of ``last.ckpt``; 0 writes it each epoch.
    """

    def __init__(self, rules: Mapping[Path, SelectionRule], every_seconds: float = 30.0) -> None:
        self.kept = {out: Kept(rule) for out, rule in rules.items()}
        self.last = next(iter(rules)) / LAST
        self.every_seconds = every_seconds
        self.history: list[dict[str, float]] = []
        self.steps = 0  # of the whole training, once it has ended
        self.diverged_at: int | None = None
        self.made_from: dict[str, str | None] = {}  # hashes of the files that the run rests on
        self._averaged: dict[str, Tensor] | None = None
        self._written = time.monotonic()

    def on_validation_epoch_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        # The average of the weights is in place for the validation alone, and gone when that has ended.
        if any(isinstance(callback, WeightAveraging) for callback in trainer.callbacks):  # type: ignore[attr-defined]
            self._averaged = copied_weights(pl_module)

    def on_validation_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        if trainer.state.fn != TrainerFn.FITTING or trainer.sanity_checking:
            return
        row = {name: float(value) for name, value in trainer.callback_metrics.items()}
        self.validated(row, trainer.global_step, pl_module)

    def validated(self, row: Mapping[str, float], step: int, model: nn.Module) -> None:
        """Takes what a validation found after so many steps, and a copy of the weights if a rule prefers them."""
        self.history.append({**row, "step": float(step)})
        if not math.isfinite(row["val/loss"]):
            self.diverged_at = step if self.diverged_at is None else self.diverged_at
            return
        preferring = [kept for kept in self.kept.values() if kept.selection.update(kept.rule, self.history)]
        if preferring:
            weights = self._averaged or copied_weights(model)
            for kept in preferring:
                kept.weights = weights

    # At the start and end of fit, not of training: Lightning skips those where a resumed run has no step left to do.
    def on_fit_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        for row in self.history:  # of a resumed run: its log files start anew
            for logger in trainer.loggers:
                logger.log_metrics({name: value for name, value in row.items() if name != "step"}, int(row["step"]))

    def on_train_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        due = time.monotonic() - self._written >= self.every_seconds
        # Clocks differ, and saving waits for every process: one that finds it due makes it due for all.
        if trainer.strategy.reduce_boolean_decision(due, all=False):
            # Lightning writes elsewhere and moves it here, which on another file system is a copy that can be cut off.
            beside = self.last.with_suffix(".ckpt.part")
            try:
                trainer.save_checkpoint(beside)
                if trainer.is_global_zero:
                    beside.replace(self.last)
            finally:
                if trainer.is_global_zero:
                    beside.unlink(missing_ok=True)  # half of one, on a disk that is full
            self._written = time.monotonic()

    def on_fit_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self.end(trainer.global_step, trainer.is_global_zero)

    def end(self, steps: int, write: bool = True) -> None:
        """Ends a training of so many steps: writes what each rule selects, if it is to.

        Raises:
            InputError: a rule has selected nothing.
        """
        self.steps = steps
        for out, kept in self.kept.items():
            if not kept.weights and self.diverged_at is not None:
                raise InputError(
                    f"training diverged: from step {self.diverged_at} on the validation loss is no finite number, and "
                    "no validation before it can be selected; lower the learning rate, or train in another precision"
                )
            if not kept.weights:
                raise InputError(
                    f"{kept.rule} found no eligible validation (there were {len(self.history)} in {steps} steps): "
                    "train longer, or validate more often (trainer.check_val_every_n_epoch)"
                )
            if write:
                content = {"state_dict": kept.weights, "global_step": kept.selection.step}
                content |= {"pytorch-lightning_version": lightning.__version__}
                write_checkpoint(out / FILES["selected"], content)

    def load_selected(self, out: Path, model: nn.Module) -> None:
        """Gives a model the weights that are kept for one of the runs."""
        model.load_state_dict(self.kept[out].weights)

    def fits(self, checkpoint: Mapping[str, Any]) -> bool:
        """Whether a checkpoint to go on from has kept weights for the same rules."""
        saved = checkpoint.get("callbacks", {}).get(self.state_key, {}).get("kept", [])
        return [one["rule"] for one in saved] == [repr(one.rule) for one in self.kept.values()]

    def state_dict(self) -> dict[str, Any]:
        kept = [asdict(one.selection) | {"rule": repr(one.rule), "weights": one.weights} for one in self.kept.values()]
        return {"history": self.history, "kept": kept, "diverged_at": self.diverged_at, "made_from": self.made_from}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        if state_dict.get("made_from") != self.made_from:
            raise InputError(
                f"the data have changed since the run in {self.last.parents[1]} was interrupted, which cannot go on "
                "with them; put them back, or give another --out"
            )
        self.history, self.diverged_at = state_dict["history"], state_dict["diverged_at"]
        for one, saved in zip(self.kept.values(), state_dict["kept"], strict=True):
            one.weights = saved["weights"]
            one.selection = Selection(**{name: saved[name] for name in asdict(one.selection)})
