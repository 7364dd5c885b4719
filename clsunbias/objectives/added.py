"""What is added to an objective on logits."""

from torch import Tensor

from clsunbias.errors import InputError
from clsunbias.objectives.base import ClassRiskObjective, Objective
from clsunbias.objectives.erm import ERM


class AddedObjective(Objective):
    """An objective with something beside it, which needs more of a batch than the objective itself.

    Args:
        base: the objective on logits; None is ERM.

    Raises:
        InputError: the base needs more than logits, too.
    """

    def __init__(self, base: ClassRiskObjective | None) -> None:
        super().__init__()
        self.base = base or ERM()
        if self.base.needs:
            raise InputError(
                f"{type(self).__name__} cannot be added to {self.base.name}, which needs {self.base.needs[0]} itself"
            )

    @property
    def name(self) -> str:
        return super().name if self.base.name == "erm" else f"{super().name}_{self.base.name}"

    def setup(self, class_counts: Tensor) -> None:
        super().setup(class_counts)
        self.base.setup(class_counts)

    def class_logits(self, logits: Tensor) -> Tensor:
        return self.base.class_logits(logits)
