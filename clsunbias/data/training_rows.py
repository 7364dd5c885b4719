"""What becomes of the training split before it is trained on, and how far a run is."""

import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import torch
from lightning.pytorch import Trainer
from torch import Tensor

from clsunbias.data.pixels import Pixels
from clsunbias.data.samplers import BatchSampler
from clsunbias.data.split import Split
from clsunbias.errors import InputError

if TYPE_CHECKING:
    from clsunbias.data.base import DataModule


def training_rows(data: "DataModule", train: Split) -> Split:
    """The training split with the generated rows of a data set, and as its resamplers make it.

    Raises:
        InputError: the rows are not in memory, or cannot be resampled so.
    """
    asked = data.resample
    changes = asked if isinstance(asked, Sequence) else [asked] if asked else []
    in_memory = isinstance(train.x, Tensor | Pixels)
    if not in_memory and (data.generated or any(change.in_memory for change in changes)):
        raise InputError(
            f"{type(changes[0]).__name__ if changes else 'data.generated'} is for rows in memory, {data.name} "
            "reads its own from a file; take data.resample and data.generated out, and choose how often rows are drawn "
            "with data.sampler"
        )
    if data.generated:
        train = with_generated(train, data.generated, data.class_names, data.read)
    for change in changes:
        train = change(train)
    return train


def with_generated(train: Split, folder: Path, class_names: Sequence[str], read: Callable[[Path], Split]) -> Split:
    """A training split with the made-up rows of a folder, which has a folder or a file for a class.

    Raises:
        InputError: nothing there is called by a class's name or number, or it cannot be read.
    """
    for label, name in enumerate(class_names):
        beside = sorted(folder.iterdir()) if folder.is_dir() else []
        for path in [path for path in beside if (path.name if path.is_dir() else path.stem) in {name, str(label)}]:
            x = read(path).x[:]
            train = train.with_made_up(x, torch.full((len(x),), label))
    if not train.synthetic.any():
        raise InputError(
            f"data.generated {folder} holds made-up rows of no class: it needs a folder or a file for one, called by "
            f"its name or number, such as {folder / '0'}"
        )
    return train


def epochs_of(trainer: Trainer, sampler: BatchSampler) -> int:
    """Epochs of a run, which may be limited by steps."""
    if trainer.max_epochs is not None and trainer.max_epochs > 0:
        return trainer.max_epochs
    try:
        return max(1, -(-trainer.max_steps // len(sampler)))
    except TypeError:  # epochs that differ in length
        return 1


def step_seed(trainer: Trainer) -> int:
    """A seed for what a training step draws: a resumed run draws what it would have drawn."""
    return int(os.environ.get("PL_GLOBAL_SEED", "0")) * 1_000_003 + trainer.global_step
