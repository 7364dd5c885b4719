"""A rule that changes how sure a model is of its decisions, and no decision."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from clsunbias.decisions.base import LEAST, DecisionRule, Floats, Recalibrated, Scores, log_prob, normalised
from clsunbias.decisions.calibration import best_slope
from clsunbias.errors import InputError


def directions(prob: Floats) -> Floats:
    """Centred log probabilities over their norm, u = (log p − mean)/‖log p − mean‖₂, ``(N, C)``; 0 where all are alike.

    Centred they are the centred logits, whatever softmax has dropped.
    """
    logits = log_prob(prob)
    centred = logits - logits.mean(1, keepdims=True)
    return np.asarray(centred / np.linalg.norm(centred, axis=1, keepdims=True).clip(LEAST))


@dataclass(frozen=True, eq=False)
class Normalised(Recalibrated):
    """Softmax of slope · u."""

    slope: float

    def value(self) -> Mapping[str, float]:
        return {"slope": self.slope}

    def probabilities(self, scores: Scores) -> Floats:
        return normalised(self.slope * directions(scores.prob))


class LogitNormalisation(DecisionRule):
    """Logits over their norm, times one number chosen by cross-entropy: how sure a unit is no longer goes by the norm.

    Mends the order of confidence after label smoothing, which holds the largest logit down most where it is right; no
    decision changes. Of three classes or more: with two, u is ±(1, −1)/√2, so that all units would be as sure.
    Source: arXiv 2403.14715, after arXiv 2305.15508; there max_k u_k is the confidence, by whose order the
    largest probability goes here exactly with three classes, nearly with more.
    """

    def fit(self, validation: Scores) -> Normalised:
        classes = validation.prob.shape[1]
        if classes < 3:
            raise InputError("LogitNormalisation is for three classes or more: of two it leaves all units equally sure")
        return Normalised(best_slope(directions(validation.prob), validation.labels))
