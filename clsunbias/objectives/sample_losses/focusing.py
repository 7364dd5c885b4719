"""Sample losses that turn from easy rows to hard ones, or back: what counts is how probable the right class is."""

import math
from typing import ClassVar

import torch
from torch import Tensor
from torch.nn import functional as F

from clsunbias.objectives.numbers import BelowOne, NonNegative
from clsunbias.objectives.sample_losses.base import CountedLoss, SampleLoss, cross_entropy

LEAST = 1e-12
"""A power has no finite slope at 0 for an exponent below 1: a base below this counts as this."""


class Focal(SampleLoss):
    """Focal loss: ℓ = −(1 − p_y)^γ log p_y, which turns from what is easy to what is hard. γ = 0 is cross-entropy.

    Source: arXiv 1708.02002, eq. 4; its weight α_t is left to the objective, which weights classes.

    Args:
        gamma: γ ≥ 0; 2 in the paper's experiments.

    Raises:
        InputError: gamma is negative, infinite or not a number, whether given here or set later by a schedule.
    """

    annealable: ClassVar[tuple[str, ...]] = ("gamma",)
    gamma = NonNegative()

    def __init__(self, gamma: float = 2.0) -> None:
        super().__init__()
        self.gamma = gamma

    def forward(self, logits: Tensor, target: Tensor) -> Tensor:
        losses = cross_entropy(logits, target)
        # 1 − p_y, as −expm1(−ℓ) exact where p_y is near 1.
        wrong = (-(-losses).expm1()).clamp(min=LEAST)
        return wrong**self.gamma * losses


class Asymmetric(CountedLoss):
    """Asymmetric loss: focusing of its own for rows of a class and for all others, and easy ones of the others dropped.

    With p the probability of a class, and p_m = max(p − m, 0): ℓ₊ = −(1 − p)^γ₊ log p for its rows and
    ℓ₋ = −p_m^γ₋ log(1 − p_m) for those of other classes. Two classes are one question, with the minority as the
    positive class; of more, each is asked against the rest, and their losses are summed. With γ₊ = γ₋ = m = 0 this is
    binary cross-entropy.
    Source: arXiv 2009.14119, where p is the sigmoid of a label's own logit. Here it is the probability that
    is reported, softmax(z), which for two classes is the same.

    Args:
        gamma_negative: γ₋ ≥ 0; 4 in the paper.
        gamma_positive: γ₊ ≥ 0; 1 in the authors' code.
        margin: m in [0, 1); 0.05 in the paper.

    Raises:
        InputError: one of them is out of its range, whether given here or set later by a schedule.
    """

    annealable: ClassVar[tuple[str, ...]] = ("gamma_negative", "gamma_positive", "margin")
    gamma_negative = NonNegative()
    gamma_positive = NonNegative()
    margin = BelowOne()

    def __init__(self, gamma_negative: float = 4.0, gamma_positive: float = 1.0, margin: float = 0.05) -> None:
        super().__init__()
        self.gamma_negative, self.gamma_positive, self.margin = gamma_negative, gamma_positive, margin

    def forward(self, logits: Tensor, target: Tensor) -> Tensor:
        score, positive = self.odds(logits, target)
        of_class = -F.logsigmoid(score) * (-score).sigmoid().clamp(min=LEAST) ** self.gamma_positive
        # 1 − p_m is min(σ(−s) + m, 1), which without a margin can be 0 to rounding where its logarithm is not −∞.
        likely_not = ((-score).sigmoid() + self.margin).clamp(max=1).log() if self.margin else F.logsigmoid(-score)
        shifted = (score.sigmoid() - self.margin).clamp(min=LEAST)
        return torch.where(positive, of_class, -likely_not * shifted**self.gamma_negative).sum(1)


class Encouraging(SampleLoss):
    """Encouraging loss: cross-entropy with a bonus for rows that are right already, whose gradient it gives back.

    ℓ = −log p_y + w·log(1 − p_y); from p_y = t on, the bonus goes on in a straight line, its tangent at t, so that it
    stays finite. It is negative for rows that are right by far. w = 0 is cross-entropy.
    Source: arXiv 2110.06537, its conservative bonus.

    Args:
        weight: w ≥ 0; 1 in the paper.
        threshold: t in [0, 1), from which on the bonus is linear; 0.75 in the paper's conservative variant.

    Raises:
        InputError: one of them is out of its range, whether given here or set later by a schedule.
    """

    annealable: ClassVar[tuple[str, ...]] = ("weight", "threshold")
    weight = NonNegative()
    threshold = BelowOne()

    def __init__(self, weight: float = 1.0, threshold: float = 0.75) -> None:
        super().__init__()
        self.weight, self.threshold = weight, threshold

    def forward(self, logits: Tensor, target: Tensor) -> Tensor:
        losses = cross_entropy(logits, target)
        right, bend = (-losses).exp(), self.threshold
        line = math.log1p(-bend) - (right - bend) / (1 - bend)
        # Where the line holds, log(1 − p) is not looked at: at p = 1 its slope would be 0 · ∞.
        bonus = torch.where(right < bend, torch.log1p(-right.clamp(max=bend)), line)
        return losses + self.weight * bonus


class LabelSmoothing(SampleLoss):
    """Cross-entropy to a smoothed label: ℓ = −(1 − ε) log p_y − (ε/C) Σ_c log p_c. ε = 0 is cross-entropy.

    It makes the top probability a worse measure of confidence (arXiv 2403.14715), which dividing logits by their norm
    mends afterwards, of three classes or more: :class:`~clsunbias.decisions.LogitNormalisation`. Of two, centred logits
    are (−a, a), which their norm makes the same for all rows but for the sign: nothing is left of a confidence.
    Source: arXiv 1512.00567, section 7.

    Args:
        epsilon: ε in [0, 1); 0.1 there.

    Raises:
        InputError: epsilon is out of its range, whether given here or set later by a schedule.
    """

    annealable: ClassVar[tuple[str, ...]] = ("epsilon",)
    epsilon = BelowOne()

    def __init__(self, epsilon: float = 0.1) -> None:
        super().__init__()
        self.epsilon = epsilon

    def forward(self, logits: Tensor, target: Tensor) -> Tensor:
        return F.cross_entropy(logits.float(), target, reduction="none", label_smoothing=self.epsilon)
