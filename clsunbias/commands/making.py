"""How a run was made, and how groups of its units fare, for its model card."""

from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd
import torch

from clsunbias.data.base import DataModule
from clsunbias.experiments.analysis.folds import split_scores
from clsunbias.experiments.attributes import Grouping
from clsunbias.experiments.report.model_card import Making
from clsunbias.experiments.report.subgroup_part import ArmGroups, grouped, write_subgroups
from clsunbias.files import write_csv

if TYPE_CHECKING:
    from clsunbias.commands.fit import ExperimentCLI


def making(cli: "ExperimentCLI", out: Path) -> Making:
    """What the objects of a run that has ended say of the one in a folder."""
    data, parameters = cli.datamodule, list(cli.model.network.parameters())
    classes = len(data.class_names)
    return Making(
        folder=out.relative_to(Path.cwd()) if out.is_relative_to(Path.cwd()) else out,
        config=cli.saved_configs()[out],
        licence=data.licence,
        rows={split: torch.bincount(rows.target, minlength=classes).tolist() for split, rows in data.splits.items()},
        parameters=sum(parameter.numel() for parameter in parameters),
        trained=sum(parameter.numel() for parameter in parameters if parameter.requires_grad),
        steps=cli.checkpoints.steps,
        validations=len(cli.checkpoints.history),
        finished=datetime.now(UTC),
    )


def grouping_of(data: DataModule) -> Grouping | None:
    """By what a data set's results are shown apart, if by anything; InputError if that makes no groups."""
    if data.attributes is None or data.attributes.columns.empty:
        return None
    known = data.attributes.astype(object).where(data.attributes.notna(), "").astype(str)
    table = known.set_axis(known.index.astype(str)).rename_axis("unit").reset_index()
    grouping = Grouping(table, [str(name) for name in data.attributes], f"the attributes of {data.name}")
    for name in grouping.by:
        grouping.groups_by(name)
    return grouping


def write_groups(out: Path, data: DataModule, result: Mapping[str, Any], frame: pd.DataFrame) -> list[ArmGroups]:
    """Writes the attributes of a run's units and how their groups fare; returns that, nothing without attributes.

    Args:
        out: the run's folder.
        data: its data set.
        result: of the run.
        frame: its predictions.
    """
    grouping, found = grouping_of(data), list[ArmGroups]()
    if grouping is None:
        return found
    write_csv(out / "attributes.csv", grouping.table[grouping.table["unit"].isin(frame["unit"].astype(str))])
    for split in [name for name in result["units"] if name not in {"train", "val"}] or ["val"]:
        scores = split_scores(frame[frame["split"] == split], [])
        place = result["dataset"], "", result["objective"], split
        found.append(grouped(place, scores, result["class_names"], grouping))
    write_subgroups(out, found)
    return found
