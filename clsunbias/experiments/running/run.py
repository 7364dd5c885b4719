"""One run of a grid: the configs it is composed of, what it asks for, and the record that it leaves."""

import hashlib
import io
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache, cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import yaml

from clsunbias.errors import InputError
from clsunbias.files import check_seal, config_sha256, is_of_other_data

Loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # ten times faster, where libyaml is there


def merge(base: Mapping[str, Any], over: Mapping[str, Any]) -> dict[str, Any]:
    """Two configs composed as the command line composes them: later wins, another class drops its arguments."""
    merged = dict(base)
    for name, value in over.items():
        below = merged.get(name)
        if isinstance(value, Mapping) and isinstance(below, Mapping):
            another = "class_path" in value and value["class_path"] != below.get("class_path")
            merged[name] = dict(value) if another else merge(below, value)
        else:
            merged[name] = value
    return merged


def nested(dotted: str, value: Any) -> dict[str, Any]:
    """``{"a": {"b": value}}`` of ``a.b``."""
    for name in reversed(dotted.split(".")):
        value = {name: value}
    return dict(value)


def load_yaml(path: Path) -> dict[str, Any]:
    """A config file as a mapping, not to be changed: a grid reads the same few files for each of its runs."""
    return parse(path.read_text())


@cache
def parse(text: str) -> dict[str, Any]:
    """YAML as a mapping."""
    return dict(yaml.load(text, Loader) or {})


@dataclass(frozen=True)
class Run:
    """One run of ``fit``; it is known by its folder.

    Attributes:
        out: its output folder.
        files: config files, later wins.
        overrides: dotted parameters and their values, which win over the files.
        source: file that says what the data are, where the config cannot.
    """

    out: Path
    files: tuple[Path, ...] = field(compare=False)
    overrides: tuple[tuple[str, Any], ...] = field(default=(), compare=False)
    source: Path | None = field(default=None, compare=False)

    @property
    def options(self) -> list[str]:
        """Options of ``clsunbias fit`` that make this run."""
        options = [part for path in self.files for part in ("--config", str(path))]
        for name, value in self.overrides:
            options += [f"--{name}", value if isinstance(value, str) else json.dumps(value)]
        return [*options, "--out", str(self.out)]

    @cached_property
    def config(self) -> dict[str, Any]:
        """What files and overrides say, composed; defaults of the classes are not in it."""
        config: dict[str, Any] = {}
        for path in self.files:
            config = merge(config, load_yaml(path))
        for name, value in self.overrides:
            config = merge(config, nested(name, value))
        return config

    @property
    def devices(self) -> int:
        """Devices that the run asks for; 1 where that is left to Lightning, for a worker shows it one at most."""
        trainer = self.config.get("trainer") or {}
        asked = trainer.get("devices", 1)
        devices = len(asked) if isinstance(asked, list) else asked if isinstance(asked, int) and asked > 0 else 1
        return devices * int(trainer.get("num_nodes", 1))

    def record(self) -> "Record | None":
        """The record of the run, checked; None while the run is not done.

        Raises:
            InputError: the folder holds a run of another config or other data, or a record that was changed after it
                was written.
        """
        if not (self.out / "result.json").exists():
            return None
        record, saved = read_record(self.out)
        # Options such as save_every have no part in the result, and are not saved.
        differing = difference({name: value for name, value in self.config.items() if name in saved}, saved)
        if differing:
            raise InputError(f"{self.out / 'result.json'} belongs to another config ({differing}); {remedy(self.out)}")
        if is_of_other_data(record.result, self.source):
            raise InputError(f"{self.out} holds a run on other data: {self.source} has changed; {remedy(self.out)}")
        return record


SEED = re.compile(r"^seed_everything: (\d+)\n", re.MULTILINE)


def saved_config(text: str) -> dict[str, Any]:
    """The config that a run saved. Runs that differ in nothing but their seed share the work: YAML is slow to read."""
    seed = SEED.search(text)
    if seed is None:
        return dict(yaml.load(text, Loader))
    return {**saved_but_for_seed(text[: seed.start()] + text[seed.end() :]), "seed_everything": int(seed[1])}


@cache
def saved_but_for_seed(text: str) -> dict[str, Any]:
    """A saved config without its seed; not to be changed."""
    return dict(yaml.load(text, Loader))


def difference(asked: Mapping[str, Any], saved: Mapping[str, Any], at: str = "") -> str:
    """The first parameter in which a saved config is not what was asked for, or nothing."""
    for name, value in asked.items():
        found, where = saved.get(name), f"{at}{name}"
        if isinstance(value, Mapping) and isinstance(found, Mapping):
            inner = difference(value, found, f"{where}.")
            if inner:
                return inner
        elif not same(value, found):
            return f"{where} is {found}, asked for is {value}"
    return ""


def same(asked: Any, found: Any) -> bool:
    """Whether two values of a config say the same: 3e-4 is a string to YAML, and a class may go by its name alone."""
    if isinstance(found, Mapping) and "class_path" in found:
        found = found["class_path"]
    if asked == found:
        return True
    if isinstance(asked, str) and isinstance(found, str) and same_class(asked, found):
        return True
    try:
        return float(asked) == float(found)
    except (TypeError, ValueError):
        return False


def same_class(asked: str, found: str) -> bool:
    """Whether two import paths may be of one class: a package may export it, and its name alone may do."""
    (within, name), (other, other_name) = (path.rpartition(".")[::2] for path in (asked, found))
    nested = f"{other}.".startswith(f"{within}.") or f"{within}.".startswith(f"{other}.")
    return name == other_name and name.isidentifier() and (nested or not within)


@dataclass(frozen=True)
class Record:
    """What a finished run left.

    Attributes:
        folder: of the run.
        result: content of ``result.json``.
    """

    folder: Path
    result: Mapping[str, Any]

    def predictions(self) -> bytes:
        """``predictions.csv``: split, unit, label, and a probability a class.

        Raises:
            InputError: the file is not the one that the record was written with.
        """
        path = self.folder / "predictions.csv"
        content = path.read_bytes() if path.exists() else b""
        if hashlib.sha256(content).hexdigest() != self.result["predictions_sha256"]:
            raise InputError(
                f"{path} is missing or not what its record was made with; delete {self.folder} to have it run again"
            )
        return content


def read_record(folder: Path) -> tuple[Record, dict[str, Any]]:
    """The record of a finished run, checked, and the config that it was made with.

    Raises:
        InputError: it cannot be read, was changed after it was written, or does not belong to the config beside it.
    """
    path = folder / "result.json"
    try:
        result = json.loads(path.read_text())
        check_seal(result)
        saved = saved_config((folder / "config.yaml").read_text())
        if config_sha256(saved) != result["config_sha256"]:
            raise InputError("config.yaml beside it is not the config that it was made with")
    except (OSError, ValueError, KeyError, TypeError, AttributeError, yaml.YAMLError) as error:
        raise InputError(f"{path} cannot be used: {error}; {remedy(folder)}") from error
    return Record(folder, result), saved


def remedy(folder: Path) -> str:
    """What to do about a record that cannot be used."""
    return f"give another --out, or delete {folder} to have it run again"


def read_predictions(records: Sequence[Record]) -> list[pd.DataFrame]:
    """The predictions of several runs, in one reading where they have the same columns: a file at a time is slow."""
    contents = [record.predictions() for record in records]
    headers = [content.partition(b"\n")[0] for content in contents]
    if len(set(headers)) > 1:
        return [pd.read_csv(io.BytesIO(content)) for content in contents]
    bodies = [content.partition(b"\n")[2] for content in contents]
    ends = np.cumsum([body.count(b"\n") for body in bodies])
    frame = pd.read_csv(io.BytesIO(headers[0] + b"\n" + b"".join(bodies)), dtype={"split": "category"})
    return [frame.iloc[start:end] for start, end in zip([0, *ends[:-1]], ends, strict=True)]
