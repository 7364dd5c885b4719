"""Segments: a speaker's speech joined and cut into pieces of one length, the remainder dropped.

They are made of a speaker's rows of a manifest, at a rate in samples (or rows of features) per second.
"""

from collections.abc import Iterator
from itertools import groupby
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd

from clsunbias.files import check_memory
from clsunbias.speech.recordings import joined_length, read_stretches

BYTES = 24
"""Of memory for a sample: samples, their spectrum and its power."""


def files_of(rows: pd.DataFrame) -> Iterator[tuple[Path, list[tuple[float, float]]]]:
    """Each file of a speaker in order, with the stretches that follow each other in it."""
    columns = zip(rows["path"], rows["start"], rows["end"], strict=True)
    for path, stretches in groupby(columns, key=lambda row: row[0]):
        yield Path(path), [(start, end) for _, start, end in stretches]


def segment_count(rows: pd.DataFrame, rate: float, seconds: float) -> int:
    """How many segments :func:`cut` makes of the speech, without reading it."""
    length = sum(joined_length(stretches, rate) for _, stretches in files_of(rows))
    return max(1, length // round(seconds * rate))


def cut(rows: pd.DataFrame, rate: float, seconds: float) -> list[npt.NDArray[np.floating]]:
    """One speaker's whole segments, float ``(N, ...)`` each; so that nobody goes unscored, a shorter one if none.

    Raises:
        InputError: more speech than the machine's memory holds with what is made of it.
    """
    length = sum(joined_length(stretches, rate) for _, stretches in files_of(rows))
    check_memory(BYTES * length, f"{length / rate / 3600:.1f} hours of speech, as {rows['path'].iloc[0]} holds,")
    speech = np.concatenate([read_stretches(path, stretches, rate) for path, stretches in files_of(rows)])
    size = round(seconds * rate)
    whole = len(speech) // size
    return [speech] if whole == 0 else list(speech[: whole * size].reshape(whole, size, *speech.shape[1:]))
