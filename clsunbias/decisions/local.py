"""Thresholds that differ between units: by group, by how sure the runs are of each other, by a unit's neighbours."""

from collections.abc import Hashable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from clsunbias.decisions.base import Decision, DecisionRule, Floats, Labels, Scores, log_prob
from clsunbias.decisions.thresholds import NOBODY, ROUNDS, best_cut, macro_f1, value_of
from clsunbias.errors import InputError

if TYPE_CHECKING:
    from sklearn.neighbors import NearestNeighbors


def two_classes(scores: Scores, rule: str) -> None:
    """Raises InputError of scores of more than two classes."""
    if scores.prob.shape[1] != 2:
        raise InputError(f"{rule} is for two classes, these scores are of {scores.prob.shape[1]}")


def best_cuts(score: Floats, group: Any, target: Labels) -> dict[Hashable, float]:
    """A cut for each group with which the macro-F1 of all units is largest, by turns, from one cut for all."""
    groups = list(dict.fromkeys(group.tolist()))
    everywhere = best_cut(score, np.zeros_like(target), target, 1, 2, macro_f1)
    cuts: dict[Hashable, float] = dict.fromkeys(groups, everywhere)
    decided, best = (score >= everywhere).astype(int), -np.inf
    for _ in range(ROUNDS):
        for one in groups:
            here = group == one
            own = np.where(here, score, -np.inf)
            cuts[one] = best_cut(own, np.where(here, 0, decided), target, 1, 2, macro_f1)
            decided = np.where(here, score >= cuts[one], decided).astype(int)
        value = value_of(decided, target, 2, macro_f1)
        if value <= best + 1e-12:
            break
        best = value
    return cuts


@dataclass(frozen=True)
class GroupCuts(Decision):
    """A threshold for each group; one for all is that of a group that validation did not have."""

    cuts: Mapping[Hashable, float]
    everywhere: float

    def value(self) -> Mapping[str, float]:
        return {f"threshold of {group}": cut for group, cut in self.cuts.items()} | {"threshold": self.everywhere}

    def decide(self, scores: Scores) -> Labels:
        scores.check(("group",), "a threshold for each group")
        assert scores.group is not None
        return decide_by(scores.prob[:, 1], scores.group, self.cuts, self.everywhere)


def decide_by(score: Floats, group: Any, cuts: Mapping[Hashable, float], everywhere: float) -> Labels:
    """Which scores reach the cut of their group."""
    return (score >= np.array([cuts.get(one, everywhere) for one in group.tolist()])).astype(int)


class GroupThresholds(DecisionRule):
    """A threshold for each group, such as each sex, that together have the largest macro-F1 on validation.

    Source: group-adaptive thresholds, arXiv 2502.04528, without its constraint on error rates.
    """

    needs: ClassVar[tuple[str, ...]] = ("group",)

    def fit(self, validation: Scores) -> Decision:
        two_classes(validation, "GroupThresholds")
        score, target = validation.prob[:, 1], validation.labels
        cuts = {one: min(cut, NOBODY) for one, cut in best_cuts(score, validation.group, target).items()}
        everywhere = best_cut(score, np.zeros_like(target), target, 1, 2, macro_f1)
        return GroupCuts(cuts, min(everywhere, NOBODY))


@dataclass(frozen=True, eq=False)
class UncertaintyCuts(Decision):
    """A threshold for each range of the standard deviation over runs; edges ``(B − 1,)`` lie between B ranges."""

    edges: Floats
    cuts: Mapping[Hashable, float]

    def value(self) -> Mapping[str, float]:
        return {f"threshold {index}": self.cuts[index] for index in range(len(self.cuts))} | {
            f"edge {index}": float(edge) for index, edge in enumerate(self.edges)
        }

    def decide(self, scores: Scores) -> Labels:
        group = ranges_of(scores, self.edges)
        return decide_by(scores.prob[:, 1], group, self.cuts, 0.5)


def uncertainty(scores: Scores) -> Floats:
    """Standard deviation over runs of the positive class's probability, ``(N,)``."""
    assert scores.members is not None
    return np.asarray(scores.members[:, :, 1].std(0))


def ranges_of(scores: Scores, edges: Floats) -> Labels:
    """The number of the range that each unit's uncertainty falls into."""
    scores.check(("members",), "ScoreAndUncertainty")
    return np.searchsorted(edges, uncertainty(scores), side="right")


class ScoreAndUncertainty(DecisionRule):
    """A boundary in score × uncertainty: a threshold for each range of the standard deviation over runs.

    Source: leveraging uncertainty estimates to improve classifier performance (equal-weight bins and one threshold
    each), the runs of several seeds being the ensemble.

    Args:
        ranges: of the uncertainty, with equal numbers of validation units.
    """

    needs: ClassVar[tuple[str, ...]] = ("members",)

    def __init__(self, ranges: int = 3) -> None:
        if ranges < 1:
            raise InputError(f"ranges must be at least 1, got {ranges}")
        self.ranges = ranges

    def fit(self, validation: Scores) -> Decision:
        two_classes(validation, "ScoreAndUncertainty")
        edges = np.quantile(uncertainty(validation), np.arange(1, self.ranges) / self.ranges)
        group = ranges_of(validation, edges)
        found = best_cuts(validation.prob[:, 1], group, validation.labels)
        return UncertaintyCuts(edges, {index: min(found.get(index, 0.5), NOBODY) for index in range(self.ranges)})


@dataclass(frozen=True, eq=False)
class NeighbourCut(Decision):
    """Decides by log odds + weight · (log odds of the neighbours' share − of the whole share) ≥ cut."""

    neighbours: "NearestNeighbors"
    positive: Labels
    weight: float
    cut: float

    def value(self) -> Mapping[str, float]:
        return {"weight": self.weight, "cut": self.cut}

    def decide(self, scores: Scores) -> Labels:
        scores.check(("features",), "NeighbourThreshold")
        near = self.neighbours.kneighbors(scores.features, return_distance=False)
        return (neighbour_scores(scores, self.positive[near], self.positive, self.weight) >= self.cut).astype(int)


def neighbour_scores(scores: Scores, near: Labels, positive: Labels, weight: float) -> Floats:
    """Log odds of each unit, moved by how much more positive its neighbours are than all units."""
    share, whole = (near.sum(1) + 1) / (near.shape[1] + 2), (positive.sum() + 1) / (len(positive) + 2)
    logits = log_prob(scores.prob)
    moved = np.log(share / (1 - share)) - np.log(whole / (1 - whole))
    return np.asarray(logits[:, 1] - logits[:, 0] + weight * moved)


class NeighbourThreshold(DecisionRule):
    """A threshold that follows each unit's neighbours in the space of features, with weight and cut of best macro-F1.

    Source: adaptive thresholding by global and local signals (rarity of the class, and its share among the k nearest
    known units); there for many labels, here for the positive class. The known units are validation's, each of which
    is left out of its own neighbourhood.

    Args:
        k: neighbours.
        weights: of the local signal, tried in turn; 0 is a threshold for all.
    """

    needs: ClassVar[tuple[str, ...]] = ("features",)

    def __init__(self, k: int = 10, weights: tuple[float, ...] = (0.0, 0.25, 0.5, 1.0, 2.0)) -> None:
        if k < 1:
            raise InputError(f"k must be at least 1, got {k}")
        self.k, self.weights = k, weights

    def fit(self, validation: Scores) -> Decision:
        two_classes(validation, "NeighbourThreshold")
        from sklearn.neighbors import NearestNeighbors  # here, since it takes a second of every other start

        target = validation.labels
        neighbours = NearestNeighbors(n_neighbors=min(self.k, len(target) - 1)).fit(validation.features)
        near = target[neighbours.kneighbors(return_distance=False)]  # without an argument: others than itself
        tried = []
        for weight in self.weights:
            score = neighbour_scores(validation, near, target, weight)
            cut = best_cut(score, np.zeros_like(target), target, 1, 2, macro_f1)
            tried.append((value_of((score >= cut).astype(int), target, 2, macro_f1), -weight, weight, cut))
        _, _, weight, cut = max(tried)
        return NeighbourCut(neighbours, target, weight, min(cut, 1e3))
