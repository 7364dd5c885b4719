"""What a run leaves when it has ended: its predictions, its model card and, last of all, its result."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import pandas as pd
from torch import Tensor

from clsunbias.callbacks import EndEarly
from clsunbias.commands.making import making, write_groups
from clsunbias.dashboards.logger import WandbLogger
from clsunbias.experiments.report.model_card import model_card
from clsunbias.experiments.report.subgroup_part import card_with_groups
from clsunbias.experiments.running.run import FILES
from clsunbias.features import write_features
from clsunbias.files import sealed, sha256_of, write_csv, write_json, write_text
from clsunbias.results import UnitScores, predictions, row_predictions, show, units_and_metrics, versions
from clsunbias.terminal import say

if TYPE_CHECKING:
    from clsunbias.commands.fit import ExperimentCLI


def write_results(
    cli: "ExperimentCLI",
    about: dict[str, Any],
    levels: Sequence[Mapping[str, UnitScores]],
    features: Mapping[str, Tensor],
    wandb: WandbLogger | None,
) -> tuple[dict[str, Any], pd.DataFrame]:
    """Writes what a run has found, the result last of all.

    Args:
        cli: of the run.
        about: what the result says of the run itself.
        levels: scores of the headline's units, then of other levels.
        features: of the headline's units by split, if they are to be kept.
        wandb: where the run is shown, too.

    Returns:
        The result, and the predictions.
    """
    data, rows = cli.datamodule, row_predictions(cli.model)
    early = [one for one in cli.option("trainer").callbacks or () if isinstance(one, EndEarly)]
    frame = predictions(levels[0], data.class_names)
    write_json(cli.out / FILES["inputs"], data.account())
    write_csv(cli.out / FILES["predictions"], frame)
    if rows is not None:
        write_csv(cli.out / FILES["rows"], rows)
    (cli.out / FILES["features"]).unlink(missing_ok=True)  # of a run before, in the same folder
    if features:
        write_features(cli.out / FILES["features"], features)
    result = {
        **about,
        "seed": cli.option("seed_everything"),
        "selection": repr(cli.checkpoints.rule),
        "step": cli.checkpoints.selection.step,
        "tied_validations": cli.checkpoints.selection.tied,
        **({"share": early[0].share} if early else {}),
        **({"replicas": cli.replicas} if cli.replicas > 1 else {}),
        **({"synthetic_training_rows": data.synthetic_rows} if data.synthetic_rows else {}),
        "leaks": data.leaks,
        **units_and_metrics(levels, data.class_names, data.ordered),
        **({"left_out": data.left_out} if data.left_out else {}),
        "versions": versions(),
        **{f"{name}_sha256": sha256_of(cli.out / path) for name, path in FILES.items() if (cli.out / path).is_file()},
    }
    if wandb:
        wandb.log_result(cli.trainer.global_step, frame, data.class_names, result)
    card = model_card(result, frame, making(cli))
    if groups := write_groups(cli.out, data, result, frame):
        card = card_with_groups(card, groups)
    write_text(cli.out / "MODEL_CARD.md", card)
    write_json(cli.out / "result.json", sealed(result))
    if wandb:
        wandb.close()
    return result, frame


def show_results(cli: "ExperimentCLI", result: Mapping[str, Any], frame: pd.DataFrame) -> None:
    """Prints what a run has found."""
    splits = dict.fromkeys((*frame["split"].unique(), "test"))
    shown = {split: result[split] for split in splits if split in result}
    simulated = "SIMULATED: " if result["simulated"] else ""
    title = f"{simulated}{result['dataset']}, {result['objective']}, step {result['step']}"
    show(shown, title, frame, result["class_names"])
    say(f"results in {cli.out}")
