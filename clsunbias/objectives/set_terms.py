"""Terms on the rows of a class as a set: how the sets of the classes lie to each other in feature space."""

from typing import ClassVar

import torch
from torch import Tensor
from torch.nn import functional as F

from clsunbias.objectives.base import ClassRiskObjective
from clsunbias.objectives.numbers import NonNegative
from clsunbias.objectives.representation import RepresentationObjective, class_means


class FacilityLocation(RepresentationObjective):
    """Facility location between classes: L_term = mean over c of (1/|V∖A_c|) Σ_{i∉A_c} max_{j∈A_c} (1 + f_i·f_j)/2.

    A_c are the batch's rows of class c, V all of them: no row of another class may have a near one in A_c. Each class
    counts alike, however many rows it has. 0 in a batch of one class.
    Source: SCoRe, arXiv 2310.00165, its facility-location loss; rows are averaged rather than summed.

    Args:
        weight: of the term, at least 0.
        base_weight: of the objective on logits, at least 0; 0 trains the backbone alone.
        base: the objective on logits; default ERM.

    Raises:
        InputError: a weight is negative, infinite or not a number, whether given here or set later by a schedule.
    """

    def __init__(self, weight: float = 1.0, base_weight: float = 1.0, base: ClassRiskObjective | None = None) -> None:
        super().__init__(weight, base_weight, base)

    def term(self, features: Tensor, target: Tensor, **more: Tensor) -> Tensor:
        similarity = (1 + features @ features.T) / 2
        member = F.one_hot(target, more["prob"].shape[1]).bool()
        nearest = torch.stack(
            [similarity.masked_fill(~rows, 0).amax(1) for rows in member.T.unsqueeze(1)], 1
        )  # (B, C); a similarity is at least 0
        return between(nearest, member)


class GraphCut(RepresentationObjective):
    """Graph cut between classes: L_term = mean over c of the mean similarity across A_c's edge − λ·that within A_c.

    Similarities are (1 + f_i·f_j)/2; A_c are the batch's rows of class c. Each class counts alike.
    Source: SCoRe, arXiv 2310.00165, its graph-cut loss; pairs are averaged rather than summed.

    Args:
        lam: λ ≥ 0 of the similarity within a class.
        weight: of the term, at least 0.
        base_weight: of the objective on logits, at least 0; 0 trains the backbone alone.
        base: the objective on logits; default ERM.

    Raises:
        InputError: a number is negative, infinite or no number, whether given here or set later by a schedule.
    """

    annealable: ClassVar[tuple[str, ...]] = (*RepresentationObjective.annealable, "lam")
    lam = NonNegative()

    def __init__(
        self,
        lam: float = 1.0,
        weight: float = 1.0,
        base_weight: float = 1.0,
        base: ClassRiskObjective | None = None,
    ) -> None:
        super().__init__(weight, base_weight, base)
        self.lam = lam

    def term(self, features: Tensor, target: Tensor, **more: Tensor) -> Tensor:
        # A mean over pairs is a product of means, as similarities are products of features.
        member = F.one_hot(target, more["prob"].shape[1]).float()
        counts, sums = member.sum(0), member.T @ features
        outside = (len(target) - counts).clamp(min=1).unsqueeze(1)
        counts = counts.clamp(min=1).unsqueeze(1)
        across = (sums / counts * (sums.sum(0) - sums) / outside).sum(1)
        within = (sums / counts).square().sum(1)
        present = member.any(0) & ~member.all(0)
        return ((1 + across - self.lam * (1 + within)) / 2 * present).sum() / present.sum().clamp(min=1)


class NeuralCollapse(RepresentationObjective):
    """What features come to when classes are balanced: rows near their class's mean, means far from each other.

    L_term = mean over c of mean_{i∈c} ‖f_i − μ_c‖² + ρ·mean over c of max_{d≠c} cos(μ_c, μ_d), over classes present.
    Source: the two regularisers of arXiv 2302.12453; adapted: the means are those of the batch, and angles are taken
    from 0, not from the mean of all rows, from where two classes are opposite whatever they are.

    Args:
        ratio: ρ ≥ 0 of the angles.
        weight: of the term, at least 0.
        base_weight: of the objective on logits, at least 0.
        base: the objective on logits; default ERM.

    Raises:
        InputError: a number is negative, infinite or no number, whether given here or set later by a schedule.
    """

    annealable: ClassVar[tuple[str, ...]] = (*RepresentationObjective.annealable, "ratio")
    ratio = NonNegative()

    def __init__(
        self,
        ratio: float = 1.0,
        weight: float = 1.0,
        base_weight: float = 1.0,
        base: ClassRiskObjective | None = None,
    ) -> None:
        super().__init__(weight, base_weight, base)
        self.ratio = ratio

    def term(self, features: Tensor, target: Tensor, **more: Tensor) -> Tensor:
        means, present = class_means(features, target, more["prob"].shape[1])
        centred = features - means[target]
        compact = class_means(centred.square().sum(1, keepdim=True), target, len(means))[0].sum() / present.sum()
        direction = F.normalize(means, dim=1)
        other = present & ~torch.eye(len(means), dtype=torch.bool, device=means.device)
        nearest = (direction @ direction.T).masked_fill(~other, -1).amax(1)  # −1 where there is no other class
        return compact + self.ratio * (nearest * present).sum() / present.sum()


def between(values: Tensor, member: Tensor) -> Tensor:
    """Mean over classes of the mean of a column ``(B, C)`` over the rows that are not of its class, bool ``(B, C)``."""
    present = member.any(0) & ~member.all(0)
    means = (values * ~member).sum(0) / (~member).sum(0).clamp(min=1)
    return (means * present).sum() / present.sum().clamp(min=1)
