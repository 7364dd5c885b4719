"""Classes in order: one question for each step from a grade to the next."""

from typing import ClassVar

import torch
from torch import Tensor
from torch.nn import functional as F

from clsunbias.objectives.added import AddedObjective
from clsunbias.objectives.base import ClassRiskObjective
from clsunbias.objectives.numbers import NonNegative


class ProportionalOdds(AddedObjective):
    """Relaxed proportional odds: log-odds of each grade or more, which fall by as much in every row, or nearly so.

    With η_k the log-odds of y ≥ k: η_1 = z_1 − z_0 and η_k = η_{k−1} − softplus(z_k), so that thresholds are in order
    in every row. p_k = σ(η_k) − σ(η_{k+1}), and L = L_base(log p) + penalty·Σ_{k≥2} ‖w_k‖₁, w_k the weights of z_k in
    the last layer, without its bias. By them neighbouring thresholds differ in what they make of the features: where
    all are 0 the model is that of proportional odds (penalty → ∞), with a penalty of 0 each threshold is free. With
    two classes it is the base.
    Source: PRESTO, arXiv 2305.18700, whose L₁ penalty on differences between adjacent weight vectors is on those of
    straight thresholds, which cross somewhere; proportional odds: McCullagh, Regression Models for Ordinal Data, 1980.
    For classes in order, such as RetinaMNIST's grades (``data.ordered``).

    Args:
        penalty: at least 0.
        base: the objective on the logits log p; default ERM, which makes it the maximum of likelihood.

    Raises:
        InputError: penalty is negative, infinite or not a number, whether given here or set later by a schedule.
    """

    needs: ClassVar[tuple[str, ...]] = ("last_weight",)
    in_order: ClassVar[bool] = True
    annealable: ClassVar[tuple[str, ...]] = ("penalty",)
    penalty = NonNegative()

    def __init__(self, penalty: float = 1e-3, base: ClassRiskObjective | None = None) -> None:
        super().__init__(base)
        self.penalty = penalty

    def class_logits(self, logits: Tensor) -> Tensor:
        return super().class_logits(self.log_prob(logits))

    def log_prob(self, logits: Tensor) -> Tensor:
        """Log p ``(B, C)``."""
        logits = logits.float()
        falls = F.pad(F.softplus(logits[:, 2:]).cumsum(1), (1, 0))
        odds = logits[:, 1:2] - logits[:, :1] - falls  # η_1, η_2, …
        reached = F.pad(F.logsigmoid(odds), (1, 0))  # log of P(y ≥ k), k from 0
        left = F.pad(F.logsigmoid(-odds), (0, 1))  # log of P(y ≤ k), up to the last
        # σ(a) − σ(b) = σ(a)·σ(−b)·(1 − exp(b − a)), and 1 − exp(−softplus(z)) = σ(z).
        between = F.pad(F.logsigmoid(logits[:, 2:]), (1, 1))
        return reached + left + between

    def loss(self, logits: Tensor, target: Tensor, **more: Tensor) -> Tensor:
        base = self.base.loss(self.log_prob(logits), target)
        with torch.autocast(logits.device.type, enabled=False):
            return base + self.penalty * more["last_weight"][2:].float().abs().sum()
