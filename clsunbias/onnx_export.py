"""The selected model of a run as ONNX, checked against torch before the file is left."""

import json
import logging
import warnings
from collections.abc import Mapping, Sequence
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any

import torch
from torch import Tensor, nn

from clsunbias.data import DataModule
from clsunbias.errors import InputError
from clsunbias.files import atomic, writing
from clsunbias.runs import load_run

TOLERANCE = 1e-4
"""Largest difference of a probability from torch's with which a file is left."""


class Probabilities(nn.Module):
    """Class probabilities float32 ``(B, C)`` of rows ``(B, …)``, as a data set's preparation takes them."""

    def __init__(self, preparation: nn.Module, classifier: nn.Module) -> None:
        super().__init__()
        self.preparation = preparation
        self.classifier = classifier

    def forward(self, x: Tensor) -> Tensor:
        prob: Tensor = self.classifier(self.preparation(x)).float().softmax(1)
        return prob


def export(folder: Path, file: Path) -> float:
    """Writes the selected model of a run; returns the largest difference of a probability from torch's.

    Args:
        folder: of the run.
        file: to be written; it is left only if it agrees with torch.

    Raises:
        InputError: a package is missing, there is no finished run, or the model has no form in ONNX that agrees.
    """
    try:
        onnx, runtime, _ = (import_module(name) for name in ("onnx", "onnxruntime", "onnxscript"))
    except ImportError as error:
        raise InputError(f"export needs {error.name}, of the extra 'onnx': pip install 'clsunbias[onnx]'") from error
    run = load_run(folder)
    data = run.data
    data.prepare_data()
    data.setup("test")
    tests = [split for split in data.splits if split not in {"train", "val"}]
    model, first = Probabilities(data.preparation(), run.model).eval(), next(data.measured_rows(tests[0]))
    # The temporary file is gone if anything below fails.
    with writing(file, "give another --onnx, or mend that"), atomic(file) as temporary:
        write(onnx, model, first, metadata(run.result, data, first), temporary, data.free)
        difference = largest_difference(runtime, run.model, data, tests, temporary)
        if not difference <= TOLERANCE:
            raise InputError(
                f"the exported model's probabilities differ from torch's by up to {difference:.2g}, more than "
                f"{TOLERANCE:g}; {file} was not written"
            )
    return difference


def metadata(result: Mapping[str, Any], data: DataModule, rows: Tensor) -> dict[str, str]:
    """What a user of the file must know: ``inputs`` is all that the data set says of the model's inputs, as JSON.

    Args:
        result: of the run.
        data: its data set.
        rows: some of what the file takes.
    """
    prepared = isinstance(data.preparation(), nn.Identity)
    properties = {
        "class_names": json.dumps(data.class_names, ensure_ascii=False),
        "decision": "most probable class" if len(data.class_names) > 2 else "second class from the threshold on",
        "input_shape": json.dumps([*data.free, *rows.shape[len(data.free) :]]),
        "input_type": str(rows.dtype).removeprefix("torch."),
        "input_scaling": data.scaling
        if prepared
        else "none: x is as measured, NaN where missing, and is scaled within",
        "inputs": json.dumps(data.account(), ensure_ascii=False),
        "dataset": result["dataset"],
        "simulated": json.dumps(result["simulated"]),
        "config_sha256": result["config_sha256"],
        "use": "research only, not for clinical use",
    }
    two = {"threshold": "0.5", "positive_class": data.class_names[1]} if len(data.class_names) == 2 else {}
    return properties | two


def write(
    onnx: ModuleType, model: nn.Module, rows: Tensor, properties: dict[str, str], path: Path, free: Sequence[str]
) -> None:
    """Writes a model, traced with two rows, and metadata for its user.

    Args:
        onnx: the package.
        model: from rows to probabilities.
        rows: some of what it takes.
        properties: the metadata.
        path: to be written.
        free: names of the leading dimensions that may have any size.
    """
    for dimension in range(len(free)):
        if rows.shape[dimension] < 2:  # a size of 1 would be taken for the only one
            rows = torch.cat([rows, rows], dimension)
    logging.getLogger("torch.onnx").setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            program = torch.onnx.export(
                model,
                (rows[:2],),
                input_names=["x"],
                output_names=["probabilities"],
                dynamic_shapes=({number: torch.export.Dim(name) for number, name in enumerate(free)},),
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


def largest_difference(
    runtime: ModuleType, model: nn.Module, data: DataModule, splits: Sequence[str], path: Path
) -> float:
    """The largest difference of a probability that a file gives rows as measured from what a run's model gives them."""
    session = runtime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    differences = []
    with torch.inference_mode():
        for split in splits:
            prepared = data.evaluation_loader(data.splits[split])
            for measured, batch in zip(data.measured_rows(split), prepared, strict=True):
                (prob,) = session.run(None, {"x": measured.numpy()})
                differences.append((torch.from_numpy(prob) - model(batch["x"]).float().softmax(1)).abs().max())
    return float(torch.stack(differences).max())  # NaN if one is
