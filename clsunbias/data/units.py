"""What a score stands for: an image, a segment of speech, or a speaker with all of its segments."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F

LEAST = 2.0**-149
"""A probability of 0 counts as the smallest of single precision in a loss, as in every table."""


@dataclass(frozen=True)
class Units:
    """The units of a split: the rows themselves, or groups of rows.

    Attributes:
        target: int64 ``(U,)``, the class of each unit.
        of_row: int64 ``(N,)``, the unit of each row; None where each row is a unit of its own.
        name: of one unit, such as ``speaker``.
        names: of each unit; None to count them from 0.
        vote: a unit's probabilities are the shares of its rows that are for each class, rather than the rows' mean.
    """

    target: Tensor
    of_row: Tensor | None = None
    name: str = "unit"
    names: Sequence[str] | None = None
    vote: bool = False

    def take(self, rows: Tensor) -> "Units":
        """The units of some rows, int64 ``(M,)``: of groups those that have one of them, in the order they had."""
        kept, of_row = (rows, None) if self.of_row is None else torch.unique(self.of_row[rows], return_inverse=True)
        names = None if self.names is None else [self.names[unit] for unit in kept.tolist()]
        return Units(self.target[kept], of_row, self.name, names, self.vote)

    def with_made_up(self, target: Tensor, before: int) -> "Units":
        """These units, and made-up rows as units of their own, called synthetic and numbered.

        Args:
            target: int64 ``(M,)``, the class of each.
            before: made-up rows that are among these already.
        """
        count = len(self.target)
        names = list(map(str, range(count)) if self.names is None else self.names)
        names += [f"synthetic {before + number}" for number in range(1, len(target) + 1)]
        of_row = None if self.of_row is None else torch.cat([self.of_row, count + torch.arange(len(target))])
        return Units(torch.cat([self.target, target]), of_row, self.name, names, self.vote)

    def merge(self, prob: Tensor, loss: Tensor) -> tuple[Tensor, Tensor]:
        """Probabilities ``(U, C)`` and losses ``(U,)`` of the units, from those of the rows ``(N, C)``, ``(N,)``.

        The loss of a unit of several rows is the cross-entropy of its merged probability, so that it follows from the
        predictions that a run leaves, as every other figure does.
        """
        if self.of_row is None:
            return prob, loss
        if self.vote:
            prob = F.one_hot(prob.argmax(1), prob.shape[1]).float()
        merged = self.mean(prob)
        return merged, -merged.gather(1, self.target.unsqueeze(1)).squeeze(1).clamp(min=LEAST).log()

    def mean(self, rows: Tensor) -> Tensor:
        """Means of the units' rows: of float ``(N, K)``, ``(U, K)``."""
        if self.of_row is None:
            return rows
        counted = torch.cat([rows, rows.new_ones(len(rows), 1)], 1)
        sums = counted.new_zeros(len(self.target), counted.shape[1]).index_add_(0, self.of_row, counted)
        return sums[:, :-1] / sums[:, -1:]
