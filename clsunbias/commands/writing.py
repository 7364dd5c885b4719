"""What a run leaves when it has ended: its predictions, its model card and, last of all, its result."""

import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
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
from clsunbias.files import atomic, sealed, sha256_of, write_csv, write_json, write_text
from clsunbias.results import UnitScores, device_name, predictions, row_predictions, show, units_and_metrics, versions
from clsunbias.terminal import say

if TYPE_CHECKING:
    from clsunbias.commands.fit import ExperimentCLI


def write_results(
    cli: "ExperimentCLI",
    out: Path,
    about: dict[str, Any],
    levels: Sequence[Mapping[str, UnitScores]],
    features: Mapping[str, Tensor],
    wandb: WandbLogger | None,
) -> tuple[dict[str, Any], pd.DataFrame]:
    """Writes what a run has found, the result last of all.

    Args:
        cli: of the run.
        out: the run's folder, or that of another rule's on the same training.
        about: what the result says of the run itself.
        levels: scores of the headline's units, then of other levels.
        features: of the headline's units by split, if they are to be kept.
        wandb: where the run is shown, too.

    Returns:
        The result, and the predictions.
    """
    data, rows, kept = cli.datamodule, row_predictions(cli.model), cli.checkpoints.kept[out]
    early = [one for one in cli.option("trainer").callbacks or () if isinstance(one, EndEarly)]
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
        **({"share": early[0].share} if early else {}),
        **({"replicas": cli.replicas} if cli.replicas > 1 else {}),
        **({"synthetic_training_rows": data.synthetic_rows} if data.synthetic_rows else {}),
        "leaks": data.leaks,
        **units_and_metrics(levels, data.class_names, data.ordered),
        **({"left_out": data.left_out} if data.left_out else {}),
        "versions": {**versions(), "device": device_name(cli.trainer.strategy.root_device)},
        **{f"{name}_sha256": sha256_of(out / path) for name, path in FILES.items() if (out / path).is_file()},
    }
    if wandb:
        wandb.log_result(cli.trainer.global_step, frame, data.class_names, result)
    card = model_card(result, frame, making(cli, out))
    if groups := write_groups(out, data, result, frame):
        card = card_with_groups(card, groups)
    write_text(out / "MODEL_CARD.md", card)
    write_json(out / "result.json", sealed(result))
    if wandb:
        wandb.close()
    return result, frame


def show_results(out: Path, result: Mapping[str, Any], frame: pd.DataFrame) -> None:
    """Prints what a run has found."""
    splits = dict.fromkeys((*frame["split"].unique(), "test"))
    shown = {split: result[split] for split in splits if split in result}
    simulated = "SIMULATED: " if result["simulated"] else ""
    title = f"{simulated}{result['dataset']}, {result['objective']}, step {result['step']}"
    show(shown, title, frame, result["class_names"])
    say(f"results in {out}")
