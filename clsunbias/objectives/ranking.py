"""Objectives of pairs of rows, which the whole global batch takes part in."""

from typing import ClassVar

import torch
from torch import Tensor

from clsunbias.distributed import gather_rows
from clsunbias.errors import InputError
from clsunbias.objectives.base import Objective
from clsunbias.objectives.numbers import Positive
from clsunbias.objectives.sample_losses import log_odds, smallest_class


class APLoss(Objective):
    """AP-loss: one minus a smoothed average precision of the batch, minimised by the errors of ranked pairs.

    L = (1/|P|) Σ_{i∈P} Σ_{j∈N} L_ij with L_ij = H(x_ij) / (1 + Σ_{k≠i} H(x_ik)), x_ij = s_j − s_i and
    H(x) = clip(x/2δ + ½, 0, 1). Its gradient is the error-driven update: each pair moves x_ij by −L_ij, so
    ∂L/∂s_i = −Σ_j L_ij / |P| and ∂L/∂s_j = Σ_i L_ij / |P|, although L is flat where H is.

    P are the rows of the smaller class in training (of classes of one size the positive one), a score s is its
    log-odds. With more than two classes: the mean over the classes present, one against the rest. In a batch without
    pairs L is 0. It ranks, and says nothing of where to put the threshold: a bias of the score has no gradient, and
    what an adaptive optimiser makes of it is rounding.
    Source: arXiv 1904.06373, section 3, without the interpolated precision of the authors' code.

    Args:
        delta: half the width δ > 0 of the smoothed step; 1 in the paper.

    Raises:
        InputError: delta is not above 0.
    """

    rows_of_class: ClassVar[int] = 1

    def __init__(self, delta: float = 1.0) -> None:
        super().__init__()
        if not 0 < delta < float("inf"):
            raise InputError(f"delta must be a finite number above 0, got {delta}")
        self.delta = delta
        self.minority = 1

    def setup(self, class_counts: Tensor) -> None:
        super().setup(class_counts)
        self.minority = smallest_class(class_counts)

    def loss(self, logits: Tensor, target: Tensor, **more: Tensor) -> Tensor:
        logits, target = gather_rows(logits.float()), gather_rows(target)
        classes = range(logits.shape[1]) if logits.shape[1] > 2 else (self.minority,)
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


class AUCMargin(Objective):
    """AUC-margin loss: L = Var(h | +) + Var(h | −) + max(0, m − (E[h | +] − E[h | −]))², h = p of the positive class.

    That is the min-max loss of the paper with its inner problem (a, b, α) solved on the batch, where the paper's
    optimiser follows it over steps; adapted. For two classes it is the same whichever is called positive. With more:
    the mean over the classes present, one against the rest. In a batch without pairs L is 0.
    Source: arXiv 2012.03173.

    Args:
        margin: m > 0, by which mean scores are to differ; 1 in the paper.

    Raises:
        InputError: margin is not above 0.
    """

    margin = Positive()
    rows_of_class: ClassVar[int] = 1

    def __init__(self, margin: float = 1.0) -> None:
        super().__init__()
        self.margin = margin

    def loss(self, logits: Tensor, target: Tensor, **more: Tensor) -> Tensor:
        prob, target = gather_rows(logits.float().softmax(1)), gather_rows(target)
        labels = torch.arange(1 if prob.shape[1] == 2 else 0, prob.shape[1], device=target.device)
        prob, positive = prob[:, labels], target.unsqueeze(1) == labels
        ours, theirs = spread(prob, positive), spread(prob, ~positive)
        behind = (self.margin - (ours[0] - theirs[0])).clamp(min=0).square()
        pairs = positive.any(0) & ~positive.all(0)
        return ((ours[1] + theirs[1] + behind) * pairs).sum() / pairs.sum().clamp(min=1)


def spread(values: Tensor, rows: Tensor) -> tuple[Tensor, Tensor]:
    """Mean and variance of each column ``(B, K)`` over the rows that a mask ``(B, K)`` names; 0 without any."""
    count = rows.sum(0).clamp(min=1)
    mean = (values * rows).sum(0) / count
    return mean, ((values - mean).square() * rows).sum(0) / count
