"""Margins from how much each class varies in the batch."""

from typing import ClassVar

from torch import Tensor
from torch.nn import functional as F

from clsunbias.distributed import gather_rows
from clsunbias.objectives.base import Objective
from clsunbias.objectives.numbers import NonNegative
from clsunbias.objectives.sample_losses import cross_entropy


class AdaptiveMargin(Objective):
    """Adaptive margins: mean cross-entropy of z_c + (λ/2)·v_yc, v_yc = Var_{i∈y}(z_ic − z_iy) over the batch.

    That is the bound on the mean cross-entropy of Gaussian features around each class, its covariance enlarged by λ:
    with a linear last layer v_yc = (w_c − w_y)ᵀ Σ_y (w_c − w_y), here taken from the logits of the batch. It is
    differentiated through the margins, too, as the bound is: were they constants, larger logits would raise the margins
    that they then have to overcome, without end. λ = 0 is cross-entropy.
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

    def loss(self, logits: Tensor, target: Tensor, **more: Tensor) -> Tensor:
        logits, target = gather_rows(logits.float()), gather_rows(target)
        away = logits - logits.gather(1, target.unsqueeze(1))
        member = F.one_hot(target, logits.shape[1]).float()
        counts = member.sum(0).clamp(min=1).unsqueeze(1)
        # (class of the row, class of the logit); multiplied and summed, as a product of matrices may be rounded.
        means = (member.unsqueeze(2) * away.unsqueeze(1)).sum(0) / counts
        squares = member.unsqueeze(2) * (away - means[target]).square().unsqueeze(1)
        variances = squares.sum(0) / counts
        return cross_entropy(logits + self.lam / 2 * variances[target], target).mean()
