"""Options of the experiment commands beside those of trainer, model and data, which Lightning adds."""

import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from jsonargparse import ArgumentParser
from lightning.pytorch.cli import LightningArgumentParser

from clsunbias.callbacks import Anneal
from clsunbias.dashboards.logger import Wandb
from clsunbias.errors import InputError
from clsunbias.experiments.running.config import load_yaml
from clsunbias.experiments.running.run import SELECTION
from clsunbias.files import find_config, shipped_configs
from clsunbias.selection import SelectionRule
from clsunbias.yaml_files import check_section_files, read_yaml

CONFIG_OPTIONS = ("-c", "--config")

OVERLAYS = {"sweep", "wandb"}
"""Shipped configs that are no experiment of their own."""


ONLY = {
    **dict.fromkeys(("input", "resize", "threshold", "rule"), ("predict",)),
    **dict.fromkeys(
        ("also", "init_from", "fresh", "freeze", "withhold_test", "save_features", "save_every", "wandb"), ("fit",)
    ),
    "out": ("fit", "predict"),
}
"""Options that mean something to some of the commands alone."""


def add_options(parser: LightningArgumentParser) -> None:
    """Adds them; a saved config holds all but those that :data:`clsunbias.commands.fit.TRANSIENT` names."""
    parser.add_lightning_class_args(Anneal, "anneal")
    add_selection(parser)
    parser.add_argument(
        "--also",
        type=dict[str, SelectionRule],
        default={},
        help="fit: further selection rules by the folder that each leaves its run in; training is done once for all",
    )
    parser.add_argument("--out", type=Path | None, help="output folder; fit's default is runs/NAME/OBJ/SEED")
    parser.add_argument(
        "--init_from", type=Path | None, help="fit: start from the weights of a finished run, or of a checkpoint"
    )
    parser.add_argument(
        "--fresh", type=list[str] | str, default=[], help="fit: parts of the network that --init_from leaves alone"
    )
    parser.add_argument(
        "--freeze", type=list[str] | str, default=[], help="fit: parts of the network to leave as they start"
    )
    parser.add_argument(
        "--withhold_test", type=bool, default=False, help="fit: leave the test splits unscored, as a search must"
    )
    parser.add_argument(
        "--save_features", type=bool, default=False, help="fit: leave what the backbone makes of each unit, too"
    )
    parser.add_argument("--save_every", type=float, default=30.0, help="seconds between resumable checkpoints")
    parser.add_argument("--wandb", type=bool | Wandb, default=False, help="fit: show the run on W&B, too")
    parser.add_argument("--input", type=Path | None, help="predict: images, recordings or a table")
    parser.add_argument(
        "--resize", type=bool, default=False, help="predict: take images of other sizes, scaled to the model's"
    )
    parser.add_argument("--threshold", type=float | None, help="predict: of the positive of two classes; default 0.5")
    parser.add_argument("--rule", type=str | None, help="predict: decide by a rule that clsunbias decide has chosen")


def add_selection(parser: ArgumentParser) -> None:
    """Adds the run's own selection rule."""
    parser.add_subclass_arguments(SelectionRule, "selection")
    parser.set_defaults({"selection": {"class_path": SELECTION}})


def check_meaning(command: str, args: Sequence[str]) -> None:
    """Raises InputError for an option that would be passed over, being another command's.

    One that stands in a config is let be, if it is ``fit``'s: what a run was made with is in its config for good.

    Args:
        command: an experiment command.
        args: its options.
    """
    for word in args:
        name = word.partition("=")[0].partition(".")[0].removeprefix("--")
        if word.startswith("--") and command not in ONLY.get(name, (command,)):
            raise refusal(name, command)


def refusal(name: str, command: str) -> InputError:
    """The error of an option that is another command's."""
    return InputError(f"--{name} is for {' and '.join(ONLY[name])}, {command} has no use for it: leave it out")


def with_found_configs(args: list[str]) -> list[str]:
    """Options in which each ``--config`` is the path of a readable file, though it may have been a shipped one's name.

    Raises:
        InputError: no config is given, or there is neither a file nor a shipped config of that name, or it is none.
    """
    said = ("--config", "-c", "--model", "--help", "--print_config")
    if not any(option.startswith(said) or ".help" in option for option in args):
        names = [name for name in shipped_configs() if "/" not in name and name not in OVERLAYS]
        raise InputError(
            f"give --config FILE, or --config NAME of one that comes with clsunbias: {', '.join(names)}; "
            "clsunbias configs says what they are"
        )

    def found() -> Iterator[str]:
        for before, option in zip(["", *args], args, strict=False):
            name, equals, value = option.partition("=")
            if before in CONFIG_OPTIONS:
                yield readable(option)
            elif name in CONFIG_OPTIONS and equals:
                yield f"{name}={readable(value)}"
            else:
                yield option

    args = list(found())
    check_section_files(args)
    return args


def in_a_config(error: InputError, args: Sequence[str]) -> InputError:
    """The error, with the config that names an option that there is not, if it was one and not the command line."""
    unknown = re.match(r"there is no option ([^-\s;][^\s;]*)", str(error))
    for before, option in zip(["", *args], args, strict=False):
        path = Path(option if before in CONFIG_OPTIONS else option.removeprefix("--config="))
        if unknown and path.is_file() and has(load_yaml(path), unknown[1].split(".")):
            return InputError(f"{path}: {error}")
    return error


def has(content: Any, names: Sequence[str]) -> bool:
    """Whether YAML gives a value to the last of some names, each within the one before."""
    for name in names:
        if not isinstance(content, dict) or name not in content:
            return False
        content = content[name]
    return True


def readable(asked: str) -> str:
    """The path of a config, by its own path or its name."""
    path = find_config(asked)
    read_yaml(path)
    return str(path)
