"""What may be wrong with what is to be audited."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from clsunbias.audit.estimates import LEAST
from clsunbias.errors import InputError, listed
from clsunbias.experiments.analysis.statistics import Labels

MOST_CLASSES = 20
"""More different values of a target are a number, or names."""


def check_classes(source: Path | str, split: str, target: Labels, classes: Sequence[str], unit: str = "unit") -> None:
    """Raises InputError if a split is of one class, or of too few units of a class for an interval."""
    counts = np.bincount(target, minlength=len(classes))
    told = ", ".join(f"{count} {name}" for name, count in zip(classes, counts, strict=True))
    if (counts > 0).sum() < 2:
        raise InputError(f"{source}: all {split} units are of one class ({told}); an audit takes units of each")
    if counts.min() < LEAST:
        raise InputError(
            f"{source} has too few {split} units for an interval: {told}; it takes {LEAST} {unit}s or more of each "
            "class: audit another split (--split), or more data"
        )


def check_target(source: Path, values: int) -> None:
    """Raises InputError if a target has more different values than classes can be."""
    if values > MOST_CLASSES:
        raise InputError(
            f"{source}: the label has {values} different values; an audit is of {MOST_CLASSES} classes at most: cut a "
            "number into grades first"
        )


def check_asked(asked: Sequence[str], known: Sequence[str], source: Path) -> None:
    """Raises InputError if parts are asked for that the model's input has not."""
    if unknown := [name for name in asked if name not in known]:
        raise InputError(
            f"{source} was trained without {listed(map(repr, unknown))}; its input has {listed(known, 12)}"
        )
