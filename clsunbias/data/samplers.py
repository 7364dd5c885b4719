"""Batch samplers: each yields a whole batch of row indices, in an order that is a function of seed and epoch only.

They derive from DistributedSampler, so that Lightning tells them the epoch and does not wrap them in a sampler of its
own; the batch size is that of the global batch, which the processes share out without overlap.
"""

import os
from collections.abc import Iterator, Sized
from typing import Any, cast

import torch
from torch import Tensor
from torch.utils.data import Dataset, DistributedSampler

from clsunbias.distributed import rank, world_size


class BatchSampler(DistributedSampler[Tensor]):
    """What the samplers share: the process's rank, and the seed that ``seed_everything`` left in the environment.

    Args:
        rows: what there is to draw, of which only the length is taken.
        batch_size: rows in a batch, over all processes together; None for all of them.
    """

    def __init__(self, rows: Sized, batch_size: int | None) -> None:
        super().__init__(
            cast(Dataset[Any], rows),
            num_replicas=world_size(),
            rank=rank(),
            seed=int(os.environ.get("PL_GLOBAL_SEED", "0")),
        )
        self.size = len(rows)
        self.epochs = 1  # of the run, as the data set learns it from the trainer
        self.batch_size = self.size if batch_size is None else batch_size

    def __len__(self) -> int:
        return -(-self.size // self.batch_size)

    def progress(self) -> float:
        """Share of the run's epochs that are over when this one starts, in [0, 1)."""
        return min(self.epoch / self.epochs, 1.0)

    def expected_rows(self) -> Tensor:
        """How often each row is expected in an epoch, float ``(N,)``."""
        return torch.ones(self.size)

    def share(self, order: Tensor) -> Iterator[Tensor]:
        """This process's part of each global batch of the order."""
        for batch in torch.split(order, self.batch_size):
            yield batch[self.rank :: self.num_replicas]


class ShuffledBatches(BatchSampler):
    """Every row once an epoch, in random order; the last batch may be smaller.

    Args:
        rows: the split, of which only the length is taken.
        batch_size: rows in a batch, over all processes together; None for all of them.
    """

    def __init__(self, rows: Sized, batch_size: int | None = 64) -> None:
        super().__init__(rows, batch_size)

    def __iter__(self) -> Iterator[Tensor]:
        generator = torch.Generator().manual_seed(self.seed * 1_000_003 + self.epoch)
        yield from self.share(torch.randperm(self.size, generator=generator))


class SequentialBatches(BatchSampler):
    """Every row once, in order, with no padding: for evaluation."""

    def __iter__(self) -> Iterator[Tensor]:
        yield from self.share(torch.arange(self.size))


class FullBatches(BatchSampler):
    """All rows in every batch: one batch in epoch 0, then ``per_epoch`` batches an epoch.

    Validation at the end of each epoch then falls on iterations 1, 1 + per_epoch, 1 + 2·per_epoch …, as in code that
    validates when ``iteration % per_epoch == 0`` and counts from 0.
    """

    def __init__(self, rows: Sized, per_epoch: int) -> None:
        super().__init__(rows, batch_size=None)
        self.per_epoch = per_epoch

    def __len__(self) -> int:
        raise TypeError("epochs differ in length: read it from the iterator")  # as Lightning then does

    def __iter__(self) -> Iterator[Tensor]:
        for _ in range(self.per_epoch if self.epoch else 1):
            yield from self.share(torch.arange(self.size))
