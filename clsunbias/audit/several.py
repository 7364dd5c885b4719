"""Several audits on the same units: reliance that changed, who flips, and how much of a gain is a moved threshold."""

from collections.abc import Sequence
from dataclasses import replace
from typing import NamedTuple

import numpy as np
import pandas as pd

from clsunbias.audit.found import Audit, Change, changes
from clsunbias.audit.seeds import Methods
from clsunbias.errors import InputError
from clsunbias.experiments.analysis.intervals import FEWEST
from clsunbias.experiments.comparing.faults import check_units
from clsunbias.experiments.comparing.flips import Flips, flips
from clsunbias.experiments.comparing.judging import Gain, Method, parts
from clsunbias.experiments.comparing.pairing import paired
from clsunbias.experiments.comparing.reading import Part, Predictions, of_trainings


class Compared(NamedTuple):
    """A model against the first."""

    other: Audit
    moved: Sequence[Change]
    flipped: Sequence[Flips]
    gains: Sequence[Gain]


class Matched(NamedTuple):
    """A method against the first on the seeds that both have: how many, who flips, and the parts of the gain."""

    method: str
    baseline: str
    seeds: int
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
        baseline, method = (Method(as_predictions(one.name, [one])) for one in (first, other))
        made.append(Compared(other, changes(first, other), flips(method, baseline), gains([first], [other])))
    return made


def matched(methods: Methods) -> list[Matched]:
    """Each method but the first against it; of few seeds a gain has no interval, of none in common there is no gain."""
    (first, theirs), *others = methods.items()
    made = []
    for name, ours in others:
        by_seed = [{one.seed: one for one in own} for own in (theirs, ours)]
        shared = [seed for seed in by_seed[0] if seed in by_seed[1]]
        if not shared:
            made.append(Matched(name, first, 0, [], []))
            continue
        pair = [[own[seed] for seed in shared] for own in by_seed]
        baseline, method = (Method(as_predictions(*one)) for one in zip((first, name), pair, strict=True))
        found = [one._replace(method=name, baseline=first) for one in gains(*pair)]
        if len(shared) < FEWEST:
            found = [one._replace(low=np.nan, high=np.nan, over="") for one in found]
        made.append(Matched(name, first, len(shared), flips(method, baseline), found))
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


def as_predictions(name: str, own: Sequence[Audit]) -> Predictions:
    """The audited units' probabilities by the trainings of a method."""
    one = own[0]
    part = Part(pd.Index(one.units), one.target, np.stack([seed.prob for seed in own]))
    return Predictions(name, one.source, one.classes, tuple(seed.seed for seed in own), {"test": part})


def gains(first: Sequence[Audit], other: Sequence[Audit]) -> list[Gain]:
    """The split of a gain in macro-F1 by the runs' own predictions, paired by seed if there are several of each.

    Nothing without validation units of each class.
    """
    try:
        pair = [of_trainings(own[0].source, [one.source for one in own]) for own in (first, other)]
        baseline, method = (Method(one) for one in paired(pair))
    except InputError:  # no test units, or too few of a class
        return []
    return parts(method, baseline)
