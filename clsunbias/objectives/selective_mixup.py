"""Selective mixup: which classes are mixed follows from what a metric of the validation rows would gain by it."""

from collections.abc import Callable
from typing import ClassVar

import torch
from torch import Tensor

from clsunbias.errors import InputError
from clsunbias.objectives.base import ClassRiskObjective
from clsunbias.objectives.class_risks import ClassRisks
from clsunbias.objectives.sample_losses import SampleLoss

LEAST = 1e-8
"""What the chance of a pair is at least, before they are made to sum to 1, as in the authors' code."""

Metric = Callable[[Tensor], Tensor]
"""A scalar, more is better, of a confusion matrix ``(C, C)`` of shares: a row for each class, a column a decision."""


def macro_recall(confusion: Tensor) -> Tensor:
    """The mean of the recalls, which is balanced accuracy."""
    return (confusion.diagonal() / confusion.sum(1)).mean()


def worst_recall(confusion: Tensor) -> Tensor:
    """The lowest recall of a class."""
    return (confusion.diagonal() / confusion.sum(1)).amin()


def macro_f1(confusion: Tensor) -> Tensor:
    """The mean of the F1 scores."""
    return (2 * confusion.diagonal() / (confusion.sum(0) + confusion.sum(1))).mean()


class SelectiveMixup(ClassRiskObjective):
    """SelMix: L = Σ_ij P_ij·E ℓ(λ·z_a + (1 − λ)·z_b, i), a of class i and b of class j, λ uniform in [λ_min, 1].

    A second stage, from a run's weights (``--init_from``). P favours the pairs of classes whose mixup would raise a
    metric ψ on the validation split: P_ij ∝ exp(s·G_ij / max|G|) where the gain G_ij is above 0, and next to nothing
    elsewhere; before the first validation all pairs are alike. The gain is how fast ψ grows along the step V_ij that
    mixing i with j takes in the last layer: G_ij = Σ_kl ∂ψ/∂C̃_kl · (V_ij)_l·f_k, with C_k = π_k·softmax(C̃_k) the
    confusion matrix and f_k the mean feature of class k.
    Source: arXiv 2403.18301; f_k and V_ij are taken of class means, and negative gains left out, as in the authors'
    code. Adapted: gains are relative to the largest; the worst recall is taken as it is, without multipliers; every row
    of a batch is mixed once, weighted as often as its class is drawn. Features are mixed as their logits are, which is
    the same, since the last layer is linear.

    What training learns of validation are its confusion matrix and class means: validation figures are so far those of
    rows that took part. In evaluation mode rows are not mixed.

    Args:
        metric: ψ, of a confusion matrix: :func:`macro_recall`, :func:`worst_recall`, :func:`macro_f1`, or one's own.
        least: λ_min in (0, 1]; 0.6 in the authors' code; at 1 nothing is mixed.
        sharpness: s ≥ 0, how much the best pairs are preferred; 10 in the paper, of gains as they are.
        sample_loss: the loss of each mixed row; default cross-entropy.

    Raises:
        InputError: a number is out of its range.
    """

    needs: ClassVar[tuple[str, ...]] = ("penultimate",)  # which a network must have, to be told of its class means
    chances: Tensor

    def __init__(
        self,
        metric: Metric = macro_recall,
        least: float = 0.6,
        sharpness: float = 10.0,
        sample_loss: SampleLoss | None = None,
    ) -> None:
        super().__init__(sample_loss)
        if not 0 < least <= 1:
            raise InputError(f"SelectiveMixup: least must be above 0 and at most 1, got {least}")
        if not 0 <= sharpness < float("inf"):
            raise InputError(f"SelectiveMixup: sharpness must be a finite number of at least 0, got {sharpness}")
        self.metric, self.least, self.sharpness = metric, least, sharpness
        self.register_buffer("chances", torch.empty(0, 0))  # in the checkpoint: a resumed run goes on with them
        self._seed = 0

    def setup(self, class_counts: Tensor) -> None:
        super().setup(class_counts)
        self.chances = torch.full([len(class_counts)] * 2, len(class_counts) ** -2.0).to(self.chances)

    def training_batch(self, batch: dict[str, Tensor], seed: int) -> dict[str, Tensor]:
        """The batch itself; the seed is that of the step's draws, so that a resumed run repeats them."""
        self._seed = seed
        return batch

    def combine(self, risks: ClassRisks) -> Tensor:
        first = self.chances.sum(1) * risks.present
        return (first * risks.means).sum() / first.sum()

    def loss(self, logits: Tensor, target: Tensor, **more: Tensor) -> Tensor:
        if len(self.chances) != logits.shape[1]:
            raise InputError(
                f"SelectiveMixup is set up for {len(self.chances)} classes, the logits have {logits.shape[1]}; call "
                "setup(class_counts) with the training split's counts first"
            )
        return super().loss(self.mixed(logits.float(), target) if self.training else logits, target)

    def mixed(self, logits: Tensor, target: Tensor) -> Tensor:
        """Logits ``(B, C)``, each mixed with those of a row of the batch whose class is drawn by the chances."""
        draw = torch.rand(3, len(target), generator=torch.Generator().manual_seed(self._seed))
        draw = draw.to(logits.device, non_blocking=True)
        counts = (target.unsqueeze(1) == torch.arange(len(self.chances), device=target.device)).sum(0)
        reached = (self.chances * (counts > 0))[target].cumsum(1)
        other = (reached <= draw[0].unsqueeze(1) * reached[:, -1:]).sum(1).minimum(target.max())
        first = counts.cumsum(0) - counts
        partner = target.argsort(stable=True)[first[other] + (draw[1] * counts[other]).long()]
        share = (self.least + (1 - self.least) * draw[2]).unsqueeze(1)
        return share * logits + (1 - share) * logits[partner]

    def validated(self, confusion: Tensor, logits: Tensor, features: Tensor) -> None:
        """Sets the chances by what a validation found.

        Args:
            confusion: float ``(C, C)``, units by class and decision; each class has some.
            logits: float ``(C, C)``, the mean logits of the rows of each class.
            features: float ``(C, D)``, the means of what comes into the last layer.
        """
        gain = gains(confusion, logits, features, self.metric, (self.least + 1) / 2)
        strength = self.sharpness * gain / gain.abs().max().clamp(min=1e-12)
        chances = torch.where(gain > 0, strength.exp(), 0.0)
        chances = chances / chances.sum().clamp(min=1e-12) + LEAST
        self.chances = (chances / chances.sum()).to(self.chances)


def gains(confusion: Tensor, logits: Tensor, features: Tensor, metric: Metric, share: float) -> Tensor:
    """G ``(C, C)``, of mixing a row of the first class with a share 1 − λ of one of the second; float64.

    Args:
        confusion: float ``(C, C)``, units by class and decision.
        logits: float ``(C, C)``, mean logits of each class.
        features: float ``(C, D)``, mean features of each class.
        metric: ψ.
        share: λ.
    """
    confusion, logits, features = confusion.double(), logits.double(), features.double()
    moved = (confusion + 1e-6 * confusion.sum(1, keepdim=True)).log().requires_grad_()
    with torch.enable_grad():
        shares = moved.softmax(1) * (confusion.sum(1, keepdim=True) / confusion.sum())
        (slope,) = torch.autograd.grad(metric(shares), moved)
    mixed_logits, mixed = (share * one.unsqueeze(1) + (1 - share) * one for one in (logits, features))
    step = torch.eye(len(logits)).to(logits).unsqueeze(1) - mixed_logits.softmax(2)
    return torch.einsum("kl,ijl,ijd,kd->ij", slope, step, mixed, features)
