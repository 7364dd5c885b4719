"""The experiment commands on LightningCLI, and ``clsunbias fit``: train, select, test once, write the results."""

import logging
import os
import warnings
from pathlib import Path
from typing import Any

import torch
import yaml
from lightning.pytorch import Trainer
from lightning.pytorch.cli import LightningArgumentParser, LightningCLI
from lightning.pytorch.loggers import CSVLogger, Logger
from rich.console import Console

from clsunbias.callbacks import Checkpoints
from clsunbias.checkpoints import check_resumable, load_weights, selected_weights
from clsunbias.commands import evaluate
from clsunbias.commands.experiment_options import add_options, with_found_configs
from clsunbias.dashboards import charts
from clsunbias.dashboards.logger import attach
from clsunbias.data import DataModule
from clsunbias.errors import InputError
from clsunbias.experiments.report.model_card import model_card
from clsunbias.files import config_sha256, sealed, sha256_of, write_csv, write_json, write_text
from clsunbias.module import Classifier, submodule
from clsunbias.parser import RaisesInputError
from clsunbias.progress import RunProgress
from clsunbias.results import (
    finished,
    predictions,
    scored_units,
    show,
    split_metrics,
    units_and_metrics,
    versions,
)

TRAINER_DEFAULTS: dict[str, Any] = {
    "num_sanity_val_steps": 0,  # model and data are checked before; a trial validation adds nothing
    "enable_model_summary": False,
    "enable_progress_bar": True,
}
# What a saved config leaves out: where things lie on this machine, and options that a single command has.
TRANSIENT = ("config", "out", "input", "threshold", "save_every", "wandb")
LIGHTNING_TRANSIENT = ("ckpt_path", "weights_only", "verbose", "return_predictions")

# Lightning's advice that does not hold here.
QUIET = (
    ".*does not have many workers",  # data in memory need none
    ".*smaller than the logging interval",  # figures are logged once per validation
    ".*logs directory .* exists",  # a resumed run writes its folder again
    "LightningCLI's args parameter",  # args always come from main
    r".*module\(s\) in eval mode",  # frozen parts are meant to be
)


class Parser(RaisesInputError, LightningArgumentParser):
    """LightningCLI's parser."""


class ExperimentCLI(LightningCLI):
    """LightningCLI around Classifier and DataModule, with annealing, a selection rule and an output folder."""

    def add_arguments_to_parser(self, parser: LightningArgumentParser) -> None:
        add_options(parser)

    def _parse_ckpt_path(self) -> None:
        """Does nothing: checkpoints hold no hyper-parameters, the config is the truth."""

    def option(self, name: str) -> Any:
        """A resolved option of the running command."""
        return self._get(self.config_init, name)

    def parts(self, name: str) -> list[str]:
        """An option that names parts of the network: one, or a list."""
        asked: str | list[str] = self.option(name)
        return [asked] if isinstance(asked, str) else asked

    @property
    def out(self) -> Path:
        """The output folder of ``fit``."""
        if self.option("out"):
            return Path(self.option("out"))
        if sweep := os.environ.get("WANDB_SWEEP_ID"):  # whose runs have configs of their own
            return Path("runs", f"sweep-{sweep}", os.environ.get("WANDB_RUN_ID", ""))
        configs = self.option("config")
        name = Path(str(configs[0])).stem if configs else self.datamodule.name
        return Path("runs", name, self.model.objective.name, str(self.option("seed_everything")))

    def instantiate_trainer(self, **kwargs: Any) -> Trainer:
        trainer = self.option("trainer")
        if self.subcommand != "fit":
            return super().instantiate_trainer(logger=False, **kwargs)
        self.checkpoints = Checkpoints(self.option("selection"), self.out / "checkpoints", self.option("save_every"))
        callbacks = list(trainer.callbacks or [])
        if not trainer.fast_dev_run:  # a trial, which leaves nothing
            callbacks.append(self.checkpoints)
        if trainer.enable_progress_bar:
            callbacks.append(RunProgress())
        # The CSV comes first and always: another logger may be offline, and a run's curves must not depend on it.
        extra = trainer.logger if isinstance(trainer.logger, list) else [trainer.logger]
        loggers: list[Logger] = [CSVLogger(self.out, name="", version="", flush_logs_every_n_steps=1)]
        loggers += [logger for logger in extra if isinstance(logger, Logger)]
        return super().instantiate_trainer(callbacks=callbacks, logger=loggers, **kwargs)

    def saved_config(self) -> dict[str, Any]:
        """The run's whole config, as it is saved."""
        config = yaml.safe_load(self._parser("fit").dump(self.config["fit"], skip_none=False))
        return {name: value for name, value in config.items() if name not in TRANSIENT + LIGHTNING_TRANSIENT}

    def fit(self, **_: Any) -> None:
        """Trains, tests the selected weights once, and writes the results; goes on with an interrupted run."""
        config, data = self.saved_config(), self.datamodule
        init = selected_weights(self.option("init_from")) if self.option("init_from") else None
        sources = {"source": data.source, "init": init}
        sha256 = config_sha256(config)
        if finished(self.out, sha256, sources):
            Console(stderr=True).print(f"{self.out} already holds this run, finished; nothing to do")
            return
        self.prepare(init)
        made_from = {f"{name}_sha256": sha256_of(path) if path else None for name, path in sources.items()}
        resume_from = self.start(yaml.safe_dump(config, sort_keys=False, allow_unicode=True))
        about = {"dataset": data.name, "simulated": data.simulated, "objective": self.model.objective.name}
        wandb = attach(self.trainer, self.option("wandb"), self.out, {**config, **about}, sha256)
        self.trainer.fit(self.model, datamodule=data, ckpt_path=resume_from, weights_only=True)
        if self.option("trainer").fast_dev_run:
            return
        data.withhold_test = self.option("withhold_test")
        self.trainer.test(self.model, datamodule=data, verbose=False)
        levels = [scored_units(self.model, level) for level in range(len(data.splits["train"].units))]
        if not self.trainer.is_global_zero:
            return
        frame = predictions(levels[0])
        write_csv(self.out / "predictions.csv", frame)
        result = {
            **about,
            "seed": self.option("seed_everything"),
            "selection": repr(self.checkpoints.rule),
            "step": self.checkpoints.best_step,
            **units_and_metrics(levels, data.class_names),
            "versions": versions(),
            "config_sha256": sha256,
            **made_from,
            "predictions_sha256": sha256_of(self.out / "predictions.csv"),
        }
        if wandb:
            wandb.log_result(
                self.trainer.global_step, lambda: charts.figures(frame, data.class_names), charts.summary(result)
            )
        write_text(self.out / "MODEL_CARD.md", model_card(result, frame, data.class_names))
        write_json(self.out / "result.json", sealed(result))
        show(split_metrics(levels[0], data.class_names), f"{data.name}, {about['objective']}, step {result['step']}")
        Console().print(f"results in {self.out}")
        if wandb:
            wandb.close()

    def prepare(self, init: Path | None) -> None:
        """Finds what is wrong before anything is trained or written; then model and objective are ready to train.

        Args:
            init: checkpoint whose weights the model starts from.
        """
        if isinstance(self.option("seed_everything"), bool):
            raise InputError("seed_everything must be a number, so that the run can be repeated")
        data, objective = self.datamodule, self.model.objective
        data.prepare_data()
        data.setup("fit")
        train = data.splits["train"]
        self.model.check(data, train.x)
        missing = sorted(set(objective.needs) - train[torch.arange(1)].keys())
        if missing:
            raise InputError(
                f"{objective.name} needs {', '.join(missing)} of each training row, which {data.name} does not give; "
                "choose a data set, or a data.resample, that does"
            )
        objective.setup(data.class_counts)
        self.option("anneal").check(objective)
        fresh = self.parts("fresh")
        for part in fresh:
            submodule(self.model.network, part)
        if init:
            load_weights(self.model, init, [f"network.{part}" for part in fresh])
        elif fresh:
            raise InputError("--fresh names parts that --init_from leaves alone; there is no --init_from")
        if self.parts("freeze"):
            self.model.freeze_parts(self.parts("freeze"))

    def start(self, config: str) -> str | None:
        """Saves the config and says which checkpoint to go on from: the one asked for, or an interrupted run's."""
        if self.option("trainer").fast_dev_run:  # a trial, which changes nothing
            return None
        saved, last = self.out / "config.yaml", self.out / "checkpoints" / "last.ckpt"
        asked = self.option("ckpt_path")
        if asked:
            load_weights(self.model, Path(asked))
            check_resumable(Path(asked))
        elif last.exists() and saved.exists() and saved.read_text() == config:
            Console(stderr=True).print(f"going on from {last}")
            asked = last
        else:
            last.unlink(missing_ok=True)  # another config's: a later restart must not go on from it
        if self.trainer.is_global_zero:
            write_text(saved, config)
        return str(asked) if asked else None

    def validate(self, **_: Any) -> None:
        """Prints the validation figures of a checkpoint."""
        evaluate.validate(self)

    def test(self, **_: Any) -> None:
        """Prints the figures of a checkpoint on every split."""
        evaluate.test(self)

    def predict(self, **_: Any) -> None:
        """Writes class probabilities and decisions of new inputs to OUT/predictions.csv."""
        evaluate.predict(self)


def run(args: list[str], execute: bool = True) -> ExperimentCLI:
    """Runs one experiment command; raises InputError for what its user can mend.

    Args:
        args: the command and its options; without execute, options alone.
        execute: whether to run it, or only to make what the options say.
    """
    args = with_found_configs(args)
    logging.getLogger("lightning.pytorch").setLevel(logging.WARNING)
    logging.getLogger("lightning.fabric").setLevel(logging.WARNING)
    with warnings.catch_warnings():
        for message in QUIET:
            warnings.filterwarnings("ignore", message)
        warnings.filterwarnings("ignore", category=FutureWarning, module="lightning")
        try:
            return ExperimentCLI(
                Classifier,
                DataModule,
                subclass_mode_data=True,
                auto_configure_optimizers=False,
                save_config_callback=None,
                seed_everything_default=0,
                trainer_defaults=TRAINER_DEFAULTS,
                parser_class=Parser,
                run=execute,
                args=args,
            )
        except ValueError as error:
            # The parser wraps what a class says of its arguments in an account of all types that it tried.
            cause: BaseException | None = error
            while cause and not isinstance(cause, InputError):
                cause = cause.__cause__
            if cause:
                raise cause from None
            raise
