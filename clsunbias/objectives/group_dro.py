"""Class-wise group distributionally robust optimisation."""

from typing import ClassVar

import torch
from torch import Tensor

from clsunbias.objectives.base import ClassRiskObjective
from clsunbias.objectives.class_risks import ClassRisks
from clsunbias.objectives.numbers import NonNegative
from clsunbias.objectives.sample_losses import SampleLoss


class GroupDRO(ClassRiskObjective):
    """Class-wise group DRO: L = Σ_c sg[softmax(τ·L)]_c · L_c, sg stopping the gradient.

    Memoryless: the weights follow from the current batch alone, unlike Sagawa et al.'s (arXiv 1911.08731)
    exponentiated gradient. τ = 0 is per-class ERM; a large τ minimises the worst class. A class absent from the batch
    takes no part.
    Source: arXiv 2508.06943, eq. 8.

    Args:
        tau: inverse temperature τ ≥ 0.
        sample_loss: the loss of each sample; default cross-entropy.

    Raises:
        InputError: tau is negative, whether given here or set later by a schedule.
    """

    annealable: ClassVar[tuple[str, ...]] = ("tau",)
    tau = NonNegative()

    def __init__(self, tau: float = 1.0, sample_loss: SampleLoss | None = None) -> None:
        super().__init__(sample_loss)
        self.tau = tau

    def combine(self, risks: ClassRisks) -> Tensor:
        means = risks.means
        # softmax subtracts the largest exponent, so τ·L in the thousands stays finite.
        scores = (self.tau * means.detach()).masked_fill(~risks.present, -torch.inf)
        return (scores.softmax(0) * means).sum()
