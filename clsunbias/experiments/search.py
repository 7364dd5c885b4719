"""Choosing a setting on validation figures."""

from collections.abc import Mapping, Sequence

import numpy as np

from clsunbias.experiments.plan import Arm
from clsunbias.experiments.running.run import Record


def mean_val_macro_f1(searched: Mapping[Arm, Sequence[Record | None]]) -> dict[Arm, float]:
    """What a search goes by: each arm's mean validation macro-F1 over its seeds.

    Args:
        searched: runs of each arm, None for one that failed. A cell with such a run is left out as a whole, for a
            choice among what is left would not be the search that was asked for.
    """
    cells = {(arm.protocol, arm.column, arm.row) for arm, records in searched.items() if not all(records)}
    return {
        arm: float(np.mean([record.result["val"]["macro_f1"] for record in records if record]))
        for arm, records in searched.items()
        if (arm.protocol, arm.column, arm.row) not in cells
    }


def choose(scores: Mapping[Arm, float]) -> list[Arm]:
    """The arm with the highest score of each cell (protocol, data set, method), the first of equals."""
    best: dict[tuple[str, str, str], Arm] = {}
    for arm, score in scores.items():
        cell = (arm.protocol, arm.column, arm.row)
        if cell not in best or score > scores[best[cell]]:
            best[cell] = arm
    return list(best.values())
