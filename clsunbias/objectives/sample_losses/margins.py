"""Sample losses that move or scale logits by class before cross-entropy, in training alone: predictions take them as
they are.
"""

from typing import ClassVar

import torch
from torch import Tensor
from torch.nn import functional as F

from clsunbias.distributed import sum_over_processes
from clsunbias.objectives.numbers import NonNegative, Positive
from clsunbias.objectives.sample_losses.base import CountedLoss, SampleLoss, cross_entropy


class LDAM(CountedLoss):
    """Label-distribution-aware margins: cross-entropy of s·(z − m_y·1_y), m_c ∝ N_c^(−1/4), N_c the rows of class c.

    The smallest class has the largest margin. With m = 0 and s = 1 this is cross-entropy. Deferred re-weighting, the
    second half of the paper's method, is a schedule: :class:`~clsunbias.objectives.EffectiveNumberERM` with this loss
    and β that rises late in training (``configs/objectives/ldam_drw.yaml``).
    Source: arXiv 1906.07413, section 3.3.

    Args:
        largest: margin of the smallest class, at least 0; 0.5 in the paper.
        scale: s > 0; 30 in the paper, for a head whose logits are cosines. Those of other heads have a scale already.

    Raises:
        InputError: one of them is out of its range, whether given here or set later by a schedule.
    """

    annealable: ClassVar[tuple[str, ...]] = ("largest", "scale")
    largest = NonNegative()
    scale = Positive()

    def __init__(self, largest: float = 0.5, scale: float = 1.0) -> None:
        super().__init__()
        self.largest, self.scale = largest, scale

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


class AdaptiveMargin(SampleLoss):
    """Margins from how much each class varies: cross-entropy of z_c + (λ/2)·v_yc, v_yc = Var_{i∈y}(z_ic − z_iy).

    That is the bound on the mean cross-entropy of Gaussian features around each class, its covariance enlarged by λ:
    with a linear last layer v_yc = (w_c − w_y)ᵀ Σ_y (w_c − w_y), here taken from the logits of the batch, without a
    gradient. λ = 0 is cross-entropy.
    Source: AMarX of arXiv 2409.13275, there for classes whose rows are gone; adapted.

    Args:
        lam: λ ≥ 0.

    Raises:
        InputError: lam is negative, infinite or not a number, whether given here or set later by a schedule.
    """

    annealable: ClassVar[tuple[str, ...]] = ("lam",)
    lam = NonNegative()

    def __init__(self, lam: float = 1.0) -> None:
        super().__init__()
        self.lam = lam

    def forward(self, logits: Tensor, target: Tensor) -> Tensor:
        logits = logits.float()
        with torch.no_grad():
            away = logits - logits.gather(1, target.unsqueeze(1))
            member = F.one_hot(target, logits.shape[1]).float()
            counts = sum_over_processes(member.sum(0)).clamp(min=1).unsqueeze(1)
            # (class of the row, class of the logit); multiplied and summed, as a product of matrices may be rounded.
            means = sum_over_processes((member.unsqueeze(2) * away.unsqueeze(1)).sum(0)) / counts
            squares = member.unsqueeze(2) * (away - means[target]).square().unsqueeze(1)
            variances = sum_over_processes(squares.sum(0)) / counts
        return cross_entropy(logits + self.lam / 2 * variances[target], target)


class LogitVariation(CountedLoss):
    """Balanced logit variation: cross-entropy of z_c + r_c·|ε|, ε normal with deviation σ, cut off at ±1, anew a row.

    r_c = log(N_max/N_c) / log(N_max/N_min) is 0 for the largest class and 1 for the smallest, which so gets the most
    room. In evaluation mode, and with classes of one size, this is cross-entropy; curves and predictions never have it.
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
            rarity = rarity / rarity.max().clamp(min=1e-12)
            logits = logits + rarity * (self.sigma * torch.randn_like(logits)).clamp(-1, 1).abs()
        return cross_entropy(logits, target)
