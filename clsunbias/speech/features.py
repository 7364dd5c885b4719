"""Extracted features: one file a corpus and front end, to be mapped into memory, made in parallel, once.

Nothing here needs torch: the worker processes start in a second.
"""

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any
from zlib import crc32

import numpy as np
import numpy.typing as npt
import pandas as pd
from filelock import FileLock
from joblib import Parallel, cpu_count, delayed
from joblib.externals.loky import get_reusable_executor
from rich.progress import track

from clsunbias.errors import InputError
from clsunbias.files import sha256_of, write_json
from clsunbias.speech.frontends import FrontEnd
from clsunbias.speech.manifest import HASH, Manifest, relative
from clsunbias.speech.segments import cut, segment_count
from clsunbias.terminal import console


@dataclass(frozen=True)
class Features:
    """All segments of a corpus.

    Attributes:
        path: of a float16 array ``(N, T, D)``; frames of padding are NaN.
        shape: of that array.
        speaker: of each segment, ``(N,)``; a speaker's segments follow each other.
        checksums: CRC-32 of each segment as it was written; none in features of earlier versions.
        checked: segments that have been found to be as they were written.
    """

    path: Path
    shape: tuple[int, int, int]
    speaker: pd.Series
    checksums: Sequence[int]
    checked: set[int] = field(default_factory=set)

    def read(self, rows: npt.NDArray[np.int64]) -> npt.NDArray[np.float16]:
        """Segments by number, each compared with its checksum when it is first read.

        What is read is checked, rather than the file before each run: that would cost a run its ten gigabytes, and
        damage that leaves size and time of a file alone, as a failing disk's does, is noticed only so.

        Raises:
            InputError: a segment that is not as it was written.
        """
        # Mapped anew for each batch: pages once touched would count as this process's memory until it ends.
        segments = np.take(np.memmap(self.path, np.float16, "r", shape=self.shape), rows, axis=0)
        for row, segment in zip(rows.tolist() if self.checksums else (), segments, strict=False):
            if row not in self.checked:
                if crc32(segment) != self.checksums[row]:
                    raise InputError(
                        f"{self.path} is not as it was written: a segment of speaker {self.speaker.iloc[row]} is "
                        f"damaged; delete {self.path.parent}, the next run makes it anew"
                    )
                self.checked.add(row)
        return segments


@dataclass(frozen=True)
class SpeakerTask:
    """One speaker's rows of the manifest, the rows of the file they fill, and a file that says that they are there.

    That is the marker, which holds their checksums.
    """

    rows: pd.DataFrame
    first: int
    count: int
    marker: Path

    def extract(self, front_end: FrontEnd, seconds: float, path: Path, shape: tuple[int, int, int]) -> None:
        """Writes the speaker's segments, then the marker."""
        frames = front_end(cut(self.rows, front_end.rate, seconds)).astype(np.float16)
        if not np.isfinite(frames).all():
            raise InputError(f"features of speaker {self.rows['speaker'].iloc[0]} are not finite in float16")
        segments = np.ascontiguousarray(pad(frames, shape[1]))
        mapped = np.memmap(path, np.float16, "r+", shape=shape)
        mapped[self.first : self.first + self.count] = segments
        mapped.flush()
        self.marker.write_text(json.dumps([crc32(segment) for segment in segments]))

    def checksums(self) -> list[int]:
        """Of the speaker's segments, which are there then; empty while they are not."""
        try:
            written = json.loads(self.marker.read_text())
        except (OSError, ValueError):  # none, or one that was cut off
            return []
        return list(written)


def pad(frames: npt.NDArray[np.floating], length: int) -> npt.NDArray[np.floating]:
    """Segments of frames ``(N, T, D)`` as ``(N, length, D)``; frames of padding are NaN."""
    return np.pad(frames, ((0, 0), (0, length - frames.shape[1]), (0, 0)), constant_values=np.nan)


def features(manifest: Manifest, front_end: FrontEnd, seconds: float) -> Features:
    """The features of all segments of a corpus, each so many seconds long, extracted if they are not there.

    They lie beside the manifest in ``features/KEY``, where the key is a hash of all that they depend on: recordings
    and times of the manifest, settings of the front end, length of a segment. Interrupted, it goes on with the speakers
    that are not done; started twice at once, the second waits for the first. What is complete is read without a lock.

    Raises:
        InputError: a segment of fewer than two frames, a recording that the front end cannot take or whose content
            has changed, a folder that cannot be written, or a file of features that is not as it was written.
    """
    size = round(seconds * front_end.rate)
    if size < 1 or front_end.frames(size) < 2:
        raise InputError(f"{seconds} s hold fewer than 2 frames of {type(front_end).__name__}; ask for longer segments")
    check_rates(manifest, front_end)
    speakers = {str(name): rows for name, rows in manifest.rows.groupby("speaker", sort=False)}
    counts = [segment_count(rows, front_end.rate, seconds) for rows in speakers.values()]
    shape = (sum(counts), front_end.frames(size), front_end.dimensions)
    settings = {**front_end.settings(), "seconds": seconds, "recordings": recordings_hash(manifest), "shape": shape}
    key = hashlib.sha256(json.dumps(settings, sort_keys=True).encode()).hexdigest()[:16]
    folder = manifest.path.parent / "features" / key
    path, index = folder / "features.f16", folder / "index.json"
    if index.exists():
        check_contents(manifest, read_index(index, shape[0])["contents"])
    else:
        with one_writer_in(folder):
            if not index.exists():
                contents = check_contents(manifest, {})
                firsts = np.cumsum([0, *counts[:-1]]).tolist()
                markers = [folder / f"{position}.done" for position in range(len(counts))]
                tasks = [SpeakerTask(*parts) for parts in zip(speakers.values(), firsts, counts, markers, strict=True)]
                extract_all(tasks, front_end, seconds, path, shape)
                checksums = [checksum for task in tasks for checksum in task.checksums()]
                write_json(index, {**settings, "contents": contents, "checksums": checksums})
                for marker in markers:
                    marker.unlink()
    size_there = path.stat().st_size if path.exists() else 0
    if size_there != 2 * np.prod(shape):
        raise InputError(f"{path} is not as it was written ({size_there} bytes); delete {folder}")
    return Features(path, shape, pd.Series(np.repeat(list(speakers), counts)), read_index(index, shape[0])["checksums"])


def read_index(index: Path, segments: int) -> dict[str, Any]:
    """What is known of a corpus's features: ``contents`` of recordings, ``checksums`` of segments.

    Raises:
        InputError: it is not as it was written.
    """
    try:
        known = {"contents": {}, "checksums": [], **json.loads(index.read_text())}
        right = all(len(content) == 3 for content in known["contents"].values())
        if not right or len(known["checksums"]) not in {0, segments}:
            raise ValueError("it is of other recordings")
    except (ValueError, TypeError, AttributeError) as error:
        raise InputError(f"{index} is not as it was written ({error}); delete {index.parent}") from error
    return known


@contextmanager
def one_writer_in(folder: Path) -> Iterator[None]:
    """Keeps a folder of features for this process; raises InputError if it cannot be written."""
    lock = FileLock(folder / ".lock")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        lock.acquire()
    except OSError as error:
        raise InputError(
            f"features cannot be written to {folder} ({error.strerror}): make that folder writable, or prepare the "
            "corpus into another (--out ROOT/CORPUS) and give that one's --data.root ROOT"
        ) from error
    try:
        yield
    finally:
        lock.release()


def extract_all(
    tasks: list[SpeakerTask], front_end: FrontEnd, seconds: float, path: Path, shape: tuple[int, int, int]
) -> None:
    """Extracts the speakers that have no marker, on all cores, with a progress bar."""
    fresh = not path.exists()
    if fresh:
        np.memmap(path, np.float16, "w+", shape=shape)
    left = [task for task in tasks if fresh or not task.checksums()]
    # Not joblib.Parallel: it cannot take over the processes of a grid that ran before in this one, and fails.
    workers = get_reusable_executor(max_workers=cpu_count(), env={"OMP_NUM_THREADS": "1"})
    done = workers.map(partial(SpeakerTask.extract, front_end=front_end, seconds=seconds, path=path, shape=shape), left)
    label = f"{type(front_end).__name__} features of {len(left)} speakers"
    list(track(done, label, total=len(left), console=console(stderr=True), transient=True))


def check_rates(manifest: Manifest, front_end: FrontEnd) -> None:
    """Raises InputError for ready features of another rate than the front end takes: they are not resampled."""
    for path, rate in zip(manifest.rows["path"], manifest.rows["sample_rate"], strict=True):
        if path.endswith(".npy") and rate != front_end.rate:
            raise InputError(
                f"{path} was prepared as {rate:g} rows a second, {type(front_end).__name__} takes {front_end.rate:g}; "
                "ready features need the front end Precomputed, with prepare's --frame-rate as its frame_rate"
            )


def recordings_hash(manifest: Manifest) -> str:
    """Hash of what features take from a manifest: speakers, times, files and their contents; not labels or splits.

    A manifest of an earlier version does not say contents; there it is the files' sizes.
    """
    about = {}
    for name, row in manifest.rows.drop_duplicates("path").set_index("path").iterrows():
        path = Path(str(name))
        if not path.is_file():
            raise InputError(f"{path}, of {manifest.path}, is missing; put it back or prepare the corpus again")
        about[name] = f"{relative(path, manifest.path.parent)} {row.get(HASH, path.stat().st_size)}"
    rows: Any = manifest.rows[["speaker", "start", "end", "sample_rate"]].assign(path=manifest.rows["path"].map(about))
    return hashlib.sha256(rows.to_csv(index=False).encode()).hexdigest()


Content = tuple[int, int, str]
"""Size, time of change in nanoseconds, and hash of a recording."""


def check_contents(manifest: Manifest, known: Mapping[str, Sequence[Any]]) -> dict[str, Content]:
    """What each recording holds now; a file whose size and time are the known ones is not read again.

    Raises:
        InputError: a recording whose content is not the one that was prepared, or that features were made of.
    """
    rows = manifest.rows.drop_duplicates("path")
    prepared = rows[HASH] if HASH in rows else [None] * len(rows)
    pairs = [(Path(path), wanted) for path, wanted in zip(rows["path"], prepared, strict=True)]

    def check(path: Path, wanted: str | None) -> tuple[str, Content]:
        name, about = str(relative(path, manifest.path.parent)), path.stat()
        size, time, content = known.get(name, (None, None, wanted))
        if (size, time) == (about.st_size, about.st_mtime_ns):
            return name, (size, time, content)
        found = sha256_of(path)
        if found != (content or found):
            raise InputError(
                f"{path} was changed after it was prepared: prepare the corpus again, so that it is checked and its "
                f"features are made anew (with a {manifest.path.name} of an earlier version, delete "
                f"{manifest.path.parent / 'features'}, too)"
            )
        return name, (about.st_size, about.st_mtime_ns, found)

    return dict(Parallel(-1, prefer="threads")(delayed(check)(*pair) for pair in pairs))
