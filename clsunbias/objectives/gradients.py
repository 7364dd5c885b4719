"""Classes that pull with equal force: the gradient of each, normalised."""

from typing import ClassVar

import torch
from torch import Tensor

from clsunbias.distributed import sum_over_processes
from clsunbias.objectives.base import ClassRiskObjective
from clsunbias.objectives.class_risks import ClassRisks, class_risks

LEAST = 1e-8
"""A gradient below this is that of a class without any error left: it is not blown up further."""


class NormalisedGradients(ClassRiskObjective):
    """Per-class normalised gradients: L = Σ_c L_c / ‖∇L_c‖, the norm that of the last linear layer, held fixed.

    So each class moves the last layer by a step of equal size, where the paper's norm is of all parameters: ∇L there
    is Σ_c ∇L_c / ‖∇L_c‖. Its norm is worked out from the layer's input, without another pass backward. The steps do not
    shrink as the loss does: let the learning rate fall. A class absent from the batch takes no part. With one logit for
    two classes, norms are √2 too large, alike for both.
    Source: arXiv 2207.00391, the normalised gradient descent; adapted.

    Args:
        sample_loss: the loss of each sample; default cross-entropy.
    """

    needs: ClassVar[tuple[str, ...]] = ("penultimate",)

    def combine(self, risks: ClassRisks) -> Tensor:
        return risks.means.sum()

    def loss(self, logits: Tensor, target: Tensor, **more: Tensor) -> Tensor:
        with torch.enable_grad():
            fixed = logits.detach().float().requires_grad_()
            (slopes,) = torch.autograd.grad(self.sample_loss(fixed, target).sum(), fixed)
        risks = class_risks(self.sample_loss(logits, target), target, logits.shape[1])
        member = target.unsqueeze(1) == torch.arange(logits.shape[1], device=target.device)
        inputs = more["penultimate"].detach().float()
        inputs = torch.cat([inputs, inputs.new_ones(len(inputs), 1)], 1)  # the last is that of the bias
        with torch.autocast(logits.device.type, enabled=False):
            gradients = torch.einsum("bc,bk,bd->ckd", member.float(), slopes, inputs)
        norms = sum_over_processes(gradients).flatten(1).norm(dim=1) / risks.counts.clamp(min=1)
        return self.combine(ClassRisks(risks.sums / norms.clamp(min=LEAST), risks.counts))
