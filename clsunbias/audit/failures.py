"""Whether a model knows when it errs, class by class.

How sure a model is, the probability of the class it decides for, should be lower where it is wrong. Where classes are
not as frequent it is surer of the frequent one, right or wrong; scores calibrated at equal class shares
(:mod:`clsunbias.audit.balance`) weigh both alike.
Source: arXiv 2210.08176, balanced true-class probabilities; here without a further network.
"""

from typing import NamedTuple

import numpy as np
from scipy.special import softmax

from clsunbias.audit.balance import fit_balanced
from clsunbias.audit.estimates import Estimate
from clsunbias.audit.probes import auroc
from clsunbias.experiments.analysis.statistics import Floats, Labels

FEWEST = 5
"""Units that are wrong, and that are right, that an interval takes."""


class Failures(NamedTuple):
    """How well the units of a class that are wrong are told from those that are right: AUROC by two scores.

    Attributes:
        label: the class.
        units: how many.
        wrong: how many of them the model gets wrong.
        plain: by the probability of the class decided for.
        balanced: by the same of scores calibrated at equal class shares.
    """

    label: int
    units: int
    wrong: int
    plain: Estimate
    balanced: Estimate


def failures(logs: Floats, target: Labels) -> list[Failures]:
    """Of each class with mistakes enough, of log-probabilities ``(U, C)`` and classes ``(U,)``."""
    decided = logs.argmax(1)
    at, wrong = np.arange(len(target)), (decided != target).astype(int)
    sure = logs[at, decided]
    calibrated = np.log(softmax(fit_balanced(logs, target).scores(logs), axis=1).clip(min=1e-12))[at, decided]
    made = []
    for label in range(logs.shape[1]):
        own = target == label
        count = int(wrong[own].sum())
        if min(count, int(own.sum()) - count) < FEWEST:
            continue
        plain, balanced = (auroc(-score[own], wrong[own]) for score in (sure, calibrated))
        made.append(Failures(label, int(own.sum()), count, plain, balanced))
    return made
