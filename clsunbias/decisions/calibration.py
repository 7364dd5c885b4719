"""Rules that make probabilities agree with frequencies on validation, and decide for the most probable class."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from clsunbias.decisions.base import DecisionRule, Floats, Labels, Recalibrated, Scores, log_prob, normalised


def mean_loss(prob: Floats, target: Labels) -> float:
    """Mean cross-entropy of probabilities."""
    return -float(log_prob(prob[np.arange(len(target)), target]).mean())


def best_slope(logits: Floats, target: Labels) -> float:
    """The factor on logits with the least cross-entropy, from e⁻⁵ to e⁵."""
    from scipy.optimize import minimize_scalar  # here, since it takes a second: rules that need none start at once

    found = minimize_scalar(
        lambda log_slope: mean_loss(normalised(np.exp(log_slope) * logits), target), bounds=(-5, 5), method="bounded"
    )
    return float(np.exp(found.x))


@dataclass(frozen=True, eq=False)
class Scaled(Recalibrated):
    """Softmax of slope · log p + offsets."""

    slope: float
    offsets: Floats

    def value(self) -> Mapping[str, float]:
        return {"slope": self.slope} | {
            f"offset_{index}": float(offset) for index, offset in enumerate(self.offsets) if index
        }

    def probabilities(self, scores: Scores) -> Floats:
        return normalised(self.slope * log_prob(scores.prob) + self.offsets)


class Temperature(DecisionRule):
    """Log probabilities divided by one number, chosen by cross-entropy; no decision of one run changes.

    Source: Guo et al., arXiv 1706.04599.
    """

    def fit(self, validation: Scores) -> Scaled:
        logits = log_prob(validation.prob)
        return Scaled(best_slope(logits, validation.labels), np.zeros(logits.shape[1]))


class Platt(DecisionRule):
    """A slope and an offset of each class but the first, chosen by cross-entropy: of two classes sigmoid(a·z + b).

    Source: Platt, probabilistic outputs for support vector machines, 1999; with his targets (n₊ + 1)/(n₊ + 2) and
    1/(n₋ + 2), which keep the slope finite where validation is separated.
    """

    def fit(self, validation: Scores) -> Scaled:
        logits, target = log_prob(validation.prob), validation.labels
        classes = logits.shape[1]
        counts = np.bincount(target, minlength=classes)
        right = (counts + 1) / (counts + classes)
        soft = np.where(np.eye(classes) == 1, right[:, np.newaxis], ((1 - right) / (classes - 1))[:, np.newaxis])[
            target
        ]

        def loss(numbers: Floats) -> float:
            scaled = normalised(numbers[0] * logits + np.append(0, numbers[1:]))
            return -float((soft * log_prob(scaled)).sum(1).mean())

        from scipy.optimize import minimize

        found = minimize(loss, np.append(1.0, np.zeros(classes - 1)), method="BFGS")
        return Scaled(float(found.x[0]), np.append(0, found.x[1:]))


@dataclass(frozen=True, eq=False)
class MinorityScaled(Recalibrated):
    """Log odds ℓ of one class against the rest become slope·ℓ + offset; the rest keep their proportions."""

    minority: int
    slope: float
    offset: float

    def value(self) -> Mapping[str, float]:
        return {"slope": self.slope, "offset": self.offset}

    def probabilities(self, scores: Scores) -> Floats:
        return minority_scaled(scores.prob, self.minority, self.slope, self.offset)


def minority_scaled(prob: Floats, minority: int, slope: float, offset: float) -> Floats:
    """See :class:`MinorityScaled`."""
    others = np.where(np.arange(prob.shape[1]) == minority, 0.0, prob.astype(float).clip(1e-45))
    rest = others.sum(1)  # not 1 − p: where p is rounded to 1 the others are told apart still
    odds = np.log(prob[:, minority].astype(float).clip(1e-45)) - np.log(rest)
    moved = 1 / (1 + np.exp(-(slope * odds + offset).clip(-700, 700)))
    left = others * ((1 - moved) / rest)[:, np.newaxis]
    return np.asarray(np.where(np.arange(prob.shape[1]) == minority, moved[:, np.newaxis], left))


class BiasCorrection(DecisionRule):
    """Two numbers for the rarest class's log odds, chosen by cross-entropy with all classes weighing the same.

    Source: large scale incremental learning (BiC, arXiv 1905.13260): α·o_k + β for the classes that a head is biased
    against, fitted on a class-balanced part of validation; weights stand for the balanced draw here.
    """

    def fit(self, validation: Scores) -> MinorityScaled:
        target, classes = validation.labels, validation.prob.shape[1]
        counts = np.bincount(target, minlength=classes)
        minority = int(np.where(counts > 0, counts, counts.max() + 1).argmin())
        weight = (1 / np.maximum(counts, 1))[target]
        weight = weight / weight.sum()

        def loss(numbers: Floats) -> float:
            prob = minority_scaled(validation.prob, minority, numbers[0], numbers[1])
            # A little ridge keeps the numbers finite where validation is separated.
            return -float((weight * log_prob(prob[np.arange(len(target)), target])).sum()) + 1e-4 * float(
                (numbers[0] - 1) ** 2 + numbers[1] ** 2
            )

        from scipy.optimize import minimize

        found = minimize(loss, np.array([1.0, 0.0]), method="BFGS")
        return MinorityScaled(minority, float(found.x[0]), float(found.x[1]))


@dataclass(frozen=True, eq=False)
class Steps(Recalibrated):
    """A rising step function for each class's probability, then normalised."""

    curves: tuple[Callable[[Floats], Floats], ...]
    edges: int

    def value(self) -> Mapping[str, float]:
        return {"edges": float(self.edges)}

    def probabilities(self, scores: Scores) -> Floats:
        raised = np.stack([curve(scores.prob[:, index]) for index, curve in enumerate(self.curves)], axis=1)
        whole = raised.sum(1, keepdims=True)
        return np.asarray(np.where(whole > 0, raised / np.maximum(whole, 1e-12), 1 / raised.shape[1]))


class Isotonic(DecisionRule):
    """A rising function of each class's probability against the rest, then normalised; of two classes of p₊.

    Source: Zadrozny and Elkan, KDD 2002; scikit-learn's isotonic regression.
    """

    def fit(self, validation: Scores) -> Steps:
        prob, target = validation.prob, validation.labels
        from sklearn.isotonic import IsotonicRegression

        models = [
            IsotonicRegression(y_min=0, y_max=1, out_of_bounds="clip").fit(prob[:, index], target == index)
            for index in range(prob.shape[1])
        ]
        if len(models) == 2:
            positive = models[1].predict
            return Steps((lambda p: 1 - positive(1 - p), positive), len(models[1].X_thresholds_))
        return Steps(tuple(model.predict for model in models), sum(len(model.X_thresholds_) for model in models))
