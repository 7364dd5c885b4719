"""What the page's script works on: predictions exactly as they were written, curves of every run, pictures."""

import base64
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from clsunbias.errors import InputError
from clsunbias.experiments.analysis.cells import row_label
from clsunbias.experiments.plan import Arm
from clsunbias.experiments.report.html.curves import Parting, curves
from clsunbias.experiments.report.html.datasets import Card, describe, pictures
from clsunbias.experiments.report.labels import definitions, metric_name
from clsunbias.experiments.report.study_parts import StudyPart
from clsunbias.experiments.running.run import Record, read_predictions


class Shown(NamedTuple):
    """A data set of a study: its column and card, and of each arm the predictions by run and where its losses part."""

    part: StudyPart
    column: str
    card: Card
    frames: Mapping[Arm, Sequence[pd.DataFrame]]
    parted: Mapping[Arm, Mapping[str, Parting]]


def pack(parts: Sequence[StudyPart]) -> tuple[dict[str, Any], list[Shown]]:
    """All arms of some studies with their data sets and pictures (data URIs, each once), and what is shown of each."""
    datasets: list[dict[str, Any]] = []
    arms: list[dict[str, Any]] = []
    shown: list[Shown] = []
    uris: dict[str, int] = {}
    for part in parts:
        grid = part.study.grid
        for column in part.study.columns:
            ours = {arm: found for arm, found in part.study.finished.items() if arm.column == column}
            if not ours:
                continue
            frames = {arm: read_predictions(list(found.values())) for arm, found in ours.items()}
            record = next(record for found in ours.values() for record in found.values())
            one, card = dataset(grid.columns[column].label, record, frames, uris)
            packed: list[dict[str, Any]] = [
                {
                    "dataset": len(datasets),
                    "protocol": grid.protocols[arm.protocol].label,
                    "method": row_label(grid, arm),
                    "seeds": list(found),
                    "curves": curves(list(found.values()), card.classes),
                    "scores": {split: scores(frames[arm], split) for split in one["splits"]},
                }
                for arm, found in ours.items()
            ]
            parted = {arm: made["curves"]["parted"] for arm, made in zip(ours, packed, strict=True)}
            arms += packed
            datasets.append(one)
            shown.append(Shown(part, column, card, frames, parted))
    return {"datasets": datasets, "arms": arms, "pictures": list(uris)}, shown


def dataset(
    label: str, record: Record, frames: Mapping[Arm, Sequence[pd.DataFrame]], uris: dict[str, int]
) -> tuple[dict[str, Any], Card]:
    """A data set for the script, and its card; pictures go into uris, each once."""
    frame = next(iter(frames.values()))[0]
    card, module = describe(label, record, frame)
    splits = {}
    for name, rows in frame[frame["split"] != "train"].groupby("split", sort=False, observed=True):
        split, units, labels = str(name), rows["unit"].to_list(), rows["label"].to_list()
        found: dict[int, str] = {}
        if module and split != "val":
            try:
                found = pictures(module, split, misclassified(frames, split), len(labels))
            except InputError as error:
                card.notes.append(str(error))
        splits[split] = {
            "labels": labels,
            "names": None if units == list(range(len(units))) else [str(unit) for unit in units],
            "pictures": {unit: uris.setdefault(uri, len(uris)) for unit, uri in found.items()},
        }
    kinds = ("f1", "recall", "precision", "loss", "auprc")
    return {
        "label": label,
        "simulated": card.simulated,
        "classes": card.classes,
        "labels": card.labels,
        "headers": {kind: [metric_name(f"{kind}/{name}", card.classes) for name in card.classes] for kind in kinds},
        "definitions": " ".join(definitions(["recall", "precision"], card.classes)),
        "splits": splits,
    }, card


def misclassified(frames: Mapping[Arm, Sequence[pd.DataFrame]], split: str) -> list[int]:
    """Units that some run puts into another class than theirs."""
    parts = [frame[frame["split"] == split] for of_arm in frames.values() for frame in of_arm]
    wrong = [probabilities(rows).argmax(1) != rows["label"].to_numpy() for rows in parts]
    return sorted({int(unit) for one in wrong for unit in one.nonzero()[0]})


def probabilities(frame: pd.DataFrame) -> Any:
    """Class probabilities ``(N, C)`` of predictions."""
    return frame.filter(regex=r"^prob_\d+$").to_numpy()


def scores(frames: Sequence[pd.DataFrame], split: str) -> str:
    """Scores of a split: base64 of little-endian float32 ``(S, N)``, p(positive); of C > 2 classes ``(S, N, C)``."""
    stacked = np.stack([probabilities(frame[frame["split"] == split]) for frame in frames]).astype("<f4")
    return base64.b64encode((stacked[:, :, 1] if stacked.shape[2] == 2 else stacked).tobytes()).decode()
