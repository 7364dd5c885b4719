"""The decision of least expected cost, of one run or of several together."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from clsunbias.decisions.base import Decision, DecisionRule, Floats, Labels, Scores
from clsunbias.errors import InputError


@dataclass(frozen=True, eq=False)
class LeastCost(Decision):
    """Decides for the class k with the least Σ_c p_c · cost[c, k]."""

    cost: Floats

    def value(self) -> Mapping[str, float]:
        if len(self.cost) == 2:
            missed, alarm = self.cost[1, 0], self.cost[0, 1]
            return {"threshold": float(alarm / (alarm + missed))}
        return {f"cost_{c}_{k}": float(one) for (c, k), one in np.ndenumerate(self.cost) if c != k}

    def decide(self, scores: Scores) -> Labels:
        return np.asarray((scores.prob @ self.cost).argmin(1))


class Cost(DecisionRule):
    """Bayes' decision under costs; of two classes, positive where p₊ > c₀₁ / (c₀₁ + c₁₀).

    Source: Elkan, the foundations of cost-sensitive learning, IJCAI 2001.

    Args:
        cost: ``[c, k]``: what deciding for class k costs where the class is c, ``(C, C)``; of two classes the costs of
            a false alarm and of a missed positive will do. None: 1 over the class's share on validation, so that all
            classes weigh the same.
    """

    def __init__(self, cost: Sequence[Sequence[float]] | Sequence[float] | None = None) -> None:
        self.cost = None if cost is None else as_matrix(np.asarray(cost, float))

    def fit(self, validation: Scores) -> Decision:
        classes = validation.prob.shape[1]
        if self.cost is not None:
            if len(self.cost) != classes:
                raise InputError(f"the costs are for {len(self.cost)} classes, the scores of {classes}")
            return LeastCost(self.cost)
        counts = np.bincount(validation.labels, minlength=classes)
        cost = np.repeat((len(validation.labels) / np.maximum(counts, 1))[:, np.newaxis], classes, axis=1)
        return LeastCost(np.where(np.eye(classes) == 1, 0, cost))


def as_matrix(cost: Floats) -> Floats:
    """Costs as a matrix; raises InputError of costs that are none."""
    if cost.shape == (2,):
        cost = np.array([[0, cost[0]], [cost[1], 0]])
    if cost.ndim != 2 or cost.shape[0] != cost.shape[1] or len(cost) < 2:
        raise InputError(f"costs are two numbers, or a row and a column for each class, got the shape {cost.shape}")
    if not np.isfinite(cost).all() or (cost < 0).any() or np.diag(cost).any():
        raise InputError("costs are finite and not negative, and to be right costs nothing")
    if (cost.sum(1) == 0).any():
        raise InputError("a class that costs nothing to miss would never be decided for: give each a cost")
    return cost


class BayesEnsemble(Cost):
    """The decision of least expected cost by the mean probability of several runs.

    Source: long-tailed classification from a Bayesian-decision-theory perspective (integrated risk over an ensemble).
    """

    needs: ClassVar[tuple[str, ...]] = ("members",)
