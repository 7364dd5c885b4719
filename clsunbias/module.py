"""The one LightningModule: any network, any objective, any data set."""

from typing import TYPE_CHECKING, Any, cast

import torch
from lightning.pytorch import LightningModule
from lightning.pytorch.cli import OptimizerCallable
from lightning.pytorch.utilities.types import OptimizerLRScheduler
from torch import Tensor, nn
from torch.nn import functional as F

from clsunbias.errors import InputError
from clsunbias.metrics import RowScores, class_loss_names, classification_metrics
from clsunbias.objectives import Objective
from clsunbias.schedules import Schedule, progress

if TYPE_CHECKING:
    from clsunbias.data import Batch, DataModule
    from clsunbias.data.base import Rows


def widen(logits: Tensor) -> Tensor:
    """A binary model's single logit z, ``(B, 1)``, as (0, z): softmax of that is exactly (1 − σ(z), σ(z))."""
    return F.pad(logits, (1, 0)) if logits.shape[1] == 1 else logits


class Classifier(LightningModule):
    """Trains an network on an objective and scores it per unit.

    Args:
        network: the network, from a batch of inputs to logits: ``(B, 1)`` for two classes, ``(B, C)`` for more.
        objective: what training minimises.
        optimizer: makes the optimiser from the parameters.
        lr_schedule: factor on the learning rate as a function of progress, per step; None keeps it constant.
    """

    def __init__(
        self,
        network: nn.Module,
        objective: Objective,
        optimizer: OptimizerCallable = torch.optim.Adam,
        lr_schedule: Schedule | None = None,
    ) -> None:
        super().__init__()
        self.network = network
        self.objective = objective
        self.optimizer = optimizer
        self.lr_schedule = lr_schedule
        self.scores: dict[str, RowScores] = {}  # by split, filled by validation and test
        self._train: list[tuple[Tensor, Tensor, Tensor]] = []  # a step since validation: class sums, counts, objective

    @property
    def data(self) -> "DataModule":
        """The data module attached to the trainer."""
        return self.trainer.datamodule  # type: ignore[attr-defined, no-any-return]

    def forward(self, x: Tensor) -> Tensor:
        """Logits ``(B, C)`` with C ≥ 2."""
        return widen(self.network(x))

    def check(self, data: "DataModule", rows: "Rows") -> None:
        """Runs the network on two rows, so that a model that does not fit the data fails before training.

        Args:
            data: the data set.
            rows: inputs of it, ``(N, …)``.

        Raises:
            InputError: the network cannot take the rows, or gives another number of classes.
        """
        two = rows[:2]
        self.eval()  # a trial must not touch running statistics or draw dropout's random numbers
        try:
            with torch.no_grad():
                logits = self(two)
        except RuntimeError as error:
            shape = tuple(two.shape[1:])
            raise InputError(
                f"{type(self.network).__name__} cannot take {data.name}'s rows of shape {shape}: {error}"
            ) from error
        finally:
            self.train()
        if logits.shape != (len(two), len(data.class_names)):
            raise InputError(
                f"{type(self.network).__name__} gives logits of shape {tuple(logits.shape)} for {len(two)} rows, "
                f"{data.name} has {len(data.class_names)} classes"
            )

    def configure_optimizers(self) -> OptimizerLRScheduler:
        optimizer = self.optimizer(self.parameters())
        for group in optimizer.param_groups:
            group.setdefault("initial_lr", group["lr"])  # torch's own name for what a schedule multiplies
        return optimizer

    def on_train_start(self) -> None:
        self._total_steps = int(self.trainer.estimated_stepping_batches)
        self._groups = [group for optimizer in self.trainer.optimizers for group in optimizer.param_groups]

    def training_progress(self) -> float:
        """Progress in [0, 1] of the step about to be taken, which every schedule is a function of."""
        return progress(self.global_step, self._total_steps)

    def on_train_batch_start(self, batch: "Batch", batch_idx: int) -> None:
        if self.lr_schedule is not None:
            factor = self.lr_schedule(self.training_progress())
            for group in self._groups:
                group["lr"] = factor * group["initial_lr"]

    def training_step(self, batch: "Batch", batch_idx: int) -> Tensor:
        result = self.objective(self(batch["x"]), batch["target"])
        # Kept on the device and read once per validation: no step waits for the accelerator.
        self._train.append((result["class_loss_sums"], result["class_counts"], result["loss"].detach()))
        return result["loss"]

    def training_figures(self) -> dict[str, float]:
        """Means over the steps since the last call (objective, class losses, their gap); λ, τ and lr as last used."""
        if not self._train:
            return {}
        sums, counts, objective = (torch.stack(column).double().cpu() for column in zip(*self._train, strict=True))
        self._train.clear()
        names = self.data.class_names
        loss = sums.sum(0) / counts.sum(0)  # NaN for a class never met
        figures = {"train/objective": objective.mean(), "train/loss_gap": loss.max() - loss.min()}
        figures |= {f"train/{name}": value for name, value in zip(class_loss_names(names), loss, strict=True)}
        figures |= {name: getattr(self.objective, name) for name in self.objective.annealable}
        return {name: float(value) for name, value in figures.items()} | {"lr": self._groups[0]["lr"]}

    def on_validation_epoch_start(self) -> None:
        self._start("val")

    def validation_step(self, batch: "Batch", batch_idx: int) -> None:
        self._score("val", batch)

    def on_validation_epoch_end(self) -> None:
        metrics = self.training_figures() | {f"val/{name}": value for name, value in self.metrics("val").items()}
        # Not self.log, which copies its records for each figure: with a small model that doubled a run's time.
        self.trainer.callback_metrics.update({name: torch.tensor(value) for name, value in metrics.items()})
        for logger in self.loggers:
            logger.log_metrics(metrics, self.global_step)

    def on_test_epoch_start(self) -> None:
        self._start(*self.data.splits)

    def test_step(self, batch: "Batch", batch_idx: int, dataloader_idx: int = 0) -> None:
        self._score(list(self.data.splits)[dataloader_idx], batch)

    def predict_step(self, batch: "Batch", batch_idx: int) -> Tensor:
        """Class probabilities float32 ``(B, C)``."""
        return cast(Tensor, self(batch["x"])).float().softmax(1)

    def metrics(self, split: str) -> dict[str, float]:
        """Metrics of a split that has been scored."""
        units = self.data.splits[split].units[0]
        prob, loss = units.merge(*self.scores[split].compute())
        return classification_metrics(prob, units.target, loss, self.data.class_names)

    def _start(self, *splits: str) -> None:
        classes = len(self.data.class_names)
        self.scores = {split: RowScores(len(self.data.splits[split]), classes, self.device) for split in splits}

    def _score(self, split: str, batch: Any) -> None:
        logits = self(batch["x"]).float()
        loss = F.cross_entropy(logits, batch["target"], reduction="none")
        self.scores[split].update(batch["row"], logits.softmax(1), loss)
