"""Runs of a grid trained together in a worker process; what cannot be is left undone, for the way of a single run."""

import contextlib
import json
from collections.abc import Hashable, Sequence
from contextlib import ExitStack

import torch
from lightning.pytorch import Trainer
from lightning.pytorch.accelerators import CPUAccelerator
from torch import Tensor

from clsunbias.callbacks import EndEarly
from clsunbias.commands.fit import ExperimentCLI, quietly
from clsunbias.commands.train import Ready, begin, end
from clsunbias.experiments.running.run import LAST, Run
from clsunbias.objectives import APLoss, Objective
from clsunbias.optimizers import SignDescent
from clsunbias.replicas.making import Maker, config_of
from clsunbias.replicas.module import Replicas
from clsunbias.replicas.objectives import draws_random_numbers
from clsunbias.replicas.stack import can_be_stacked

ELEMENTWISE = (torch.optim.Adam, torch.optim.AdamW, torch.optim.SGD, SignDescent)
"""Optimisers that take each number of the weights for itself, so that stacked weights take the same steps."""

TRIED = 64
"""Rows that an objective is tried on."""


def train_together(runs: Sequence[Run]) -> None:
    """Trains those of some runs together that fit together; whatever goes wrong with one, it is left undone."""
    made: dict[Hashable, list[tuple[ExperimentCLI, Ready]]] = {}
    maker = Maker()
    for run in runs:
        with contextlib.suppress(Exception):  # which is said when the run is done alone, as are those below
            cli, ready = maker.make(run)
            if ready is not None and fits(cli):
                made.setdefault(shape_of(cli), []).append((cli, ready))
    for group in made.values():
        if len(group) > 1:
            with contextlib.suppress(Exception):
                train_group(group)


def fits(cli: ExperimentCLI) -> bool:
    """Whether a run can be trained with others and come to what it would come to alone.

    AP-loss jumps where two scores change places: what is rounded otherwise soon is another training.
    """
    model, data = cli.model, cli.datamodule
    objective, train = model.objective, data.splits["train"]
    if not isinstance(cli.trainer.accelerator, CPUAccelerator):  # where it is not known to pay
        return False
    if isinstance(objective, APLoss) or model.seen or [*objective.parameters()] or model.configure_callbacks():
        return False
    if type(objective).training_batch is not Objective.training_batch:
        return False
    if not all(isinstance(split.x, Tensor) and split.features is None for split in (train, data.splits["val"])):
        return False
    if not can_be_stacked(model.network) or type(model.configure_optimizers()) not in ELEMENTWISE:
        return False
    if (cli.out / LAST).exists():  # it goes on from there
        return False
    rows = train[torch.arange(len(train))[:TRIED]]
    with torch.no_grad():
        return not draws_random_numbers(objective, model.network(rows["x"]), rows)


def shape_of(cli: ExperimentCLI) -> Hashable:
    """What has to be equal for runs to be trained together."""
    data = cli.datamodule
    train, val = data.splits["train"], data.splits["val"]
    sampler = data.train_sampler(train)
    rows = [(len(split), len(split.units[0].target), split.x[0].shape, *split.more) for split in (train, val)]
    optimizer = type(cli.model.configure_optimizers())
    trainer = json.dumps(config_of(cli)["trainer"], sort_keys=True)
    return (
        repr(cli.model.network),
        optimizer,
        trainer,
        repr(rows),
        sampler.size,
        sampler.batch_size,
        data.class_names,
        data.ordered,
    )


def train_group(group: Sequence[tuple[ExperimentCLI, Ready]]) -> None:
    """Trains runs together, then tests each and writes its results."""
    first = group[0][0]
    callbacks = [one for one in first.option("trainer").callbacks or () if isinstance(one, EndEarly)]
    options = {**first.option("trainer"), "callbacks": callbacks, "logger": False, "enable_checkpointing": False}
    with ExitStack() as folders, quietly():
        for cli, ready in group:
            begin(cli, ready, folders)
            cli.replicas = len(group)
        together = Replicas([cli for cli, _ in group])
        trainer = Trainer(**options)
        trainer.fit(together)
        ready_of = {cli.out: ready for cli, ready in group}
        for cli in together.runs:
            with contextlib.suppress(Exception):
                cli.checkpoints.end(trainer.global_step)
                cli.trainer.loggers[0].finalize("success")
                list(end(cli, ready_of[cli.out]))
