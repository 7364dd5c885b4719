"""``clsunbias export``: the selected model of a run as ONNX, checked against torch before the file is left."""

import json
import logging
import warnings
from collections.abc import Iterator, Mapping
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any

import torch
from rich.console import Console
from torch import Tensor, nn

from clsunbias.data import DataModule
from clsunbias.errors import InputError
from clsunbias.files import atomic
from clsunbias.parser import Parser
from clsunbias.runs import load_run

TOLERANCE = 1e-4
"""Largest difference of a probability from torch's with which a file is left."""


class Probabilities(nn.Module):
    """Class probabilities float32 ``(B, C)`` of a classifier's inputs ``(B, …)``."""

    def __init__(self, classifier: nn.Module) -> None:
        super().__init__()
        self.classifier = classifier

    def forward(self, x: Tensor) -> Tensor:
        prob: Tensor = self.classifier(x).float().softmax(1)
        return prob


def main(options: list[str]) -> int:
    """Runs ``clsunbias export`` with its options; returns the exit status."""
    parser = Parser(prog="clsunbias export", description="The selected model of a run, as class probabilities in ONNX.")
    parser.add_argument("run", type=Path, help="folder of a finished run")
    parser.add_argument("--onnx", type=Path, required=True, help="the file to write")
    chosen = parser.parse_args(options)
    try:
        onnx, runtime, _ = (import_module(name) for name in ("onnx", "onnxruntime", "onnxscript"))
    except ImportError as error:
        raise InputError(f"export needs {error.name}, of the extra 'onnx': pip install 'clsunbias[onnx]'") from error
    run = load_run(chosen.run)
    model, data = Probabilities(run.model).eval(), run.data
    data.prepare_data()
    data.setup("test")
    with atomic(chosen.onnx) as temporary:  # which is gone if anything below fails
        write(onnx, model, next(test_batches(data)), metadata(run.result, data), temporary)
        difference = largest_difference(runtime, model, data, temporary)
        if not difference <= TOLERANCE:
            raise InputError(
                f"the exported model's probabilities differ from torch's by up to {difference:.2g}, more than "
                f"{TOLERANCE:g}; {chosen.onnx} was not written"
            )
    Console().print(f"{chosen.onnx}: largest difference from torch {difference:.2g}", markup=False, soft_wrap=True)
    return 0


def test_batches(data: DataModule) -> Iterator[Tensor]:
    """Inputs of every test split."""
    for split, loader in zip(data.splits, data.test_dataloader(), strict=True):
        if split not in {"train", "val"}:
            for batch in loader:
                yield batch["x"]


def metadata(result: Mapping[str, Any], data: DataModule) -> dict[str, str]:
    """What a user of the file must know."""
    properties = {
        "class_names": json.dumps(data.class_names, ensure_ascii=False),
        "decision": "most probable class" if len(data.class_names) > 2 else "second class above the threshold",
        "input_shape": json.dumps(["batch", *next(test_batches(data)).shape[1:]]),
        "input_scaling": data.scaling,
        "dataset": result["dataset"],
        "simulated": json.dumps(result["simulated"]),
        "config_sha256": result["config_sha256"],
        "use": "research only, not for clinical use",
    }
    return properties | ({"threshold": "0.5"} if len(data.class_names) == 2 else {})


def write(onnx: ModuleType, model: nn.Module, rows: Tensor, properties: dict[str, str], path: Path) -> None:
    """Writes a model that takes a batch of any size, traced with two rows or more, and metadata for its user."""
    logging.getLogger("torch.onnx").setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            program = torch.onnx.export(
                model,
                (rows[:2],),
                input_names=["x"],
                output_names=["probabilities"],
                dynamic_shapes=({0: torch.export.Dim("batch")},),
                dynamo=True,
                verbose=False,
            )
    except Exception as error:  # of whatever in a user's network has no counterpart
        raise InputError(f"the model has no form in ONNX: {error}") from error
    assert program is not None
    passes = import_module("onnx_ir.passes.common")
    passes.ClearMetadataAndDocStringPass()(program.model)  # which name files of this machine by their paths
    proto = program.model_proto
    onnx.helper.set_model_props(proto, properties)
    onnx.save(proto, str(path))


def largest_difference(runtime: ModuleType, model: nn.Module, data: DataModule, path: Path) -> float:
    """The largest difference of a probability in a file from the model's, over all test splits."""
    session = runtime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    differences = []
    with torch.inference_mode():
        for rows in test_batches(data):
            (prob,) = session.run(None, {"x": rows.numpy()})
            differences.append((torch.from_numpy(prob) - model(rows)).abs().max())
    return float(torch.stack(differences).max())  # NaN if one is
