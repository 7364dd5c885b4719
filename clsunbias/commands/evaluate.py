"""``clsunbias validate``, ``test`` and ``predict``: what a trained checkpoint makes of data."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from clsunbias.checkpoints import load_weights, selected_weights
from clsunbias.commands.model_check import check_model
from clsunbias.data.image_data import ImageData
from clsunbias.decisions import Decision
from clsunbias.errors import InputError
from clsunbias.experiments.deciding import saved_decision
from clsunbias.experiments.running.run import read_record
from clsunbias.files import check_out, write_csv
from clsunbias.results import (
    check_finite,
    check_source,
    decisions,
    predictions,
    ruled,
    scored_units,
    show,
    split_metrics,
)
from clsunbias.terminal import say

if TYPE_CHECKING:
    from clsunbias.commands.fit import ExperimentCLI


def validate(cli: "ExperimentCLI") -> None:
    """Prints the validation figures of a checkpoint."""
    check_data(cli)
    checkpoint = load_checkpoint(cli)
    cli.trainer.validate(cli.model, datamodule=cli.datamodule, verbose=False)
    show_scored(cli, checkpoint)


def test(cli: "ExperimentCLI") -> None:
    """Prints the figures of a checkpoint on every split."""
    check_data(cli)
    checkpoint = load_checkpoint(cli)
    cli.trainer.test(cli.model, datamodule=cli.datamodule, verbose=False)
    show_scored(cli, checkpoint)


def show_scored(cli: "ExperimentCLI", checkpoint: Path) -> None:
    """Prints the metrics of the splits that were scored last."""
    scored, names = scored_units(cli.model), cli.datamodule.class_names
    show(split_metrics(scored, names, cli.datamodule.ordered), str(checkpoint), predictions(scored, names), names)


def predict(cli: "ExperimentCLI") -> None:
    """Writes class probabilities and decisions of new inputs to OUT/predictions.csv.

    Raises:
        InputError: no input or output is named, the output is a finished run's, the input cannot be read, or there is
            no decision by the rule that is asked for.
    """
    source, out, threshold = cli.option("input"), cli.option("out"), cli.option("threshold")
    if source is None or out is None:
        raise InputError("predict needs --input (images, recordings or a table) and --out (a folder)")
    out = Path(out).expanduser()
    if (out / "result.json").exists():
        raise InputError(f"{out} holds a finished run, whose predictions.csv must stay; give another --out")
    rule = decision_of(cli)
    check_out(out)
    data, account = cli.datamodule, inputs_of(cli)
    if account:
        data.restore(account)
    if cli.option("resize"):
        if not isinstance(data, ImageData):
            raise InputError(f"--resize is for images, {data.name} has none")
        data.resize = True
    split = data.read(Path(source).expanduser())
    if data.splits or not account:  # what new inputs mean was learnt from the data anew
        check_data(cli)
    check_model(cli.model, data, split.x)
    load_checkpoint(cli)
    batches = cli.trainer.predict(cli.model, dataloaders=cli.datamodule.evaluation_loader(split))
    rows = torch.cat([batch for batch in batches or [] if isinstance(batch, torch.Tensor)])
    prob, _ = split.units[0].merge(rows, torch.zeros(len(rows)))
    check_finite(prob, "new inputs")
    names, units = data.class_names, split.units[0]
    frame = decisions(prob, names, threshold) if rule is None else ruled(prob, names, cli.option("rule"), rule)
    frame.insert(0, "unit", list(units.names or range(len(frame))))
    write_csv(out / "predictions.csv", frame)
    counted = " (numbered as a spreadsheet does, the header being row 1)" if units.name == "row" else ""
    said = f"{len(frame)} predictions, one for each {units.name}{counted}, in {out / 'predictions.csv'}"
    say(said)


def decision_of(cli: "ExperimentCLI") -> Decision | None:
    """The saved decision that is asked for; InputError if there is none, or it is not of the model that predicts."""
    if not cli.option("rule"):
        return None
    if cli.option("threshold") is not None:
        raise InputError("--rule and --threshold both say how to decide: give one of them")
    if cli.option("ckpt_path"):
        raise InputError("--rule is of the run's selected checkpoint: leave --ckpt_path out")
    return saved_decision(run_folder(cli), cli.option("rule"))


def run_folder(cli: "ExperimentCLI") -> Path:
    """The folder of the run whose config was given; of another config, the folder that it lies in."""
    return Path(str((cli.option("config") or ["."])[0])).parent


def check_data(cli: "ExperimentCLI") -> None:
    """Raises InputError if the data are not those that the run was made from."""
    if (run_folder(cli) / "result.json").is_file():
        check_source(read_record(run_folder(cli))[0].result, cli.datamodule.source)


def inputs_of(cli: "ExperimentCLI") -> dict[str, Any] | None:
    """What the data set of the checkpoint's run, else of the config's, gave account of; None if it did not."""
    runs = (checkpoint_of(cli).resolve().parent.parent, run_folder(cli))
    records = [read_record(run)[0] for run in runs if (run / "result.json").is_file()]
    return records[0].inputs() if records else None


def load_checkpoint(cli: "ExperimentCLI") -> Path:
    """Loads --ckpt_path, or the selected checkpoint of the run whose config was given; returns which."""
    path = checkpoint_of(cli)
    load_weights(cli.model, path)
    return path


def checkpoint_of(cli: "ExperimentCLI") -> Path:
    """The checkpoint that is asked for."""
    return selected_weights(Path(cli.option("ckpt_path") or run_folder(cli)))
