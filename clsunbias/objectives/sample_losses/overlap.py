"""Sample losses that count overlap, as the F1 score does, in place of likelihood."""

from typing import ClassVar

from torch import Tensor

from clsunbias.objectives.numbers import NonNegative, Positive
from clsunbias.objectives.sample_losses.base import CountedLoss
from clsunbias.objectives.sample_losses.focusing import LEAST


class SelfAdjustingDice(CountedLoss):
    """Self-adjusting dice loss: ℓ = 1 − (2·w·y + γ) / (w + y + γ) with w = (1 − p)^α·p, p the probability of a class.

    y says whether the row is of it. Two classes are one question, with the minority as the positive class; of more,
    each is asked against the rest, and ℓ is the mean. As printed, w falls again for p above 1/(1 + α), and with it the
    reward for being right: α must be small for probabilities near 1 to be reached.
    Source: arXiv 1911.02855.

    Args:
        alpha: α ≥ 0; 0.01 in the authors' scripts. With 1 no probability above ½ is learned.
        gamma: γ > 0, which smooths; 1 in the paper.

    Raises:
        InputError: one of them is out of its range, whether given here or set later by a schedule.
    """

    annealable: ClassVar[tuple[str, ...]] = ("alpha", "gamma")
    alpha = NonNegative()
    gamma = Positive()

    def __init__(self, alpha: float = 0.01, gamma: float = 1.0) -> None:
        super().__init__()
        self.alpha, self.gamma = alpha, gamma

    def forward(self, logits: Tensor, target: Tensor) -> Tensor:
        score, positive = self.odds(logits, target)
        weight = (-score).sigmoid().clamp(min=LEAST) ** self.alpha * score.sigmoid()
        return (1 - (2 * weight * positive + self.gamma) / (weight + positive + self.gamma)).mean(1)
