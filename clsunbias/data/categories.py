"""Text among the features of a table: each level of a column becomes a number of its own."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from clsunbias.errors import InputError, listed, shortened
from clsunbias.terminal import warn

MOST_LEVELS = 20
"""Of a column: more are names or free text, which no model learns from so few rows."""

Levels = dict[str, list[str]]
"""Of each column of text what it may say, sorted."""


def find_levels(frame: pd.DataFrame, path: Path) -> Levels:
    """The levels of each column of text.

    A column of which half the cells or more are numbers is one of numbers, and what is none in it is a slip.

    Args:
        frame: cells as text, missing ones as NaN.
        path: of the table, for messages.

    Raises:
        InputError: a column has more than 20 levels.
    """
    levels: Levels = {}
    for name, column in frame.items():
        said = column.dropna().str.strip()
        if said.empty or pd.to_numeric(said, errors="coerce").notna().mean() >= 0.5:
            continue
        levels[str(name)] = sorted(set(said))
    if many := [f"{shortened(name)} ({len(found)})" for name, found in levels.items() if len(found) > MOST_LEVELS]:
        raise InputError(
            f"{path} has columns of text with more than {MOST_LEVELS} different entries: {listed(many)}; they are "
            "names or free text, not features: leave them out with data.ignore"
        )
    return levels


def encode(frame: pd.DataFrame, levels: Mapping[str, Sequence[str]], path: Path) -> pd.DataFrame:
    """Cells as text, each column of levels as numbers in its place, missing ones as NaN.

    Of two levels there is one column, 1 for the second; of more a column for each, 1 for what a row says. A column is
    called ``sex=m``. What is none of the levels is 0 in all of them, and said.
    """
    parts: list[pd.DataFrame | pd.Series] = []
    unknown = []
    for name, column in frame.items():
        if name not in levels:
            parts.append(column)
            continue
        known, said = list(levels[str(name)]), column.str.strip()
        if new := sorted(set(said.dropna()) - set(known)):
            unknown.append(f"{shortened(name)}: {listed(map(shortened, new))}")
        kept = known[1:] if len(known) == 2 else known
        hits = said.to_numpy(object)[:, np.newaxis] == np.array(kept, object)
        numbers = pd.DataFrame(hits, frame.index, [f"{name}={level}" for level in kept]).astype(int).astype(str)
        parts.append(numbers.mask(said.isna()))
    if unknown:
        warn(f"{path} has entries that the model's table has not, which count as none of those: {'; '.join(unknown)}")
    return pd.concat(parts, axis=1) if parts else frame
