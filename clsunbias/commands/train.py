"""``clsunbias fit``: train, select, test once, write the results."""

from collections.abc import Iterator, Mapping
from contextlib import ExitStack
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
from clsunbias.experiments.running.run import FILES, LAST
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
from clsunbias.results import finished, scored_units
from clsunbias.terminal import note

if TYPE_CHECKING:
    from clsunbias.commands.fit import ExperimentCLI


def fit(cli: "ExperimentCLI") -> None:
    """Trains, tests what each rule selects once, and writes the results; goes on with an interrupted run."""
    ready = get_ready(cli)
    if ready is None:
        return
    if cli.option("trainer").fast_dev_run:  # a trial, which leaves nothing
        cli.trainer.fit(cli.model, datamodule=cli.datamodule)
        return
    with ExitStack() as held:
        resume_from, wandb = begin(cli, ready, held)
        cli.trainer.fit(cli.model, datamodule=cli.datamodule, ckpt_path=resume_from, weights_only=True)
        for out, found in end(cli, ready, wandb):
            show_results(out, *found)


@dataclass(frozen=True)
class Ready:
    """What is known of a training before it begins.

    Attributes:
        configs: of each run that it makes, by its folder, as it is saved; its own first.
        done: folders of those that are finished.
        about: what a result says of the run itself.
        resumed: what --ckpt_path holds, if it is given.
    """

    configs: dict[Path, dict[str, Any]]
    done: list[Path]
    about: dict[str, Any]
    resumed: dict[str, Any] | None


def get_ready(cli: "ExperimentCLI") -> Ready | None:
    """Makes a run ready to be trained; None if its folder holds it, finished."""
    configs, data = cli.saved_configs(), cli.datamodule
    init = start_of(cli.option("init_from"))
    sources = {"source": data.source, "init": init}
    done = [out for out, config in configs.items() if finished(out, config, sources, cli.has_own_out)]
    if cli.out in done:
        if cli.option("save_features") and not (cli.out / FILES["features"]).is_file():
            raise InputError(f"{cli.out} holds this run, finished without its features: give another --out")
        if len(done) < len(configs):
            lacking = next(out for out in configs if out not in done)
            raise InputError(f"{cli.out} holds this run, finished: make that of {lacking} by itself, as its own --out")
        note(f"{cli.out} already holds this run, finished; nothing to do")
        return None
    for out in configs:
        check_out(out)
    resumed = prepare(cli, init)
    hashes = {f"{name}_sha256": sha256_of(path) if path else None for name, path in sources.items()}
    cli.checkpoints.made_from = hashes
    about = {"dataset": data.name, "simulated": data.simulated, "objective": cli.model.objective.name}
    return Ready(configs, done, {**about, **hashes}, resumed)


def begin(cli: "ExperimentCLI", ready: Ready, held: ExitStack) -> tuple[str | None, WandbLogger | None]:
    """Takes the folders and saves the configs; says which checkpoint to go on from, and where else the run is shown."""
    if cli.trainer.is_global_zero:
        for out in ready.configs:
            held.enter_context(one_process_in(out))
    resume_from, config = start(cli, ready.configs, ready.resumed), ready.configs[cli.out]
    shown = config | {name: ready.about[name] for name in ("dataset", "simulated", "objective")}
    asked = cli.option("wandb") or False
    return resume_from, attach(cli.trainer, asked, cli.out, shown, config_sha256(config))


def end(
    cli: "ExperimentCLI", ready: Ready, wandb: WandbLogger | None = None
) -> Iterator[tuple[Path, tuple[dict[str, Any], pd.DataFrame]]]:
    """Tests what each rule selects once, and writes the results, which the first process gives by their folders."""
    data = cli.datamodule
    data.withhold_test = cli.option("withhold_test")
    for out, config in ready.configs.items():
        if out in ready.done:
            continue
        cli.checkpoints.load_selected(out, cli.model)
        cli.trainer.test(cli.model, datamodule=data, verbose=False)
        levels = [scored_units(cli.model, level) for level in range(len(data.splits["train"].units))]
        features = features_of(cli.trainer, cli.model)
        if cli.trainer.is_global_zero:
            about = {**ready.about, "config_sha256": config_sha256(config)}
            yield out, write_results(cli, out, about, levels, features, wandb if out == cli.out else None)


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


def start(cli: "ExperimentCLI", configs: Mapping[Path, Any], resumed: dict[str, Any] | None) -> str | None:
    """Saves the configs and says which checkpoint to go on from: the one asked for, or an interrupted run's.

    Args:
        cli: of the run.
        configs: of each run that the training makes, by its folder.
        resumed: what the checkpoint that is asked for holds.
    """
    saved, last = cli.out / "config.yaml", cli.out / LAST
    asked = cli.option("ckpt_path")
    if not asked and saved.exists() and last.exists():
        found = differences(load_saved(saved), configs[cli.out])
        if found:
            note(f"the unfinished run in {cli.out} is another's ({in_words(found)}); starting anew")
        elif (resumed := read_if_whole(last)) and not cli.checkpoints.fits(resumed):
            note(f"the unfinished run in {cli.out} kept the weights of other selection rules; starting anew")
        elif resumed:
            note(f"going on from {last}")
            asked = last
    if not asked:
        last.unlink(missing_ok=True)  # another config's: a later restart must not go on from it
    if resumed and type(cli.trainer.strategy.checkpoint_io) is TorchCheckpointIO:  # no other of the user's
        cli.trainer.strategy.checkpoint_io = ReadBefore(resumed)
    if cli.trainer.is_global_zero:
        for out, config in configs.items():
            write_text(out / "config.yaml", yaml.safe_dump(config, sort_keys=False, allow_unicode=True))
    return str(asked) if asked else None
