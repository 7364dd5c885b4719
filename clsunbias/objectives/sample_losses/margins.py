"""Sample losses that move or scale logits by class before cross-entropy, in training alone: predictions are without
that.
"""

import math
from typing import ClassVar

import torch
from torch import Tensor
from torch.nn import functional as F

from clsunbias.objectives.numbers import NonNegative, Positive
from clsunbias.objectives.sample_losses.base import ALIKE, CountedLoss, cross_entropy


class LDAM(CountedLoss):
    """Label-distribution-aware margins: cross-entropy of s·(z − m_y·1_y), m_c ∝ N_c^(−1/4), N_c the rows of class c.

    The smallest class has the largest margin; what is predicted is the softmax of s·z. With m = 0 and s = 1 this is
    cross-entropy. Deferred re-weighting, the second half of the paper's method, is a schedule:
    :class:`~clsunbias.objectives.EffectiveNumberERM` with this loss and β that rises late in training
    (``configs/objectives/ldam_drw.yaml``).
    Source: arXiv 1906.07413, section 3.3; adapted: there logits are cosines, here those of the network as it is.

    Args:
        largest: margin of the smallest class, at least 0; 0.5 in the paper.
        scale: s > 0; 30 in the paper. Logits that are no cosines have a scale already: s then makes the margin s·m. A
            run that starts from one's weights knows nothing of s, unless it has the same loss.

    Raises:
        InputError: one of them is out of its range, whether given here or (``largest``) set later by a schedule.
    """

    annealable: ClassVar[tuple[str, ...]] = ("largest",)
    largest = NonNegative()
    scale = Positive()

    def __init__(self, largest: float = 0.5, scale: float = 1.0) -> None:
        super().__init__()
        self.largest, self.scale = largest, scale

    def class_logits(self, logits: Tensor) -> Tensor:
        return self.scale * logits.float()

    def forward(self, logits: Tensor, target: Tensor) -> Tensor:
        counts = self.counts(logits)
        margins = self.largest * (counts.min() / counts) ** 0.25
        own = F.one_hot(target, logits.shape[1]) * margins
        return cross_entropy(self.scale * (logits.float() - own), target)


class LogitAdjusted(CountedLoss):
    """Logit adjustment: cross-entropy of z + τ·log π, π the shares of the classes in training.

    Training with the adjustment and predicting without it aims at the balanced error. τ = 1 is balanced softmax
    (arXiv 2007.10740), τ = 0 cross-entropy.
    Source: arXiv 2007.07314, eq. 10.

    Args:
        tau: τ ≥ 0; 1 in the paper.

    Raises:
        InputError: tau is negative, infinite or not a number, whether given here or set later by a schedule.
    """

    annealable: ClassVar[tuple[str, ...]] = ("tau",)
    tau = NonNegative()

    def __init__(self, tau: float = 1.0) -> None:
        super().__init__()
        self.tau = tau

    def forward(self, logits: Tensor, target: Tensor) -> Tensor:
        counts = self.counts(logits)
        return cross_entropy(logits.float() + self.tau * (counts / counts.sum()).log(), target)


class VectorScaling(CountedLoss):
    """Vector-scaling loss: logits both scaled and moved by class, Δ_c = (N_c / N_max)^γ and ι_c = τ·log π_c.

    More than two classes: cross-entropy of Δ_c·z_c + ι_c. Two: ℓ = log(1 + exp(−ỹ·(Δ_y·z + ι₁ − ι₀))), z the log-odds
    of class 1 and ỹ = ±1, so that the scale goes with the label. γ = 0 is logit adjustment.
    Source: arXiv 2103.01550, section 2.

    Args:
        gamma: γ ≥ 0; 0.3 in the authors' code.
        tau: τ ≥ 0; 1 there.

    Raises:
        InputError: one of them is negative, infinite or not a number, whether given here or set later by a schedule.
    """

    annealable: ClassVar[tuple[str, ...]] = ("gamma", "tau")
    gamma = NonNegative()
    tau = NonNegative()

    def __init__(self, gamma: float = 0.3, tau: float = 1.0) -> None:
        super().__init__()
        self.gamma, self.tau = gamma, tau

    def forward(self, logits: Tensor, target: Tensor) -> Tensor:
        counts = self.counts(logits)
        scales, shifts = (counts / counts.max()) ** self.gamma, self.tau * (counts / counts.sum()).log()
        if len(counts) == 2:
            return cross_entropy(logits.float() * scales[target].unsqueeze(1) + shifts, target)
        return cross_entropy(logits.float() * scales + shifts, target)


class LogitVariation(CountedLoss):
    """Balanced logit variation: cross-entropy of z_c + r_c·|ε|, ε normal with deviation σ, cut off at ±1, anew a row.

    r_c = log(N_max/N_c) / log(N_max/N_min) is 0 for the largest class and 1 for the smallest, which so gets the most
    room. In evaluation mode, and with classes of one size (within 1 %), this is cross-entropy; curves and predictions
    never have it.
    Source: arXiv 2306.02061, with the cut-off of the authors' code.

    Args:
        sigma: σ ≥ 0; 4 in the authors' code.

    Raises:
        InputError: sigma is negative, infinite or not a number, whether given here or set later by a schedule.
    """

    annealable: ClassVar[tuple[str, ...]] = ("sigma",)
    sigma = NonNegative()

    def __init__(self, sigma: float = 4.0) -> None:
        super().__init__()
        self.sigma = sigma

    def forward(self, logits: Tensor, target: Tensor) -> Tensor:
        logits, counts = logits.float(), self.counts(logits)
        if self.training:
            rarity = (counts.max() / counts).log()
            most = rarity.max()
            rarity = torch.where(most > math.log(ALIKE), rarity / most.clamp(min=1e-12), 0.0)
            logits = logits + rarity * (self.sigma * torch.randn_like(logits)).clamp(-1, 1).abs()
        return cross_entropy(logits, target)
