"""Averages of the weights over the end of a run."""

from typing import Any

from lightning.pytorch import LightningModule, Trainer
from lightning.pytorch.callbacks import WeightAveraging
from lightning.pytorch.utilities.types import STEP_OUTPUT

from clsunbias.errors import InputError
from clsunbias.module import Classifier


class LateAverage(WeightAveraging):
    """Stochastic weight averaging: from a share of the run on, the mean of the weights after every step.

    Until then the weights are as they are. Each validation scores the average as it then is, so that it can be
    selected; the learning rate stays the run's own. A moving average is Lightning's ``EMAWeightAveraging``.
    Source: arXiv 1803.05407, algorithm 1, without its learning rate.

    Args:
        start: share of the run, in [0, 1).

    Raises:
        InputError: start outside [0, 1).
    """

    def __init__(self, start: float = 0.75) -> None:
        if not 0 <= start < 1:
            raise InputError(f"LateAverage: start is a share of the run, at least 0 and below 1; got {start}")
        super().__init__()
        self.start = start

    def on_train_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, outputs: STEP_OUTPUT, batch: Any, batch_idx: int
    ) -> None:
        assert isinstance(pl_module, Classifier)
        assert self._average_model is not None
        if pl_module.training_progress() < self.start:
            self._average_model.n_averaged.zero_()  # the next weights are copied, as at the very start
        super().on_train_batch_end(trainer, pl_module, outputs, batch, batch_idx)
