"""What every data set shares: splits held in memory, checked once, fetched a batch at a time by index."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt
import pandas as pd
import torch
from lightning.pytorch import LightningDataModule
from lightning.pytorch.trainer.states import TrainerStatus
from torch import Tensor, nn
from torch.utils.data import DataLoader, Dataset, Sampler

from clsunbias.data.augmentation import Mixup
from clsunbias.data.leak_checked import LeakChecked
from clsunbias.data.pixels import Pixels
from clsunbias.data.resampler import Resampler
from clsunbias.data.samplers import BatchSampler, SequentialBatches, ShuffledBatches
from clsunbias.data.split import Batch, Split
from clsunbias.data.training_rows import epochs_of, step_seed, training_rows
from clsunbias.errors import InputError


class DataModule(LeakChecked, LightningDataModule, ABC):
    """A data set: a subclass names its classes and loads its splits; the rest is here.

    Splits are called ``train``, ``val`` and, for anything else, test splits.

    Args:
        batch_size: rows in a training batch, over all processes together, at least 2; None for all in one batch.
        sampler: order of the training rows, made from the training split and batch_size; None for the data set's own.
        resample: makes another training split, or several in turn do; None keeps it as it is.
        mixup: mixes the rows of training batches; None leaves them.
        generated: folder of made-up training rows, which join the measured ones before they are resampled: for a class
            a folder or a file that :meth:`read` takes, called by the class's name or number (``1/``, ``1.csv``).
        allow_leaks: trains although a patient, an image, a recording or a row stands in two splits.

    Raises:
        InputError: batch_size below 2.
    """

    class_names: tuple[str, ...]
    """Name of each class, in the order of its number; with two, the first is the negative one."""

    ordered: bool = False
    """Whether the classes are grades, each more than the one before; records then have a figure for that."""

    left_out: int = 0
    """Rows that could not be read and were left out, as their owner allowed."""

    simulated: bool = False
    """Whether the data are made up rather than measured; results say so."""

    evaluation_rows: int = 512
    """Rows in a batch of an evaluation, whose result does not depend on it."""

    scaling: ClassVar[str] = "rows as the data set gives them"
    """How a row is made of what was measured; an exported model says so."""

    free: Sequence[str] = ("batch",)
    """Names of the leading dimensions of a batch of rows, which may have any size."""

    attributes: pd.DataFrame | None = None
    """What is known of units beside their class, such as sex and age: by their names; None of units without names."""

    withhold_test: bool = False
    """Whether a run's end leaves the test splits unscored, as a search must."""

    def __init__(
        self,
        batch_size: int | None = 64,
        sampler: Callable[[Split, int | None], BatchSampler] | None = None,
        resample: Resampler | Sequence[Resampler] | None = None,
        mixup: Mixup | None = None,
        generated: Path | None = None,
        allow_leaks: bool = False,
    ) -> None:
        super().__init__()
        if batch_size is not None and batch_size < 2:
            raise InputError(f"batch_size must be at least 2, so that a batch can hold both classes; got {batch_size}")
        self.name: str = type(self).__name__.lower()  # as results show it
        self.batch_size = batch_size
        self.sampler = sampler
        self.resample = resample
        self.mixup = mixup
        self.generated = generated
        self.allow_leaks, self.leaks = allow_leaks, {}
        self.splits: dict[str, Split] = {}

    @property
    def licence(self) -> str:
        """Under which the data may be used, as a report shows it; nothing where the data set does not say."""
        return ""

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

    def account(self) -> dict[str, Any]:
        """What a model's inputs are, once the splits are loaded, as JSON: kept with a run, and in an exported model.

        A data set that learns more of its training rows than this adds it, and takes it over in :meth:`restore`.
        """
        x = self.splits["train"][torch.arange(1)]["x"]
        account = {
            "kind": type(self).__name__,
            "class_names": list(self.class_names),
            "input_shape": [*self.free[1:], *x.shape[len(self.free) :]],
            "input_type": str(x.dtype).removeprefix("torch."),
            "scaling": self.scaling,
        }
        return account | ({"synthetic_training_rows": made} if (made := self.synthetic_rows) else {})

    @property
    def synthetic_rows(self) -> int:
        """How many of the training rows were made up rather than measured."""
        return int(self.splits["train"].synthetic.sum())

    def restore(self, account: Mapping[str, Any]) -> None:
        """Takes over the account of the data that a model was trained on, so that :meth:`read` needs them no longer.

        Raises:
            InputError: it is not of such data.
        """
        if account["kind"] != type(self).__name__:
            raise InputError(
                f"the model was trained on data of {account['kind']}, the config has {type(self).__name__}"
            )
        self.class_names = tuple(account["class_names"])

    def preparation(self) -> nn.Module:
        """What makes a model's inputs of what was measured, for an exported model, which begins with it."""
        return nn.Identity()

    def measured_rows(self, split: str) -> Iterator[Tensor]:
        """Rows of a split in order, in batches, as :meth:`preparation` takes them."""
        for batch in self.evaluation_loader(self.splits[split]):
            yield batch["x"]

    def describe(self) -> None:
        """Finds out what a report says of data, classes above all, without loading them; InputError if they lack."""

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
        if not hasattr(self, "class_names"):
            raise InputError(f"{self.name} names no classes: give it class_names, one for each class in order")
        if stage == "fit":
            self.certify(splits)
        splits["train"] = training_rows(self, splits["train"])
        for split, rows in splits.items():
            counts = torch.bincount(rows.units[0].target, minlength=len(self.class_names))
            for name, count in zip(self.class_names, counts.tolist(), strict=True):
                if count == 0:
                    raise InputError(f"{self.name}: the {split} split has no sample of class {name!r}")
        self.splits = splits

    @property
    def scored_splits(self) -> dict[str, Split]:
        """The splits that a run is scored on when it ends."""
        seen = {"train", "val"} if self.withhold_test else self.splits.keys()
        return {name: split for name, split in self.splits.items() if name in seen}

    @cached_property
    def class_counts(self) -> Tensor:
        """Training rows of each class that an epoch is expected to hold, float32 ``(C,)``."""
        train = self.splits["train"]
        counts = torch.zeros(len(self.class_names))
        return counts.index_add_(0, train.target, self.train_sampler(train).expected_rows().float())

    def train_sampler(self, train: Split) -> BatchSampler:
        """The order of training rows: that of ``sampler``, or of a subclass's own, else shuffled."""
        return (self.sampler or ShuffledBatches)(train, self.batch_size)

    def train_dataloader(self) -> DataLoader[Batch]:
        train = self.splits["train"]
        sampler = self.train_sampler(train)
        if self.trainer is not None:
            sampler.epochs = epochs_of(self.trainer, sampler)
        return loader(self.as_sent(train, sampler), sampler)

    def on_after_batch_transfer(self, batch: Batch, dataloader_idx: int) -> Batch:
        if self.mixup and self.trainer is not None and self.trainer.training:
            seed = step_seed(self.trainer) + self.trainer.global_rank  # pairs are of one process's rows
            batch["x"], batch["target"] = self.mixup(batch["x"], batch["target"], self.class_counts, seed)
        return batch

    def val_dataloader(self) -> DataLoader[Batch]:
        return self.evaluation_loader(self.splits["val"])

    def test_dataloader(self) -> list[DataLoader[Batch]]:
        """Every split, in order: a run is tested once, and training and validation figures come from the same pass."""
        return [self.evaluation_loader(split) for split in self.scored_splits.values()]

    def evaluation_loader(self, split: Split) -> DataLoader[Batch]:
        """All rows of a split in order."""
        return loader(self.as_sent(split), SequentialBatches(split, self.evaluation_rows))

    def as_sent(self, split: Split, sampler: BatchSampler | None = None) -> Split:
        """A split as loaders send it: to a running trainer as bytes, which are scaled where they arrive.

        Args:
            split: any.
            sampler: of training, whose epoch a subclass may draw by.
        """
        if self.trainer is None or self.trainer.state.status != TrainerStatus.RUNNING:
            return split
        x = split.x.as_bytes() if isinstance(split.x, Pixels) else split.x
        return Split(x if split.features is None else split.features, split.target, split.units, split.more)


def loader(split: Dataset[Batch], sampler: Sampler[Tensor]) -> DataLoader[Batch]:
    """A loader that fetches each batch of the sampler by one indexing, with no worker and nothing to collate."""
    return DataLoader(split, batch_size=None, sampler=sampler, collate_fn=lambda batch: batch)
