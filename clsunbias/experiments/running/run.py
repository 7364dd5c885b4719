"""One run of a grid: what it asks for, what it starts from, and the record that it leaves."""

import contextlib
import hashlib
import io
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property, reduce
from itertools import starmap
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import yaml

from clsunbias.errors import InputError
from clsunbias.experiments.running.config import difference, load_saved, load_yaml, merge_all, nested, without
from clsunbias.experiments.running.record_checks import check_result, fault
from clsunbias.files import check_seal, config_sha256, is_of_other_data, read_json, sha256_of


@dataclass(frozen=True)
class Run:
    """One run of ``fit``; it is known by its folder.

    Attributes:
        out: its output folder.
        files: config files, later wins.
        overrides: dotted parameters and their values, which win over the files.
        source: file that says what the data are, where the config cannot.
        after: the runs whose selected weights this one starts from, each with the parameter that takes its folder.
        parts: the runs of the folds that this one is made of; itself it is none that is done.
        also: the runs that its training makes, too, for they differ from it in their selection rule alone.
    """

    out: Path
    files: tuple[Path, ...] = field(compare=False)
    overrides: tuple[tuple[str, Any], ...] = field(default=(), compare=False)
    source: Path | None = field(default=None, compare=False)
    after: "tuple[tuple[str, Run], ...]" = field(default=(), compare=False)
    parts: "tuple[Run, ...]" = field(default=(), compare=False)
    also: "tuple[Run, ...]" = field(default=(), compare=False)

    @property
    def options(self) -> list[str]:
        """Options of ``clsunbias fit`` that make this run."""
        options = [part for path in self.files for part in ("--config", str(path))]
        for name, value in self.overrides:
            options += [f"--{name}", value if isinstance(value, str) else json.dumps(value)]
        options += ["--out", str(self.out)]
        others = {str(run.out): run.config.get("selection", SELECTION) for run in self.also}
        return [*options, "--also", json.dumps(others)] if others else options

    @cached_property
    def config(self) -> dict[str, Any]:
        """What files and overrides say, composed; defaults of the classes are not in it."""
        return merge_all([*map(load_yaml, self.files), *starmap(nested, self.overrides)])

    @property
    def devices(self) -> int:
        """Devices that the run asks for; 1 where that is left to Lightning, for a worker shows it one at most."""
        trainer = self.config.get("trainer") or {}
        asked = trainer.get("devices", 1)
        devices = len(asked) if isinstance(asked, list) else asked if isinstance(asked, int) and asked > 0 else 1
        return devices * int(trainer.get("num_nodes", 1))

    @property
    def has_data(self) -> bool:
        """Whether the file is there that says what the data are."""
        return self.source is None or self.source.exists()

    @property
    def weights(self) -> Path:
        """The selected weights, which the run leaves."""
        return self.out / FILES["selected"]

    @property
    def is_done(self) -> bool:
        """Whether the run has ended well; its result is the last thing that it writes."""
        return (self.out / "result.json").exists()

    @property
    def prerequisites(self) -> tuple["Run", ...]:
        """The runs that have to be done before this one, in order."""
        return tuple(dict.fromkeys(run for _, start in self.after for run in (*start.prerequisites, start)))

    def record(self) -> "Record | None":
        """The record of the run, checked; None while the run is not done.

        Raises:
            InputError: the folder holds a run of another config, other data or other weights at its start, or a record
                that was changed after it was written.
        """
        if not self.is_done:
            return None
        record, saved = read_record(self.out)
        # Options such as save_every have no part in the result, and are not saved; nor has it where other runs lie.
        config = reduce(without, ("init_from", *dict(self.after)), self.config)
        asked = {name: value for name, value in config.items() if name in saved}
        differing = difference(asked, saved) or self.other_start(record)
        if differing:
            raise InputError(f"{self.out / 'result.json'} belongs to another config ({differing}); {remedy(self.out)}")
        if is_of_other_data(record.result, self.source):
            raise InputError(f"{self.out} holds a run on other data: {self.source} has changed; {remedy(self.out)}")
        return record

    def other_start(self, record: "Record") -> str:
        """In what a record did not start from the weights that the run asks for, or nothing."""
        started, asked = record.result.get("init_sha256"), self.config.get("init_from")
        if bool(started) != bool(asked):
            return f"it started from {'other weights' if started else 'scratch'}, asked for is {asked or 'scratch'}"
        start = dict(self.after).get("init_from")
        if start and start.weights.is_file() and sha256_of(start.weights) != started:
            return f"it started from other weights than {start.weights} holds"
        return ""


def sharing(runs: Iterable[Run]) -> list[Run]:
    """The runs to train, each with those that it makes, too: of all that differ in their selection rule alone, one."""
    alike: dict[str, list[Run]] = {}
    for run in runs:
        training = [without(run.config, "selection"), str(run.source)]
        alike.setdefault(json.dumps(training, sort_keys=True, default=str), []).append(run)
    return [replace(first, also=tuple(others)) for first, *others in alike.values()]


FILES = {
    "predictions": "predictions.csv",
    "rows": "predictions_rows.csv",
    "metrics": "metrics.csv",
    "selected": "checkpoints/selected.ckpt",
    "features": "features.npz",
    "inputs": "inputs.json",
}
"""Files of a run that its figures rest on, by the name that its result has their hash under: ``NAME_sha256``."""

SELECTION = "clsunbias.selection.Best"
"""The rule that a run is judged by unless its config names another."""

LAST = "checkpoints/last.ckpt"
"""The checkpoint that an interrupted run goes on from."""


@dataclass(frozen=True)
class Record:
    """What a finished run left: its folder, and the content of ``result.json``."""

    folder: Path
    result: Mapping[str, Any]

    def file(self, name: str) -> bytes:
        """Content of a file that the figures rest on, the very one that the record was written with.

        Args:
            name: of :data:`FILES`.

        Raises:
            InputError: it is missing, or was changed after the run wrote it.
        """
        path = self.folder / FILES[name]
        content = path.read_bytes() if path.is_file() else b""
        made_with = self.result.get(f"{name}_sha256")  # records of earlier versions tell of predictions alone
        if made_with and hashlib.sha256(content).hexdigest() != made_with:
            raise InputError(f"{path} is missing or not what its record was made with; {remedy(self.folder)}")
        return content

    def inputs(self) -> dict[str, Any] | None:
        """What the model's inputs are, as its data set gave account of them; None in records of earlier versions."""
        content = self.file("inputs")
        return json.loads(content) if content else None

    def metrics(self) -> pd.DataFrame:
        """What the run logged, by step; raises InputError if that cannot be read, or was changed."""
        try:
            return pd.read_csv(io.BytesIO(self.file("metrics"))).set_index("step")
        except (ValueError, KeyError) as error:
            path = self.folder / FILES["metrics"]
            raise InputError(f"{path} cannot be read ({error}); {remedy(self.folder)}") from error

    def features(self) -> dict[str, npt.NDArray[np.float32]]:
        """What the backbone made of each unit, by split ``(U, D)``; nothing if the run has not saved it."""
        content = self.file("features")
        if "features_sha256" not in self.result:
            return {}
        with np.load(io.BytesIO(content), allow_pickle=False) as arrays:
            return dict(arrays)

    def check_files(self) -> None:
        """Raises InputError if one of the files is missing, or was changed after the run wrote it."""
        for name in FILES:
            self.file(name)


def read_record(folder: Path) -> tuple[Record, dict[str, Any]]:
    """The record of a finished run, checked, and the config that it was made with.

    Raises:
        InputError: it cannot be read, was changed after it was written, or does not belong to the config beside it.
    """
    path = folder / "result.json"
    try:
        result = read_json(path)
        check_seal(result)
        check_result(result)
        saved = load_saved(folder / "config.yaml")
        if config_sha256(saved) != result["config_sha256"]:
            raise InputError("config.yaml beside it is not the config that it was made with")
    except (OSError, ValueError, KeyError, TypeError, AttributeError, yaml.YAMLError) as error:
        raise InputError(f"{path} cannot be used: {error}; {remedy(folder)}") from error
    return Record(folder, result), saved


def remedy(folder: Path) -> str:
    """What to do about a record that cannot be used."""
    return f"give another --out, or delete {folder} to have it run again"


def read_predictions(records: Sequence[Record]) -> list[pd.DataFrame]:
    """Split, unit, label and probabilities of several runs.

    In one reading where they have the same columns: a file at a time is slow.

    Raises:
        InputError: a file is not what its record was made with, or holds no predictions of the record's units.
    """
    contents = [record.file("predictions") for record in records]
    headers, bodies = ([content.partition(b"\n")[part] for content in contents] for part in (0, 2))
    # Not by counting lines, since a name may run over several.
    lengths = [sum(record.result["units"].values()) for record in records]
    frame = read_table(headers[0] + b"\n" + b"".join(bodies)) if len(set(headers)) == 1 else None
    if len(records) > 1 and (frame is None or len(frame) != sum(lengths)):
        return [frame for record in records for frame in read_predictions([record])]
    number, wrong = 0, "it is no table"
    if frame is not None:
        runs = np.repeat(np.arange(len(records)), lengths if len(records) > 1 else len(frame))
        number, wrong = fault(frame, runs, [record.result for record in records])
    if frame is None or wrong:
        folder = records[number].folder
        raise InputError(f"{folder / FILES['predictions']} cannot be used: {wrong}; {remedy(folder)}")
    ends = np.cumsum(lengths)
    return [frame.iloc[start:end] for start, end in zip([0, *ends[:-1]], ends, strict=True)]


def read_table(content: bytes) -> pd.DataFrame | None:
    """A table as predictions are written, less the names in it, None if it is none; a unit called NA is one."""
    with contextlib.suppress(ValueError):
        return pd.read_csv(io.BytesIO(content), dtype={"split": "category"}, keep_default_na=False, usecols=is_score)
    return None


def is_score(column: str) -> bool:
    """Whether a column of predictions says what was scored and how, rather than what the classes are called."""
    return column in {"split", "unit", "label", "fold"} or column.startswith("prob_")
