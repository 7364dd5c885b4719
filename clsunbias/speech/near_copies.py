"""Recordings that are one, though resampled, played a little faster, made louder or noisier, or cut shorter.

A recording is known by excerpts about its loudest moments, below 1 kHz. Those of two speakers are laid upon each other
at several speeds; of a copy several fit, far better than an excerpt fits any other place of its own recording.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd
from joblib import Parallel, delayed
from scipy.ndimage import maximum_filter1d
from scipy.signal import butter, sosfiltfilt

from clsunbias.speech.kept import Arrays, kept
from clsunbias.speech.landmarks import COMMON, LEAST, REACH
from clsunbias.speech.manifest import Manifest
from clsunbias.speech.recordings import read_stretches
from clsunbias.speech.segments import files_of

Waves = npt.NDArray[np.float32]

RATE, BAND = 8000, 1000.0
"""Samples per second at which recordings are compared, and the frequency up to which they are."""

WINDOW = 0.12
"""Seconds of an excerpt that are compared: a dozen cycles of a voice or more, of which none is quite like the next."""

SPEEDS = np.exp(np.arange(-10, 11) * 0.0025)
"""By which a copy may be faster: 2.5 % to either side, in steps that a window does not tell apart."""

CLOSE = 0.985
"""Correlation of an excerpt and its copy at least. Of VOICED's 208 speakers no two have an excerpt as alike."""

OWN = 0.5
"""Share of its distance to its own recording's other excerpts within which an excerpt's copy lies: a tone that never
changes is as near to itself everywhere, and tells nobody apart."""

ASTRAY = 0.006
"""By how much the speeds of two excerpts of one copy may be found to differ."""

MOST, FEWEST, TOGETHER = 64, 6, 16384
"""Excerpts of a speaker, at most and at least, and of all speakers: what a comparison costs grows with their square."""

BLOCK = 2048
"""Excerpts that are compared at once with all others."""

GRID = np.arange(-round(WINDOW * RATE / 2 * 1.03) - 1, round(WINDOW * RATE / 2 * 1.03) + 2)
"""Samples of an excerpt about its middle, a little more than a window at the highest speed."""


class Excerpts(NamedTuple):
    """Excerpts of a speaker: the seconds at which their middles lie ``(K,)``, and their samples ``(K, D)``."""

    at: npt.NDArray[np.floating]
    waves: Waves


NOTHING = Excerpts(np.empty(0), np.empty((0, len(GRID)), np.float32))


def excerpts(samples: npt.NDArray[np.floating], most: int) -> Excerpts:
    """Excerpts about the loudest moments of a recording, each with its peak above 0.

    Args:
        samples: at :data:`RATE`.
        most: excerpts at most, the loudest.
    """
    if len(samples) <= 2 * len(GRID):
        return NOTHING
    low = sosfiltfilt(butter(4, BAND, fs=RATE, output="sos"), samples.astype(np.float64))
    loud = np.abs(low)
    at = np.flatnonzero((loud == maximum_filter1d(loud, 2 * round(REACH * RATE) + 1)) & (loud > 0))
    at = at[(at + GRID[0] > 1) & (at + GRID[-1] < len(low) - 2)]
    at = at[np.argsort(-loud[at], kind="stable")[:most]]
    before, peak, after = loud[at - 1], loud[at], loud[at + 1]
    middle = at + 0.5 * (before - after) / (before - 2 * peak + after - 1e-12)  # the top of a parabola
    taken = np.interp((middle[:, np.newaxis] + GRID).ravel(), np.arange(len(low)), low).reshape(len(at), len(GRID))
    return Excerpts(middle / RATE, np.asarray(taken * np.sign(low[at])[:, np.newaxis], np.float32))


def of_speaker(rows: pd.DataFrame, most: int) -> Excerpts:
    """Excerpts of a speaker's rows of a manifest, joined; none of ready features, which are no sound."""
    found, begun = [NOTHING], 0.0
    for path, stretches in files_of(rows):
        if path.suffix != ".npy":
            samples = read_stretches(path, stretches, RATE)
            own = excerpts(samples, most)
            found.append(Excerpts(own.at + begun, own.waves))
            begun += len(samples) / RATE
    at, waves = (np.concatenate(part) for part in zip(*found, strict=True))
    kept = np.argsort(-np.abs(waves).max(1, initial=0), kind="stable")[:most]
    return Excerpts(at[kept], waves[kept])


def at_speed(waves: Waves, speed: float) -> Waves:
    """Windows of excerpts at a speed, ``(N, K)``, each of mean 0 and norm 1."""
    half = round(WINDOW * RATE / 2)
    position = speed * np.arange(-half, half + 1, 3) - GRID[0]  # a third of the samples: there is nothing above 1 kHz
    whole = position.astype(int)
    share = (position - whole).astype(np.float32)
    window = (1 - share) * waves[:, whole] + share * waves[:, whole + 1]
    window -= window.mean(1, keepdims=True)
    return np.asarray(window / np.maximum(np.linalg.norm(window, axis=1, keepdims=True), 1e-12), np.float32)


def alike(found: Sequence[Excerpts]) -> list[tuple[int, int]]:
    """Numbers of the pairs of speakers that share sound, by the excerpts of each, the smaller number first."""
    sizes = np.array([len(one.at) for one in found])
    owners = np.flatnonzero(sizes)  # who has excerpts at all
    if len(owners) < 2:
        return []
    waves = np.concatenate([one.waves for one in found])
    starts = np.cumsum(sizes[owners]) - sizes[owners]
    owner = np.repeat(np.arange(len(owners)), sizes[owners])
    plain = at_speed(waves, 1.0)
    best = np.full((len(waves), len(owners)), -1.0, np.float32)
    for speed in SPEEDS:
        warped = at_speed(waves, float(speed)).T
        for start in range(0, len(waves), BLOCK):
            rows = np.arange(start, min(start + BLOCK, len(waves)))
            fit = plain[rows] @ warped
            fit[rows - start, rows] = -1  # itself
            best[rows] = np.maximum(best[rows], np.maximum.reduceat(fit, starts, axis=1))
    own = best[np.arange(len(waves)), owner]
    close = (best >= CLOSE) & (1 - best <= OWN * (1 - own[:, np.newaxis]))
    close[np.arange(len(waves)), owner] = False
    close &= close.sum(1, keepdims=True) < COMMON
    pairs = set()
    for one, other in {(int(owner[row]), int(other)) for row, other in np.argwhere(close)}:
        rows = np.flatnonzero(close[:, other] & (owner == one))
        whose = found[owners[one]], found[owners[other]]
        if len(rows) >= LEAST and agreeing(*whose, rows - starts[one]) >= LEAST:
            pairs.add((int(owners[min(one, other)]), int(owners[max(one, other)])))
    return sorted(pairs)


def agreeing(one: Excerpts, other: Excerpts, rows: npt.NDArray[np.integer]) -> int:
    """How many of some excerpts fit the other's at one speed and in one order: as many seconds apart in both.

    Args:
        one: excerpts.
        other: those that they fit.
        rows: which of the first do.
    """
    plain = at_speed(one.waves[rows], 1.0)
    fits = np.stack([plain @ at_speed(other.waves, float(speed)).T for speed in SPEEDS], 1)  # (n, speeds, K)
    fastest, where = np.divmod(fits.reshape(len(rows), -1).argmax(1), fits.shape[2])
    speed, at, there = SPEEDS[fastest], one.at[rows], other.at[where]
    apart, apart_there = at - at[:, np.newaxis], there - there[:, np.newaxis]
    same_speed = np.abs(speed / speed[:, np.newaxis] - 1) <= ASTRAY
    same_place = np.abs(apart_there - speed[:, np.newaxis] * apart) <= 0.01 + ASTRAY * np.abs(apart)
    return int((same_speed & same_place).sum(1).max())


def near_copies(manifest: Manifest, key: str) -> list[tuple[str, str]]:
    """Pairs of speakers of a corpus who share sound, kept beside its features under a key of its recordings."""
    path = manifest.path.parent / "features" / f"copies-{key[:16]}.npz"
    names = [str(name) for name in manifest.rows["speaker"].unique()]

    def work_out() -> Arrays:
        most = int(np.clip(TOGETHER // len(names), FEWEST, MOST))
        speakers = [rows for _, rows in manifest.rows.groupby("speaker", sort=False)]
        pairs = alike(Parallel(-1, prefer="threads")(delayed(of_speaker)(rows, most) for rows in speakers))
        return {"pairs": np.array(pairs, np.int64).reshape(-1, 2)}

    return kept(path, work_out, lambda arrays: [(names[one], names[other]) for one, other in arrays["pairs"].tolist()])
