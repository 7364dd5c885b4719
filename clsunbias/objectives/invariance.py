"""Invariance across environments, with the classes as environments."""

from typing import ClassVar

import torch
from torch import Tensor

from clsunbias.objectives.base import ClassRiskObjective
from clsunbias.objectives.class_risks import ClassRisks, class_risks
from clsunbias.objectives.cls_unbias import variance
from clsunbias.objectives.numbers import NonNegative
from clsunbias.objectives.sample_losses import SampleLoss


class _Penalised(ClassRiskObjective):
    """The mean of the class losses and a penalty, with its weight."""

    annealable: ClassVar[tuple[str, ...]] = ("penalty",)
    penalty = NonNegative()

    def combine(self, risks: ClassRisks) -> Tensor:
        return risks.means.sum() / risks.present.sum()


class VRex(_Penalised):
    """V-REx over classes: L = (1/C) Σ_c L_c + β·Var_c(L_c), over the classes present. β = 0 is per-class ERM.

    For two classes the variance is a quarter of the squared gap.
    Source: arXiv 2003.00688, its environments the classes.

    Args:
        penalty: β ≥ 0; 10 in DomainBed, after a first phase with 1.
        sample_loss: the loss of each sample; default cross-entropy.

    Raises:
        InputError: penalty is negative, infinite or not a number, whether given here or set later by a schedule.
    """

    def __init__(self, penalty: float = 10.0, sample_loss: SampleLoss | None = None) -> None:
        super().__init__(sample_loss)
        self.penalty = penalty

    def combine(self, risks: ClassRisks) -> Tensor:
        return super().combine(risks) + self.penalty * variance(risks.means, risks.present)


class IRM(_Penalised):
    """IRMv1 over classes: L = (1/C) Σ_c [L_c + λ·(∂L_c(w·z)/∂w at w = 1)²], over the classes present.

    The penalty is 0 where no class gains by scaling all logits. The square is the mean product of the slopes of two
    different rows of the class, (S² − Σ s_i²) / (n·(n − 1)) with S = Σ s_i: that of a batch's mean slope would punish
    few rows for their noise. DomainBed multiplies the means of two half batches; this is the mean over all such halves,
    and can fall below 0 as theirs. Of one row it is 0. λ = 0 is per-class ERM.
    Source: arXiv 1907.02893, section 3.1 (IRMv1), its environments the classes. The authors make the optimiser anew
    where λ jumps; that is left out.

    Args:
        penalty: λ ≥ 0; 100 in DomainBed, after a first phase with 1.
        sample_loss: the loss of each sample; default cross-entropy.

    Raises:
        InputError: penalty is negative, infinite or not a number, whether given here or set later by a schedule.
    """

    def __init__(self, penalty: float = 100.0, sample_loss: SampleLoss | None = None) -> None:
        super().__init__(sample_loss)
        self.penalty = penalty

    def loss(self, logits: Tensor, target: Tensor, **more: Tensor) -> Tensor:
        with torch.enable_grad():
            scale = torch.ones(len(logits), 1, device=logits.device, requires_grad=True)
            losses = self.sample_loss(scale * logits.float(), target)
            (slopes,) = torch.autograd.grad(losses.sum(), scale, create_graph=True)
        slope = slopes.squeeze(1)
        risks, first, second = (class_risks(one, target, logits.shape[1]) for one in (losses, slope, slope.square()))
        pairs = (risks.counts * (risks.counts - 1)).clamp(min=1)
        squares = (first.sums.square() - second.sums) * (risks.counts > 1) / pairs
        return self.combine(risks) + self.penalty * squares.sum() / risks.present.sum()
