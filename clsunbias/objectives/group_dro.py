"""Class-wise group distributionally robust optimisation."""

from typing import ClassVar

import torch
from torch import Tensor

from clsunbias.errors import InputError
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


class AccumulatedGroupDRO(ClassRiskObjective):
    """Group DRO as first published, over classes: L = Σ_c q_c·L_c, q_c ← q_c·exp(η·L_c) / Σ in each training step.

    The weights q are kept from step to step and begin alike, so that a class gains weight by being worse for long.
    They are part of a checkpoint to resume from; evaluation leaves them as they are. An optimiser that looks at a batch
    twice moves them twice. η = 0 is per-class ERM on batches that hold every class. A class absent from the batch takes
    no part, and its weight falls as far as the others' rise.
    Source: arXiv 1911.08731, algorithm 1, its groups the classes; η as in the authors' code.

    Args:
        eta: η ≥ 0, the step of the weights; 0.01 in the authors' code.
        sample_loss: the loss of each sample; default cross-entropy.

    Raises:
        InputError: eta is negative, infinite or not a number, whether given here or set later by a schedule.
    """

    annealable: ClassVar[tuple[str, ...]] = ("eta",)
    eta = NonNegative()
    log_weights: Tensor

    def __init__(self, eta: float = 0.01, sample_loss: SampleLoss | None = None) -> None:
        super().__init__(sample_loss)
        self.eta = eta
        self.register_buffer("log_weights", torch.empty(0))

    def setup(self, class_counts: Tensor) -> None:
        super().setup(class_counts)
        self.log_weights = self.log_weights.new_zeros(len(class_counts)).log_softmax(0)

    def combine(self, risks: ClassRisks) -> Tensor:
        if len(self.log_weights) != len(risks.counts):
            raise InputError(
                f"AccumulatedGroupDRO is set up for {len(self.log_weights)} classes, the logits have "
                f"{len(risks.counts)}; call setup(class_counts) with the training split's counts first"
            )
        if self.training:
            self.log_weights = (self.log_weights + self.eta * risks.means.detach()).log_softmax(0)
        return (self.log_weights.exp() * risks.means).sum()
