"""What every data set shares: splits held in memory, checked once, fetched a batch at a time by index."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from pathlib import Path
from typing import Any, ClassVar, Protocol, TypedDict

import numpy as np
import numpy.typing as npt
import torch
from lightning.pytorch import LightningDataModule
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from clsunbias.data.samplers import BatchSampler, SequentialBatches, ShuffledBatches
from clsunbias.data.units import Units
from clsunbias.errors import InputError


class Batch(TypedDict):
    """Rows as the model gets them: x float ``(B, …)``, target int64 ``(B,)``, row int64 ``(B,)`` within the split."""

    x: Tensor
    target: Tensor
    row: Tensor


class Rows(Protocol):
    """Inputs fetched by index: a tensor ``(N, …)``, or a file that is read as asked."""

    def __len__(self) -> int: ...

    def __getitem__(self, rows: Any, /) -> Tensor: ...


class Split(Dataset[Batch]):
    """One split.

    Args:
        x: float ``(N, …)``, one row each.
        target: int64 ``(N,)``, the class of each row.
        units: what is scored, at one level or several, that of the headline first; by default the rows themselves.
    """

    def __init__(self, x: Rows, target: Tensor, units: Sequence[Units] = ()) -> None:
        self.x = x
        self.target = target
        self.units = tuple(units) or (Units(target),)

    def __len__(self) -> int:
        return len(self.target)

    def __getitem__(self, rows: Tensor) -> Batch:
        return {"x": self.x[rows], "target": self.target[rows], "row": rows}


class DataModule(LightningDataModule, ABC):
    """A data set: a subclass names its classes and loads its splits; the rest is here.

    Splits are called ``train``, ``val`` and, for anything else, test splits. Training rows are shuffled by
    :class:`~clsunbias.data.samplers.ShuffledBatches` unless :meth:`train_sampler` says otherwise.

    Args:
        batch_size: rows in a training batch, over all processes together; at least 2.

    Raises:
        InputError: batch_size below 2.
    """

    class_names: tuple[str, ...]
    """Name of each class, in the order of its number; with two, the first is the negative one."""

    simulated: bool = False
    """Whether the data are made up rather than measured; results say so."""

    licence: ClassVar[str] = ""
    """Under which the data may be used, as a report shows it."""

    evaluation_rows: int = 512
    """Rows in a batch of an evaluation, whose result does not depend on it."""

    scaling: ClassVar[str] = "rows as the data set gives them"
    """How a row is made of what was measured; an exported model says so."""

    def __init__(self, batch_size: int = 64) -> None:
        super().__init__()
        if batch_size < 2:
            raise InputError(f"batch_size must be at least 2, so that a batch can hold both classes; got {batch_size}")
        self.name: str = type(self).__name__.lower()  # as results show it
        self.batch_size = batch_size
        self.splits: dict[str, Split] = {}

    @property
    def source(self) -> Path | None:
        """The file that says what the data are, where the config cannot: a result is tied to it by its hash."""
        return None

    @abstractmethod
    def load(self) -> dict[str, Split]:
        """Reads all splits: ``train``, ``val`` and at least one test split."""

    def read(self, path: Path) -> Split:
        """Reads new inputs for ``predict``, prepared as in training; their units have names, their classes are 0."""
        raise InputError(f"{type(self).__name__} cannot read new inputs from {path}")

    def describe(self) -> None:
        """Finds out what a report says of the data, :attr:`class_names` above all, without loading them.

        Raises:
            InputError: the data are not here.
        """

    def pictures(self, split: str) -> npt.NDArray[np.uint8] | None:
        """The units of a split as a report shows them: pixels ``(U, H, W)`` or ``(U, H, W, 3)``; None: no images.

        Raises:
            InputError: the images are not here.
        """
        return None

    def setup(self, stage: str) -> None:
        if self.splits:
            return
        splits = self.load()
        for split, rows in splits.items():
            counts = torch.bincount(rows.units[0].target, minlength=len(self.class_names))
            for name, count in zip(self.class_names, counts.tolist(), strict=True):
                if count == 0:
                    raise InputError(f"{self.name}: the {split} split has no sample of class {name!r}")
        self.splits = splits

    @property
    def class_counts(self) -> Tensor:
        """Training rows of each class, int64 ``(C,)``."""
        return torch.bincount(self.splits["train"].target, minlength=len(self.class_names))

    def train_sampler(self, train: Split) -> BatchSampler:
        """The order of training rows; override for another."""
        return ShuffledBatches(train, self.batch_size)

    def train_dataloader(self) -> DataLoader[Batch]:
        train = self.splits["train"]
        return loader(train, self.train_sampler(train))

    def val_dataloader(self) -> DataLoader[Batch]:
        return self.evaluation_loader(self.splits["val"])

    def test_dataloader(self) -> list[DataLoader[Batch]]:
        """Every split, in order: a run is tested once, and training and validation figures come from the same pass."""
        return [self.evaluation_loader(split) for split in self.splits.values()]

    def evaluation_loader(self, split: Split) -> DataLoader[Batch]:
        """All rows of a split in order."""
        return loader(split, SequentialBatches(split, self.evaluation_rows))


def loader(split: Split, sampler: BatchSampler) -> DataLoader[Batch]:
    """A loader that fetches each batch of the sampler by one indexing, with no worker and nothing to collate."""
    return DataLoader(split, batch_size=None, sampler=sampler, collate_fn=as_it_is)


def as_it_is(batch: Any) -> Any:
    """The batch, which :class:`Split` gives whole."""
    return batch
