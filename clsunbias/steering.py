"""What an objective learns of each validation: class means and the confusion matrix, never single rows."""

from typing import TYPE_CHECKING, Any, cast

import torch
from lightning.pytorch import Callback, LightningModule, Trainer
from torch import Tensor, nn

from clsunbias.data.split import by_key
from clsunbias.distributed import sum_over_processes
from clsunbias.networks.parts import last_layer_of
from clsunbias.objectives.base import widen
from clsunbias.objectives.selective_mixup import SelectiveMixup

if TYPE_CHECKING:
    from clsunbias.module import Classifier


class Steering(Callback):
    """Tells :class:`~clsunbias.objectives.SelectiveMixup` what a validation found, when it ends.

    Args:
        objective: that is told.
    """

    def __init__(self, objective: SelectiveMixup) -> None:
        self.objective = objective
        self._seen: tuple[Tensor, Tensor] | None = None  # what came into the last layer, and out of it
        self._sums: Tensor | None = None
        self._hook: Any = None

    def on_validation_epoch_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self._sums = None
        network = cast("Classifier", pl_module).network
        self._hook = last_layer_of(network, self.objective.name).register_forward_hook(self._keep)

    def _keep(self, layer: nn.Module, inputs: tuple[Tensor, ...], output: Tensor) -> None:
        self._seen = inputs[0].detach().flatten(1).float(), widen(output.detach()).float()

    def on_validation_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, outputs: Any, batch: Any, batch_idx: int, *_: Any
    ) -> None:
        assert self._seen is not None
        features, logits = self._seen
        rows = torch.cat([logits, logits.new_ones(len(logits), 1), features], 1)
        sums = rows.new_zeros(logits.shape[1], rows.shape[1]).index_add_(0, by_key(batch)["target"], rows)
        self._sums = sums if self._sums is None else self._sums + sums

    def on_validation_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self._hook.remove()
        if trainer.sanity_checking:
            return
        assert self._sums is not None
        prob, _, target = cast("Classifier", pl_module).unit_scores("val")
        classes = prob.shape[1]
        confusion = torch.bincount(target * classes + prob.argmax(1), minlength=classes**2).view(classes, classes)
        sums = sum_over_processes(self._sums).cpu().double()
        means = sums / sums[:, classes : classes + 1]
        self.objective.validated(confusion, means[:, :classes], means[:, classes + 1 :])
