"""Bags: all rows of a speaker as one row, of which a network makes one score."""

from collections.abc import Sequence

import torch
from torch import Tensor

from clsunbias.data.samplers import BatchSampler
from clsunbias.data.split import Rows, Split
from clsunbias.data.units import Units


class Bags:
    """Rows of a split that are groups of other rows, padded with NaN to the longest of those that are fetched.

    Args:
        rows: what is grouped, float ``(N, …)``.
        members: int64 ``(n,)`` of each bag, the numbers of its rows.
        most: rows that are drawn of a bag; None for all of them in order.
        sampler: whose seed and epoch say which are drawn.
    """

    def __init__(
        self, rows: Rows, members: Sequence[Tensor], most: int | None = None, sampler: BatchSampler | None = None
    ) -> None:
        self.rows, self.members = rows, members
        self.most, self.sampler = most, sampler

    def __len__(self) -> int:
        return len(self.members)

    def __getitem__(self, bags: Tensor | slice) -> Tensor:
        """Bags float ``(B, k, …)``, k of the one with the most rows."""
        chosen = [self.drawn(bag) for bag in torch.arange(len(self))[bags].tolist()]
        sizes = torch.tensor([len(rows) for rows in chosen])
        rows = self.rows[torch.cat(chosen)]
        filled = rows.new_full((len(chosen), int(sizes.max()), *rows.shape[1:]), torch.nan)
        filled[torch.arange(filled.shape[1]) < sizes.unsqueeze(1)] = rows
        return filled

    def drawn(self, bag: int) -> Tensor:
        """The rows that a bag holds, int64 ``(n,)``: all, or those drawn in this epoch, the same whatever the batch."""
        members = self.members[bag]
        if self.most is None or self.sampler is None:
            return members
        seed = (self.sampler.seed * 1_000_003 + self.sampler.epoch) * 1_000_003 + bag
        generator = torch.Generator().manual_seed(seed % 2**63)
        return members[torch.randperm(len(members), generator=generator)[: self.most]]

    def drawing(self, most: int, sampler: BatchSampler) -> "Bags":
        """The same bags, of which only so many rows are drawn, others in each epoch of a sampler."""
        return Bags(self.rows, self.members, most, sampler)


def as_bags(split: Split) -> Split:
    """A split of one row for each group of its rows, which are what is scored."""
    groups = next(units for units in split.units if units.of_row is not None)
    assert groups.of_row is not None
    order = groups.of_row.argsort(stable=True)
    members = torch.split(order, torch.bincount(groups.of_row, minlength=len(groups.target)).tolist())
    return Split(Bags(split.x, members), groups.target, [Units(groups.target, None, groups.name, groups.names)])
