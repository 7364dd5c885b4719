"""Rules that suppose other class shares than those trained with: of all alike, as the units look, or as stated."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from clsunbias.decisions.base import DecisionRule, Floats, Recalibrated, Scores, log_prob, normalised
from clsunbias.errors import InputError

STEPS = 1000
"""Steps after which expectation maximisation ends, if it still moves."""


def shares(scores: Scores) -> Floats:
    """Share of each class among units, ``(C,)``."""
    return np.bincount(scores.labels, minlength=scores.prob.shape[1]) / len(scores.labels)


def shifted(prob: Floats, of: Floats, to: Floats) -> Floats:
    """Probabilities as they are under other class shares: p_c · to_c / of_c, normalised (Saerens et al. 2002, eq. 2.4).

    Args:
        prob: ``(N, C)``.
        of: class shares that the probabilities suppose, ``(C,)``.
        to: class shares to suppose, ``(C,)``.
    """
    return normalised(log_prob(prob) + np.log(to.clip(1e-12)) - np.log(of.clip(1e-12)))


@dataclass(frozen=True, eq=False)
class Shifted(Recalibrated):
    """Probabilities under other class shares."""

    of: Floats
    to: Floats

    def value(self) -> Mapping[str, float]:
        return {f"share_{index}": float(share) for index, share in enumerate(self.to)}

    def probabilities(self, scores: Scores) -> Floats:
        return shifted(scores.prob, self.of, self.to)


class PriorCorrection(DecisionRule):
    """Decides as if all classes were equally frequent: p_c divided by the class's share, of two the threshold π₊.

    Source: a systematic study of the class imbalance problem in convolutional neural networks (arXiv 1710.05381,
    thresholding by the prior). The shares are validation's: of a run whose loss or sampling weighed classes otherwise,
    the probabilities suppose others already, and calibrating comes first.
    """

    def fit(self, validation: Scores) -> Shifted:
        of = shares(validation)
        return Shifted(of, np.where(of > 0, 1 / np.count_nonzero(of), 0))


@dataclass(frozen=True, eq=False)
class Estimated(Recalibrated):
    """Probabilities under the class shares that the units themselves make likely."""

    of: Floats

    def value(self) -> Mapping[str, float]:
        return {f"share_{index}": float(share) for index, share in enumerate(self.of)}

    def probabilities(self, scores: Scores) -> Floats:
        return shifted(scores.prob, self.of, likely_shares(scores.prob, self.of))


def likely_shares(prob: Floats, of: Floats) -> Floats:
    """Class shares of unlabelled units by expectation maximisation (Saerens et al., Neural Computation 14:21, 2002).

    Args:
        prob: of the units, ``(N, C)``.
        of: class shares that the probabilities suppose, ``(C,)``.
    """
    to = of
    for _ in range(STEPS):
        before, to = to, shifted(prob, of, to).mean(0)
        if np.abs(to - before).max() < 1e-9:
            break
    return to


class EMPrior(DecisionRule):
    """Class shares estimated on the units to decide on, from their scores alone; no class of theirs is looked at.

    Source: Saerens, Latinne and Decaestecker, Neural Computation 14:21, 2002.
    """

    def fit(self, validation: Scores) -> Estimated:
        return Estimated(shares(validation))


@dataclass(frozen=True)
class Matched(Recalibrated):
    """Log odds moved alike for all units, so that their mean probability is a stated prevalence."""

    prevalence: float

    def value(self) -> Mapping[str, float]:
        return {"prevalence": self.prevalence}

    def probabilities(self, scores: Scores) -> Floats:
        logits = log_prob(scores.prob)
        odds = logits[:, 1] - logits[:, 0]

        def surplus(offset: float) -> float:
            return float((1 / (1 + np.exp(-(odds + offset)))).mean()) - self.prevalence

        from scipy.optimize import brentq  # here, since it takes a second: rules that need none of it start at once

        offset = brentq(surplus, -200.0, 200.0)
        return normalised(np.stack([np.zeros_like(odds), odds + offset], axis=1))


class StatedPrevalence(DecisionRule):
    """Probabilities moved so that their mean over the units to decide on is a stated prevalence of the positive class.

    Source: matching class priors without labels (mitigating word bias in zero-shot prompt-based classifiers).

    Args:
        prevalence: of the positive class, in (0, 1).
    """

    def __init__(self, prevalence: float) -> None:
        if not 0 < prevalence < 1:
            raise InputError(f"a prevalence lies between 0 and 1, got {prevalence:g}")
        self.prevalence = prevalence

    def fit(self, validation: Scores) -> Matched:
        if validation.prob.shape[1] != 2:
            raise InputError(f"StatedPrevalence is for two classes, these scores are of {validation.prob.shape[1]}")
        return Matched(self.prevalence)
