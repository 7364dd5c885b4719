"""Runs that were made one by one with ``clsunbias fit``, as studies: a table a data set, a row an objective."""

import dataclasses
import json
from collections import defaultdict
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import pandas as pd

from clsunbias.errors import InputError
from clsunbias.experiments.grid import Column, Grid, Protocol, Row
from clsunbias.experiments.plan import Arm
from clsunbias.experiments.running.config import difference
from clsunbias.experiments.running.run import Record, Run, read_record
from clsunbias.experiments.study import Study


class Fit(NamedTuple):
    """A finished run and its config."""

    record: Record
    config: dict[str, Any]


def loose_studies(folder: Path) -> list[Study]:
    """The finished runs below a folder, a study for each data set; InputError if there are none that may be trusted.

    Runs of one objective on the same data are its seeds: nothing but seeds may differ between their configs.
    """
    folders = sorted(path.parent for path in folder.rglob("config.yaml"))
    done = [run for run in folders if (run / "result.json").exists()]
    missing = [str(run.relative_to(folder)) for run in folders if run not in done]
    fits: dict[str, dict[str, dict[int, Fit]]] = defaultdict(lambda: defaultdict(dict))
    for run in done:
        fit = Fit(*read_record(run))
        result = fit.record.result
        data = json.dumps([result["dataset"], seedless(fit.config["data"])], sort_keys=True)
        by_seed = fits[data][result["objective"]]
        check_fellow(fit, by_seed)
        by_seed[result["seed"]] = fit
    if not fits:
        listed = "".join(f"\n  missing: {name}" for name in missing)
        raise InputError(f"{folder} holds no finished run, nothing to report{listed}\nmake runs with clsunbias fit")
    labels = data_labels(fits)
    studies = [study(folder, labels[data], rows) for data, rows in fits.items()]
    return [dataclasses.replace(studies[0], missing=missing), *studies[1:]]


def seedless(config: Any) -> Any:
    """A config less its seeds and the data's folder."""
    if not isinstance(config, Mapping):
        return config
    dropped = ("seed", "root", "seed_everything", "init_from")
    return {
        name: seedless(value) for name, value in config.items() if name not in dropped and not name.endswith("_seed")
    }


def check_fellow(fit: Fit, others: Mapping[int, Fit]) -> None:
    """Raises InputError if a run is not another seed of the same thing as others."""
    folder, seed = fit.record.folder, fit.record.result["seed"]
    for other in list(others.values())[:1]:  # the rest are its fellows
        differing = difference(seedless(other.config), seedless(fit.config))
        if differing:
            raise InputError(
                f"{other.record.folder} and {folder} are runs of one objective on the same data that differ in more "
                f"than their seed ({differing.partition(' is ')[0]}): runs of different settings are not mixed; "
                "report them one by one, or name the grid that they belong to with --grid"
            )
    if seed in others:
        raise InputError(f"{others[seed].record.folder} and {folder} are the same run; move one of them away")


def data_labels(datasets: Iterable[str]) -> dict[str, str]:
    """A label for each data set: its name, and the parameters in which it differs from another of that name."""
    read = {dataset: json.loads(dataset) for dataset in datasets}
    parameters = {dataset: pd.json_normalize(data).to_dict("records")[0] for dataset, (_, data) in read.items()}
    labels = {}
    for dataset, (name, _) in read.items():
        namesakes = [parameters[other] for other, (other_name, _) in read.items() if other_name == name]
        listed = ", ".join(
            f"{str(dotted).rpartition('.')[2]} {value}"
            for dotted, value in parameters[dataset].items()
            if any(other.get(dotted) != value for other in namesakes)
        )
        labels[dataset] = f"{name} ({listed})" if listed else name
    return labels


def study(folder: Path, label: str, rows: Mapping[str, Mapping[int, Fit]]) -> Study:
    """The runs on one data set as a study."""
    rows = dict(sorted(rows.items(), key=lambda row: row[0] != "erm"))  # what the others are compared with comes first
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
