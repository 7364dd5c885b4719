"""Thresholds that a metric is best at on validation, found by one scan over sorted scores."""

from abc import abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from clsunbias.decisions.base import Decision, DecisionRule, Floats, Labels, Scores, log_prob

Metric = Callable[[Floats, Floats, Floats], Floats]
"""From units found, predicted and there of each class, ``(…, C)`` each, to a metric ``(…)``, higher is better."""

NOBODY = float(np.nextafter(1, 2))
"""A threshold that no probability reaches."""

ROUNDS = 20
"""Passes over classes or groups after which a search by turns ends, if it still gains."""


def macro_f1(hits: Floats, predicted: Floats, support: Floats) -> Floats:
    """Mean over classes of 2·hits / (predicted + support)."""
    return np.asarray((2 * hits / np.maximum(predicted + support, 1)).mean(-1))


def positive_f1(hits: Floats, predicted: Floats, support: Floats) -> Floats:
    """F1 of the last class: the positive one of two."""
    return np.asarray(2 * hits[..., -1] / np.maximum(predicted + support, 1)[..., -1])


def balanced_accuracy(hits: Floats, predicted: Floats, support: Floats) -> Floats:
    """Mean over classes of hits / support; Youden's J of two classes is twice this less 1."""
    return np.asarray((hits / np.maximum(support, 1)).mean(-1))


def best_cut(score: Floats, instead: Labels, target: Labels, label: int, classes: int, metric: Metric) -> float:
    """The cut t so that deciding for a class where score ≥ t, and as before elsewhere, makes a metric largest.

    Every distinct score is tried, and a cut above all, in O(N log N). A cut is itself a score, and of equal values the
    one that decides for the class nearest as often as it occurs is taken: both depend on the order of the scores
    alone, so that two methods which rank units alike decide alike.

    Args:
        score: of each unit, ``(N,)``; −∞ for one that keeps its class.
        instead: the class decided for below the cut, ``(N,)``.
        target: class of each unit, ``(N,)``.
        label: the class decided for from the cut on.
        classes: C.
        metric: what is to be large.
    """
    order = np.argsort(-score, kind="stable")
    eye = np.eye(classes)
    true, before = eye[target[order]], eye[instead[order]]
    own = eye[label]
    # After the first k units have come over to the class: what is found and what is predicted, (N + 1, C).
    hits = (before * true).sum(0) + np.vstack([np.zeros(classes), ((own - before) * true).cumsum(0)])
    predicted = before.sum(0) + np.vstack([np.zeros(classes), (own - before).cumsum(0)])
    values = metric(hits, predicted, true.sum(0))
    sorted_scores = score[order]
    whole = np.append(np.append(True, sorted_scores[1:] != sorted_scores[:-1]), True)  # no cut between equal scores
    comes = np.append(True, sorted_scores > -np.inf)
    values = np.where(whole & comes, values, -np.inf)
    best = np.flatnonzero(values >= values.max() - 1e-12)
    count = int(best[np.argmin(np.abs(predicted[best, label] - true[:, label].sum()))])
    return float(sorted_scores[count - 1]) if count else float("inf")


@dataclass(frozen=True)
class Cut(Decision):
    """Decides for the second of two classes where its probability is at least a threshold in [0, 1]."""

    threshold: float

    def value(self) -> Mapping[str, float]:
        return {"threshold": self.threshold}

    def decide(self, scores: Scores) -> Labels:
        return (scores.prob[:, 1] >= self.threshold).astype(int)


@dataclass(frozen=True, eq=False)
class Offsets(Decision):
    """Decides for the class with the largest log p_c + offset_c."""

    offsets: Floats

    def value(self) -> Mapping[str, float]:
        return {f"offset_{index}": float(offset) for index, offset in enumerate(self.offsets)}

    def decide(self, scores: Scores) -> Labels:
        return np.asarray((log_prob(scores.prob) + self.offsets).argmax(1))


class Threshold(DecisionRule):
    """The threshold, or for more than two classes the offsets of log probabilities, that a metric is best with.

    Source: thresholds chosen on validation, as in arXiv 2409.19751; the scan of macro-F1 by Fan and Lin 2007.
    """

    @abstractmethod
    def metric(self, hits: Floats, predicted: Floats, support: Floats) -> Floats:
        """What is to be large; see :data:`Metric`."""

    def fit(self, validation: Scores) -> Decision:
        target, (_, classes) = validation.labels, validation.prob.shape
        if classes == 2:
            score = validation.prob[:, 1]
            cut = best_cut(score, np.zeros_like(target), target, 1, 2, self.metric)
            return Cut(min(cut, NOBODY))
        return Offsets(best_offsets(log_prob(validation.prob), target, self.metric))


def best_offsets(logits: Floats, target: Labels, metric: Metric) -> Floats:
    """Offsets of C logits with which a metric is largest, the classes by turns, until no turn gains."""
    classes = logits.shape[1]
    offsets = np.zeros(classes)
    best = value_of(logits.argmax(1), target, classes, metric)
    for _ in range(ROUNDS):
        before = best
        for label in range(1, classes):
            rest = logits + offsets
            rest[:, label] = -np.inf
            lead = logits[:, label] - rest.max(1)  # the class is decided for where its offset is at least −lead
            cut = best_cut(lead, rest.argmax(1), target, label, classes, metric)
            moved = np.where(np.arange(classes) == label, np.clip(1e-9 - cut, -1e3, 1e3), offsets)
            value = value_of((logits + moved).argmax(1), target, classes, metric)
            if value > best + 1e-12:
                offsets, best = moved, value
        if best == before:
            break
    return offsets


def value_of(decided: Labels, target: Labels, classes: int, metric: Metric) -> float:
    """A metric of decisions."""
    eye = np.eye(classes)
    return float(metric((eye[decided] * eye[target]).sum(0), eye[decided].sum(0), eye[target].sum(0)))


class MacroF1(Threshold):
    """The threshold with the largest macro-F1 on validation."""

    def metric(self, hits: Floats, predicted: Floats, support: Floats) -> Floats:
        return macro_f1(hits, predicted, support)


class F1(Threshold):
    """The threshold with the largest F1 of the positive class, the last one, on validation."""

    def metric(self, hits: Floats, predicted: Floats, support: Floats) -> Floats:
        return positive_f1(hits, predicted, support)


class BalancedAccuracy(Threshold):
    """The threshold with the largest mean of the classes' recalls on validation."""

    def metric(self, hits: Floats, predicted: Floats, support: Floats) -> Floats:
        return balanced_accuracy(hits, predicted, support)


class Youden(Threshold):
    """The threshold with the largest J = sensitivity + specificity − 1 (Youden, Cancer 3:32, 1950) on validation."""

    def metric(self, hits: Floats, predicted: Floats, support: Floats) -> Floats:
        return balanced_accuracy(hits, predicted, support)
