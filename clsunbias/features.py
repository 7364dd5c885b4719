"""What a network's backbone makes of each scored row, for rules that look at a unit's neighbours."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from lightning.pytorch import Callback, LightningModule, Trainer
from torch import Tensor, nn

from clsunbias.data.split import by_key
from clsunbias.files import atomic
from clsunbias.metrics import RowScores
from clsunbias.module import Classifier
from clsunbias.networks.parts import head_of


class Features(Callback):
    """Keeps what comes into the network's part ``head`` while every split is scored."""

    def __init__(self) -> None:
        self._seen: Tensor | None = None
        self._rows: dict[str, RowScores] = {}
        self._hook: Any = None

    def setup(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        if stage == "test" and isinstance(pl_module, Classifier):
            self._rows = {}  # of the weights before
            self._hook = head_of(pl_module.network, "--save_features").register_forward_pre_hook(self._keep)

    def _keep(self, head: nn.Module, inputs: tuple[Tensor, ...]) -> None:
        self._seen = inputs[0].detach().flatten(1)

    def on_test_batch_end(
        self,
        trainer: Trainer,
        pl_module: LightningModule,
        outputs: Any,
        batch: Any,
        batch_idx: int,
        dataloader_idx: int = 0,
    ) -> None:
        assert isinstance(pl_module, Classifier)
        assert pl_module.data is not None
        assert self._seen is not None
        split, batch = list(pl_module.scores)[dataloader_idx], by_key(batch)
        rows = self._rows.setdefault(split, RowScores(len(pl_module.data.splits[split].x)))
        rows.update(self._seen, self._seen.new_zeros(len(self._seen)), batch["target"], batch.get("row"))

    def teardown(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        if self._hook is not None:
            self._hook.remove()

    def rows(self) -> Mapping[str, Tensor]:
        """Features of each row of each scored split, float32 ``(N, D)``, summed over processes."""
        return {name: rows.columns() for name, rows in self._rows.items()}


def features_of(trainer: Trainer, model: Classifier) -> dict[str, Tensor]:
    """Features of each unit of each scored split, ``(U, D)``: means over its rows; nothing if none were kept."""
    kept = [callback.rows() for callback in trainer.callbacks if isinstance(callback, Features)]  # type: ignore[attr-defined]
    if not kept or model.data is None:
        return {}
    return {name: model.data.splits[name].units[0].mean(rows) for name, rows in kept[0].items()}


def write_features(path: Path, features: Mapping[str, Tensor]) -> None:
    """Writes features by split as an ``.npz`` file, atomically."""
    with atomic(path) as temporary, temporary.open("wb") as file:
        np.savez_compressed(file, allow_pickle=False, **{name: values.numpy() for name, values in features.items()})
