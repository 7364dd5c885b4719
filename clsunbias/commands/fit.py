"""The experiment commands on LightningCLI: what a command line makes, and what is done with it."""

import contextlib
import logging
import os
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, ClassVar

import yaml
from lightning.fabric.utilities.exceptions import MisconfigurationException
from lightning.pytorch import Trainer
from lightning.pytorch.cli import LightningArgumentParser, LightningCLI
from lightning.pytorch.loggers import CSVLogger, Logger
from torch import nn

from clsunbias.callbacks import Checkpoints
from clsunbias.commands import evaluate, train
from clsunbias.commands.checks import check_processes, check_sections, check_trainer_options, check_whole_numbers
from clsunbias.commands.experiment_options import (
    add_options,
    add_selection,
    check_meaning,
    in_a_config,
    refusal,
    with_found_configs,
)
from clsunbias.data import DataModule
from clsunbias.errors import InputError, shortened
from clsunbias.features import Features
from clsunbias.module import Classifier
from clsunbias.parser import RaisesInputError
from clsunbias.parser_messages import said_before
from clsunbias.progress import RunProgress

TRAINER_DEFAULTS: dict[str, Any] = {
    "num_sanity_val_steps": 0,  # model and data are checked before; a trial validation adds nothing
    "enable_model_summary": False,
    "enable_progress_bar": True,
}
LIBRARIES = {"clsunbias", "torch", "torchvision", "timm"}  # whose classes say what is wrong with their arguments
# What a saved config leaves out: where things lie on this machine, and options that a single command has.
TRANSIENT = ("config", "out", "input", "resize", "threshold", "rule", "save_every", "save_features", "wandb", "also")
LIGHTNING_TRANSIENT = ("ckpt_path", "weights_only", "verbose", "return_predictions")

# Lightning's advice that does not hold here.
QUIET = (
    ".*does not have many workers",  # data in memory need none
    ".*smaller than the logging interval",  # figures are logged once per validation
    ".*logs directory .* exists",  # a resumed run writes its folder again
    "LightningCLI's args parameter",  # args always come from main
    r".*module\(s\) in eval mode",  # frozen parts are meant to be
    "`training_step` returned `None`",  # a refit trains nothing
)


PARSERS: dict[bool, dict[str, Any]] = {}
"""Lightning's parsers with and without subcommands, once they are made."""


class Parser(RaisesInputError, LightningArgumentParser):
    """LightningCLI's parser."""


def made(kind: type[nn.Module], *args: Any, **arguments: Any) -> nn.Module:
    """A network of a config, or an InputError with what a library's class says of arguments that it cannot be made of.

    A class of the user's own keeps its traceback, which is the account that its author needs.
    """
    try:
        return kind(*args, **arguments)
    except Exception as error:  # libraries raise all kinds
        if isinstance(error, InputError) or kind.__module__.partition(".")[0] not in LIBRARIES:
            raise
        said = str(error).strip().partition("\n")[0] or type(error).__name__
        shown = ", ".join(f"{name} {shortened(value)}" for name, value in arguments.items() if value is not None)
        raise InputError(f"{kind.__module__}.{kind.__name__} cannot be made with {shown}: {said}") from error


class ExperimentCLI(LightningCLI):
    """LightningCLI around Classifier and DataModule, with annealing, a selection rule and an output folder."""

    rows_in_memory: ClassVar[int] = 1
    """Rows of curves after which their file is written."""

    replicas: int = 1
    """Runs that are trained together with this one, itself among them."""

    _saved: dict[Path, dict[str, Any]] | None = None

    def setup_parser(
        self, add_subcommands: bool, main_kwargs: dict[str, Any], subparser_kwargs: dict[str, Any]
    ) -> None:
        """Takes the parser that was made before in this process, if any: to make one takes longer than some runs."""
        if add_subcommands not in PARSERS:
            super().setup_parser(add_subcommands, main_kwargs, subparser_kwargs)
            names = {"parser", "_subcommand_parsers", "_subcommand_method_arguments"} & vars(self).keys()
            PARSERS[add_subcommands] = {name: vars(self)[name] for name in names}
        vars(self).update(PARSERS[add_subcommands])
        for parser in (self.parser, *getattr(self, "_subcommand_parsers", {}).values()):
            vars(parser).pop("print_config", None)  # asked for in vain by a command line that was refused

    def add_arguments_to_parser(self, parser: LightningArgumentParser) -> None:
        add_options(parser)
        parser.add_instantiator(made, nn.Module)

    def _set_seed(self) -> None:  # the first thing that is done with what was parsed
        for name in ("input", "resize", "threshold", "rule"):  # in a config
            if self.subcommand != "predict" and self._get(self.config, name):
                raise refusal(name, str(self.subcommand or "fit"))
        check_whole_numbers(dict((self.config[self.subcommand] if self.subcommand else self.config).items()))
        check_sections(lambda name: self._get(self.config, name))
        check_trainer_options(self._get(self.config, "trainer"))
        super()._set_seed()

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
            return Path(self.option("out")).expanduser()
        if sweep := os.environ.get("WANDB_SWEEP_ID"):  # whose runs have configs of their own
            return Path("runs", f"sweep-{sweep}", os.environ.get("WANDB_RUN_ID", ""))
        configs = self.option("config")
        name = Path(str(configs[0])).stem if configs else self.datamodule.name
        return Path("runs", name, self.model.objective.name, str(self.option("seed_everything")))

    @property
    def others(self) -> dict[Path, Any]:
        """Selection rules that the same training is judged by, too, by the folders of the runs that they make of it."""
        return {Path(out).expanduser(): rule for out, rule in self.option("also").items()}

    @property
    def has_own_out(self) -> bool:
        """Whether the output folder is ``fit``'s own choice, which ends with objective and seed."""
        return not self.option("out") and "WANDB_SWEEP_ID" not in os.environ

    def instantiate_trainer(self, **kwargs: Any) -> Trainer:
        trainer = self.option("trainer")
        if self.subcommand != "fit":
            return self.made_trainer(logger=False, **kwargs)
        rules = {self.out: self.option("selection"), **self.others}
        self.checkpoints = Checkpoints(rules, self.option("save_every"))
        callbacks = list(trainer.callbacks or [])
        if self.option("save_features"):
            callbacks.append(Features())
        if not trainer.fast_dev_run:  # a trial, which leaves nothing
            callbacks.append(self.checkpoints)
        if trainer.enable_progress_bar:
            callbacks.append(RunProgress())
        # The CSV comes first and always: another logger may be offline, and a run's curves must not depend on it.
        extra = trainer.logger if isinstance(trainer.logger, list) else [trainer.logger]
        loggers: list[Logger] = [CSVLogger(self.out, name="", version="", flush_logs_every_n_steps=self.rows_in_memory)]
        loggers += [logger for logger in extra if isinstance(logger, Logger)]
        return self.made_trainer(callbacks=callbacks, logger=loggers, **kwargs)

    def made_trainer(self, **kwargs: Any) -> Trainer:
        """The trainer, or an InputError with what it says of an accelerator or a strategy that is not to be had."""
        try:
            trainer = super().instantiate_trainer(**kwargs)
        except (MisconfigurationException, ModuleNotFoundError, TypeError, ValueError) as error:
            raise InputError(f"the trainer cannot be made so: {str(error).strip().splitlines()[0]}") from error
        check_processes(trainer.num_devices, type(trainer.accelerator).__name__)
        return trainer

    def saved_configs(self) -> dict[Path, dict[str, Any]]:
        """The whole config of each run that the training makes, by its folder, as it is saved; the run's own first."""
        if self._saved is None:
            config = yaml.safe_load(self._parser("fit").dump(self.config["fit"], skip_none=False))
            kept = {name: value for name, value in config.items() if name not in TRANSIENT + LIGHTNING_TRANSIENT}
            one = Parser()  # for within a mapping a rule is not saved as it is alone
            add_selection(one)
            rules = config["also"].values()
            alone = (one.dump(one.parse_object({"selection": rule}), skip_none=False) for rule in rules)
            others = {out: kept | yaml.safe_load(rule) for out, rule in zip(self.others, alone, strict=True)}
            self._saved = {self.out: kept, **others}
        return self._saved

    def fit(self, **_: Any) -> None:
        """Trains, tests the selected weights once, and writes the results; goes on with an interrupted run."""
        train.fit(self)

    def validate(self, **_: Any) -> None:
        """Prints the validation figures of a checkpoint."""
        evaluate.validate(self)

    def test(self, **_: Any) -> None:
        """Prints the figures of a checkpoint on every split."""
        evaluate.test(self)

    def predict(self, **_: Any) -> None:
        """Writes class probabilities and decisions of new inputs to OUT/predictions.csv."""
        evaluate.predict(self)


@contextlib.contextmanager
def quietly() -> Iterator[None]:
    """Without what Lightning says that does not hold here."""
    logging.getLogger("lightning.pytorch").setLevel(logging.WARNING)
    logging.getLogger("lightning.fabric").setLevel(logging.WARNING)
    with warnings.catch_warnings():
        for message in QUIET:
            warnings.filterwarnings("ignore", message)
        warnings.filterwarnings("ignore", category=FutureWarning, module="lightning")
        yield


def run(args: list[str], execute: bool = True, kind: Callable[..., ExperimentCLI] = ExperimentCLI) -> ExperimentCLI:
    """Runs one experiment command; raises InputError for what its user can mend.

    Args:
        args: the command and its options; without execute, options alone.
        execute: whether to run it, or only to make what the options say.
        kind: what is made of them, and does it.
    """
    check_meaning(args[0] if execute else "fit", args)
    args = with_found_configs(args)
    with quietly():
        try:
            return kind(
                Classifier,
                DataModule,
                subclass_mode_data=True,
                auto_configure_optimizers=False,
                load_from_checkpoint_support=False,  # a checkpoint is loaded into what its config says
                save_config_callback=None,
                seed_everything_default=0,
                trainer_defaults=TRAINER_DEFAULTS,
                parser_class=Parser,
                parser_kwargs={"prog": "clsunbias"},
                run=execute,
                args=args,
            )
        except ValueError as error:
            if isinstance(error, InputError):
                raise in_a_config(error, args) from error
            # Making a class is wrapped in an account of what was made; what it says of its arguments is enough.
            if said := said_before(error):
                raise InputError(said) from None
            raise
