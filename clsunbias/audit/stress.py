"""What becomes of each class with a part made uninformative, or of another class: the paper's tests 1 and 2."""

from typing import NamedTuple

import numpy as np

from clsunbias.audit.balance import own
from clsunbias.audit.estimates import ByClass, of_means
from clsunbias.audit.reliance import Swapped
from clsunbias.experiments.analysis.statistics import Floats, Labels, metrics, unit_sums


class Stress(NamedTuple):
    """The model's own decisions under a part that was changed.

    Attributes:
        how: ``uninformative``, the part drawn from all classes alike; ``inverted``, from the next class's units.
        f1: of each class, ``(C,)``.
        f1_before: with the part as it is.
        rise: of each class's loss as it is, imbalance and all.
    """

    how: str
    f1: Floats
    f1_before: Floats
    rise: ByClass


def stress(logs: Floats, target: Labels, swapped: Swapped) -> list[Stress]:
    """The two tests of a part: ``(U, C)`` as it is, and with the part of donors."""
    classes = logs.shape[1]
    cases = {"uninformative": swapped.logs, "inverted": inverted(target, swapped, classes)}
    before, lost = f1(logs[np.newaxis], target), own(-logs, target)
    return [
        Stress(how, f1(made, target), before, of_means(own(-made, target).mean(0) - lost, target, classes))
        for how, made in cases.items()
    ]


def inverted(target: Labels, swapped: Swapped, classes: int) -> Floats:
    """Scores with the part of units of the next class, ``(K / C, U, C)``: donors' classes go round by draw."""
    rounds = swapped.logs.reshape(-1, classes, *swapped.logs.shape[1:])
    return np.asarray(rounds[:, (target + 1) % classes, np.arange(len(target))])


def f1(logs: Floats, target: Labels) -> Floats:
    """F1 of each class, means over draws, of log-probabilities ``(K, U, C)``."""
    names = [str(label) for label in range(logs.shape[2])]
    found = metrics(unit_sums(np.exp(logs), target).sum(0), names)
    return np.array([found[f"f1/{name}"].mean() for name in names])
