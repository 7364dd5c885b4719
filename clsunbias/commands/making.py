"""How a run was made, for its model card."""

from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import torch

from clsunbias.experiments.report.model_card import Making

if TYPE_CHECKING:
    from clsunbias.commands.fit import ExperimentCLI


def making(cli: "ExperimentCLI") -> Making:
    """What the objects of a run that has ended say of it."""
    data, parameters = cli.datamodule, list(cli.model.network.parameters())
    classes = len(data.class_names)
    return Making(
        folder=cli.out.relative_to(Path.cwd()) if cli.out.is_relative_to(Path.cwd()) else cli.out,
        config=cli.saved_config(),
        licence=data.licence,
        rows={split: torch.bincount(rows.target, minlength=classes).tolist() for split, rows in data.splits.items()},
        parameters=sum(parameter.numel() for parameter in parameters),
        trained=sum(parameter.numel() for parameter in parameters if parameter.requires_grad),
        steps=cli.trainer.global_step,
        validations=len(cli.checkpoints.history),
        finished=datetime.now(UTC),
    )
