"""Which units a method gets wrong that the baseline had right, and the other way round, class by class."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import pandas as pd
from scipy.special import bdtr, ndtr

from clsunbias.experiments.analysis.statistics import DRAWS, Floats
from clsunbias.experiments.comparing.judging import Method

MANY = 500
"""More units than this that differ in any run have a normal p-value: their sum is normal."""


class Flips(NamedTuple):
    """What changes for the units of a class; its fields are the columns of ``flips.csv``.

    Counts are means over runs: units newly wrong, newly right, and what this comes to. The p-value, not corrected, is
    of the hypothesis that a unit turns right as likely as wrong: of one run McNemar's exact test, of several a sign
    test of each unit's mean over runs.
    """

    method: str
    baseline: str
    label: str
    units: int
    newly_wrong: float
    newly_right: float
    net: float
    p: float


def changes(one: Method, baseline: Method) -> Floats:
    """Of each run and unit ``(S, N)``: 1 newly right, −1 newly wrong, 0 as before."""
    target = one.test.target
    return np.asarray(
        (one.test.prob.argmax(2) == target).astype(int) - (baseline.test.prob.argmax(2) == target).astype(int)
    )


def flips(one: Method, baseline: Method) -> list[Flips]:
    """The flips of each class."""
    changed, target = changes(one, baseline), one.test.target
    made = []
    for index, label in enumerate(one.predictions.classes):
        own = changed[:, target == index]
        wrong, right = (float((own == sign).sum(1).mean()) for sign in (-1, 1))
        names = one.predictions.name, baseline.predictions.name
        made.append(Flips(*names, label, own.shape[1], wrong, right, right - wrong, sign_test(own)))
    return made


def sign_test(changed: Floats) -> float:
    """The two-sided p-value of changes ``(S, N)``."""
    if len(changed) == 1:
        wrong, right = int((changed < 0).sum()), int((changed > 0).sum())
        return min(1.0, 2 * float(bdtr(min(wrong, right), wrong + right, 0.5)))
    mean = changed.mean(0)
    mean = mean[mean != 0]
    total = abs(mean.sum())
    if len(mean) > MANY:
        return 2 * float(ndtr(-total / np.sqrt(np.square(mean).sum())))
    signs = np.random.default_rng(0).choice([-1, 1], (DRAWS, len(mean)))
    return float((1 + (np.abs(signs @ mean) >= total - 1e-9).sum()) / (1 + DRAWS))


def flipped_units(methods: Sequence[Method]) -> pd.DataFrame:
    """A line for each unit that a method decides otherwise than the baseline in some run: in how many it turns."""
    baseline, *others = methods
    part = baseline.predictions.parts["test"]
    frames = []
    for one in others:
        changed = changes(one, baseline)
        at = np.flatnonzero((changed != 0).any(0))
        frames.append(
            pd.DataFrame(
                {
                    "method": one.predictions.name,
                    "unit": part.units[at],
                    "label": np.array(one.predictions.classes, object)[part.target[at]],
                    "newly_wrong": (changed[:, at] < 0).sum(0),
                    "newly_right": (changed[:, at] > 0).sum(0),
                    "runs": len(changed),
                }
            )
        )
    return pd.concat(frames)
