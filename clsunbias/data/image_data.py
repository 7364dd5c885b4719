"""What data sets of images share: pixels are scaled, and batches augmented, where they arrive."""

from typing import Any, ClassVar

import torch

from clsunbias.data.augmentation import Jitter
from clsunbias.data.base import DataModule
from clsunbias.data.pixels import scaled
from clsunbias.data.split import Batch
from clsunbias.data.training_rows import step_seed


class ImageData(DataModule):
    """A data set whose rows are :class:`~clsunbias.data.pixels.Pixels`.

    Args:
        augment: random augmentation of training batches; None for none.
        options: of every data set (:class:`DataModule`).
    """

    scaling: ClassVar[str] = "(pixel / 255 - 0.5) / 0.5, channels first"
    resize: bool = False
    """Whether :meth:`read` takes images of other sizes than a data set of one size has, and scales them."""

    def __init__(self, augment: Jitter | None = None, **options: Any) -> None:
        super().__init__(**options)
        self.augment = augment

    def on_after_batch_transfer(self, batch: Batch, dataloader_idx: int) -> Batch:
        if batch["x"].dtype == torch.uint8:
            batch["x"] = scaled(batch["x"])
        if self.augment and self.trainer is not None and self.trainer.training:
            # By step and place in the global batch: a resumed run draws what it would have drawn, and so do processes.
            seed = step_seed(self.trainer)
            batch["x"] = self.augment(batch["x"], seed, self.trainer.global_rank, self.trainer.world_size)
        return super().on_after_batch_transfer(batch, dataloader_idx)
