"""Equal error rates of the groups of an attribute, such as sex."""

from typing import ClassVar

import torch
from torch import Tensor

from clsunbias.distributed import gather_rows
from clsunbias.objectives.added import AddedObjective
from clsunbias.objectives.base import ClassRiskObjective
from clsunbias.objectives.cls_unbias import mean_pairwise
from clsunbias.objectives.numbers import NonNegative
from clsunbias.objectives.sample_losses import log_odds


class GroupParity(AddedObjective):
    """A penalty on error rates that differ between groups: L = L_base + c·Σ_y gap_y.

    gap_y stands for the difference in the rate of errors among rows of class y (false negatives, false positives): the
    absolute difference of two groups' mean log-odds of y there; of more groups, the mean over pairs. A group without a
    row of class y in the batch takes no part in gap_y. c = 0 is the base.
    Source: arXiv 1707.00044, its absolute-value penalty on distances from the boundary, as log-odds are.
    The group of a row the data say, as ``group`` (:class:`~clsunbias.data.Attribute` reads a column).

    Args:
        penalty: c ≥ 0.
        base: what it is added to; default ERM.

    Raises:
        InputError: penalty is negative, infinite or not a number, whether given here or set later by a schedule.
    """

    needs: ClassVar[tuple[str, ...]] = ("group",)
    annealable: ClassVar[tuple[str, ...]] = ("penalty",)
    penalty = NonNegative()

    def __init__(self, penalty: float = 1.0, base: ClassRiskObjective | None = None) -> None:
        super().__init__(base)
        self.penalty = penalty

    def loss(self, logits: Tensor, target: Tensor, **more: Tensor) -> Tensor:
        base = self.base.loss(logits, target)
        scaled, target, group = (
            gather_rows(self.class_logits(logits).float()),
            gather_rows(target),
            gather_rows(more["group"]),
        )
        member = group.unsqueeze(1) == torch.arange(int(group.max()) + 1, device=group.device)
        gaps = []
        for label in range(scaled.shape[1]):
            rows = member & (target == label).unsqueeze(1)
            counts = rows.sum(0)
            means = (log_odds(scaled, label).unsqueeze(1) * rows).sum(0) / counts.clamp(min=1)
            gaps.append(mean_pairwise(means, counts > 0))
        return base + self.penalty * torch.stack(gaps).sum()
