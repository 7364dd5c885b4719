"""Tiny data files in the layouts of the real ones, with something to learn in them, and a tiny grid."""

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import medmnist
import numpy as np
import pandas as pd
import yaml

from clsunbias.experiments.running.config import merge

SIZES: dict[str, dict[str, int]] = {
    "breastmnist": {"train": 96, "val": 24, "test": 32},
    # The case study draws 100 training images, up to 75 of one class, with grades 3 and 4 of five as positives.
    "retinamnist": {"train": 200, "val": 40, "test": 60},
}
"""Images of each split when a whole folder is faked."""


def write_medmnist(folder: Path, flag: str, sizes: Mapping[str, int]) -> str:
    """Writes ``<flag>.npz`` in the official layout: 28×28 pixels, labels ``(N, 1)``, brighter for higher labels.

    Args:
        folder: where to; it must exist.
        flag: MedMNIST's name of the data set, which fixes the number of channels and of labels.
        sizes: images of each split; their labels go round 0, 1, …, so classes are as even as they can be.

    Returns:
        The file's md5, as hexadecimal digits.
    """
    info = medmnist.INFO[flag]
    classes, channels = len(info["label"]), info["n_channels"]
    random = np.random.default_rng(0)
    arrays = {}
    for split, size in sizes.items():
        labels = np.arange(size) % classes
        pixels = np.linspace(70, 180, classes)[labels].reshape(-1, 1, 1, 1)
        pixels = pixels + random.normal(0, 25, (size, 1, 1, 1))  # neighbouring classes overlap
        pixels = pixels + random.normal(0, 10, (size, 28, 28, channels))
        images = pixels.clip(0, 255).astype(np.uint8)
        arrays[f"{split}_images"] = images if channels > 1 else images[..., 0]
        arrays[f"{split}_labels"] = labels.astype(np.uint8).reshape(-1, 1)
    path = folder / f"{flag}.npz"
    with path.open("wb") as file:
        np.savez_compressed(file, allow_pickle=False, **arrays)
    return hashlib.md5(path.read_bytes(), usedforsecurity=False).hexdigest()


def table_of(rows: int, features: int) -> pd.DataFrame:
    """A table with a column ``label``, 1 in every fourth row, and features x0, x1, … that are higher there."""
    label = (np.arange(rows) % 4 == 0).astype(int)
    x = np.random.default_rng(0).normal(size=(rows, features)) + 2 * label[:, None]
    return pd.DataFrame(x, columns=[f"x{index}" for index in range(features)]).assign(label=label)


SHORT: dict[str, Any] = {"trainer.max_epochs": 3, "selection": "clsunbias.selection.LastStep"}
"""Makes a toy config a run of a second."""

ONE_BY_ONE = {name: {"set": {"save_every": 30}} for name in ("erm", "cls_unbias")}
"""Rows of the toy grid whose runs are trained each by itself, so that they come to the same bytes each time."""

TOY_GRID: dict[str, Any] = {
    "title": "A toy grid",
    "metrics": ["test_1/macro_f1", "test_1/accuracy"],
    "also": ["test_1/loss_gap"],
    "baselines": ["erm"],
    "rows": {
        "erm": {"label": "ERM", "config": "objectives/erm.yaml", "set": SHORT},
        "cls_unbias": {"label": "Cls-unbias", "config": "objectives/cls_unbias.yaml", "set": SHORT},
    },
    "protocols": {"paper": {"label": "short", "seeds": 2}},
    "columns": {"balanced": {"label": "Balanced", "configs": {"paper": "toy_balanced.yaml"}}},
}
"""Two methods on the toy, two short runs each."""


def write_grid(path: Path, changes: Mapping[str, Any] | None = None) -> Path:
    """Writes the toy grid with changes, composed as configs are; returns the file's path."""
    path.write_text(yaml.safe_dump(merge(TOY_GRID, changes or {}), sort_keys=False))
    return path
