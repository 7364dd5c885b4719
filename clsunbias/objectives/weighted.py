"""ERM with weights that a number moves, from none to the inverse frequency of the class, or of an appearance."""

from typing import ClassVar

import torch
from torch import Tensor

from clsunbias.objectives.class_risks import ClassRisks, class_risks
from clsunbias.objectives.erm import ERM, ClassWeightedERM
from clsunbias.objectives.numbers import BelowOne, NonNegative
from clsunbias.objectives.sample_losses import SampleLoss


class _MovingWeights(ClassWeightedERM):
    """Class weights that are made anew when the number they follow from has moved."""

    def __init__(self, sample_loss: SampleLoss | None) -> None:
        super().__init__(sample_loss)
        self._class_counts = torch.empty(0)
        self._made_at: dict[str, float] = {}

    def setup(self, class_counts: Tensor) -> None:
        super().setup(class_counts)
        self._class_counts = class_counts
        self._made_at = {name: getattr(self, name) for name in self.annealable}

    def combine(self, risks: ClassRisks) -> Tensor:
        if len(self.weights) and any(getattr(self, name) != value for name, value in self._made_at.items()):
            self.weights = self.class_weights(self._class_counts).to(self.weights)
            self._made_at = {name: getattr(self, name) for name in self.annealable}
        return super().combine(risks)


class PowerWeightedERM(_MovingWeights):
    """Class-weighted ERM with w_c ∝ N_c^(−α), whose mean over the training rows is 1.

    α = 0 is ERM, α = 1 :class:`ClassWeightedERM`; between them, and beyond, α is a setting to be searched.

    Args:
        alpha: α ≥ 0.
        sample_loss: the loss of each sample; default cross-entropy.

    Raises:
        InputError: alpha is negative, infinite or not a number, whether given here or set later by a schedule.
    """

    annealable: ClassVar[tuple[str, ...]] = ("alpha",)
    alpha = NonNegative()

    def __init__(self, alpha: float = 0.5, sample_loss: SampleLoss | None = None) -> None:
        super().__init__(sample_loss)
        self.alpha = alpha

    def class_weights(self, counts: Tensor) -> Tensor:
        counts = counts.to(torch.float64)
        return counts.sum() / (counts**self.alpha * (counts ** (1 - self.alpha)).sum())


class EffectiveNumberERM(_MovingWeights):
    """Class-balanced loss: ERM with w_c ∝ (1 − β)/(1 − β^N_c), one over the effective number, whose mean over c is 1.

    β = 0 is ERM; towards 1 the weights become the inverse frequency. A β that rises late in training is deferred
    re-weighting (arXiv 1906.07413).
    Source: arXiv 1901.05555.

    Args:
        beta: β in [0, 1); 0.9999 in the paper.
        sample_loss: the loss of each sample; default cross-entropy.

    Raises:
        InputError: beta is out of its range, whether given here or set later by a schedule.
    """

    annealable: ClassVar[tuple[str, ...]] = ("beta",)
    beta = BelowOne()

    def __init__(self, beta: float = 0.9999, sample_loss: SampleLoss | None = None) -> None:
        super().__init__(sample_loss)
        self.beta = beta

    def class_weights(self, counts: Tensor) -> Tensor:
        weights = (1 - self.beta) / (1 - self.beta ** counts.to(torch.float64))
        return len(counts) * weights / weights.sum()


class AppearanceWeightedERM(ERM):
    """ERM that weights rows by how rare their appearance is: L = (1/|B|) Σ_B w·ℓ, w = (η + (1 − p)^γ)/(η + 1).

    p is the share of training rows that look like this one, whatever their class.
    Source: arXiv 2308.09878, the generalised focal loss of its code. What a row looks like the data say, as
    ``likelihood`` (:class:`~clsunbias.data.Appearance` clusters by k-means).

    Args:
        eta: η ≥ 0, what every row has; 1 in the authors' code.
        gamma: γ ≥ 0, how fast the rest falls with p; 5 there.
        sample_loss: the loss of each sample; default cross-entropy.

    Raises:
        InputError: one of them is negative, infinite or not a number, whether given here or set later by a schedule.
    """

    needs: ClassVar[tuple[str, ...]] = ("likelihood",)
    annealable: ClassVar[tuple[str, ...]] = ("eta", "gamma")
    eta = NonNegative()
    gamma = NonNegative()

    def __init__(self, eta: float = 1.0, gamma: float = 5.0, sample_loss: SampleLoss | None = None) -> None:
        super().__init__(sample_loss)
        self.eta, self.gamma = eta, gamma

    def loss(self, logits: Tensor, target: Tensor, **more: Tensor) -> Tensor:
        weights = (self.eta + (1 - more["likelihood"].float()) ** self.gamma) / (self.eta + 1)
        return self.combine(class_risks(weights * self.sample_loss(logits, target), target, logits.shape[1]))
