"""Contrastive terms: rows that belong together come close in feature space, others are pushed away."""

from typing import ClassVar

import torch
from torch import Tensor

from clsunbias.objectives.base import ClassRiskObjective
from clsunbias.objectives.numbers import NonNegative, Positive
from clsunbias.objectives.representation import RepresentationObjective

FAR = -1e9
"""Log of next to nothing, finite, so that a row without anything to compare with has a finite gradient."""


def contrast(scores: Tensor, together: Tensor, against: Tensor) -> Tensor:
    """Mean over rows of −(1/|P_i|) Σ_{p∈P_i} log(exp s_ip / Σ_{a∈A_i} exp s_ia); rows without partners take no part.

    Args:
        scores: s ``(B, B)``, similarities over the temperature.
        together: bool ``(B, B)``, the partners P_i of each row.
        against: ``(B, B)``, log weights of what is compared with, −1e9 for what is not.

    Returns:
        A scalar; 0 if no row has a partner.
    """
    log_share = scores - (scores + against).logsumexp(1, keepdim=True)
    partners = together.sum(1)
    losses = -(log_share * together).sum(1) / partners.clamp(min=1)
    return losses.sum() / (partners > 0).sum().clamp(min=1)


def others(rows: Tensor) -> Tensor:
    """Which pairs are of two different rows, bool ``(B, B)``."""
    return ~torch.eye(len(rows), dtype=torch.bool, device=rows.device)


def same(labels: Tensor) -> Tensor:
    """Which pairs of rows have one label, bool ``(B, B)``."""
    return labels.unsqueeze(0) == labels.unsqueeze(1)


class SupervisedContrastive(RepresentationObjective):
    """Supervised contrastive learning: rows of a class attract each other, all other rows are compared with.

    L_term = mean over rows i of −(1/|P_i|) Σ_{p∈P_i} log(exp(f_i·f_p/t) / Σ_{a≠i} exp(f_i·f_a/t)), P_i the other rows
    of its class in the batch. Rows are seen once, without views of them, and features are what comes into the head,
    without a projection between.
    Source: arXiv 2004.11362, eq. 2; adapted. With ``base_weight`` rising from 0 and ``weight`` falling to 0 it is the
    switch from contrast to classification of SC-MIL (arXiv 2303.13405).

    Args:
        temperature: t > 0; 0.1 in the paper.
        weight: of the term, at least 0.
        base_weight: of the objective on logits, at least 0; 0 trains the backbone alone.
        base: the objective on logits; default ERM.

    Raises:
        InputError: a number is out of its range, whether given here or set later by a schedule.
    """

    annealable: ClassVar[tuple[str, ...]] = (*RepresentationObjective.annealable, "temperature")
    temperature = Positive()

    def __init__(
        self,
        temperature: float = 0.1,
        weight: float = 1.0,
        base_weight: float = 1.0,
        base: ClassRiskObjective | None = None,
    ) -> None:
        super().__init__(weight, base_weight, base)
        self.temperature = temperature

    def term(self, features: Tensor, target: Tensor, **more: Tensor) -> Tensor:
        apart = others(target)
        return contrast(features @ features.T / self.temperature, same(target) & apart, FAR * ~apart)


class SubclassContrastive(SupervisedContrastive):
    """Subclass-balanced contrast: rows of a subclass attract each other, and, less, those of the class.

    L_term = contrast over subclasses + ρ·contrast over classes, in which rows of one's own subclass are left out. Large
    classes are cut into subclasses of the size of the smallest, so that the first treats all alike.
    Source: arXiv 2306.15925; adapted: the subclasses are those of the data (:class:`~clsunbias.data.Subclasses` cuts by
    k-means), not found anew in training, and classes have one temperature.

    Args:
        ratio: ρ ≥ 0 of the classes' part.
        temperature: t > 0 of both.
        weight: of the term, at least 0.
        base_weight: of the objective on logits, at least 0; 0 trains the backbone alone.
        base: the objective on logits; default ERM.

    Raises:
        InputError: a number is out of its range, whether given here or set later by a schedule.
    """

    needs: ClassVar[tuple[str, ...]] = ("features", "subclass")
    annealable: ClassVar[tuple[str, ...]] = (*SupervisedContrastive.annealable, "ratio")
    ratio = NonNegative()

    def __init__(
        self,
        ratio: float = 0.5,
        temperature: float = 0.1,
        weight: float = 1.0,
        base_weight: float = 1.0,
        base: ClassRiskObjective | None = None,
    ) -> None:
        super().__init__(temperature, weight, base_weight, base)
        self.ratio = ratio

    def term(self, features: Tensor, target: Tensor, **more: Tensor) -> Tensor:
        scores, apart, kin = features @ features.T / self.temperature, others(target), same(more["subclass"])
        fine = contrast(scores, kin & apart, FAR * ~apart)
        return fine + self.ratio * contrast(scores, same(target) & ~kin, FAR * kin)


class OrdinalContrastive(RepresentationObjective):
    """Contrast between grades, the stronger the farther they lie apart: classes are in the order of their numbers.

    Partners of a row are the others of its grade. It is pushed from rows of other grades that the network takes for
    its own, |ŷ_i − ŷ_j| ≤ width with ŷ the expected grade, with the weight |y_i − y_j| each; a row that none is taken
    for takes no part. With e_ij = exp(f_i·f_j/t): L_term = mean over i of
    −(1/|P_i|) Σ_{p∈P_i} log(e_ip / (Σ_{a∈P_i} e_ia + Σ_j |y_i − y_j|·e_ij)).
    Source: ConR, arXiv 2309.06651, for regression; adapted to grades.

    Args:
        width: at least 0, how near expected grades must be to be taken for one; from 1 on, neighbours told rightly are.
        temperature: t > 0.
        weight: of the term, at least 0.
        base_weight: of the objective on logits, at least 0.
        base: the objective on logits; default ERM.

    Raises:
        InputError: a number is out of its range, whether given here or set later by a schedule.
    """

    in_order: ClassVar[bool] = True
    annealable: ClassVar[tuple[str, ...]] = (*RepresentationObjective.annealable, "temperature", "width")
    temperature = Positive()
    width = NonNegative()

    def __init__(
        self,
        width: float = 0.5,
        temperature: float = 0.1,
        weight: float = 1.0,
        base_weight: float = 1.0,
        base: ClassRiskObjective | None = None,
    ) -> None:
        super().__init__(weight, base_weight, base)
        self.width, self.temperature = width, temperature

    def term(self, features: Tensor, target: Tensor, **more: Tensor) -> Tensor:
        expected = (more["prob"] * torch.arange(more["prob"].shape[1], device=target.device)).sum(1)
        mistaken = (expected.unsqueeze(0) - expected.unsqueeze(1)).abs() <= self.width
        distance = (target.unsqueeze(0) - target.unsqueeze(1)).abs()
        together, pushed = (distance == 0) & others(target), mistaken & (distance > 0)
        against = torch.where(together, 0.0, torch.where(pushed, distance.clamp(min=1).log(), FAR))
        scores = features @ features.T / self.temperature
        return contrast(scores, together & pushed.any(1, keepdim=True), against)
