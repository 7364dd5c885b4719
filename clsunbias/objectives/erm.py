"""Empirical risk minimisation and its two class-weighted variants."""

import torch
from torch import Tensor

from clsunbias.errors import InputError
from clsunbias.objectives.base import ClassRiskObjective
from clsunbias.objectives.class_risks import ClassRisks
from clsunbias.objectives.sample_losses import SampleLoss


class ERM(ClassRiskObjective):
    """Empirical risk minimisation: L = (1/|B|) Σ_B ℓ(f(x), y).

    Source: arXiv 2508.06943, eq. 10.
    """

    def combine(self, risks: ClassRisks) -> Tensor:
        return risks.sums.sum() / risks.counts.sum()


class PerClassERM(ClassRiskObjective):
    """Per-class ERM: L = (1/C) Σ_c L_c, L_c the mean loss of class c in the batch.

    A class absent from the batch takes no part: C is then the number of classes present.
    Source: arXiv 2508.06943, eq. 12.
    """

    def combine(self, risks: ClassRisks) -> Tensor:
        return risks.means.sum() / risks.present.sum()


class ClassWeightedERM(ClassRiskObjective):
    """Class-weighted ERM: L = (1/|B|) Σ_B w_y ℓ(f(x), y), with w_c = N / (C·N_c).

    N_c counts class c in the training split. The sum is divided by the batch size, not by the sum of the weights
    (as ``torch.nn.CrossEntropyLoss(weight=…)`` would), so on the whole training split it equals per-class ERM.
    Source: arXiv 2508.06943, eq. 11; the paper does not print its weights, inverse frequency is the usual choice.

    Args:
        sample_loss: the loss of each sample; default cross-entropy.
    """

    weights: Tensor

    def __init__(self, sample_loss: SampleLoss | None = None) -> None:
        super().__init__(sample_loss)
        # Not in the checkpoint: the weights follow from the training data, which is there whenever they are needed.
        self.register_buffer("weights", torch.empty(0), persistent=False)

    def setup(self, class_counts: Tensor) -> None:
        super().setup(class_counts)
        self.weights = self.class_weights(class_counts).to(self.weights)

    def class_weights(self, counts: Tensor) -> Tensor:
        """The weights, float64 ``(C,)``, of the counts of the classes, ``(C,)``."""
        return counts.sum() / (len(counts) * counts.to(torch.float64))

    def combine(self, risks: ClassRisks) -> Tensor:
        if len(self.weights) != len(risks.counts):
            raise InputError(
                f"{type(self).__name__} is set up for {len(self.weights)} classes, the logits have "
                f"{len(risks.counts)}; call setup(class_counts) with the training split's counts first"
            )
        return (self.weights * risks.sums).sum() / risks.counts.sum()
