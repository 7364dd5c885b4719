"""Options of the experiment commands beside those of trainer, model and data, which Lightning adds."""

from collections.abc import Iterator
from pathlib import Path

from lightning.pytorch.cli import LightningArgumentParser

from clsunbias.callbacks import Anneal
from clsunbias.dashboards.logger import Wandb
from clsunbias.files import find_config
from clsunbias.selection import SelectionRule


def add_options(parser: LightningArgumentParser) -> None:
    """Adds them; a saved config holds all but those that :data:`clsunbias.commands.fit.TRANSIENT` names."""
    parser.add_lightning_class_args(Anneal, "anneal")
    parser.add_subclass_arguments(SelectionRule, "selection")
    parser.set_defaults({"selection": {"class_path": "clsunbias.selection.Best"}})
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
    parser.add_argument("--threshold", type=float | None, help="predict: of the positive of two classes; default 0.5")
    parser.add_argument("--rule", type=str | None, help="predict: decide by a rule that clsunbias decide has chosen")


def with_found_configs(args: list[str]) -> list[str]:
    """Options in which each ``--config`` is the path of a file, though it may have been the name of a shipped one.

    Raises:
        InputError: there is neither a file nor a shipped config of that name.
    """

    def found() -> Iterator[str]:
        for before, option in zip(["", *args], args, strict=False):
            if before == "--config":
                yield str(find_config(option))
            elif option.startswith("--config="):
                yield f"--config={find_config(option.removeprefix('--config='))}"
            else:
                yield option

    return list(found())
