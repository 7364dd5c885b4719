"""What in a table may have slipped in: features that give the class away, and rows that are there twice."""

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
def warn_of_equal_rows(splits: Mapping[str, Split], path: Path) -> None:
    """Says on stderr how many rows equal one of another split in every feature, and how many one of another class.

    Args:
        splits: of a table, as it was loaded; the last units of each are its rows.
        path: of the table.
    """
    parts = []
    for name, split in splits.items():
        key = pd.util.hash_pandas_object(pd.DataFrame(split.x[:].numpy() + 0.0), index=False)  # −0 equals 0
        about = {"key": key, "split": name, "label": split.target.numpy(), "row": split.units[-1].names}
        parts.append(pd.DataFrame(about))
    rows = pd.concat(parts)
    if rows["key"].nunique() < DISTINCT * len(rows):
        return
    for column, what, remedy in (
        ("split", "split", "if they are the same patient, name the patients' column (data.group) or keep one of them"),
        ("label", "class", "labels that contradict each other, which no model can follow; look them up"),
    ):
        torn = rows[rows.groupby("key")[column].transform("nunique") > 1]
        if len(torn):
            shown = [" and ".join(same["row"].head(3)) for _, same in torn.groupby("key", sort=False)]
            warn(
                f"{path}: {len(torn)} rows equal one of another {what} in every feature, such as rows "
                f"{listed(shown, 3)} (the header is row 1): {remedy}"
            )


@rank_zero_only
def warn_of_spellings(names: Iterable[str], what: str) -> None:
    """Says on stderr which names of groups are :func:`~clsunbias.splits.spelled_alike`, and so may be one's."""
    if twins := spelled_alike(names):
        warn(f"{what} may be one, spelled in several ways: {listed(twins)}; they count as different ones")
