"""Landmarks of recordings, by which a copy is known that was renamed, cut shorter or made louder."""

from collections.abc import Iterator, Mapping
from itertools import combinations
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from joblib import Parallel, delayed
from numpy.lib.stride_tricks import sliding_window_view
from scipy.ndimage import maximum_filter1d

from clsunbias.speech.kept import Arrays, kept
from clsunbias.speech.manifest import Manifest
from clsunbias.speech.recordings import read_stretches
from clsunbias.speech.segments import files_of

Hashes = npt.NDArray[np.uint64]

REACH = 0.05
"""Seconds around a peak within which nothing is louder."""

QUIET = 1e-3
"""Of full scale: softer peaks are noise of a converter."""

RUN = 6
"""Distances between peaks that are hashed together, each to a sample: about half a second of speech."""

LEAST = 3
"""Hashes that two speakers share if they share speech; by chance they hardly share one."""

COMMON = 3
"""Speakers at most who share a hash: what more have is a tone or a jingle, and nobody's speech."""


def peaks_apart(samples: npt.NDArray[np.floating], rate: float) -> Hashes:
    """Hashes of the distances between the loudest samples around, ``(K,)``, wherever a recording begins and ends."""
    reach = max(1, round(REACH * rate))
    loud = np.abs(samples)
    at = np.flatnonzero((loud == maximum_filter1d(loud, 2 * reach + 1)) & (loud > QUIET))
    return runs_of(np.diff(at[np.diff(at, prepend=-reach - 1) > reach]))


def frames_alike(frames: npt.NDArray[np.floating]) -> Hashes:
    """The same of ready features ``(T, D)``: hashes of frames that follow each other."""
    of_frame = pd.util.hash_pandas_object(pd.DataFrame(frames), index=False).to_numpy()
    return runs_of(of_frame)


def runs_of(values: npt.NDArray[np.integer[Any]]) -> Hashes:
    """A hash of each run of values that are not all the same."""
    if len(values) < RUN:
        return np.empty(0, np.uint64)
    windows = sliding_window_view(values, RUN)
    told = windows[(windows != windows[:, :1]).any(1)]
    return np.unique(np.asarray(pd.util.hash_pandas_object(pd.DataFrame(told), index=False), np.uint64))


def of_speaker(rows: pd.DataFrame) -> Hashes:
    """All landmarks of a speaker's rows of a manifest."""
    found = []
    for path, stretches in files_of(rows):
        rate = float(rows.loc[rows["path"] == str(path), "sample_rate"].iloc[0])
        speech = read_stretches(path, stretches, rate)
        found.append(frames_alike(speech) if speech.ndim == 2 else peaks_apart(speech, rate))
    return np.unique(np.concatenate(found))


def landmarks(manifest: Manifest, key: str) -> pd.DataFrame:
    """Landmarks of a corpus: ``hash`` and ``speaker``, kept beside its features under a key of its recordings."""
    path = manifest.path.parent / "features" / f"landmarks-{key[:16]}.npz"
    names = list(manifest.rows["speaker"].unique())

    def work_out() -> Arrays:
        speakers = [rows for _, rows in manifest.rows.groupby("speaker", sort=False)]
        found = Parallel(-1, prefer="threads")(delayed(of_speaker)(rows) for rows in speakers)
        return {"hash": np.concatenate(found), "speaker": np.repeat(np.arange(len(found)), [len(one) for one in found])}

    def read(arrays: Arrays) -> pd.DataFrame:
        return pd.DataFrame({"hash": arrays["hash"], "speaker": np.array(names)[arrays["speaker"]]})

    return kept(path, work_out, read)


def shared_speech(found: pd.DataFrame, split_of: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    """Pairs of speakers in different splits who share speech.

    Args:
        found: ``hash`` and ``speaker``, each pair once.
        split_of: each speaker's split.
    """
    several = found[found["hash"].duplicated(keep=False)]
    counts: dict[tuple[str, str], int] = {}
    for _, speakers in several.groupby("hash")["speaker"]:
        if len(speakers) <= COMMON:
            for pair in combinations(sorted(speakers), 2):
                counts[pair] = counts.get(pair, 0) + 1
    for (one, other), count in counts.items():
        if count >= LEAST and split_of[one] != split_of[other]:
            yield one, other
