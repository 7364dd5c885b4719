"""Balanced batch samplers: each speaker once an iteration, or each class as often as the others."""

from collections.abc import Iterator

import torch
from torch import Tensor

from clsunbias.data.base import Split
from clsunbias.data.samplers import BatchSampler
from clsunbias.errors import InputError


class SpeakerBalanced(BatchSampler):
    """One random segment of each speaker of the split an epoch (arXiv 2508.06943, section 4.9).

    Speakers come in random order; which segment each one gives is drawn anew every epoch, all alike likely.

    Args:
        split: the training split; its units are the speakers.
        batch_size: speakers in a batch, over all processes together; None, as in the paper, for all of them, so that
            an epoch is one iteration.

    Raises:
        InputError: batch_size below 2, or a split whose rows belong to no speakers.
    """

    def __init__(self, split: Split, batch_size: int | None = None) -> None:
        grouped = [units.of_row for units in split.units if units.of_row is not None]
        if not grouped:
            raise InputError("SpeakerBalanced is for splits whose rows belong to speakers; here each row stands alone")
        speaker = grouped[0]
        self.count = torch.bincount(speaker)
        super().__init__(self.count, len(self.count) if batch_size is None else checked(batch_size))
        self.segments = speaker.argsort(stable=True)  # of the first speaker, of the second …
        self.first = self.count.cumsum(0) - self.count
        self.share_of_row = 1 / self.count[speaker]

    def __iter__(self) -> Iterator[Tensor]:
        generator = torch.Generator().manual_seed(self.seed * 1_000_003 + self.epoch)
        draw = torch.rand(self.size, generator=generator, dtype=torch.float64)
        chosen = self.segments[self.first + (draw * self.count).long()]
        yield from self.share(chosen[torch.randperm(self.size, generator=generator)])

    def expected_rows(self) -> Tensor:
        return self.share_of_row


class ClassBalanced(BatchSampler):
    """Rows drawn with replacement so that all classes are alike likely; as many an epoch as the split has.

    Args:
        split: the training split.
        batch_size: rows in a batch, over all processes together.

    Raises:
        InputError: batch_size below 2.
    """

    def __init__(self, split: Split, batch_size: int = 64) -> None:
        super().__init__(split, checked(batch_size))
        counts = torch.bincount(split.target)
        self.chance = 1 / (counts.double() * len(counts))[split.target]

    def __iter__(self) -> Iterator[Tensor]:
        generator = torch.Generator().manual_seed(self.seed * 1_000_003 + self.epoch)
        yield from self.share(torch.multinomial(self.chance, self.size, replacement=True, generator=generator))

    def expected_rows(self) -> Tensor:
        return self.chance * self.size


def checked(batch_size: int) -> int:
    """The batch size, if a batch can hold both classes."""
    if batch_size < 2:
        raise InputError(f"batch_size must be at least 2, so that a batch can hold both classes; got {batch_size}")
    return batch_size
