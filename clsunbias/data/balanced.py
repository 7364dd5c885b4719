"""Samplers that draw speakers, classes or attributes by stated chances."""

from collections.abc import Callable, Iterator
from typing import cast

import torch
from torch import Tensor

from clsunbias.data.bags import Bags
from clsunbias.data.samplers import BatchSampler
from clsunbias.data.split import Split
from clsunbias.errors import InputError


class SpeakerBalanced(BatchSampler):
    """One random segment of each speaker of the split an epoch (arXiv 2508.06943, section 4.9).

    Speakers come in random order, or as another sampler draws them; which segment each one gives is drawn anew every
    time, all alike likely. What holds for speakers and their segments holds for patients and their rows; for another
    sampler all rows of one have to be of one class.

    Args:
        split: the training split; its units are the speakers.
        batch_size: speakers in a batch, over all processes together; None, as in the paper, for all of them, so that
            an epoch is one iteration.
        sampler: draws speakers, a split of whom it is given; None: each once.

    Raises:
        InputError: a split whose rows belong to no speakers.
    """

    def __init__(
        self,
        split: Split,
        batch_size: int | None = None,
        sampler: Callable[[Split, int | None], BatchSampler] | None = None,
    ) -> None:
        grouped = [units.of_row for units in split.units if units.of_row is not None]
        if isinstance(split.x, Bags):
            grouped = [torch.arange(len(split))]
        if not grouped:
            raise InputError(
                "SpeakerBalanced is for rows that belong to speakers or patients; here each row stands alone"
            )
        speaker = grouped[0]
        self.count = torch.bincount(speaker)
        super().__init__(self.count, batch_size)
        self.segments = speaker.argsort(stable=True)  # of the first speaker, of the second …
        self.first = self.count.cumsum(0) - self.count
        self.speaker, self.order = speaker, None
        if sampler is not None:
            one = self.segments[self.first]  # a segment of each speaker, which says what holds for all of theirs
            more = {name: values[one] for name, values in split.more.items()}
            self.order = sampler(Split(torch.zeros(self.size, 1), split.target[one], more=more), batch_size)

    def __len__(self) -> int:
        return super().__len__() if self.order is None else len(self.order)

    def __iter__(self) -> Iterator[Tensor]:
        generator = torch.Generator().manual_seed(self.seed * 1_000_003 + self.epoch)
        if self.order is None:
            chosen = self.segment_of(torch.arange(self.size), generator)
            yield from self.share(chosen[torch.randperm(self.size, generator=generator)])
            return
        self.order.num_replicas, self.order.rank, self.order.epochs = 1, 0, self.epochs
        self.order.set_epoch(self.epoch)
        generator.manual_seed(generator.initial_seed() + 2**31)  # not the numbers that speakers are drawn by
        for speakers in self.order:
            yield self.segment_of(speakers, generator)[self.rank :: self.num_replicas]

    def segment_of(self, speakers: Tensor, generator: torch.Generator) -> Tensor:
        """A random segment of each of some speakers, ``(B,)``."""
        draw = torch.rand(len(speakers), generator=generator, dtype=torch.float64)
        return self.segments[self.first[speakers] + (draw * self.count[speakers]).long()]

    def expected_rows(self) -> Tensor:
        share = 1 / self.count[self.speaker]
        return share if self.order is None else share * self.order.expected_rows()[self.speaker]


class ClassBalanced(BatchSampler):
    """Rows drawn with replacement, a class with chance n_c^power / Σ n^power; as many an epoch as the split has.

    All classes alike likely by default. A power of 1 draws them as often as they are, ½ is square-root sampling; above
    1 the large classes count even more, below 0 the small ones lead.
    Source: arXiv 1910.09217, eq. 1, for 0 to 1.

    Args:
        split: the training split.
        batch_size: rows in a batch, over all processes together; None for as many as the split has.
        power: of the class counts.

    Raises:
        InputError: a power that is no number of moderate size.
    """

    def __init__(self, split: Split, batch_size: int | None = 64, power: float = 0.0) -> None:
        super().__init__(split, batch_size)
        if not -10 <= power <= 10:
            raise InputError(f"ClassBalanced: power must lie between -10 and 10, got {power}")
        counts = present_counts(split.target)
        weights = counts**power
        self.chance = (weights / weights.sum() / counts)[split.target]

    def __iter__(self) -> Iterator[Tensor]:
        generator = torch.Generator().manual_seed(self.seed * 1_000_003 + self.epoch)
        yield from self.share(torch.multinomial(self.chance, self.size, replacement=True, generator=generator))

    def expected_rows(self) -> Tensor:
        return self.chance * self.size


class MinorityShare(ClassBalanced):
    """Rows drawn with replacement so that the smallest class has a stated share; the others keep their proportions.

    The best share for training need be neither the natural one nor that of balance (arXiv 2501.11638): a grid can take
    it for an axis.

    Args:
        split: the training split.
        batch_size: rows in a batch, over all processes together; None for as many as the split has.
        share: of the class with the fewest rows (the first of several), in (0, 1).

    Raises:
        InputError: a share outside (0, 1).
    """

    def __init__(self, split: Split, batch_size: int | None = 64, share: float = 0.5) -> None:
        super().__init__(split, batch_size)
        if not 0 < share < 1:
            raise InputError(f"MinorityShare: share must lie between 0 and 1, got {share}")
        counts = present_counts(split.target)
        smallest = counts.argmin()
        others = counts.sum() - counts[smallest]
        chance = (1 - share) / others * torch.ones_like(counts)
        chance[smallest] = share / counts[smallest]
        self.chance = chance[split.target]


class AttributeBalanced(ClassBalanced):
    """Rows drawn with replacement so that class and attribute are independent, or correlate as stated.

    Each class comes with each value of the attribute alike often, so that the attribute tells nothing of the class.
    With two classes and two values, cells may instead have (1 ± ρ)/4 each, for patients among whom they correlate
    so. Only training needs the attribute.
    Source: arXiv 2302.02323 (a stated correlation); balance is its case ρ = 0.

    Args:
        split: the training split.
        batch_size: rows in a batch, over all processes together; None for as many as the split has.
        attribute: what the split calls it.
        correlation: ρ in [−1, 1]: of class 1 with the second value of the attribute.

    Raises:
        InputError: no such attribute, no row of a class with one of its values, or a correlation that cannot be.
    """

    def __init__(
        self, split: Split, batch_size: int | None = 64, attribute: str = "group", correlation: float = 0.0
    ) -> None:
        super().__init__(split, batch_size)
        value = attribute_of(split, attribute)
        cells = torch.zeros(int(split.target.max()) + 1, int(value.max()) + 1, dtype=torch.float64)
        cells.index_put_((split.target, value), torch.ones(len(value), dtype=torch.float64), accumulate=True)
        if not -1 <= correlation <= 1 or (correlation and cells.shape != (2, 2)):
            raise InputError(
                f"AttributeBalanced: correlation {correlation} must lie between -1 and 1, and be 0 unless there are "
                f"two classes and two values; here are {cells.shape[0]} and {cells.shape[1]}"
            )
        wanted = torch.full_like(cells, 1 / cells.numel())
        if correlation:
            wanted += correlation / 4 * torch.tensor([[1, -1], [-1, 1]])
        for label, cell in ((cells == 0) & (wanted > 0)).nonzero().tolist():
            raise InputError(
                f"AttributeBalanced: no training row of class {label} has value {cell} of {attribute}, so that they "
                "cannot be balanced; take ClassBalanced"
            )
        self.chance = (wanted / cells)[split.target, value]


def present_counts(target: Tensor) -> Tensor:
    """Rows of each class, float64 ``(C,)``; raises InputError for a class without any."""
    counts = torch.bincount(target).double()
    if not counts.all():
        raise InputError(f"the training split has no sample of class {int(counts.argmin())}: it cannot be drawn")
    return counts


def attribute_of(split: Split, name: str) -> Tensor:
    """An attribute of each row, int64 ``(N,)`` from 0 on.

    Raises:
        InputError: the split has no such attribute.
    """
    if name not in split.more or split.more[name].is_floating_point() or split.more[name].ndim != 1:
        raise InputError(
            f"training rows have no attribute {name!r} (they have {', '.join(split.more) or 'none'}); choose a "
            "data set, or a data.resample, that gives it"
        )
    _, value = torch.unique(split.more[name], return_inverse=True)
    return cast(Tensor, value)
