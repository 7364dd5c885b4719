"""What a run's record and predictions have to be before anything is made of them, whoever may have written them."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from clsunbias.errors import InputError, listed, shortened

TEXTS = ("dataset", "objective", "selection", "config_sha256", "predictions_sha256")
NUMBERS = ("seed", "step")
MAPPINGS = ("units", "versions")


def check_result(result: Mapping[str, Any]) -> None:
    """Raises InputError if the content of a result.json lacks a field, or has one of another type or no number."""
    kinds = {
        **dict.fromkeys(TEXTS, (str, "a text")),
        **dict.fromkeys(NUMBERS, (int, "a whole number")),
        **dict.fromkeys(MAPPINGS, (dict, "an object")),
        "simulated": (bool, "true or false"),
    }
    for name, (kind, wanted) in kinds.items():
        value = result.get(name)
        if not isinstance(value, kind) or (kind is int and isinstance(value, bool)):
            said = f"its {name} is {shortened(value)}, not" if name in result else f"it lacks {name},"
            raise InputError(f"{said} {wanted}")
    if wrong := [name for name, count in result["units"].items() if not (type(count) is int and count > 0)]:
        raise InputError(f"its units of {wrong[0]} are {shortened(result['units'][wrong[0]])}, no whole number above 0")
    for split in result["units"]:
        metrics = result.get(split)
        if not isinstance(metrics, Mapping):
            raise InputError(f"it has units of {split}, but no metrics")
        for name, value in metrics.items():
            if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
                raise InputError(f"its {split} {name} is {shortened(value)}, no finite number")
    names = result.get("class_names", [])  # which records of earlier versions lack
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names) or len(names) == 1:
        raise InputError(f"its class_names are {shortened(names)}, no list of texts")


def fault(frame: pd.DataFrame, run: npt.NDArray[np.int64], results: Sequence[Mapping[str, Any]]) -> tuple[int, str]:
    """What is wrong with the predictions of several runs: the first such run, and what; nothing if nothing is.

    They have to be of the units and classes of their results, each once, with probabilities of its classes.

    Args:
        frame: split, unit, label and probabilities of all runs, read in one, for a file at a time is slow.
        run: number of the run of each row, ``(N,)``.
        results: of each run, content of ``result.json``.
    """
    classes = [str(name) for name in frame if str(name).startswith("prob_")]
    wanted = ["split", "unit", "label", *(f"prob_{index}" for index in range(max(2, len(classes))))]
    if lacking := [name for name in wanted if name not in frame]:
        return 0, f"it has no column {lacking[0]}; it has {listed(map(str, frame), 10)}"
    splits = frame["split"].astype("category").cat
    width = len(splits.categories) + 1  # the first counts rows without a split
    counts = np.bincount(run * width + splits.codes + 1, minlength=len(results) * width).reshape(-1, width)
    for number, (result, (blank, *of_splits)) in enumerate(zip(results, counts.tolist(), strict=True)):
        found = {str(name): count for name, count in zip(splits.categories, of_splits, strict=True) if count}
        if found != dict(result["units"]) or blank:
            units = dict(result["units"])
            return number, f"its rows by split are {shortened(found)}, its record has {shortened(units)}"
        if (names := result.get("class_names")) and len(names) != len(classes):
            return number, f"it has probabilities of {len(classes)} classes, its record has {len(names)}"
    if not all(pd.api.types.is_numeric_dtype(frame[name]) for name in classes):
        frame = frame.assign(**{name: pd.to_numeric(frame[name], errors="coerce") for name in classes})
    prob = frame[classes].to_numpy(np.float64)
    named = pd.DataFrame({"run": run, "split": splits.codes.to_numpy(), "unit": frame["unit"].to_numpy()})
    checks = {
        f"has a label that is not 0 to {len(classes) - 1}": frame["label"].isin(range(len(classes))).to_numpy(),
        "stands there twice": ~named.duplicated().to_numpy(),
        "has a probability that is not between 0 and 1": ((prob >= 0) & (prob <= 1)).all(1),
        "has probabilities whose sum is not 1": np.abs(prob.sum(1) - 1) < 1e-3,
    }
    for what, right in checks.items():
        if not right.all():
            row = int(right.argmin())
            unit, split = frame["unit"].iloc[row], frame["split"].iloc[row]
            return int(run[row]), f"unit {unit} of {split} {what}"
    return 0, ""
