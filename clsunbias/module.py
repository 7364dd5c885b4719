"""The one LightningModule: any network, any objective, any data set."""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, cast

import torch
from lightning.pytorch import Callback, LightningModule
from lightning.pytorch.cli import OptimizerCallable
from lightning.pytorch.utilities.types import OptimizerLRScheduler
from torch import Tensor, nn

from clsunbias.data.base import DataModule
from clsunbias.data.split import by_key
from clsunbias.data.training_rows import step_seed
from clsunbias.data.units import Units
from clsunbias.errors import InputError
from clsunbias.metrics import RowScores, class_loss_names, classification_metrics, default_class_names
from clsunbias.networks.parts import SEEN, see, submodule
from clsunbias.objectives import Objective, SelectiveMixup, widen
from clsunbias.objectives.sample_losses import cross_entropy
from clsunbias.optimizers import Passes
from clsunbias.refits.base import Refit
from clsunbias.schedules import Schedule, progress
from clsunbias.steering import Steering

if TYPE_CHECKING:
    from typing import Self

    from clsunbias.data.split import Batch


class Classifier(LightningModule):
    """Trains a network on an objective and scores it per unit.

    It is at home in any Trainer: with a :class:`~clsunbias.data.DataModule`, or with plain loaders whose batches are
    pairs (x, target) or mappings with these keys, whose rows are then the units.

    Args:
        network: from a batch of inputs to logits, ``(B, K)`` with K as the objective's ``outputs`` says: the number of
            classes for most; for two classes a single logit does. Parts that can be frozen or replaced by name are its
            submodules, ``backbone`` and ``head`` in those of this package.
        objective: what training minimises.
        optimizer: makes the optimiser from the parameters; one that calls its closure more than once is recorded by
            the first call of each step.
        lr_schedule: factor on the learning rate as a function of progress, per step; None keeps it constant.
        refit: tries other weights, one set an epoch, instead of training; it may give the network a last layer of
            its own. None trains.
    """

    def __init__(
        self,
        network: nn.Module,
        objective: Objective,
        optimizer: OptimizerCallable = torch.optim.Adam,
        lr_schedule: Schedule | None = None,
        refit: Refit | None = None,
    ) -> None:
        super().__init__()
        self.network = refit.shaped(network) if refit else network
        self.objective = objective
        self.optimizer = optimizer
        self.lr_schedule = lr_schedule
        self.refit = refit
        self.scores: dict[str, RowScores] = {}  # by split, filled by validation and test
        self.watched: dict[str, float] = {}  # what callbacks log beside the next validation's figures
        self._train: list[tuple[Tensor, Tensor, Tensor]] = []  # a step since validation: class sums, counts, objective
        self._first_pass = True  # of the optimiser over the batch
        self._frozen: list[nn.Module] = []
        self._passes = Passes()
        self.optimizer_groups: list[dict[str, Any]] = []  # of the optimisers that train it
        self.reads_features = False  # rows are what the frozen backbone makes of them

    @property
    def data(self) -> DataModule | None:
        """The data set attached to the trainer; None with plain loaders."""
        data = self.trainer.datamodule  # type: ignore[attr-defined]
        return data if isinstance(data, DataModule) else None

    def forward(self, x: Tensor) -> Tensor:
        """Logits of the classes, ``(B, C)`` with C ≥ 2."""
        return self.objective.class_logits(widen(self.outputs(x)))

    def outputs(self, x: Tensor) -> Tensor:
        """What the network makes of rows, or its head of their features."""
        return cast(Tensor, self.network.get_submodule("head")(x) if self.reads_features else self.network(x))

    def run_network(self, x: Tensor, run: Callable[[Tensor], Tensor] | None = None) -> tuple[Tensor, dict[str, Tensor]]:
        """Logits, by :meth:`outputs` or as run makes them, and what else the objective needs of the same pass."""
        return see(self.network, run or self.outputs, x, self.seen, self.objective.name)

    @property
    def seen(self) -> list[str]:
        """What the objective needs of what the network computes on the way to logits."""
        return [name for name in self.objective.needs if name in SEEN]

    def freeze_parts(self, parts: Sequence[str]) -> None:
        """Keeps parts of the network as they are: no gradient, and evaluation mode (running statistics, dropout).

        Args:
            parts: names of submodules of the network, dotted if they are deeper.

        Raises:
            InputError: the network has no such part, or nothing would be left to train.
        """
        for name in parts:
            part = submodule(self.network, name)
            part.requires_grad_(False)
            self._frozen.append(part)
        if not any(parameter.requires_grad for parameter in self.parameters()):
            raise InputError(f"with {', '.join(parts)} frozen, nothing of the network is left to train")
        self.train(self.training)

    def train(self, mode: bool = True) -> "Self":
        super().train(mode)
        for part in self._frozen:
            part.eval()
        return self

    def configure_optimizers(self) -> OptimizerLRScheduler:
        optimizer = self.optimizer(parameter for parameter in self.parameters() if parameter.requires_grad)
        for group in optimizer.param_groups:
            group.setdefault("initial_lr", group["lr"])  # torch's own name for what a schedule multiplies
        return optimizer

    def configure_callbacks(self) -> list[Callback]:
        return [Steering(self.objective)] if isinstance(self.objective, SelectiveMixup) else []

    def on_train_start(self) -> None:
        self._total_steps = int(self.trainer.estimated_stepping_batches)
        self.optimizer_groups = [group for optimizer in self.trainer.optimizers for group in optimizer.param_groups]
        self._passes.start(self.trainer.optimizers, self.data.splits["train"].target if self.data else None)
        if self._passes.optimizers and self.seen:
            raise InputError(
                f"ImbSAM passes over some rows alone, {self.objective.name} needs {self.seen[0]} of all: take SAM"
            )

    def training_progress(self) -> float:
        """Progress in [0, 1] of the step about to be taken, which every schedule is a function of."""
        return progress(self.global_step, self._total_steps)

    def on_train_epoch_start(self) -> None:
        if self.refit is not None:
            self.refit.apply(self.network, self.current_epoch)

    def on_train_batch_start(self, batch: Any, batch_idx: int) -> None:
        self._first_pass = True
        if self.lr_schedule is not None:
            factor = self.lr_schedule(self.training_progress())
            for group in self.optimizer_groups:
                group["lr"] = factor * group["initial_lr"]

    def training_step(self, batch: Any, batch_idx: int) -> Tensor | None:
        with torch.set_grad_enabled(self.refit is None):
            loss = self.training_loss(by_key(batch))
        return loss if self.refit is None else None  # without a loss nothing is trained

    def training_loss(self, batch: "Batch") -> Tensor:
        """The objective of a batch, recorded if this is the first pass over it."""
        batch = self.objective.training_batch(batch, step_seed(self.trainer) + self.trainer.global_rank)
        try:
            more = {name: batch[name] for name in self.objective.needs if name not in SEEN}
        except KeyError as error:
            has = ", ".join(batch)
            raise InputError(f"{self.objective.name} needs {error} in each batch, which has {has}") from None
        logits, seen = self.run_network(batch["x"], lambda _: self._passes.logits(self.outputs, batch))
        result = self.objective(logits, batch["target"], **more, **seen)
        if self._first_pass:
            # Kept on the device and read once per validation: no step waits for the accelerator.
            self._train.append((result["class_loss_sums"], result["class_counts"], result["loss"].detach()))
            self._first_pass = False
        return result["loss"]

    def training_metrics(self) -> dict[str, float]:
        """Means over the steps since the last call: objective, class losses, their gap; annealed numbers and lr now."""
        if not self._train:
            return {}
        sums, counts, objective = (torch.stack(column).cpu().double() for column in zip(*self._train, strict=True))
        self._train.clear()
        return self.training_figures(sums.sum(0) / counts.sum(0), objective.mean())  # NaN for a class never met

    def training_figures(self, loss: Tensor, objective: Tensor) -> dict[str, float]:
        """The same, given the means: of each class's losses float64 ``(C,)``, and of the objective."""
        names = class_loss_names(self.class_names(len(loss)))
        means: dict[str, Any] = {"train/objective": objective, "train/loss_gap": loss.max() - loss.min()}
        means |= {f"train/{name}": value for name, value in zip(names, loss, strict=True)}
        means |= {f"train/{name}": value for name, value in self.objective.watched().items()}
        last_used = {**self.objective.annealed(), "lr": self.optimizer_groups[0]["lr"]}
        return {name: float(value) for name, value in means.items()} | last_used

    def class_names(self, num_classes: int) -> Sequence[str]:
        """Names of the classes as the data set has them, or plain ones."""
        return self.data.class_names if self.data else default_class_names(num_classes)

    def on_validation_epoch_start(self) -> None:
        self._start({"val": self.trainer.val_dataloaders})

    def validation_step(self, batch: Any, batch_idx: int) -> None:
        self._score("val", batch)

    def on_validation_epoch_end(self) -> None:
        if self.trainer.sanity_checking:
            return
        scored = {f"val/{name}": value for name, value in self.metrics("val").items()}
        metrics = self.training_metrics() | self.watched | scored
        # Not self.log, which copies its records for each figure: with a small model that doubled a run's time.
        self.trainer.callback_metrics.update(
            {name: torch.tensor(value, dtype=torch.float64) for name, value in metrics.items()}
        )
        for logger in self.loggers:
            logger.log_metrics(metrics, self.global_step)

    def on_test_epoch_start(self) -> None:
        loaders = self.trainer.test_dataloaders
        loaders = loaders if isinstance(loaders, list) else [loaders]
        plain = ["test"] if len(loaders) == 1 else [f"test_{number}" for number in range(1, len(loaders) + 1)]
        self._start(dict(zip(self.data.scored_splits if self.data else plain, loaders, strict=True)))

    def test_step(self, batch: Any, batch_idx: int, dataloader_idx: int = 0) -> None:
        self._score(list(self.scores)[dataloader_idx], batch)

    def on_test_epoch_end(self) -> None:
        if self.data is None:
            self.log_dict(
                {f"{split}/{name}": one for split in self.scores for name, one in self.metrics(split).items()}
            )

    def predict_step(self, batch: Any, batch_idx: int) -> Tensor:
        """Class probabilities float32 ``(B, C)``."""
        return cast(Tensor, self(by_key(batch)["x"])).float().softmax(1)

    def metrics(self, split: str) -> dict[str, float]:
        """Metrics of a split that has been scored."""
        prob, loss, target = self.unit_scores(split)
        ordered = self.data is not None and self.data.ordered
        return classification_metrics(prob, target, loss, self.class_names(prob.shape[1]), ordered)

    def unit_scores(self, split: str) -> tuple[Tensor, Tensor, Tensor]:
        """Probabilities ``(U, C)``, losses and classes ``(U,)`` of the units of a split that has been scored."""
        prob, loss, target = self.scores[split].compute()
        units = self.data.splits[split].units[0] if self.data else Units(target)
        return *units.merge(prob, loss), units.target

    def _start(self, loaders: dict[str, Any]) -> None:
        self.scores = {split: RowScores(len(loader.dataset)) for split, loader in loaders.items()}

    def _score(self, split: str, batch: Any) -> None:
        batch = by_key(batch)
        if "row" not in batch and self.trainer.world_size > 1:
            raise InputError(
                "with several processes each batch must say which rows of the split it holds: add 'row' to it, or use "
                "a clsunbias.data.DataModule"
            )
        logits = self(batch["x"]).float()
        loss = cross_entropy(logits, batch["target"])
        self.scores[split].update(logits.softmax(1), loss, batch["target"], batch.get("row"))
