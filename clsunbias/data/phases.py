"""Samplers that change as training proceeds, by the share of the run's epochs that are over."""

from collections.abc import Callable, Iterator, Sequence
from itertools import pairwise

import torch
from torch import Tensor

from clsunbias.data.balanced import attribute_of
from clsunbias.data.samplers import BatchSampler
from clsunbias.data.split import Split
from clsunbias.errors import InputError


class Phases(BatchSampler):
    """One sampler after the other: two phases (balanced, then as they are), or head classes first and tail ones later.

    Sources: arXiv 1710.05381, section 2.1 (two-phase training; adapted: there the second phase trains the last layer
    alone, here all that is not frozen); arXiv 2305.12833 (steps from all classes to head-dominant and tail-dominant
    ones, which :class:`~clsunbias.data.ClassBalanced` draws by its power).

    Args:
        split: the training split.
        batch_size: rows in a batch, over all processes together; None for all of an epoch.
        samplers: of each phase; their epochs must have as many batches.
        starts: share of the run at which each phase starts: 0 first, then rising, below 1.

    Raises:
        InputError: other numbers of samplers and starts, starts that do not rise from 0, or epochs of unlike length.
    """

    def __init__(
        self,
        split: Split,
        batch_size: int | None = 64,
        samplers: Sequence[Callable[[Split, int | None], BatchSampler]] = (),
        starts: Sequence[float] = (),
    ) -> None:
        super().__init__(split, batch_size)
        rising = all(before < start < 1 for before, start in pairwise(starts))
        if not samplers or len(samplers) != len(starts) or starts[0] != 0 or not rising:
            raise InputError(
                f"Phases needs a start for each of its {len(samplers)} samplers, 0 first, then rising, below 1; got "
                f"{list(starts)}"
            )
        self.samplers = [make(split, batch_size) for make in samplers]
        self.starts = list(starts)
        try:
            lengths = sorted({len(sampler) for sampler in self.samplers})
        except TypeError as error:
            raise InputError("Phases: the epochs of a sampler in it differ in length; take another") from error
        if len(lengths) > 1:
            raise InputError(
                f"Phases: its samplers have {lengths[0]} to {lengths[-1]} batches an epoch, and must have as many: "
                "draw with ClassBalanced or MinorityShare, whose epochs are as long as the split"
            )

    def current(self) -> BatchSampler:
        """The sampler of this epoch."""
        number = sum(start <= self.progress() for start in self.starts) - 1
        return self.samplers[number]

    def __len__(self) -> int:
        return len(self.samplers[0])

    def __iter__(self) -> Iterator[Tensor]:
        sampler = self.current()
        sampler.num_replicas, sampler.rank, sampler.epochs = self.num_replicas, self.rank, self.epochs
        sampler.set_epoch(self.epoch)
        yield from sampler

    def expected_rows(self) -> Tensor:
        """Their mean over the run."""
        lengths = [end - start for start, end in zip(self.starts, [*self.starts[1:], 1.0], strict=True)]
        rows = [sampler.expected_rows() * length for sampler, length in zip(self.samplers, lengths, strict=True)]
        return torch.stack(rows).sum(0)


class Expanding(BatchSampler):
    """Progressive data expansion: a balanced core of the rows first, then ever more of the others.

    The core holds as many rows of each group, drawn by the run's seed; groups are the classes, or classes with the
    values of an attribute. From ``warmup`` to ``whole`` the other rows join, as many each epoch, in an order drawn
    once. Each epoch draws as many rows as the split has, going round those that have joined.
    Source: arXiv 2306.04949, which adds a number of rows every so many epochs and to an end of its own.

    Args:
        split: the training split.
        batch_size: rows in a batch, over all processes together; None for all of an epoch.
        attribute: what the split calls it; None where no attribute is known.
        warmup: share of the run on the core alone.
        whole: share of the run at which all rows have joined.

    Raises:
        InputError: no such attribute, or shares that are not 0 ≤ warmup < whole ≤ 1.
    """

    def __init__(
        self,
        split: Split,
        batch_size: int | None = 64,
        attribute: str | None = None,
        warmup: float = 0.2,
        whole: float = 0.8,
    ) -> None:
        super().__init__(split, batch_size)
        if not 0 <= warmup < whole <= 1:
            raise InputError(f"Expanding needs 0 <= warmup < whole <= 1, got {warmup} and {whole}")
        self.warmup, self.whole = warmup, whole
        value = torch.zeros_like(split.target) if attribute is None else attribute_of(split, attribute)
        group = torch.unique(split.target * (int(value.max()) + 1) + value, return_inverse=True)[1]
        least = int(torch.bincount(group).min())
        order = torch.randperm(self.size, generator=torch.Generator().manual_seed(self.seed))
        place = torch.empty_like(order)  # of each row among those of its group
        for number in range(int(group.max()) + 1):
            rows = order[group[order] == number]
            place[rows] = torch.arange(len(rows))
        core = place[order] < least
        self.joining = torch.cat([order[core], order[~core]])
        self.core = int(core.sum())

    def joined(self) -> Tensor:
        """The rows of this epoch, each once."""
        share = (self.progress() - self.warmup) / (self.whole - self.warmup)
        return self.joining[: self.core + round(min(max(share, 0.0), 1.0) * (self.size - self.core))]

    def __iter__(self) -> Iterator[Tensor]:
        generator = torch.Generator().manual_seed(self.seed * 1_000_003 + self.epoch)
        rows = self.joined()
        rounds = -(-self.size // len(rows))
        order = torch.cat([rows[torch.randperm(len(rows), generator=generator)] for _ in range(rounds)])
        yield from self.share(order[: self.size])
