"""The runs of all folds as one: together they score every unit once, each unit by the models that never saw it."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from clsunbias.errors import InputError, listed
from clsunbias.experiments.analysis.recorded import check_recorded, classes_in
from clsunbias.experiments.analysis.split_scores import SplitScores
from clsunbias.experiments.running.run import Record, read_predictions

SHARED = ("dataset", "simulated", "objective", "class_names", "positive", "unit", "selection", "versions")
"""Fields that are alike in the records of all folds."""


@dataclass(frozen=True)
class FoldsRecord(Record):
    """The records of all folds of one parting, read as that of one run.

    Its predictions are those of validation and test parts, each unit once in either, with a column ``fold``: thresholds
    and other decision rules are of a fold, and decide about that fold's test units alone. Training parts are left out.

    Attributes:
        folds: the records, in order.
        predictions: the content of its predictions.
    """

    folds: tuple[Record, ...] = ()
    predictions: bytes = field(default=b"", repr=False)

    def file(self, name: str) -> bytes:
        return self.predictions if name == "predictions" else b""

    def metrics(self) -> pd.DataFrame:
        """What the folds logged, by step: their mean."""
        mean: pd.DataFrame = pd.concat([record.metrics() for record in self.folds]).groupby(level=0).mean()
        return mean

    def check_files(self) -> None:
        for record in self.folds:
            record.check_files()


def pool(seed: int, folds: Sequence[Record]) -> FoldsRecord:
    """The folds of one parting as one run.

    Args:
        seed: that it goes by.
        folds: the records of all folds, in order.

    Raises:
        InputError: predictions that cannot be used or belie a record, or folds that are not of one parting.
    """
    parts = []
    for number, (record, frame) in enumerate(zip(folds, read_predictions(list(folds)), strict=True)):
        held_out = frame[frame["split"] != "train"]
        check_figures(record, held_out)
        names = held_out[["split", "unit"]].astype(str)
        parts.append(held_out.assign(fold=number, split=names["split"], unit=names["unit"]))
    # In the order of their names, whatever the parting: runs of other partings score the same units.
    whole = pd.concat(parts).sort_values(["split", "unit"], kind="stable")
    twice = whole[whole.duplicated(["split", "unit"])]
    if len(twice):
        raise InputError(
            f"{folds[0].folder} and the runs of the other folds score units twice, such as {listed(twice['unit'], 3)}: "
            "each unit must have a name of its own, and be in the test part of one fold"
        )
    content = whole.to_csv(index=False).encode()
    figures = {str(split): figures_of(part, folds[0].result[str(split)]) for split, part in whole.groupby("split")}
    result = {
        **{name: folds[0].result[name] for name in SHARED if name in folds[0].result},
        "seed": seed,
        "folds": len(folds),
        "step": round(float(np.mean([record.result["step"] for record in folds]))),
        "tied_validations": max(int(record.result.get("tied_validations", 1)) for record in folds),
        "units": {str(split): len(part) for split, part in whole.groupby("split")},
        **figures,
        "config_sha256": folds[0].result["config_sha256"],
        "record_sha256": seal(folds),
    }
    return FoldsRecord(folds[0].folder, result, tuple(folds), content)


def seal(folds: Sequence[Record]) -> str:
    """The SHA-256 of the seals of all folds of a parting, in order."""
    return hashlib.sha256("".join(str(record.result["record_sha256"]) for record in folds).encode()).hexdigest()


def check_figures(record: Record, frame: pd.DataFrame) -> None:
    """Raises InputError if a record's numbers are not those of its predictions."""
    for split, part in frame.groupby("split", observed=True):
        f1 = split_scores(part, ["macro_f1"]).values["macro_f1"][0]
        check_recorded(record, str(split), float(f1))


def figures_of(part: pd.DataFrame, recorded: Any) -> dict[str, float]:
    """The metrics that a fold has recorded, of the units of all folds; less those that scores do not tell."""
    values = split_scores(part, list(recorded), classes_in(recorded)).values
    return {name: float(values[name][0]) for name in recorded if name in values and np.isfinite(values[name][0])}


def split_scores(part: pd.DataFrame, names: Sequence[str], classes: Sequence[str] = ()) -> SplitScores:
    """The scores of some rows of a run's predictions."""
    prob = part.filter(regex=r"^prob_\d+$").to_numpy(float)[np.newaxis]
    target: npt.NDArray[np.int64] = part["label"].to_numpy().astype(int)
    return SplitScores(prob, target, names, classes, part["unit"].to_numpy())
