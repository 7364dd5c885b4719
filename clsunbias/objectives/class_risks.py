"""Class risks: the losses of a batch summed by class over all processes, which most objectives are made of."""

from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor

from clsunbias.distributed import sum_over_processes, world_size


@dataclass(frozen=True)
class ClassRisks:
    """Sums of the sample losses of each class over the global batch.

    Attributes:
        sums: float32 ``(C,)``, the summed loss of each class; differentiable.
        counts: float32 ``(C,)``, the number of samples of each class.
    """

    sums: Tensor
    counts: Tensor

    @cached_property
    def means(self) -> Tensor:
        """L_c, the mean loss of each class, ``(C,)``; 0 for a class that is absent."""
        return self.sums / self.counts.clamp(min=1)

    @cached_property
    def present(self) -> Tensor:
        """Which classes the batch holds, bool ``(C,)``."""
        return self.counts > 0


def class_risks(losses: Tensor, target: Tensor, num_classes: int) -> ClassRisks:
    """Class-wise sums and counts over the batch of all processes.

    A risk such as ``|L₊ − L₋|`` is no mean over samples, so averaging each process's own value would optimise
    something else: the sums are taken over all processes first.

    Args:
        losses: ``(B,)``, one loss a sample; any floating dtype, summed in float32.
        target: int64 ``(B,)`` in ``[0, num_classes)``.
        num_classes: C.

    Returns:
        The risks of the global batch.
    """
    # Multiply and sum, not a matrix product: under autocast a product would be rounded to bfloat16.
    member = (target.unsqueeze(1) == torch.arange(num_classes, device=target.device)).to(torch.float32)
    counts = member.sum(0)
    sums = (losses.float().unsqueeze(1) * member).sum(0)
    if world_size() > 1:
        sums, counts = sum_over_processes(torch.stack([sums, counts])).unbind()
    return ClassRisks(sums, counts.detach())
