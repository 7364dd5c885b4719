"""Training curves for the page: class losses of every run, selected checkpoints, schedules, and where losses part."""

import base64
import itertools
import math
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from clsunbias.errors import InputError
from clsunbias.experiments.analysis.statistics import Floats
from clsunbias.experiments.running.run import Record, remedy

POINTS = 150
"""Points of a curve at most: as many as can be told apart on a page."""

PHASES = ("train", "val")
SCHEDULES = {"lam": "λ", "tau": "τ"}


class Parting(NamedTuple):
    """Which class has the highest loss at the last step, and since when in each run; None in a run where it has not."""

    label: int
    steps: list[int | None]
    last: int


def curves(records: Sequence[Record], classes: Sequence[str]) -> dict[str, Any]:
    """Curves of an arm's runs, in order.

    Returns:
        ``steps`` of the validations; ``names`` of the class losses, and their ``values``, base64 of little-endian
        float16 ``(S, K, T)``; ``schedules`` of λ and τ by their signs; ``selected``, the step that each run was
        selected at; ``parted``, by phase the class and the steps of :func:`parting`.
    """
    frames = [logged(record) for record in records]
    steps = np.unique(np.concatenate([frame.index for frame in frames]))
    by_phase = {phase: class_losses(frames, steps, phase, classes) for phase in PHASES}
    names = [f"{phase}/{label}" for phase, found in by_phase.items() if found is not None for label in classes]
    shown = sorted({*range(0, len(steps), math.ceil(len(steps) / POINTS)), len(steps) - 1})
    there = [found for found in by_phase.values() if found is not None]
    values = np.concatenate(there, axis=1)[:, :, shown] if there else np.zeros((len(frames), 0, 0))
    with np.errstate(over="ignore"):  # beyond float16 a loss is no curve any more: infinite, and not drawn
        packed = base64.b64encode(values.astype("<f2").tobytes()).decode()
    return {
        "steps": [int(step) for step in steps[shown]],
        "names": names,
        "values": packed,
        "schedules": {
            sign: digits(frames[0][name].reindex(steps[shown])) for name, sign in SCHEDULES.items() if name in frames[0]
        },
        "selected": [int(record.result["step"]) for record in records],
        "parted": {phase: parting(found, steps) for phase, found in by_phase.items() if found is not None},
    }


def logged(record: Record) -> pd.DataFrame:
    """What a run logged, by step, each once; raises InputError if that is no table of numbers."""
    try:
        frame = record.metrics().astype(float)
    except ValueError as error:
        raise InputError(f"metrics.csv cannot be read ({error}); {remedy(record.folder)}") from error
    return frame[~frame.index.duplicated(keep="last")]


def class_losses(frames: Sequence[pd.DataFrame], steps: Any, phase: str, classes: Sequence[str]) -> Floats | None:
    """Losses of each class ``(S, C, T)`` in training or validation; None if the runs did not log them."""
    two = len(classes) == 2
    names = [f"{phase}/{name}" for name in (("loss_neg", "loss_pos") if two else (f"loss/{name}" for name in classes))]
    if any(name not in frame for frame, name in itertools.product(frames, names)):
        return None
    return np.stack([frame[names].reindex(steps).to_numpy().T for frame in frames])


def parting(losses: Floats, steps: Any) -> Parting:
    """Where class losses ``(S, C, T)`` part: since when one class has a higher loss than all others, to the end.

    The class is the one with the highest loss at the last step, in the mean over runs that are finite there.
    """
    seen = np.isfinite(losses).any(axis=(0, 1))
    losses, steps = np.where(np.isfinite(losses), losses, np.nan)[:, :, seen], steps[seen]
    if not len(steps):
        return Parting(0, [None] * len(losses), 0)
    ends = losses[:, :, -1]
    finite = ends[np.isfinite(ends).all(1)]
    label = int(finite.mean(0).argmax()) if len(finite) else 0
    leads = losses[:, label] > np.delete(losses, label, axis=1).max(1)  # nothing leads what is no number
    since = [0 if lead.all() else int(np.flatnonzero(~lead)[-1]) + 1 for lead in leads]
    return Parting(label, [int(steps[at]) if at < len(steps) else None for at in since], int(steps[-1]))


def digits(values: "pd.Series[float]") -> list[float | None]:
    """Values to three significant digits; None where there is none."""
    return [float(f"{value:.3g}") if math.isfinite(value) else None for value in values]
