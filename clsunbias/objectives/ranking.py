"""Objectives of pairs of rows, which the whole global batch takes part in."""

import torch
from torch import Tensor

from clsunbias.distributed import gather_rows
from clsunbias.errors import InputError
from clsunbias.objectives.base import Objective


class APLoss(Objective):
    """AP-loss: one minus a smoothed average precision of the batch, minimised by the errors of ranked pairs.

    L = (1/|P|) Σ_{i∈P} Σ_{j∈N} L_ij with L_ij = H(x_ij) / (1 + Σ_{k≠i} H(x_ik)), x_ij = s_j − s_i and
    H(x) = clip(x/2δ + ½, 0, 1). Its gradient is the error-driven update: each pair moves x_ij by −L_ij, so
    ∂L/∂s_i = −Σ_j L_ij / |P| and ∂L/∂s_j = Σ_i L_ij / |P|, although L is flat where H is.

    A score s is the log-odds of the positive class, z₁ − z₀. With more than two classes: the mean over the classes
    present, one against the rest. In a batch without pairs L is 0. It ranks, and says nothing of where to put the
    threshold: a bias of the score has no gradient, and what an adaptive optimiser makes of it is rounding.
    Source: arXiv 1904.06373, section 3.

    Args:
        delta: half the width δ > 0 of the smoothed step; 1 in the paper.

    Raises:
        InputError: delta is not above 0.
    """

    def __init__(self, delta: float = 1.0) -> None:
        super().__init__()
        if not 0 < delta < float("inf"):
            raise InputError(f"delta must be a finite number above 0, got {delta}")
        self.delta = delta

    def loss(self, logits: Tensor, target: Tensor, **more: Tensor) -> Tensor:
        logits, target = gather_rows(logits.float()), gather_rows(target)
        classes = range(logits.shape[1]) if logits.shape[1] > 2 else (1,)
        losses = torch.stack([self.pair_loss(log_odds(logits, label), target == label) for label in classes])
        present = torch.stack([(target == label).any() for label in classes])
        return losses.sum() / present.sum().clamp(min=1)

    def pair_loss(self, score: Tensor, positive: Tensor) -> Tensor:
        """The loss of scores float32 ``(B,)`` of which some, bool ``(B,)``, are to come first; 0 without pairs."""
        behind = score.unsqueeze(0) - score.unsqueeze(1)  # x_ij, (B, B)
        with torch.no_grad():
            step = (behind / (2 * self.delta) + 0.5).clamp(0, 1)
            pairs = step / (0.5 + step.sum(1, keepdim=True))  # ½ of the 1 is H(x_ii), which is not among k ≠ i
            pairs = pairs * positive.unsqueeze(1) * ~positive
        driven = (pairs * behind).sum()
        return (pairs.sum() + (driven - driven.detach())) / positive.sum().clamp(min=1)


def log_odds(logits: Tensor, label: int) -> Tensor:
    """Log-odds of one class against the rest, ``(B,)``, from logits ``(B, C)``."""
    rest = [index for index in range(logits.shape[1]) if index != label]
    return logits[:, label] - logits[:, rest].logsumexp(1)
