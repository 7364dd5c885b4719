"""What in a table may have slipped in: features that give the class away or are no measurement, labels that clash."""

import math
from collections.abc import Iterable, Mapping
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd
from lightning.pytorch.utilities import rank_zero_only

from clsunbias.data.split import Split
from clsunbias.errors import listed
from clsunbias.splits import spelled_alike
from clsunbias.terminal import warn

TELLING = 0.99
"""AUROC from which on a feature alone is said to tell two classes apart."""

DISTINCT = 0.1
"""Share of different rows under which a table's features say so little that equal rows are no sign of a mistake."""


FEWEST = 20
"""Rows from which on whole numbers that are all different are hardly a measurement."""


def warn_of_slips(
    splits: Mapping[str, Split], features: list[str], record_numbers: list[str], group: str | None, path: Path
) -> None:
    """Says on stderr all that may be wrong with a table whose rows are loaded.

    Args:
        splits: of the table; the last units of each are its rows.
        features: names of the columns that are.
        record_numbers: those of them that are :func:`numbers_of_records`.
        group: column of what rows belong to, if there is one.
        path: of the table.
    """
    train = splits["train"]
    warn_of_telling(train.x[:].numpy(), train.target.numpy(), features, path)
    warn_of_contradictions(splits, path)
    warn_of_numbers(record_numbers, path)
    if group:
        names = [name for split in splits.values() for name in split.units[0].names or ()]
        warn_of_spellings(names, f"{path}: names in {group}")


@rank_zero_only
def warn_of_telling(x: npt.NDArray[np.float32], target: npt.NDArray[np.int64], names: list[str], path: Path) -> None:
    """Says on stderr which features alone tell two classes of these rows apart, unless chance may well have done it."""
    positive = int(target.sum())
    if target.max() > 1 or len(names) * 2 / math.comb(len(target), positive) > 0.01:
        return
    ranks = pd.DataFrame(x).rank().to_numpy()[target == 1].mean(0)
    auroc = (ranks - (positive + 1) / 2) / (len(target) - positive)
    telling = [repr(names[at]) for at in np.flatnonzero(np.maximum(auroc, 1 - auroc) >= TELLING)]
    if telling:
        warn(
            f"{path}: {listed(telling)} alone tells the classes of the training rows apart (AUROC of at least "
            f"{TELLING}); if it is known only after the diagnosis, leave it out with data.ignore"
        )


@rank_zero_only
def warn_of_contradictions(splits: Mapping[str, Split], path: Path) -> None:
    """Says on stderr how many rows equal one of another class in every feature.

    Args:
        splits: of a table, as it was loaded; the last units of each are its rows.
        path: of the table.
    """
    parts = []
    for split in splits.values():
        key = pd.util.hash_pandas_object(pd.DataFrame(split.x[:].numpy() + 0.0), index=False)  # −0 equals 0
        parts.append(pd.DataFrame({"key": key, "label": split.target.numpy(), "row": split.units[-1].names}))
    rows = pd.concat(parts)
    torn = rows[rows.groupby("key")["label"].transform("nunique") > 1]
    if len(torn) and rows["key"].nunique() >= DISTINCT * len(rows):
        shown = [" and ".join(same["row"].head(3)) for _, same in torn.groupby("key", sort=False)]
        warn(
            f"{path}: {len(torn)} rows equal one of another class in every feature, such as rows {listed(shown, 3)} "
            "(the header is row 1): labels that contradict each other, which no model can follow; look them up"
        )


def numbers_of_records(values: pd.DataFrame) -> list[str]:
    """Features that look like numbers of records: whole, all different, and hardly further apart than rows are many."""
    count = len(values)
    columns = {str(name): values[name].to_numpy() for name in values} if count >= FEWEST else {}
    return [
        name
        for name, own in columns.items()
        if np.isfinite(own).all()
        and (own == np.round(own)).all()
        and np.ptp(own) < 10 * count
        and len(np.unique(own)) == count
    ]


@rank_zero_only
def warn_of_numbers(features: list[str], path: Path) -> None:
    """Says on stderr which features are :func:`numbers_of_records`."""
    if features:
        warn(
            f"{path}: {listed(map(repr, features))} has another whole number in every row, as numbers of records or "
            "patients have, and is taken for a feature; leave it out with data.ignore, or name it with data.group"
        )


@rank_zero_only
def warn_of_spellings(names: Iterable[str], what: str) -> None:
    """Says on stderr which names of groups are :func:`~clsunbias.splits.spelled_alike`, and so may be one's."""
    if twins := spelled_alike(names):
        warn(f"{what} may be one, spelled in several ways: {listed(twins)}; they count as different ones")
