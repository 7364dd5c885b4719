"""What may be wrong with predictions, said once and with the first units that it is wrong with."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from clsunbias.errors import InputError, listed
from clsunbias.experiments.analysis.statistics import Floats

if TYPE_CHECKING:
    from clsunbias.experiments.comparing.reading import Part, Predictions

LEAST_UNITS = 20
LEAST_OF_CLASS = 4
"""Test units, and of each class, that an interval takes; with fewer it holds the truth too seldom."""

ROUNDED = 0.01
"""How far probabilities may be from adding up to 1, since files have them rounded."""


def check_prob(source: Path, units: "pd.Series[Any]", prob: Floats) -> None:
    """Raises InputError if probabilities are none, lie outside [0, 1] or do not add up."""
    for wrong, what in (
        (~np.isfinite(prob).all(1), "have probabilities that are missing or not finite"),
        (((prob < 0) | (prob > 1)).any(1), "have probabilities outside [0, 1] (logits need a sigmoid or a softmax)"),
        (np.abs(prob.sum(1) - 1) > ROUNDED, "have probabilities that do not add up to 1"),
    ):
        if wrong.any():
            at = np.flatnonzero(wrong)[:4]
            first = [f"{units.iloc[row]} ({', '.join(f'{p:g}' for p in prob[row])})" for row in at.tolist()]
            more = f" and {wrong.sum() - 3} more" if wrong.sum() > 3 else ""
            raise InputError(f"{source}: {wrong.sum()} of {len(prob)} rows {what}: {', '.join(first[:3])}{more}")


def check_units(one: str, ours: pd.Index, other: str, theirs: pd.Index, split: str) -> None:
    """Raises InputError if two sets of units are not the same."""
    lacking, more = ours.difference(theirs), theirs.difference(ours)
    if len(lacking) or len(more):
        told = [
            f"{len(units)} are in {which} alone ({listed(units, 3)})"
            for which, units in ((one, lacking), (other, more))
            if len(units)
        ]
        raise InputError(
            f"{one} and {other} were scored on different {split} units: {'; '.join(told)}. "
            "A comparison is paired: give predictions of the same units"
        )


def check_labels(ours: "Predictions", theirs: "Predictions", split: str, mine: "Part", other: "Part") -> None:
    """Raises InputError if two methods have other labels for some units; ``other`` in the order of ``mine``."""
    wrong = np.flatnonzero(mine.target != other.target)
    if len(wrong):
        first = (
            f"{mine.units[at]} ({ours.classes[mine.target[at]]}, {ours.classes[other.target[at]]})" for at in wrong[:3]
        )
        raise InputError(
            f"{ours.source} and {theirs.source} disagree on the label of {len(wrong)} of {len(mine.target)} {split} "
            f"units: {', '.join(first)}{'' if len(wrong) <= 3 else f' and {len(wrong) - 3} more'}"
        )


def check_enough(source: Path, classes: Sequence[str], counts: Sequence[int]) -> None:
    """Raises InputError if a test set is of one class, or has fewer units than an interval takes."""
    told = ", ".join(f"{count} {name}" for name, count in zip(classes, counts, strict=True))
    if sum(count > 0 for count in counts) < 2:
        raise InputError(f"{source}: all test units are of one class ({told}); a comparison takes units of each")
    if sum(counts) < LEAST_UNITS or min(counts) < LEAST_OF_CLASS:
        raise InputError(
            f"{source} has too few test units for an interval: {sum(counts)} ({told}); it takes {LEAST_UNITS} or more, "
            f"and {LEAST_OF_CLASS} or more of each class"
        )


def told_seeds(seeds: Sequence[Any]) -> str:
    """How many runs and of which seeds."""
    several = "s" if len(seeds) > 1 else ""
    return f"{len(seeds)} run{several} (seed{several} {listed(map(str, seeds))})"
