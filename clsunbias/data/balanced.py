"""Balanced batch samplers: each speaker (or patient) once an epoch, or each class as often as the others."""

from collections.abc import Iterator

import torch
from torch import Tensor

from clsunbias.data.samplers import BatchSampler
from clsunbias.data.split import Split
from clsunbias.errors import InputError


class SpeakerBalanced(BatchSampler):
    """One random segment of each speaker of the split an epoch (arXiv 2508.06943, section 4.9).

    Speakers come in random order; which segment each one gives is drawn anew every epoch, all alike likely. What holds
    for speakers and their segments holds for patients and their rows.

    Args:
        split: the training split; its units are the speakers.
        batch_size: speakers in a batch, over all processes together; None, as in the paper, for all of them, so that
            an epoch is one iteration.

    Raises:
        InputError: a split whose rows belong to no speakers.
    """

    def __init__(self, split: Split, batch_size: int | None = None) -> None:
        grouped = [units.of_row for units in split.units if units.of_row is not None]
        if not grouped:
            raise InputError(
                "SpeakerBalanced is for rows that belong to speakers or patients; here each row stands alone"
            )
        speaker = grouped[0]
        self.count = torch.bincount(speaker)
        super().__init__(self.count, batch_size)
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
        batch_size: rows in a batch, over all processes together; None for as many as the split has.
    """

    def __init__(self, split: Split, batch_size: int | None = 64) -> None:
        super().__init__(split, batch_size)
        counts = torch.bincount(split.target)
        self.chance = 1 / (counts.double() * len(counts))[split.target]

    def __iter__(self) -> Iterator[Tensor]:
        generator = torch.Generator().manual_seed(self.seed * 1_000_003 + self.epoch)
        yield from self.share(torch.multinomial(self.chance, self.size, replacement=True, generator=generator))

    def expected_rows(self) -> Tensor:
        return self.chance * self.size
