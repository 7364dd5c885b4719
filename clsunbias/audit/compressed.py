"""Which decisions change, class by class, when a model is exported with fewer bits.

Fewer bits cost few decisions over all and may cost them in one class. The model is exported to ONNX, its numbers made
float16, or its weights int8, and units whose decision turns are counted.
Source: arXiv 1909.10364, compression that depends on the class.
"""

import logging
import tempfile
from collections.abc import Sequence
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import torch
from scipy.stats import binomtest
from torch import nn

from clsunbias.audit.diagnosed import Compressed
from clsunbias.audit.estimates import Estimate
from clsunbias.data.split import Split
from clsunbias.errors import InputError
from clsunbias.experiments.analysis.statistics import Floats, Labels
from clsunbias.onnx_export import Probabilities, write

KINDS = ("float16", "int8")


def compressed(model: nn.Module, split: Split, free: Sequence[str], classes: int) -> list[Compressed]:
    """Flips by class of a model exported with fewer bits.

    Args:
        model: from rows to logits.
        split: its rows and units.
        free: names of the leading dimensions of rows that may have any size.
        classes: C.

    Raises:
        InputError: a package is missing, or the model has no form in ONNX.
    """
    try:
        onnx, runtime, _ = (import_module(name) for name in ("onnx", "onnxruntime", "onnxscript"))
    except ImportError as error:
        need = f"--compressed needs {error.name}, of the extra 'onnx': pip install 'clsunbias[onnx]'"
        raise InputError(need) from error
    target = np.asarray(split.units[0].target.numpy())
    made = []
    with tempfile.TemporaryDirectory() as folder:
        whole = Path(folder) / "whole.onnx"
        write(onnx, Probabilities(nn.Identity(), model).eval(), split.x[torch.arange(2)], {}, whole, free)
        before = decided(runtime, whole, split)
        for kind in KINDS:
            smaller = Path(folder) / f"{kind}.onnx"
            shrink(onnx, whole, smaller, kind)
            after = decided(runtime, smaller, split)
            made += [flips_of(kind, label, before, after, target) for label in range(classes)]
    return made


def shrink(onnx: Any, whole: Path, smaller: Path, kind: str) -> None:
    """Writes a model with fewer bits."""
    logging.getLogger().setLevel(max(logging.getLogger().level, logging.ERROR))  # it advises to preprocess
    model = onnx.load(str(whole))
    if kind == "int8":
        del model.graph.value_info[:]  # shapes of weights that will be turned round, in the way of its own
        import_module("onnxruntime.quantization").quantize_dynamic(model, smaller)
        return
    half = import_module("onnxruntime.transformers.float16").convert_float_to_float16
    onnx.save(half(model, keep_io_types=True), str(smaller))


def decided(runtime: Any, path: Path, split: Split) -> Labels:
    """The class that a file decides for of each unit, ``(U,)``."""
    session = runtime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    prob = [
        torch.from_numpy(session.run(None, {"x": split.x[rows].numpy()})[0])
        for rows in torch.split(torch.arange(len(split)), 256)
    ]
    merged: Floats = split.units[0].mean(torch.cat(prob)).numpy()
    return np.asarray(merged.argmax(1))


def flips_of(kind: str, label: int, before: Labels, after: Labels, target: Labels) -> Compressed:
    """What changes for the units of a class."""
    own = target == label
    was, now = before[own] == label, after[own] == label
    turned, units = int((before[own] != after[own]).sum()), int(own.sum())
    low, high = binomtest(turned, units).proportion_ci()
    counts = int((was & ~now).sum()), int((~was & now).sum())
    return Compressed(kind, label, units, *counts, Estimate(turned / units, float(low), float(high)))
