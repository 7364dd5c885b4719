"""What anybody should be told of a run's predictions before its metrics are read, in plain sentences."""

import math
from collections.abc import Sequence

import pandas as pd

from clsunbias.errors import listed

FEW = 20
"""Validation units of a class below which a selection is said to rest on little."""

NARROW = 0.1
"""Width of a band of probabilities in which a model is hardly surer of one unit than of another."""

CERTAIN = 0.1
"""Share of units with a probability of exactly 0 above which it is said that they are ties."""


def remarks(frame: pd.DataFrame, class_names: Sequence[str]) -> list[str]:
    """Plain sentences on predictions that do not mean what their metrics may suggest; none if there is nothing to say.

    They are of all test splits together, or of validation where the tests were withheld: classes that are never
    predicted, or only where they are not, probabilities that hardly differ between units, or are exactly 0 for many.

    Args:
        frame: predictions of a run; of its columns ``split``, ``prob_0``, ``prob_1`` … and, if it is there, ``label``
            count.
        class_names: C names, in the order of the probabilities.
    """
    tests = frame[~frame["split"].isin(["train", "val"])]
    where, part = ("test", tests) if len(tests) else ("validation", frame[frame["split"] == "val"])
    if part.empty:
        return []
    prob = part[[f"prob_{index}" for index in range(len(class_names))]]
    decided = prob.to_numpy().argmax(1)
    predicted = set(decided)
    never = [name for index, name in enumerate(class_names) if index not in predicted]
    said = []
    if len(predicted) == 1:
        only = class_names[predicted.pop()]
        said.append(f"every {where} unit is predicted {only!r}: the model never predicts {listed(map(repr, never))}")
    elif never:
        said.append(f"the model never predicts {listed(map(repr, never))} on the {where} units")
    if "label" in part:
        right, units = set(decided[decided == part["label"]]), part["label"].value_counts()
        said += [
            f"none of the {units[index]} {where} units of {name!r} is recognised: it is predicted for others alone"
            for index, name in enumerate(class_names)
            if index in predicted & set(units.index) and index not in right
        ]
    lowest, highest = prob.min(), prob.max()
    if len(part) > 1 and float((highest - lowest).max()) < NARROW:
        bands = [
            f"{name!r} between {down(low):.2f} and {up(high):.2f}"
            for name, low, high in zip(class_names, lowest, highest, strict=True)
        ]
        bands = bands[1:] if len(bands) == 2 else bands  # of two classes one says all
        said.append(
            f"all {where} probabilities lie close together ({listed(bands)}): the model hardly separates the classes"
        )
    others = pd.DataFrame({name: prob.drop(columns=name).sum(axis=1) for name in prob})
    certain = ((prob == 0) | (others == 0)).sum()  # a 1 is no tie where 1 − p is not rounded to 0
    if certain.max() > CERTAIN * len(part):
        name = class_names[list(prob).index(certain[::-1].idxmax())]  # of two the positive one
        said.append(
            f"{certain.max()} of {len(part)} {where} units have log-odds of {name!r} beyond what is kept: to AUROC "
            "these are ties"
        )
    return said


def down(value: float) -> float:
    """A probability rounded down to hundredths, so that a band holds what it is said to hold."""
    return math.floor(value * 100 + 1e-9) / 100


def up(value: float) -> float:
    """A probability rounded up to hundredths."""
    return math.ceil(value * 100 - 1e-9) / 100
