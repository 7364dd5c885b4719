"""A grade that is learned beside the class."""

from typing import ClassVar

from torch import Tensor

from clsunbias.distributed import mean_over_processes
from clsunbias.objectives.added import AddedObjective
from clsunbias.objectives.base import ClassRiskObjective
from clsunbias.objectives.numbers import NonNegative


class AuxiliaryGrade(AddedObjective):
    """An objective on the class, and the squared error of a grade: L = L_base(z) + weight·mean (ĝ − g)².

    The network has an output more than there are classes, the last: ĝ. Only training looks at it. The classes were
    made of the grade, as two classes of RetinaMNIST's grades or of a PHQ-8 score; it tells rows near the threshold
    from those far off it. A weight of 0 is the base.
    Source: arXiv 2308.10603, the other way round: there a classification loss beside the regression that counts.
    The grade of a row the data say, as ``grade`` (:class:`~clsunbias.data.Grade` reads a file).

    Args:
        weight: at least 0.
        base: the objective on the class; default ERM.

    Raises:
        InputError: weight is negative, infinite or not a number, whether given here or set later by a schedule.
    """

    needs: ClassVar[tuple[str, ...]] = ("grade",)
    annealable: ClassVar[tuple[str, ...]] = ("weight",)
    weight = NonNegative()

    def __init__(self, weight: float = 1.0, base: ClassRiskObjective | None = None) -> None:
        super().__init__(base)
        self.weight = weight

    def outputs(self, num_classes: int) -> int:
        return num_classes + 1

    def class_logits(self, logits: Tensor) -> Tensor:
        return super().class_logits(logits[:, :-1])

    def loss(self, logits: Tensor, target: Tensor, **more: Tensor) -> Tensor:
        base = self.base.loss(logits[:, :-1], target)
        errors = (logits[:, -1].float() - more["grade"].float()).square()
        return base + self.weight * mean_over_processes(errors)
