"""Terms on a network's features, beside an objective on its logits."""

from abc import abstractmethod
from collections.abc import Container
from typing import ClassVar

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from clsunbias.distributed import gather_rows
from clsunbias.errors import InputError
from clsunbias.networks.parts import head_of
from clsunbias.objectives.added import AddedObjective
from clsunbias.objectives.base import ClassRiskObjective, Objective
from clsunbias.objectives.numbers import NonNegative


class RepresentationObjective(AddedObjective):
    """L = v·L_base(logits) + w·L_term(features), both weights free to move.

    v = 1 is a regulariser beside a classifier; v = 0 a first stage that trains the backbone alone, for a second with a
    head (``--init_from``, ``--freeze backbone``, ``--fresh head``); v rising while w falls, a switch from one to the
    other. Features are those that come into the network's part ``head``, ``(B, D)``, and count by their direction.

    Args:
        weight: w ≥ 0 of the term on features.
        base_weight: v ≥ 0 of the objective on logits.
        base: the objective on logits; default ERM.

    Raises:
        InputError: a weight is negative, infinite or not a number, whether given here or set later by a schedule.
    """

    needs: ClassVar[tuple[str, ...]] = ("features",)
    rows_of_class: ClassVar[int] = 2
    annealable: ClassVar[tuple[str, ...]] = ("weight", "base_weight")
    weight = NonNegative()
    base_weight = NonNegative()

    def __init__(self, weight: float, base_weight: float, base: ClassRiskObjective | None) -> None:
        super().__init__(base)
        self.weight, self.base_weight = weight, base_weight

    @abstractmethod
    def term(self, features: Tensor, target: Tensor, **more: Tensor) -> Tensor:
        """The term on features of the whole global batch.

        Args:
            features: float32 ``(B, D)``, each row of norm 1.
            target: int64 ``(B,)``.
            more: what else it ``needs``, and ``prob`` ``(B, C)``, without a gradient.
        """

    def loss(self, logits: Tensor, target: Tensor, **more: Tensor) -> Tensor:
        with torch.autocast(logits.device.type, enabled=False):  # similarities in bfloat16 would tie
            features = gather_rows(F.normalize(more["features"].float(), dim=1))
            prob = gather_rows(self.class_logits(logits.detach().float()).softmax(1))
            others = {name: gather_rows(values) for name, values in more.items() if name != "features"}
            term = self.term(features, gather_rows(target), prob=prob, **others)
        return self.base_weight * self.base.loss(logits, target) + self.weight * term


def check_backbone(objective: Objective, network: nn.Module, moved: Container[str] = ()) -> None:
    """Raises InputError for a first stage, without an objective on logits, that would train nothing.

    Args:
        objective: any.
        network: what it is to train, frozen parts frozen.
        moved: names of the numbers that schedules move.
    """
    if not isinstance(objective, RepresentationObjective) or objective.base_weight or "base_weight" in moved:
        return
    of_head = {id(parameter) for parameter in head_of(network, objective.name).parameters()}
    if all(id(one) in of_head or not one.requires_grad for one in network.parameters()):
        raise InputError(
            f"{objective.name} with a base_weight of 0 trains what comes before a network's head, and in "
            f"{type(network).__name__} nothing there is left to train: take a network with a backbone (for a table, "
            "clsunbias.networks.Perceptron), do not freeze it, or raise model.objective.base_weight"
        )


def class_means(features: Tensor, target: Tensor, num_classes: int) -> tuple[Tensor, Tensor]:
    """Mean features of each class, ``(C, D)``, 0 for one that is absent, and which are there, bool ``(C,)``."""
    member = F.one_hot(target, num_classes).to(features.dtype)
    counts = member.sum(0)
    return member.T @ features / counts.clamp(min=1).unsqueeze(1), counts > 0
