"""Random over- and undersampling: exact numbers of each class an epoch."""

from collections.abc import Iterator

import torch
from torch import Tensor

from clsunbias.data.balanced import present_counts
from clsunbias.data.samplers import BatchSampler
from clsunbias.data.split import Split
from clsunbias.errors import InputError


class ClassNumbers(BatchSampler):
    """A number of rows of each class an epoch: all of them as often as it takes, and the rest drawn anew each epoch.

    Args:
        split: the training split.
        batch_size: rows in a batch, over all processes together; None for all of an epoch.
        wanted: int64 ``(C,)``, rows of each class.
    """

    def __init__(self, split: Split, batch_size: int | None, wanted: Tensor) -> None:
        super().__init__(range(int(wanted.sum())), batch_size)
        self.target, self.wanted = split.target, wanted

    def __iter__(self) -> Iterator[Tensor]:
        generator = torch.Generator().manual_seed(self.seed * 1_000_003 + self.epoch)
        drawn = []
        for label, number in enumerate(self.wanted.tolist()):
            rows = (self.target == label).nonzero().flatten()
            rest = rows[torch.randperm(len(rows), generator=generator)[: number % len(rows)]]
            drawn += [rows.repeat(number // len(rows)), rest]
        order = torch.cat(drawn)
        yield from self.share(order[torch.randperm(self.size, generator=generator)])

    def expected_rows(self) -> Tensor:
        return (self.wanted / present_counts(self.target))[self.target]


class Oversampled(ClassNumbers):
    """Random oversampling: small classes are repeated until each has a share of the largest one's rows.

    Every row comes at least once an epoch. Source: arXiv 1710.05381, section 2.1.

    Args:
        split: the training split.
        batch_size: rows in a batch, over all processes together; None for all of an epoch.
        ratio: rows of each class, at least, to those of the largest, in (0, 1]; 1 makes all alike.

    Raises:
        InputError: a ratio outside (0, 1].
    """

    def __init__(self, split: Split, batch_size: int | None = 64, ratio: float = 1.0) -> None:
        super().__init__(split, batch_size, oversampled(present_counts(split.target), ratio))


class Undersampled(ClassNumbers):
    """Random undersampling: of large classes an epoch takes only so many rows, others in each.

    Over the epochs nearly every row is met, unlike where rows are left out for good (:class:`clsunbias.data.Subsample`
    does that). Source: arXiv 1710.05381, section 2.1, which draws once.

    Args:
        split: the training split.
        batch_size: rows in a batch, over all processes together; None for all of an epoch.
        ratio: rows of the smallest class to those of each other, at least, in (0, 1]; 1 makes all alike.

    Raises:
        InputError: a ratio outside (0, 1].
    """

    def __init__(self, split: Split, batch_size: int | None = 64, ratio: float = 1.0) -> None:
        super().__init__(split, batch_size, undersampled(present_counts(split.target), ratio))


def oversampled(counts: Tensor, ratio: float) -> Tensor:
    """Rows of each class, int64, when each has at least ratio times those of the largest."""
    check_ratio(ratio)
    return torch.maximum(counts, (ratio * counts.max()).round()).long()


def undersampled(counts: Tensor, ratio: float) -> Tensor:
    """Rows of each class, int64, when the smallest has at least ratio times those of each."""
    check_ratio(ratio)
    return torch.minimum(counts, (counts.min() / ratio).round()).long()


def check_ratio(ratio: float) -> None:
    """Raises InputError for a ratio of small to large classes outside (0, 1]."""
    if not 0 < ratio <= 1:
        raise InputError(f"ratio is that of a small class to a large one, above 0 and at most 1; got {ratio}")
