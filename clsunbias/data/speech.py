"""Speech corpora as a LightningDataModule: segments of prepared recordings, scored per speaker."""

import math
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import pandas as pd
import torch
from torch import Tensor

from clsunbias.data.bags import Bags, as_bags
from clsunbias.data.balanced import SpeakerBalanced
from clsunbias.data.base import DataModule
from clsunbias.data.leaks import warn_of_spellings
from clsunbias.data.recording_twins import recording_twins
from clsunbias.data.samplers import BatchSampler
from clsunbias.data.split import Split
from clsunbias.data.twins import Twin
from clsunbias.data.units import Units
from clsunbias.data_paths import data_root, find_data, nowhere
from clsunbias.errors import InputError, listed
from clsunbias.experiments.attributes import read_attributes
from clsunbias.files import files_to_score
from clsunbias.speech import own_recordings
from clsunbias.speech.features import Features, features, pad
from clsunbias.speech.frontends import FrontEnd, LogMel, Wav2Vec
from clsunbias.speech.lines import to_rows
from clsunbias.speech.manifest import Manifest
from clsunbias.speech.preparation import check_recordings, refuse
from clsunbias.speech.recordings import SUFFIXES
from clsunbias.speech.segments import cut
from clsunbias.splits import SPLITS, SplitPlan
from clsunbias.terminal import warn

BAGS = 4
"""Speakers in a batch of an evaluation, each with all segments."""


@dataclass(frozen=True)
class MappedRows:
    """Segments in the file of a corpus's features, fetched by row; ``at`` says which of them these are, in order."""

    features: Features
    at: npt.NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.at)

    def __getitem__(self, rows: Tensor | slice) -> Tensor:
        """Segments float16 ``(B, T, D)``."""
        at = self.at[rows] if isinstance(rows, slice) else self.at[rows.numpy()]
        return torch.from_numpy(self.features.read(at))


class Speech(DataModule):
    """A corpus that ``clsunbias prepare`` made a manifest of.

    Participants' speech is joined per speaker and cut into segments, of which the front end makes frames, once (they
    are kept beside the manifest). A row is a segment, float16 ``(T, D)``; frames of padding are NaN.

    Args:
        corpus: name of the corpus, and of its folder under root; or a path of that folder (``./mine``), as seen from
            where one stands or, if it is not there, below root.
        root: folder that holds the corpus's; default $CLSUNBIAS_DATA, else ``data``.
        front_end: what makes frames of speech.
        seconds: length of a segment.
        sampler: draws speakers for training, each of whom gives a random segment; default each once an epoch. None:
            all segments, shuffled.
        batch_size: of the sampler's; default all speakers.
        headline: what the main figures count, ``speaker`` or ``segment``; the others stand beside them.
        merge: a speaker's probability: ``mean`` of the segments', or share of their ``vote``.
        attributes: columns of ``attributes.csv`` beside the manifest, such as sex and age, by which results are shown.
        bag: a row is a speaker's segments together, for a network with attention over them: so many drawn anew in each
            epoch of training, all of them where it is scored. None: a row is a segment.
        plan: draws all speakers anew, those of official splits too, as folds need it; None: the manifest's splits.
        options: of every data set (:class:`DataModule`).
    """

    evaluation_rows = 64
    licence = "the corpus's own"
    scaling = (
        "frames of the front end, normalised as it says, in segments of so many seconds; frames of padding are NaN"
    )

    def __init__(
        self,
        corpus: str,
        root: Path | None = None,
        front_end: FrontEnd | None = None,
        seconds: float = 3.84,
        sampler: Callable[[Split, int | None], BatchSampler] | None = SpeakerBalanced,
        batch_size: int | None = None,
        headline: Literal["speaker", "segment"] = "speaker",
        merge: Literal["mean", "vote"] = "mean",
        bag: int | None = None,
        plan: SplitPlan | None = None,
        attributes: Sequence[str] | None = None,
        **options: Any,
    ) -> None:
        super().__init__(batch_size, sampler, **options)
        self.name = Path(corpus).name
        self.class_names = ()  # in the manifest, or an account
        self.asked = Path(corpus)
        # A name alone is never one of here: where one stands, a folder may happen to be called so.
        self.folder = find_data(self.asked, root) if {os.sep, "~"} & {*corpus} else data_root(root) / corpus
        self.front_end = front_end or LogMel()
        self.seconds = seconds
        self.headline = headline
        self.vote = merge == "vote"
        self.bag = bag
        if bag is not None:
            if bag < 1:
                raise InputError(f"data.bag is a number of segments, at least 1; got {bag}")
            if headline != "speaker" or merge != "mean":
                raise InputError(
                    "with data.bag a speaker gets one score: leave data.headline and data.merge as they are"
                )
            self.evaluation_rows, self.free = BAGS, ("batch", "segments")
        self.plan = plan
        self.shown_by = list(attributes or ())

    @property
    def source(self) -> Path:
        return self.folder / "manifest.csv"

    def manifest(self) -> Manifest:
        """The corpus's manifest; what it says of classes and of simulation becomes this data set's."""
        prepare = f"clsunbias prepare {self.name} --raw DIR --out {self.folder}"
        if not self.source.is_file():
            here = self.asked / self.source.name
            if here.is_file():
                raise InputError(f"{self.source} is missing; for {here}, give --data.corpus ./{self.asked}")
            raise InputError(nowhere(here, self.source, f"write it with: {prepare}"))
        manifest = Manifest.read(self.source, prepare)
        self.class_names, self.simulated = manifest.class_names, manifest.simulated
        return manifest

    def account(self) -> dict[str, Any]:
        front_end = self.front_end
        numbers = {"rate": front_end.rate, "dimensions": front_end.dimensions, "seconds": self.seconds}
        return super().account() | {**numbers, "front_end": front_end.settings()}

    def restore(self, account: Mapping[str, Any]) -> None:
        super().restore(account)
        if self.front_end.settings() != account["front_end"] or self.seconds != account["seconds"]:
            raise InputError(
                f"the model was trained on {account['seconds']} s segments by {account['front_end']}, the config has "
                f"{self.seconds} s by {self.front_end.settings()}"
            )

    def describe(self) -> None:
        self.manifest()

    def prepare_data(self) -> None:
        """Extracts features, if they are not there."""
        features(self.manifest(), self.front_end, self.seconds)

    def load(self) -> dict[str, Split]:
        manifest = self.manifest()
        segments = features(manifest, self.front_end, self.seconds)
        rows = manifest.rows
        if self.shown_by:
            self.attributes = read_attributes(self.folder / "attributes.csv", self.shown_by).set_index("unit")
        if self.plan:
            groups = rows.rename(columns={"speaker": "group"}).assign(split="")
            of = f"speakers of {self.source}"
            rows = rows.assign(split=self.plan.assign(groups, of=of, classes=self.class_names))
        about = rows.drop_duplicates("speaker").set_index("speaker")
        splits = {name: self.split(segments, about[about["split"] == name]["label"]) for name in SPLITS}
        return splits if self.bag is None else {name: as_bags(split) for name, split in splits.items()}

    def train_sampler(self, train: Split) -> BatchSampler:
        made = super().train_sampler(train)
        if self.sampler is None or self.bag is not None or isinstance(made, SpeakerBalanced):
            return made
        return SpeakerBalanced(train, self.batch_size, self.sampler)

    def as_sent(self, split: Split, sampler: BatchSampler | None = None) -> Split:
        if self.bag is None or sampler is None:
            return super().as_sent(split, sampler)
        assert isinstance(split.x, Bags)
        return Split(split.x.drawing(self.bag, sampler), split.target, split.units, split.more)

    def find_twins(self, splits: Mapping[str, Split]) -> tuple[str, list[Twin]]:
        split_of = {str(name): split for split, rows in splits.items() for name in speakers_of(rows)}
        return "recordings", recording_twins(self.manifest(), split_of)

    def split(self, segments: Features, labels: pd.Series) -> Split:
        """The segments of the speakers that labels name, scored both ways, the headline first."""
        kept = np.flatnonzero(segments.speaker.isin(labels.index))
        names = segments.speaker.iloc[kept]
        of_row = torch.from_numpy(pd.Categorical(names, labels.index).codes.astype(np.int64))
        unit_target = torch.tensor(labels.to_numpy(np.int64))
        target = unit_target[of_row]
        numbers = names.groupby(names, sort=False).cumcount()
        units = [
            Units(unit_target, of_row, "speaker", list(labels.index), self.vote),
            Units(target, None, "segment", [f"{name}/{number}" for name, number in zip(names, numbers, strict=True)]),
        ]
        return Split(MappedRows(segments, kept), target, units if self.headline == "speaker" else units[::-1])

    def read(self, path: Path) -> Split:
        """New recordings: one, a folder of them, or a CSV file that says whose each is (``path``, ``speaker``).

        A folder's own is ``recordings.csv``. With it a speaker's recordings are joined and scored as in training;
        without, each recording is scored by itself.

        Raises:
            InputError: nothing there, a folder in it, or a recording that cannot be used.
        """
        if not self.class_names:
            self.manifest()
        rows, unit = new_recordings(path)
        for file in rows["path"]:
            if file.endswith(".npy") and isinstance(self.front_end, LogMel | Wav2Vec):
                raise InputError(f"{file} holds features; {type(self.front_end).__name__} takes audio")
        checked, bad, _ = check_recordings(rows, self.front_end.rate)
        refuse(bad, rows["path"].nunique(), "mend them or take them out")
        names: list[str] = []
        frames, of_row = [], []
        size = self.front_end.frames(round(self.seconds * self.front_end.rate))
        for name, own in checked.groupby("speaker", sort=False):
            made = self.front_end(cut(own, self.front_end.rate, self.seconds))
            frames.append(torch.from_numpy(pad(made, size)))
            of_row += [len(names)] * len(made)
            names.append(str(name))
        target = torch.zeros(len(names), dtype=torch.int64)
        units = Units(target, torch.tensor(of_row), unit, names, self.vote)
        split = Split(torch.cat(frames), target[of_row], [units])
        return split if self.bag is None else as_bags(split)


def speakers_of(split: Split) -> list[str]:
    """Names of the speakers of a split."""
    return [str(name) for units in split.units if units.name == "speaker" for name in units.names or ()]


def new_recordings(path: Path) -> tuple[pd.DataFrame, str]:
    """Rows of recordings to be scored, as of a corpus, and what is scored: a ``speaker``, or each ``recording``."""
    table = path / "recordings.csv" if path.is_dir() else path
    if table.suffix.lower() == ".csv" and table.is_file():
        rows = to_rows(own_recordings.read_new(table))
        known = {Path(file).resolve() for file in rows["path"]}
        beside = sorted(table.parent.iterdir()) if path.is_dir() else []
        unlisted = [file.name for file in beside if file.suffix.lower() in SUFFIXES and file.resolve() not in known]
        if unlisted:
            warn(f"{table} does not list, and so leaves out, {listed(unlisted)}")
        warn_of_spellings(rows["speaker"], f"{table}: speakers")
        return rows, "speaker"
    files = files_to_score(path, "recording", SUFFIXES) if path.is_dir() else [path]
    return to_rows([(file.name, 0, "", str(file), 0.0, math.nan) for file in files]), "recording"
