"""Corrections of classes and of samples together: each class has a weight, or counts from a probability on."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from clsunbias.decisions.base import Decision, DecisionRule, Floats, Labels, Scores, log_prob
from clsunbias.decisions.thresholds import NOBODY, ROUNDS, best_cut, macro_f1, value_of

ABOVE = 1e4
"""What a step adds to a log probability, more than any weight."""


@dataclass(frozen=True, eq=False)
class Corrected(Decision):
    """Decides for the class with the largest corrected log probability.

    Attributes:
        weights: logarithms, of the classes that have one, ``(C,)``.
        steps: probability from which on a class stands above all that have a weight, ``(C,)``; NaN for these.
    """

    weights: Floats
    steps: Floats

    def value(self) -> Mapping[str, float]:
        stepped = ~np.isnan(self.steps)
        return {
            f"{'step' if stepped[at] else 'weight'}_{at}": float(self.steps[at] if stepped[at] else np.exp(weight))
            for at, weight in enumerate(self.weights)
        }

    def decide(self, scores: Scores) -> Labels:
        return np.asarray(self.corrected(scores.prob).argmax(1))

    def corrected(self, prob: Floats) -> Floats:
        """Corrected log probabilities ``(N, C)``; of two classes above their steps the more probable one is larger."""
        logits = log_prob(prob)
        step = logits + np.where(prob >= self.steps, ABOVE, -ABOVE)
        return np.asarray(np.where(np.isnan(self.steps), logits + self.weights, step))

    def with_class(self, label: int, weight: float, step: float) -> "Corrected":
        """The same with another correction of a class."""
        own = np.arange(len(self.weights)) == label
        return Corrected(np.where(own, weight, self.weights), np.where(own, step, self.steps))


class ClassAndSample(DecisionRule):
    """A weight, or a Heaviside step on the probability, for each class by turns, with the largest macro-F1.

    Source: ensemble debiasing across class and sample levels (arXiv 2503.05157); there by integer programming on
    accuracy and its imbalance, here by exact scans of one class after the other.
    """

    def choose(self, validation: Scores) -> Corrected:
        chosen = super().choose(validation)
        assert isinstance(chosen, Corrected)
        return chosen

    def fit(self, validation: Scores) -> Corrected:
        prob, target = validation.prob, validation.labels
        classes = prob.shape[1]
        chosen = Corrected(np.zeros(classes), np.full(classes, np.nan))
        best = value_of(chosen.decide(validation), target, classes, macro_f1)
        for _ in range(ROUNDS):
            before = best
            for label in range(classes):
                for tried in corrections(chosen, prob, target, label):
                    value = value_of(tried.decide(validation), target, classes, macro_f1)
                    if value > best + 1e-12:
                        chosen, best = tried, value
            if best == before:
                break
        return chosen


def corrections(chosen: Corrected, prob: Floats, target: Labels, label: int) -> list[Corrected]:
    """The best weight and the best step of a class, the others' corrections being as they are."""
    logits, rest = log_prob(prob)[:, label], chosen.corrected(prob)
    rest[:, label] = -np.inf
    instead, against = rest.argmax(1), rest.max(1)
    classes = prob.shape[1]
    weight = best_cut(logits - against, instead, target, label, classes, macro_f1)
    rest[:, label] = logits + ABOVE
    open_to_it = np.where(rest.argmax(1) == label, prob[:, label], -np.inf)
    rest[:, label] = logits - ABOVE  # below its step the class is still decided for where all are below theirs
    step = best_cut(open_to_it, rest.argmax(1), target, label, classes, macro_f1)
    return [
        chosen.with_class(label, float(np.clip(1e-9 - weight, -1e3, 700)), np.nan),
        chosen.with_class(label, 0.0, min(step, NOBODY)),
    ]
