"""A speech corpus as one table: who speaks, of which class, in which split, and where the speech lies."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from clsunbias.errors import InputError
from clsunbias.files import sha256_of
from clsunbias.splits import SPLITS

COLUMNS = ("speaker", "label", "split", "path", "start", "end", "sample_rate")
HASH = "sha256"
"""Column of each recording's content, which manifests of earlier versions lack."""


@dataclass(frozen=True)
class Corpus:
    """What an adapter reads from a raw tree, before any audio is opened.

    Attributes:
        rows: a row for each stretch of a speaker's own speech, in the order in which it is to be joined: ``speaker``
            (str), ``label`` (int, index into class_names), ``split`` (``train``, ``val``, ``test``, or empty where the
            corpus leaves it open), ``path`` (of an audio or ``.npy`` file), ``start`` and ``end`` (float, seconds into
            the file; an end of NaN is the end of the file).
        class_names: name of each class, the negative one first.
        seconds: length of a segment, in which the summary counts.
        shares: parts of the undecided speakers that go to ``val`` and ``test``; no more test speakers are chosen where
            the corpus has some of its own.
        corrections: what was done to the corpus as released, in words.
        notes: what its user should know, in words.
        expected: known totals by split: ``speakers``, ``positive`` (speakers), those of a class by its name and, where
            known, ``segments``.
        simulated: whether the recordings are made up.
        attributes: of each speaker, ``unit``, what else is known, such as sex and age, as text; None: nothing.
    """

    rows: pd.DataFrame
    class_names: tuple[str, ...]
    seconds: float = 3.84
    shares: tuple[float, float] = (0.2, 0.2)
    corrections: Sequence[str] = ()
    notes: Sequence[str] = ()
    expected: Mapping[str, Mapping[str, int]] = field(default_factory=dict)
    simulated: bool = False
    attributes: pd.DataFrame | None = None


def check_speakers(rows: pd.DataFrame, class_names: Sequence[str]) -> None:
    """Raises InputError for a speaker with two labels or in two splits."""
    rows = rows.assign(label=[class_names[label] for label in rows["label"]])
    for column in ("label", "split"):
        values = rows.groupby("speaker", sort=False)[column].unique()
        several = values[values.map(len) > 1]
        if len(several):
            what = ", ".join(f"{value!r}" for value in several.iloc[0].tolist())
            raise InputError(
                f"speaker {several.index[0]} has more than one {column}: {what} ({len(several)} such speakers); "
                "a speaker has one label and stays in one split"
            )


def check_classes(rows: pd.DataFrame, class_names: Sequence[str]) -> None:
    """Raises InputError for a split without a speaker of some class, or without any speaker."""
    for split in SPLITS:
        counts = np.bincount(rows.loc[rows["split"] == split, "label"], minlength=len(class_names))
        for name, count in zip(class_names, counts, strict=True):
            if count == 0:
                raise InputError(f"the {split} split has no speaker of class {name!r}; change the split or its shares")


def relative(path: Path, home: Path) -> Path:
    """A path below home as it is from there, so that it moves with it; any other as it is."""
    return path.relative_to(home) if path.is_relative_to(home) else path


@dataclass(frozen=True)
class Manifest:
    """A prepared corpus: rows of ``manifest.csv`` (COLUMNS and HASH, paths absolute), and what its summary says."""

    rows: pd.DataFrame
    class_names: tuple[str, ...]
    simulated: bool
    path: Path

    @classmethod
    def read(cls, path: Path, prepare: str) -> "Manifest":
        """Reads and checks a ``manifest.csv``; the command that would write it is for the error message.

        Raises:
            InputError: it or its summary is absent, or is not what ``prepare`` wrote.
        """
        summary = path.with_name("summary.json")
        for file in (path, summary):
            if not file.is_file():
                raise InputError(f"{file} is missing; write it with: {prepare}")
        try:
            # A speaker may be called NA, and every cell is filled.
            rows = pd.read_csv(
                path, dtype=dict.fromkeys(("speaker", "split", "path", HASH), str), keep_default_na=False
            )
            about: dict[str, Any] = json.loads(summary.read_text())
            class_names, simulated = tuple(about["class_names"]), bool(about["simulated"])
            written = about["manifest_sha256"]
        except (ValueError, KeyError, TypeError) as error:
            raise InputError(
                f"{path} and {summary.name} cannot be read ({error}); write them with: {prepare}"
            ) from error
        if sha256_of(path) != written:
            raise InputError(
                f"{path} was changed after it was written, or {summary.name} (manifest_sha256) is another's; "
                f"write both again with: {prepare}"
            )
        rows["path"] = [str(path.parent / name) for name in rows["path"]]  # an absolute path stays as it is
        return cls(rows, class_names, simulated, path)
