"""``clsunbias fit``: train, select, test once, write the results."""

from collections.abc import Mapping
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd
import torch
import yaml
from lightning.fabric.plugins import TorchCheckpointIO

from clsunbias.checkpoints import ReadBefore, check_resumable, load_weights, read_if_whole, selected_weights
from clsunbias.commands.checks import (
    check_batches,
    check_optimizer,
    check_refit,
    check_trainer,
    check_validations,
    warn_of_few_to_select_by,
)
from clsunbias.commands.making import grouping_of
from clsunbias.commands.model_check import check_model
from clsunbias.commands.writing import show_results, write_results
from clsunbias.config_differences import differences, in_words
from clsunbias.dashboards.logger import WandbLogger, attach
from clsunbias.errors import InputError, listed
from clsunbias.experiments.running.config import load_saved
from clsunbias.experiments.running.run import FILES
from clsunbias.features import features_of
from clsunbias.files import (
    check_out,
    config_sha256,
    one_process_in,
    sha256_of,
    write_text,
)
from clsunbias.frozen import use_features
from clsunbias.networks.parts import SEEN, head_of, submodule
from clsunbias.objectives.representation import check_backbone
from clsunbias.results import (
    finished,
    scored_units,
)
from clsunbias.terminal import note

if TYPE_CHECKING:
    from clsunbias.commands.fit import ExperimentCLI


def fit(cli: "ExperimentCLI") -> None:
    """Trains, tests the selected weights once, and writes the results; goes on with an interrupted run."""
    ready = get_ready(cli)
    if ready is None:
        return
    if cli.option("trainer").fast_dev_run:  # a trial, which leaves nothing
        cli.trainer.fit(cli.model, datamodule=cli.datamodule)
        return
    with one_process_in(cli.out) if cli.trainer.is_global_zero else nullcontext():
        resume_from, wandb = begin(cli, ready)
        cli.trainer.fit(cli.model, datamodule=cli.datamodule, ckpt_path=resume_from, weights_only=True)
        if found := end(cli, ready, wandb):
            show_results(cli, *found)


@dataclass(frozen=True)
class Ready:
    """What is known of a run before it is trained.

    Attributes:
        config: the run's, as it is saved.
        about: what its result says of the run itself.
        resumed: what --ckpt_path holds, if it is given.
    """

    config: dict[str, Any]
    about: dict[str, Any]
    resumed: dict[str, Any] | None


def get_ready(cli: "ExperimentCLI") -> Ready | None:
    """Makes a run ready to be trained; None if its folder holds it, finished."""
    config, data = cli.saved_config(), cli.datamodule
    init = start_of(cli.option("init_from"))
    sources = {"source": data.source, "init": init}
    if finished(cli.out, config, sources, cli.has_own_out):
        if cli.option("save_features") and not (cli.out / FILES["features"]).is_file():
            raise InputError(f"{cli.out} holds this run, finished without its features: give another --out")
        note(f"{cli.out} already holds this run, finished; nothing to do")
        return None
    check_out(cli.out)
    resumed = prepare(cli, init)
    cli.checkpoints.made_from = {f"{name}_sha256": sha256_of(path) if path else None for name, path in sources.items()}
    about = {"dataset": data.name, "simulated": data.simulated, "objective": cli.model.objective.name}
    return Ready(config, {**about, "config_sha256": config_sha256(config), **cli.checkpoints.made_from}, resumed)


def begin(cli: "ExperimentCLI", ready: Ready) -> tuple[str | None, WandbLogger | None]:
    """Saves the config; says which checkpoint to go on from, and where else the run is shown."""
    resume_from = start(cli, ready.config, ready.resumed)
    shown = ready.config | {name: ready.about[name] for name in ("dataset", "simulated", "objective")}
    asked = cli.option("wandb") or False
    return resume_from, attach(cli.trainer, asked, cli.out, shown, ready.about["config_sha256"])


def end(
    cli: "ExperimentCLI", ready: Ready, wandb: WandbLogger | None = None
) -> tuple[dict[str, Any], pd.DataFrame] | None:
    """Tests a trained run once, and writes the results; the first process gives result and predictions."""
    data = cli.datamodule
    data.withhold_test = cli.option("withhold_test")
    cli.trainer.test(cli.model, datamodule=data, verbose=False)
    levels = [scored_units(cli.model, level) for level in range(len(data.splits["train"].units))]
    features = features_of(cli.trainer, cli.model)
    return write_results(cli, ready.about, levels, features, wandb) if cli.trainer.is_global_zero else None


def start_of(asked: Path | None) -> Path | None:
    """The checkpoint that --init_from means; raises InputError for the folder of a run that is not finished."""
    if asked is None:
        return None
    run = asked.expanduser()
    if (run / "config.yaml").is_file() and not (run / "result.json").is_file():
        raise InputError(f"--init_from {asked} holds a run that is not finished (there is no result.json): finish it")
    return selected_weights(asked)


def prepare(cli: "ExperimentCLI", init: Path | None) -> dict[str, Any] | None:
    """Finds what is wrong before anything is trained or written; then model and objective are ready to train.

    Args:
        cli: of the run.
        init: checkpoint whose weights the model starts from.

    Returns:
        What --ckpt_path holds, if it is given.
    """
    resumed = None
    check_trainer(cli.option("trainer"), cli.model)
    data, objective = cli.datamodule, cli.model.objective
    data.prepare_data()
    data.setup("fit")
    grouping_of(data)
    train = data.splits["train"]
    check_model(cli.model, data, train.x)
    objective.training_batch(train[torch.arange(2)], 0)  # fails here for rows that it can make nothing of
    check_batches(data, cli.model)
    check_validations(cli.option("trainer"), data)
    told = set(objective.needs) - SEEN.keys()
    if told and data.mixup:
        raise InputError(
            f"mixup mixes rows, and {objective.name} needs {listed(sorted(told))} of each: take data.mixup out"
        )
    missing = sorted(told - train[torch.arange(1)].keys())
    if missing:
        raise InputError(
            f"{objective.name} needs {', '.join(missing)} of each training row, which {data.name} does not give; "
            "choose a data set, or a data.resample, that does"
        )
    if objective.in_order and len(data.class_names) > 2 and not data.ordered:
        raise InputError(
            f"{objective.name} is for grades, each more than the one before; if {data.name}'s classes are "
            f"({listed(data.class_names)}), say so: data.ordered true"
        )
    objective.setup(data.class_counts)
    cli.option("anneal").check(objective)
    if cli.option("save_features"):
        head_of(cli.model.network, "--save_features")
    fresh = cli.parts("fresh")
    for part in fresh:
        submodule(cli.model.network, part)
    if init:
        made = cli.model.refit.fresh if cli.model.refit else ()
        load_weights(cli.model, init, [".".join(filter(None, ("network", part))) for part in (*fresh, *made)])
    elif fresh:
        raise InputError("--fresh names parts that --init_from leaves alone; there is no --init_from")
    check_refit(cli.model, data.splits, cli.trainer, bool(init))
    if asked := cli.option("ckpt_path"):
        resumed = load_weights(cli.model, Path(asked))
        check_resumable(Path(asked), resumed)
    if cli.parts("freeze"):
        cli.model.freeze_parts(cli.parts("freeze"))
        if "backbone" in cli.parts("freeze"):
            use_features(cli.model, data, cli.trainer.strategy.root_device)
    check_backbone(objective, cli.model.network, cli.option("anneal").schedules)
    check_optimizer(cli.model, torch.bincount(train.target), cli.option("trainer"))
    if cli.trainer.is_global_zero:
        warn_of_few_to_select_by(data)
    return resumed


def start(cli: "ExperimentCLI", config: Mapping[str, Any], resumed: dict[str, Any] | None) -> str | None:
    """Saves the config and says which checkpoint to go on from: the one asked for, or an interrupted run's.

    Args:
        cli: of the run.
        config: the run's.
        resumed: what the checkpoint that is asked for holds.
    """
    saved, last = cli.out / "config.yaml", cli.out / "checkpoints" / "last.ckpt"
    asked = cli.option("ckpt_path")
    if not asked and saved.exists() and last.exists():
        found = differences(load_saved(saved), config)
        if found:
            note(f"the unfinished run in {cli.out} is another's ({in_words(found)}); starting anew")
        elif resumed := read_if_whole(last):
            note(f"going on from {last}")
            asked = last
    if not asked:
        last.unlink(missing_ok=True)  # another config's: a later restart must not go on from it
    if resumed and type(cli.trainer.strategy.checkpoint_io) is TorchCheckpointIO:  # no other of the user's
        cli.trainer.strategy.checkpoint_io = ReadBefore(resumed)
    if cli.trainer.is_global_zero:
        write_text(saved, yaml.safe_dump(config, sort_keys=False, allow_unicode=True))
    return str(asked) if asked else None
