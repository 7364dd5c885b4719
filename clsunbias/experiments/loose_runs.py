"""Runs that were made one by one with ``clsunbias fit``, as studies: a table a data set, a row an objective."""

import dataclasses
import json
from collections import defaultdict
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import pandas as pd

from clsunbias.errors import InputError
from clsunbias.experiments.grid import Grid
from clsunbias.experiments.grid_parts import Column, Protocol, Row
from clsunbias.experiments.plan import Arm
from clsunbias.experiments.running.config import seedless
from clsunbias.experiments.running.run import Record, Run, read_predictions, read_record
from clsunbias.experiments.study import Study


class Fit(NamedTuple):
    """A finished run and its config."""

    record: Record
    config: dict[str, Any]


METHOD = ("sampler", "resample", "batch_size", "augment")
"""Options of a data set that say how it is trained on; the others say what is scored."""


def loose_studies(folder: Path) -> list[Study]:
    """The finished runs below a folder, a study for each data set; InputError if there are none that may be trusted.

    Runs that differ in nothing but their seeds are a row; those of one objective that differ in more have rows that say
    in what. A run that cannot be trusted is left out, and what is wrong with it stands among what is missing.
    """
    done = sorted(path.parent for path in folder.rglob("result.json"))
    begun = sorted(path.parent for path in folder.rglob("config.yaml"))
    missing = [str(run.relative_to(folder)) for run in begun if run not in done]
    fits: dict[Settings, dict[Settings, dict[int, Fit]]] = defaultdict(lambda: defaultdict(dict))
    for run in done:
        try:
            fit = Fit(*read_record(run))
            read_predictions([fit.record])
        except InputError as error:  # the others are shown all the same
            missing.append(str(error))
            continue
        result, config = fit.record.result, seedless(fit.config)
        data = config["data"]
        arguments = {name: value for name, value in data.get("init_args", {}).items() if name not in METHOD}
        by_seed = fits[Settings(result["dataset"], {**data, "init_args": arguments})][
            Settings(result["objective"], config)
        ]
        if other := by_seed.get(result["seed"]):
            raise InputError(f"{other.record.folder} and {run} are the same run; move one of them away")
        by_seed[result["seed"]] = fit
    if not fits:
        listed = "".join(f"\n  missing: {name}" for name in missing)
        raise InputError(f"{folder} holds no finished run, nothing to report{listed}\nmake runs with clsunbias fit")
    names = labels(fits, 1)
    studies = [study(folder, names[data], rows) for data, rows in fits.items()]
    return [dataclasses.replace(studies[0], missing=missing), *studies[1:]]


class Settings:
    """A named thing with its parameters; two with the same are the same."""

    def __init__(self, name: str, parameters: Mapping[str, Any]) -> None:
        self.name = name
        self.parameters = pd.json_normalize(dict(parameters)).to_dict("records")[0]
        self._text = json.dumps([name, parameters], sort_keys=True)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Settings) and self._text == other._text

    def __hash__(self) -> int:
        return hash(self._text)


def labels(several: Iterable[Settings], words: int) -> dict[Settings, str]:
    """A label for each: its name, and the parameters in which it differs from its namesakes, in so many words each."""
    made, several = {}, list(several)
    for one in several:
        namesakes = [other.parameters for other in several if other.name == one.name]
        listed = [
            described(str(dotted), value, words)
            for dotted, value in one.parameters.items()
            if value not in (None, []) and any(other.get(dotted) != value for other in namesakes)
        ]
        made[one] = f"{one.name} ({', '.join(listed)})" if listed else one.name
    return made


def described(dotted: str, value: Any, words: int) -> str:
    """A parameter as a label has it, such as ``lam.end 2.0`` or ``data.sampler ClassBalanced``."""
    path = [part for part in dotted.split(".") if part not in {"class_path", "init_args"}]
    return f"{'.'.join(path[-words:])} {str(value).rpartition('.')[2] if dotted.endswith('class_path') else value}"


def study(folder: Path, label: str, fits: Mapping[Settings, Mapping[int, Fit]]) -> Study:
    """The runs on one data set as a study."""
    names = labels(fits, 2)
    # What the others are compared with comes first.
    rows = {names[row]: fits[row] for row in sorted(fits, key=lambda row: (row.name != "erm", names[row] != "erm"))}
    results = [fit.record.result for by_seed in rows.values() for fit in by_seed.values()]
    splits = [split for split in results[0]["units"] if split not in {"train", "val"}]
    if not splits:
        raise InputError(f"{folder} holds runs without a test split (withhold_test): name their grid with --grid")
    also = ["loss_gap", *(name for name in ("neg_f1", "pos_f1") if name in results[0][splits[0]])]
    grid = Grid(
        title=f"{label}: runs of clsunbias fit",
        rows={name: Row(name, "") for name in rows},
        columns={"data": Column(label, {"fit": ""})},
        protocols={"fit": Protocol("as fitted", max(len(by_seed) for by_seed in rows.values()))},
        metrics=[f"{split}/macro_f1" for split in splits],
        also=[f"{split}/{name}" for name in also for split in splits],
        baselines=["erm"] if "erm" in rows else [],
    )
    finished = {}
    for name, by_seed in rows.items():
        records = {seed: by_seed[seed].record for seed in sorted(by_seed)}
        first = next(iter(records.values())).folder
        finished[Arm("fit", "data", name, "", Run(first, ()))] = records
    runs = [record.folder.relative_to(folder) for records in finished.values() for record in records.values()]
    commands = [f"clsunbias fit --config {run / 'config.yaml'} --out again/{run}" for run in runs]
    commands.insert(0, "# in the folder of the runs")
    return Study(label, grid, ["data"], [], finished, {}, [], [], commands, "clsunbias report again")
