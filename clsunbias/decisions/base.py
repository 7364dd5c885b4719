"""What a decision rule is: chosen on validation scores alone, it turns class probabilities into decisions.

Nothing here needs torch: a rule sees what a run has left, and retrains nothing.
"""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

from clsunbias.errors import InputError

Floats = npt.NDArray[np.floating[Any]]
Labels = npt.NDArray[np.integer[Any]]

LEAST = 1e-12
"""A probability of 0 counts as this in a logarithm."""

DRAWS = 200
"""Bootstrap draws of the validation split by which a choice's spread is told."""


@dataclass(frozen=True, eq=False)
class Scores:
    """Units, how they were scored, and what else a rule may need of them.

    Attributes:
        prob: class probabilities ``(N, C)``.
        target: class of each unit, int ``(N,)``; None where it is not known, as of units to decide on.
        members: probabilities of S runs on the same units, ``(S, N, C)``, whose mean prob is then.
        features: of each unit, ``(N, D)``.
        group: of each unit, ``(N,)``: an attribute such as sex.
    """

    prob: Floats
    target: Labels | None = None
    members: Floats | None = None
    features: Floats | None = None
    group: npt.NDArray[Any] | None = None

    @property
    def labels(self) -> Labels:
        """Class of each unit; raises InputError where it is not known."""
        if self.target is None:
            raise InputError("a rule is chosen on units whose class is known")
        return self.target

    def take(self, rows: Labels) -> "Scores":
        """Some of the units, by their numbers ``(M,)``."""
        own: dict[str, Any] = {name: value[rows] for name, value in self._given().items() if name != "members"}
        return replace(self, **own, members=None if self.members is None else self.members[:, rows])

    def check(self, needs: tuple[str, ...], rule: str) -> None:
        """Raises InputError if a rule needs what is not given."""
        lacking = [name for name in needs if name not in self._given()]
        if lacking:
            raise InputError(f"{rule} needs {' and '.join(WHENCE[name] for name in lacking)}")

    def _given(self) -> dict[str, Any]:
        return {field.name: value for field in fields(self) if (value := getattr(self, field.name)) is not None}


WHENCE = {
    "members": "the runs of several seeds (give the folder above them)",
    "features": "features of the units (fit --save_features true leaves them; have the run made anew in another --out)",
    "group": "an attribute of the units (--group COLUMN --attributes FILE)",
}
"""What is said of a thing that a rule lacks."""


class Decision(ABC):
    """A rule as chosen: decides on any units, and can be written down."""

    @abstractmethod
    def value(self) -> Mapping[str, float]:
        """The numbers that were chosen, by name."""

    @abstractmethod
    def decide(self, scores: Scores) -> Labels:
        """The class decided for each unit, ``(N,)``."""

    def probabilities(self, scores: Scores) -> Floats:
        """Class probabilities ``(N, C)`` after the rule; those given, where it moves decisions alone."""
        return scores.prob


class Recalibrated(Decision):
    """Changes the probabilities, and decides for the most probable class."""

    @abstractmethod
    def probabilities(self, scores: Scores) -> Floats: ...

    def decide(self, scores: Scores) -> Labels:
        return np.asarray(self.probabilities(scores).argmax(1))


class DecisionRule(ABC):
    """How a decision is chosen. The arguments of a subclass are its options.

    Attributes:
        needs: fields of :class:`Scores` beyond ``prob`` and ``target`` that it cannot do without.
    """

    needs: ClassVar[tuple[str, ...]] = ()

    def choose(self, validation: Scores) -> Decision:
        """Chooses on the scores of a validation split.

        Raises:
            InputError: the scores lack what the rule needs, or hold one class only.
        """
        validation.check(self.needs, type(self).__name__)
        if len(np.unique(validation.labels)) < 2:
            raise InputError(f"{type(self).__name__} is chosen on units of two classes or more; all are of one")
        return self.fit(validation)

    @abstractmethod
    def fit(self, validation: Scores) -> Decision:
        """:meth:`choose`, of scores that have been checked."""


def spread(rule: DecisionRule, validation: Scores, draws: int = DRAWS, seed: int = 0) -> dict[str, tuple[float, float]]:
    """How much a choice varies: the 95 % percentile interval of each of its numbers over draws of the validation split.

    Units are drawn with replacement; a draw that lacks a class is left out.

    Args:
        rule: what chooses.
        validation: what it chooses on.
        draws: number of draws.
        seed: of the draws.
    """
    random = np.random.default_rng(seed)
    classes = len(np.unique(validation.labels))
    found: list[Mapping[str, float]] = []
    for _ in range(draws):
        drawn = validation.take(random.integers(0, len(validation.prob), len(validation.prob)))
        if len(np.unique(drawn.labels)) == classes:
            found.append(rule.choose(drawn).value())
    names = dict.fromkeys(name for value in found for name in value)
    quantiles = {name: np.nanquantile([value.get(name, np.nan) for value in found], [0.025, 0.975]) for name in names}
    return {name: (float(low), float(high)) for name, (low, high) in quantiles.items()}


def log_prob(prob: Floats) -> Floats:
    """Logarithms of probabilities."""
    return np.asarray(np.log(prob.clip(LEAST)))


def normalised(logits: Floats) -> Floats:
    """The softmax over the last axis."""
    raised = np.exp(logits - logits.max(-1, keepdims=True))
    return np.asarray(raised / raised.sum(-1, keepdims=True))
