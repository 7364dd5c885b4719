"""``clsunbias fit``: train, select, test once, write the results."""

import shutil
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
import yaml
from lightning.fabric.plugins import TorchCheckpointIO
from torch import Tensor

from clsunbias.checkpoints import ReadBefore, check_resumable, load_weights, read_if_whole, selected_weights
from clsunbias.commands.checks import (
    check_batches,
    check_optimizer,
    check_refit,
    check_trainer,
    check_validations,
    warn_of_few_to_select_by,
)
from clsunbias.commands.making import grouping_of, making, write_groups
from clsunbias.commands.model_check import check_model
from clsunbias.config_differences import differences, in_words
from clsunbias.dashboards.logger import WandbLogger, attach
from clsunbias.errors import InputError, listed
from clsunbias.experiments.report.model_card import model_card
from clsunbias.experiments.report.subgroup_part import card_with_groups
from clsunbias.experiments.running.config import load_saved
from clsunbias.experiments.running.run import FILES, LAST
from clsunbias.features import features_of, write_features
from clsunbias.files import (
    atomic,
    check_out,
    config_sha256,
    one_process_in,
    sealed,
    sha256_of,
    write_csv,
    write_json,
    write_text,
)
from clsunbias.frozen import use_features
from clsunbias.networks.parts import SEEN, head_of, submodule
from clsunbias.objectives.representation import check_backbone
from clsunbias.results import (
    UnitScores,
    finished,
    predictions,
    row_predictions,
    scored_units,
    show,
    units_and_metrics,
    versions,
)
from clsunbias.terminal import note, say

if TYPE_CHECKING:
    from clsunbias.commands.fit import ExperimentCLI


def fit(cli: "ExperimentCLI") -> None:
    """Trains, tests what each rule selects once, and writes the results; goes on with an interrupted run."""
    configs, data = cli.saved_configs(), cli.datamodule
    init = start_of(cli.option("init_from"))
    sources = {"source": data.source, "init": init}
    there = [out for out, config in configs.items() if finished(out, config, sources, cli.has_own_out)]
    if cli.out in there:
        if cli.option("save_features") and not (cli.out / FILES["features"]).is_file():
            raise InputError(f"{cli.out} holds this run, finished without its features: give another --out")
        if len(there) < len(configs):
            lacking = next(out for out in configs if out not in there)
            raise InputError(f"{cli.out} holds this run, finished: make that of {lacking} by itself, as its own --out")
        note(f"{cli.out} already holds this run, finished; nothing to do")
        return
    for out in configs:
        check_out(out)
    resumed = prepare(cli, init)
    if cli.option("trainer").fast_dev_run:  # a trial, which leaves nothing
        cli.trainer.fit(cli.model, datamodule=data)
        return
    with ExitStack() as held:
        if cli.trainer.is_global_zero:
            for out in configs:
                held.enter_context(one_process_in(out))
        hashes = {f"{name}_sha256": sha256_of(path) if path else None for name, path in sources.items()}
        cli.checkpoints.made_from = hashes
        resume_from = start(cli, configs, resumed)
        about = {"dataset": data.name, "simulated": data.simulated, "objective": cli.model.objective.name}
        config = configs[cli.out]
        asked = cli.option("wandb") or False
        wandb = attach(cli.trainer, asked, cli.out, {**config, **about}, config_sha256(config))
        cli.trainer.fit(cli.model, datamodule=data, ckpt_path=resume_from, weights_only=True)
        data.withhold_test = cli.option("withhold_test")
        for out, config in configs.items():
            if out in there:
                continue
            cli.checkpoints.load_selected(out, cli.model)
            cli.trainer.test(cli.model, datamodule=data, verbose=False)
            levels = [scored_units(cli.model, level) for level in range(len(data.splits["train"].units))]
            features = features_of(cli.trainer, cli.model)
            if cli.trainer.is_global_zero:
                run = {**about, "config_sha256": config_sha256(config), **hashes}
                write_results(cli, out, run, levels, features, wandb if out == cli.out else None)


def start_of(asked: Path | None) -> Path | None:
    """The checkpoint that --init_from means; raises InputError for the folder of a run that is not finished."""
    if asked is None:
        return None
    run = asked.expanduser()
    if (run / "config.yaml").is_file() and not (run / "result.json").is_file():
        raise InputError(f"--init_from {asked} holds a run that is not finished (there is no result.json): finish it")
    return selected_weights(asked)


def write_results(
    cli: "ExperimentCLI",
    out: Path,
    about: dict[str, Any],
    levels: Sequence[Mapping[str, UnitScores]],
    features: Mapping[str, Tensor],
    wandb: WandbLogger | None,
) -> None:
    """Writes what a run has found, the result last of all, and shows it.

    Args:
        cli: of the run.
        out: the run's folder, or that of another rule's on the same training.
        about: what the result says of the run itself.
        levels: scores of the headline's units, then of other levels.
        features: of the headline's units by split, if they are to be kept.
        wandb: where the run is shown, too.
    """
    data, rows, kept = cli.datamodule, row_predictions(cli.model), cli.checkpoints.kept[out]
    frame = predictions(levels[0], data.class_names)
    if out != cli.out:  # what the one training logged
        with atomic(out / FILES["metrics"]) as copy:
            shutil.copyfile(cli.out / FILES["metrics"], copy)
    write_json(out / FILES["inputs"], data.account())
    write_csv(out / FILES["predictions"], frame)
    if rows is not None:
        write_csv(out / FILES["rows"], rows)
    (out / FILES["features"]).unlink(missing_ok=True)  # of a run before, in the same folder
    if features:
        write_features(out / FILES["features"], features)
    result = {
        **about,
        "seed": cli.option("seed_everything"),
        "selection": repr(kept.rule),
        "step": kept.selection.step,
        "tied_validations": kept.selection.tied,
        **({"synthetic_training_rows": data.synthetic_rows} if data.synthetic_rows else {}),
        "leaks": data.leaks,
        **units_and_metrics(levels, data.class_names, data.ordered),
        **({"left_out": data.left_out} if data.left_out else {}),
        "versions": versions(),
        **{f"{name}_sha256": sha256_of(out / path) for name, path in FILES.items() if (out / path).is_file()},
    }
    if wandb:
        wandb.log_result(cli.trainer.global_step, frame, data.class_names, result)
    card = model_card(result, frame, making(cli, out))
    if groups := write_groups(out, data, result, frame):
        card = card_with_groups(card, groups)
    write_text(out / "MODEL_CARD.md", card)
    write_json(out / "result.json", sealed(result))
    shown = {split: result[split] for split in (*levels[0], "test") if split in result}
    simulated = "SIMULATED: " if data.simulated else ""
    show(shown, f"{simulated}{data.name}, {about['objective']}, step {result['step']}", frame, data.class_names)
    say(f"results in {out}")
    if wandb:
        wandb.close()


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
