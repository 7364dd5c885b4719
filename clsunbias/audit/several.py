"""Several audits on the same units: reliance that changed, who flips, and how much of a gain is a moved threshold."""

from collections.abc import Sequence
from dataclasses import replace
from typing import NamedTuple

import numpy as np
import pandas as pd

from clsunbias.audit.found import Audit, Change, changes
from clsunbias.errors import InputError
from clsunbias.experiments.comparing.faults import check_units
from clsunbias.experiments.comparing.flips import Flips, flips
from clsunbias.experiments.comparing.judging import Gain, Method, parts
from clsunbias.experiments.comparing.pairing import paired
from clsunbias.experiments.comparing.reading import Part, Predictions, read


class Compared(NamedTuple):
    """A model against the first."""

    other: Audit
    moved: Sequence[Change]
    flipped: Sequence[Flips]
    gains: Sequence[Gain]


def named_apart(audits: Sequence[Audit]) -> list[Audit]:
    """Audits whose names differ: by their folders where they would not."""
    names = [one.name for one in audits]
    return [replace(one, name=f"{one.name} ({one.source})") if names.count(one.name) > 1 else one for one in audits]


def compared(audits: Sequence[Audit]) -> list[Compared]:
    """Each model but the first against it.

    Raises:
        InputError: they were audited on other units, classes or parts.
    """
    first, *others = audits
    made = []
    for other in others:
        check_same(first, other)
        baseline, method = (Method(as_predictions(one)) for one in (first, other))
        made.append(Compared(other, changes(first, other), flips(method, baseline), gains(first, other)))
    return made


def check_same(first: Audit, other: Audit) -> None:
    """Raises InputError if two audits are not of the same units, classes and parts."""
    names = [[part.name for part in one.parts] for one in (first, other)]
    if first.classes != other.classes or names[0] != names[1]:
        raise InputError(
            f"{first.source} and {other.source} are of other data: classes or parts of the input differ; audit runs of "
            "one data set together, others by themselves"
        )
    ours, theirs = (pd.Index(one.units) for one in (first, other))
    check_units(str(first.source), ours, str(other.source), theirs, first.split)
    if list(first.units) != list(other.units) or not np.array_equal(first.target, other.target):
        raise InputError(f"{first.source} and {other.source} have units in another order, or with other labels")


def as_predictions(one: Audit) -> Predictions:
    """The audited units' probabilities as those of a method."""
    part = Part(pd.Index(one.units), one.target, one.prob[np.newaxis])
    return Predictions(one.name, one.source, one.classes, (0,), {"test": part})


def gains(first: Audit, other: Audit) -> list[Gain]:
    """The split of a gain in macro-F1 by the runs' own predictions; nothing without validation units of each class."""
    try:
        baseline, method = (Method(one) for one in paired([read(one.source, None) for one in (first, other)]))
    except InputError:  # too few test units of a class
        return []
    return parts(method, baseline)
