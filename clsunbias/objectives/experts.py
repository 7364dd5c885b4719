"""Three experts on one backbone, each for another balance of the classes."""

from typing import ClassVar

import torch
from torch import Tensor
from torch.nn import functional as F

from clsunbias.distributed import mean_over_processes
from clsunbias.errors import InputError
from clsunbias.objectives.base import Objective
from clsunbias.objectives.numbers import NonNegative

EXPERTS = 3


class DiverseExperts(Objective):
    """Three heads trained together: for classes as they are, for classes alike, and for the order of sizes reversed.

    L = ℓ(z¹, y) + ℓ(z² + log π, y) + ℓ(z³ + log π − λ·log π̄, y), ℓ cross-entropy, π the shares of the classes in
    training and π̄ the same shares the other way round, the smallest class with the largest: cross-entropy, balanced
    softmax and inverse softmax. A class's logit is the mean of the experts'.
    Source: SADE, arXiv 2107.09249, whose experts share fewer layers. A refit weighs the experts afterwards
    (:class:`~clsunbias.refits.ExpertAggregation`).

    Args:
        lam: λ ≥ 0 of the third expert; 2 in the authors' code. With 0 the third is the second.

    Raises:
        InputError: lam is negative, infinite or not a number, whether given here or set later by a schedule.
    """

    annealable: ClassVar[tuple[str, ...]] = ("lam",)
    lam = NonNegative()
    _log_shares: Tensor

    def __init__(self, lam: float = 2.0) -> None:
        super().__init__()
        self.lam = lam
        # Not in the checkpoint: the shares follow from the training data, which are there whenever they are needed.
        self.register_buffer("_log_shares", torch.empty(0), persistent=False)

    def setup(self, class_counts: Tensor) -> None:
        super().setup(class_counts)
        self._log_shares = (class_counts / class_counts.sum()).log().to(self._log_shares)

    def outputs(self, num_classes: int) -> int:
        return EXPERTS * num_classes

    def class_logits(self, logits: Tensor) -> Tensor:
        return by_expert(logits.float()).mean(1)

    def loss(self, logits: Tensor, target: Tensor, **more: Tensor) -> Tensor:
        experts, shares = by_expert(logits.float()), self._log_shares
        if len(shares) != experts.shape[2]:
            raise InputError(
                f"{type(self).__name__} is set up for {len(shares)} classes, the logits are of {experts.shape[2]}; "
                "call setup(class_counts) with the training split's counts first"
            )
        reversed_shares = torch.empty_like(shares)
        reversed_shares[shares.argsort(stable=True)] = shares.sort(descending=True).values
        moved = experts + torch.stack([torch.zeros_like(shares), shares, shares - self.lam * reversed_shares])
        losses = F.cross_entropy(moved.transpose(1, 2), target.unsqueeze(1).expand(-1, EXPERTS), reduction="none")
        return mean_over_processes(losses)


def by_expert(logits: Tensor) -> Tensor:
    """Logits ``(B, 3, C)`` of each expert from those of a network, ``(B, 3·C)``."""
    return logits.reshape(-1, EXPERTS, logits.shape[1] // EXPERTS)
