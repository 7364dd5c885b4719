"""Losses of one sample. Each goes with every way of combining class risks."""

from abc import ABC, abstractmethod
from typing import ClassVar, cast

from torch import Tensor, nn
from torch.nn import functional as F

from clsunbias.objectives.numbers import NonNegative


class SampleLoss(nn.Module, ABC):
    """The loss of each sample of a batch.

    Attributes:
        annealable: names of the float attributes that a schedule may move during training; they are logged.
    """

    annealable: ClassVar[tuple[str, ...]] = ()

    def setup(self, class_counts: Tensor) -> None:
        """Takes the class counts ``(C,)`` of the training split, each above 0; called once before training."""

    @abstractmethod
    def forward(self, logits: Tensor, target: Tensor) -> Tensor:
        """Losses float32 ``(B,)`` of logits ``(B, C)`` of any floating dtype and targets int64 ``(B,)``."""

    def __call__(self, logits: Tensor, target: Tensor) -> Tensor:  # typed pass-through of nn.Module's
        return cast(Tensor, super().__call__(logits, target))


def cross_entropy(logits: Tensor, target: Tensor) -> Tensor:
    """ℓ = −log p_y of each sample, p = softmax(z), in float32."""
    return F.cross_entropy(logits.float(), target, reduction="none")


class CrossEntropy(SampleLoss):
    """Cross-entropy: ℓ = −log p_y, p = softmax(z)."""

    def forward(self, logits: Tensor, target: Tensor) -> Tensor:
        return cross_entropy(logits, target)


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
        # 1 − p_y, as −expm1(−ℓ) exact where p_y is near 1. Its power has no finite slope at 0 for γ < 1.
        wrong = (-(-losses).expm1()).clamp(min=1e-12)
        return wrong**self.gamma * losses
