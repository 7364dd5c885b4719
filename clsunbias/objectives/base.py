"""The objective's interface, and the class risks of the global batch that every objective is made of."""

import math
import re
from abc import ABC, abstractmethod
from dataclasses import dataclass
from functools import cached_property
from typing import ClassVar, cast

import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.nn import functional as F

from clsunbias.errors import InputError


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
    something else. The sums therefore take their value from all processes, while their gradient flows through this
    process's share, scaled by the number of processes because the gradient is averaged over them afterwards.

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
    if dist.is_available() and dist.is_initialized() and dist.get_world_size() > 1:
        totals = torch.stack([sums.detach(), counts])
        dist.all_reduce(totals)
        sums = dist.get_world_size() * (sums - sums.detach()) + totals[0]
        counts = totals[1]
    return ClassRisks(sums, counts)


class Objective(nn.Module, ABC):
    """Turns logits and targets into the scalar that training minimises.

    A subclass says how the class risks are combined (:meth:`combine`); one that changes the loss of a sample
    overrides :meth:`losses` as well.

    Attributes:
        annealable: names of the float attributes that a schedule may move during training; they are logged.
    """

    annealable: ClassVar[tuple[str, ...]] = ()

    @property
    def name(self) -> str:
        """The class's name in snake case, as folders, files and tables show it."""
        return re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", "_", type(self).__name__).lower()

    def setup(self, class_counts: Tensor) -> None:
        """Takes the class counts of the training split; called once before training.

        Args:
            class_counts: integer ``(C,)``, C ≥ 2.

        Raises:
            InputError: a class has no training sample, or there are fewer than two classes.
        """
        if class_counts.ndim != 1 or len(class_counts) < 2:
            raise InputError(f"class_counts must be a vector of two or more classes, got {class_counts.tolist()}")
        empty = (class_counts <= 0).nonzero().flatten().tolist()
        if empty:
            raise InputError(
                f"the training split has no sample of class {', '.join(map(str, empty))} "
                f"(counts {class_counts.tolist()}); every class needs at least one"
            )

    def losses(self, logits: Tensor, target: Tensor) -> Tensor:
        """The loss of each sample, float32 ``(B,)``: cross-entropy, unless a subclass says otherwise."""
        return F.cross_entropy(logits.float(), target, reduction="none")

    @abstractmethod
    def combine(self, risks: ClassRisks) -> Tensor:
        """The scalar objective as a function of the class risks."""

    def forward(self, logits: Tensor, target: Tensor) -> dict[str, Tensor]:
        """Evaluates the objective on one batch.

        Args:
            logits: ``(B, C)``; a binary model's single logit z comes widened to (0, z).
            target: int64 ``(B,)``.

        Returns:
            ``loss``: float32 scalar to minimise; ``class_loss_sums`` and ``class_counts``: detached ``(C,)``, from
            which exact class losses over many batches can be formed.
        """
        risks = class_risks(self.losses(logits, target), target, logits.shape[1])
        return {
            "loss": self.combine(risks),
            "class_loss_sums": risks.sums.detach(),
            "class_counts": risks.counts,
        }

    def __call__(self, logits: Tensor, target: Tensor) -> dict[str, Tensor]:  # typed pass-through of nn.Module's
        return cast(dict[str, Tensor], super().__call__(logits, target))


def non_negative(name: str, value: float) -> float:
    """Returns value as a float, or raises InputError naming it when it is negative, infinite or not a number."""
    if not 0 <= value < math.inf:
        raise InputError(f"{name} must be a finite number of at least 0, got {value}")
    return float(value)
