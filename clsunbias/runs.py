"""A finished run, read back into Python: its result, its predictions, and its model with the selected weights."""

import io
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from clsunbias.checkpoints import load_weights, selected_weights
from clsunbias.data.base import DataModule
from clsunbias.errors import InputError
from clsunbias.experiments.running.run import read_predictions, read_record
from clsunbias.module import Classifier
from clsunbias.results import check_source

ONE_CPU = "--trainer.accelerator cpu --trainer.devices 1 --trainer.strategy auto --trainer.enable_progress_bar false"


@dataclass(frozen=True)
class LoadedRun:
    """A finished run.

    Attributes:
        result: content of ``result.json``.
        config: content of ``config.yaml``.
        predictions: every scored unit of every split: its class, the probabilities of all classes, what is predicted.
        model: on the CPU in evaluation mode, with the selected weights; ``model(x)`` gives logits ``(B, C)``.
        data: the data set, whose rows are read by ``data.prepare_data()`` and ``data.setup("test")``; new inputs are
            read by ``data.read(path)``, without it.
    """

    result: Mapping[str, Any]
    config: Mapping[str, Any]
    predictions: pd.DataFrame
    model: Classifier
    data: DataModule


def load_run(folder: str | Path) -> LoadedRun:
    """Reads a finished run.

    Making the model runs the code of the classes that the run's config names, as ``fit`` does: load the runs of people
    you trust.

    Args:
        folder: of the run, as ``fit`` left it.

    Raises:
        InputError: there is no finished run, or a file of it is missing or not what the run wrote.
    """
    from clsunbias.commands.fit import run  # which brings the command line with it

    folder = Path(folder)
    if not (folder / "result.json").is_file():
        raise InputError(f"{folder} holds no finished run (there is no result.json); give the folder of one")
    record, config = read_record(folder)
    record.check_files()
    read_predictions([record])  # which says what is wrong with them
    predictions = pd.read_csv(io.BytesIO(record.file("predictions")))
    made = run(["--config", str(folder / "config.yaml"), *ONE_CPU.split()], execute=False)
    check_source(record.result, made.datamodule.source)
    if account := record.inputs():
        made.datamodule.restore(account)
    load_weights(made.model, selected_weights(folder))
    return LoadedRun(record.result, config, predictions, made.model.eval(), made.datamodule)
