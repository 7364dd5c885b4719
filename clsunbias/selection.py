"""Selection rules: which validation's weights a run is judged by. They see training and validation figures only."""

import math
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from clsunbias.errors import InputError

LOWER_IS_BETTER = ("loss", "loss_pos", "loss_neg", "loss_gap", "brier", "ece", "objective")

History = Sequence[Mapping[str, float]]
"""One row a validation, oldest first: ``step`` (optimiser steps done), ``train/…`` (means over the steps since the row
before) and ``val/…``."""


class SelectionRule(ABC):
    """Scores each validation when it happens; :class:`Selection` keeps the best.

    Test figures never reach a rule: a history holds ``train/…`` and ``val/…`` only.
    """

    @abstractmethod
    def score(self, history: History) -> float:
        """Score of the newest row, higher is better; −inf when it may not be selected."""

    def improves(self, score: float, best: float) -> bool:
        """Whether a score replaces the best so far."""
        return score > best


@dataclass(frozen=True)
class Best(SelectionRule):
    """The best value of one validation figure, or of its mean over the last k validations.

    Args:
        metric: a column of the history, such as ``val/macro_f1`` or ``val/loss``.
        mode: whether the highest (``max``) or the lowest (``min``) value is best.
        over_last: k ≥ 1: the score is the mean over the newest k validations, which steadies the choice on a small
            validation split; no row is eligible before k rows exist.

    Raises:
        InputError: a metric that is no validation or training figure (test data must not select), or k < 1.
    """

    metric: str = "val/macro_f1"
    mode: Literal["max", "min"] = "max"
    over_last: int = 1

    def __post_init__(self) -> None:
        if not self.metric.startswith(("val/", "train/")):
            raise InputError(
                f"selection by {self.metric!r} is refused: a rule may look at val/… and train/… figures only, "
                "never at test data"
            )
        if self.mode == "max" and self.metric.split("/")[1] in LOWER_IS_BETTER:
            raise InputError(f"of {self.metric} less is better: set mode to min")
        if self.over_last < 1:
            raise InputError(f"over_last must be at least 1, got {self.over_last}")

    def score(self, history: History) -> float:
        if self.metric not in history[-1]:
            raise InputError(f"no figure {self.metric!r} to select by; there are: {', '.join(sorted(history[-1]))}")
        if len(history) < self.over_last:
            return -math.inf
        mean = math.fsum(row[self.metric] for row in history[-self.over_last :]) / self.over_last
        return mean if self.mode == "max" else -mean


@dataclass(frozen=True)
class LastStep(SelectionRule):
    """The last validation of the run."""

    def score(self, history: History) -> float:
        return float(len(history))


@dataclass(frozen=True)
class LossRatio(SelectionRule):
    """The rule of the paper's toy code: the smallest ratio of averaged validation loss to averaged training loss.

    ratio = mean(``val/loss`` of the last ``val_window`` rows) / mean(``train/objective`` of the last ``train_window``
    rows). It compares plain cross-entropy with the value of the objective being trained, and rewards a training
    loss that is still high: see what it does to row 3 of Table 1. A row replaces the best when its ratio is below
    best·(1 + 1e-4), so a slow drift upwards goes along with the newest.
    Source: github.com/zuo-ls/cls-unbias (ten validations, ten training iterations; from epoch 100).

    Args:
        from_step: optimiser steps that must be done before a row is eligible.
        val_window: validations averaged in the numerator.
        train_window: rows averaged in the denominator (with a row each 5 iterations, 2 rows are 10 iterations).
    """

    from_step: int = 101
    val_window: int = 10
    train_window: int = 2

    def score(self, history: History) -> float:
        if history[-1]["step"] < self.from_step:
            return -math.inf
        val = [row["val/loss"] for row in history[-self.val_window :]]
        train = [row["train/objective"] for row in history[-self.train_window :]]
        return -(math.fsum(val) / len(val)) / (math.fsum(train) / len(train))

    def improves(self, score: float, best: float) -> bool:
        return score > best * (1 + 1e-4)  # both negative: the tolerance lets a slightly larger ratio in


@dataclass
class Selection:
    """The validation that a rule prefers so far.

    Of equal scores the one with the lower validation loss is kept, then the earlier: on a small validation split many
    validations tie, and the first of them is the one least trained.

    Attributes:
        score: its score; −inf while there is none.
        loss: its ``val/loss``.
        step: optimiser steps done at it.
        tied: validations that had this score.
    """

    score: float = -math.inf
    loss: float = math.inf
    step: int = 0
    tied: int = 0

    def update(self, rule: SelectionRule, history: History) -> bool:
        """Whether the newest row of a history is preferred to all before it, and so taken."""
        score, loss = rule.score(history), history[-1]["val/loss"]
        ties = math.isfinite(score) and math.isclose(
            score, self.score, rel_tol=1e-9
        )  # the same counts, summed otherwise
        if not ties and not rule.improves(score, self.score):
            return False
        self.tied = self.tied + 1 if ties else 1
        if ties and loss >= self.loss:
            return False
        self.score, self.loss, self.step = score, loss, int(history[-1]["step"])
        return True
