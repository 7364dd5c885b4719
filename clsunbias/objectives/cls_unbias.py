"""Cls-unbias: group DRO plus the class-wise inequality loss."""

from collections.abc import Callable
from typing import ClassVar

import torch
from torch import Tensor

from clsunbias.objectives.class_risks import ClassRisks
from clsunbias.objectives.group_dro import GroupDRO
from clsunbias.objectives.numbers import NonNegative
from clsunbias.objectives.sample_losses import SampleLoss


def absolute_gap(means: Tensor, present: Tensor) -> Tensor:
    """|L₊ − L₋| of two classes, 0 when one is absent; arguments as for :func:`variance`."""
    return (means[1] - means[0]).abs() * present.all()


def variance(means: Tensor, present: Tensor) -> Tensor:
    """Variance of the class losses: (1/K) Σ_c (L_c − mean)² over the K classes present.

    After V-REx (arXiv 2003.00688), which the paper names for more than two classes. For two classes this would be a
    quarter of the squared gap.

    Args:
        means: ``(C,)`` class losses.
        present: bool ``(C,)``, the classes that the batch holds.

    Returns:
        A scalar.
    """
    count = present.sum()
    centre = (means * present).sum() / count
    return ((means - centre).square() * present).sum() / count


def max_min(means: Tensor, present: Tensor) -> Tensor:
    """Largest minus smallest class loss, over the classes present; arguments as for :func:`variance`."""
    return means.masked_fill(~present, -torch.inf).amax() - means.masked_fill(~present, torch.inf).amin()


def mean_pairwise(means: Tensor, present: Tensor) -> Tensor:
    """Mean absolute difference over the pairs of classes present, 0 for one; arguments as for :func:`variance`."""
    pair = torch.triu(present.unsqueeze(0) & present.unsqueeze(1), diagonal=1)
    gaps = (means.unsqueeze(0) - means.unsqueeze(1)).abs()
    return (gaps * pair).sum() / pair.sum().clamp(min=1)


class ClsUnbias(GroupDRO):
    """Cls-unbias: L = L_GDRO(τ) + λ·L_ineq.

    For two classes L_ineq = |L₊ − L₋|, not squared and without stopped gradients. For more, the paper suggests the
    variance of the class losses; ``inequality`` takes another choice. With λ = 0 this is GroupDRO. In a batch
    with a single class there is nothing to compare, and L_ineq is 0.
    Source: arXiv 2508.06943, eqs. 7 and 9; section 3.1 for more than two classes.

    Args:
        lam: weight λ ≥ 0 of the inequality loss.
        tau: inverse temperature τ ≥ 0 of the group DRO weights.
        inequality: L_ineq for more than two classes, a function of (class losses, classes present): :func:`variance`,
            :func:`max_min` or :func:`mean_pairwise`. Two classes always use the absolute gap.
        sample_loss: the loss of each sample; default cross-entropy.

    Raises:
        InputError: lam or tau is negative, whether given here or set later by a schedule.
    """

    annealable: ClassVar[tuple[str, ...]] = ("lam", "tau")
    lam = NonNegative()

    def __init__(
        self,
        lam: float = 1.0,
        tau: float = 1.0,
        inequality: Callable[[Tensor, Tensor], Tensor] = variance,
        sample_loss: SampleLoss | None = None,
    ) -> None:
        super().__init__(tau, sample_loss)
        self.lam = lam
        self.inequality = inequality

    def combine(self, risks: ClassRisks) -> Tensor:
        inequality = absolute_gap if len(risks.counts) == 2 else self.inequality
        return super().combine(risks) + self.lam * inequality(risks.means, risks.present)
