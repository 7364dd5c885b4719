"""What the page's script works on: predictions exactly as they were written, curves over seeds, pictures once each."""

import base64
import itertools
import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from clsunbias.errors import InputError
from clsunbias.experiments.analysis.cells import row_label
from clsunbias.experiments.plan import Arm
from clsunbias.experiments.report.html.datasets import Card, describe, pictures
from clsunbias.experiments.report.study_parts import StudyPart
from clsunbias.experiments.running.run import Record, read_predictions

POINTS = 200
"""Points of a curve at most: as many as can be told apart on a page."""


def pack(parts: Sequence[StudyPart]) -> tuple[dict[str, Any], list[Card]]:
    """All arms of some studies, their data sets and pictures (data URIs, each once), and the card of each data set."""
    datasets: list[dict[str, Any]] = []
    arms: list[dict[str, Any]] = []
    cards: list[Card] = []
    uris: dict[str, int] = {}
    for part in parts:
        grid = part.study.grid
        for column in part.study.columns:
            ours = {arm: found for arm, found in part.study.finished.items() if arm.column == column}
            if not ours:
                continue
            frames = {arm: read_predictions(list(found.values())) for arm, found in ours.items()}
            record = next(record for found in ours.values() for record in found.values())
            one, shown = dataset(grid.columns[column].label, record, frames, uris)
            arms += [
                {
                    "dataset": len(datasets),
                    "protocol": grid.protocols[arm.protocol].label,
                    "method": row_label(grid, arm),
                    "seeds": list(found),
                    "curves": curves(list(found.values()), one["losses"]),
                    "scores": {split: scores(frames[arm], split) for split in one["splits"]},
                }
                for arm, found in ours.items()
            ]
            datasets.append(one)
            cards.append(shown)
    return {"datasets": datasets, "arms": arms, "pictures": list(uris)}, cards


def dataset(
    label: str, record: Record, frames: Mapping[Arm, Sequence[pd.DataFrame]], uris: dict[str, int]
) -> tuple[dict[str, Any], Card]:
    """A data set for the script, and its card; pictures go into uris, each once."""
    frame = next(iter(frames.values()))[0]
    shown, module = describe(label, record, frame)
    splits = {}
    for name, rows in frame[frame["split"] != "train"].groupby("split", sort=False, observed=True):
        split, units, labels = str(name), rows["unit"].to_list(), rows["label"].to_list()
        found: dict[int, str] = {}
        if module and split != "val":
            try:
                found = pictures(module, split, misclassified(frames, split), len(labels))
            except InputError as error:
                shown.notes.append(str(error))
        splits[split] = {
            "labels": labels,
            "names": None if units == list(range(len(units))) else [str(unit) for unit in units],
            "pictures": {unit: uris.setdefault(uri, len(uris)) for unit, uri in found.items()},
        }
    losses = {f"loss/{name}": f"L of {name}" for name in shown.classes} | {"loss_gap": "Gap, largest − smallest"}
    if len(shown.classes) == 2:
        negative, positive = shown.classes
        losses = {"loss_pos": f"L₊ ({positive})", "loss_neg": f"L₋ ({negative})", "loss_gap": "Gap |L₊ − L₋|"}
    return {
        "label": label,
        "simulated": shown.simulated,
        "classes": shown.classes,
        "losses": losses,
        "splits": splits,
    }, shown


def misclassified(frames: Mapping[Arm, Sequence[pd.DataFrame]], split: str) -> list[int]:
    """Units that some run puts into another class than theirs."""
    parts = [frame[frame["split"] == split] for of_arm in frames.values() for frame in of_arm]
    wrong = [rows.filter(like="prob_").to_numpy().argmax(1) != rows["label"].to_numpy() for rows in parts]
    return sorted({int(unit) for one in wrong for unit in one.nonzero()[0]})


def scores(frames: Sequence[pd.DataFrame], split: str) -> str:
    """Scores of a split: base64 of little-endian float32 ``(S, N)``, p(positive); of C > 2 classes ``(S, N, C)``."""
    tables = [frame[frame["split"] == split].filter(like="prob_").to_numpy() for frame in frames]
    stacked = np.stack(tables).astype("<f4")
    return base64.b64encode((stacked[:, :, 1] if stacked.shape[2] == 2 else stacked).tobytes()).decode()


def curves(records: Sequence[Record], losses: Mapping[str, str]) -> dict[str, Any]:
    """Class losses and their gap against the step: mean and standard deviation over seeds, three digits each."""
    frames = [record.metrics() for record in records]
    packed: dict[str, Any] = {"seeds": len(frames)}
    for phase, loss in itertools.product(("train", "val"), losses):
        name = f"{phase}/{loss}"
        if name in frames[0]:
            by_seed = thinned(pd.concat([frame[name] for frame in frames], axis=1)).replace([np.inf, -np.inf], np.nan)
            packed.setdefault("steps", {})[phase] = by_seed.index.astype(int).to_list()
            packed[name] = [digits(by_seed.mean(axis=1, skipna=False)), digits(by_seed.std(axis=1).fillna(0))]
    return packed


def thinned(by_seed: pd.DataFrame) -> pd.DataFrame:
    """Every k-th row, at most POINTS, and the last."""
    every = math.ceil(len(by_seed) / POINTS)
    return by_seed.iloc[sorted({*range(0, len(by_seed), every), len(by_seed) - 1})]


def digits(values: "pd.Series[float]") -> list[float | None]:
    """Values to three significant digits; None where a run diverged or logged nothing."""
    return [float(f"{value:.3g}") if math.isfinite(value) else None for value in values]
