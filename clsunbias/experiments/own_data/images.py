"""Images: a folder for each class, or a CSV file that lists them."""

import os
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from PIL import Image

from clsunbias.data.image_files import Decoder
from clsunbias.data.image_list import PATH, from_folders
from clsunbias.data.image_store import store
from clsunbias.data.pixels import Pixels
from clsunbias.data.split import Split
from clsunbias.data.twins import image_copies
from clsunbias.experiments.own_data.copies import free_name, group_copies, in_groups
from clsunbias.experiments.own_data.understanding import (
    Asked,
    Understood,
    files_of,
    ordered_classes,
    read_asked,
    roles,
)
from clsunbias.files import write_csv

LABEL = "label"
"""The column of classes in a list of a folder's images."""

NOT_GROUPS = ("file", "split", "at")
"""Names that a column of groups cannot have."""

MEMORY = 2**32
"""Bytes of pixels that are held in memory to be compared."""

LOOKED_AT = 200
"""Images whose size and colour are looked at, spread over all."""

SIZES = (28, 64)
"""Height and width that images are brought to: the smaller one if most are smaller than the larger."""


def understand_folder(asked: Asked, out: Path) -> Understood:
    """A folder that holds a folder for each class; where images are copies, a list of all is written to ``out``."""
    rows = from_folders(asked.path)
    found = understood(asked, rows["label"], None, [*rows["file"]], {"data.init_args.path": str(asked.path.resolve())})
    return without_copies(found, rows[[PATH]].assign(**{LABEL: rows["label"]}), [*rows["file"]], out)


def understand_images(asked: Asked, column: str, out: Path) -> Understood:
    """Images that a CSV file lists by a column of paths.

    Where that has another name, or images are copies, a list is written to ``out``.
    """
    frame, _ = read_asked(asked)
    labels, patients, _ = roles(asked, frame, may_mix=True)
    files, listing = files_of(asked, frame, column), asked.path
    if column != PATH:
        listing = out / f"{asked.path.stem}.csv"
        write_csv(listing, frame.drop(columns=column).assign(**{PATH: files}))
    others = {column, asked.label, asked.patient, *asked.attributes, *asked.ignore}
    settings = {
        "data.init_args.path": str(listing.resolve()),
        "data.init_args.label": asked.label,
        "data.init_args.group": asked.patient,
        "data.init_args.attributes": [*asked.attributes],
        "data.init_args.ignore": [*(name for name in asked.ignore if name != column), *(set(frame) - others)],
    }
    found = understood(asked, labels, patients, [*map(Path, files)], settings)
    return without_copies(found, frame.drop(columns=column).assign(**{PATH: files}), [*map(Path, files)], out)


def without_copies(found: Understood, frame: pd.DataFrame, files: Sequence[Path], out: Path) -> Understood:
    """Images with their copies in one group, and those of two classes left out, as a list in ``out``; else as found.

    Args:
        found: what the images are.
        frame: the table of them, with a column ``path``.
        files: where they are.
        out: folder of the list.
    """
    asked, settings = found.asked, found.settings
    if asked.allow_leaks:
        return found
    images = store(files, Decoder(settings["data.init_args.size"], settings["data.init_args.channels"]), MEMORY)
    if images.faults:  # which the first run names
        return found
    target = torch.tensor(found.labels.map(found.classes.index).to_numpy(np.int64))
    pairs = image_copies(Split(Pixels(images.pixels), target))
    copies = group_copies(pairs, found.labels, found.patients, [*frame[PATH]])
    if copies is None:
        return found
    listing, group = out / f"{asked.path.stem}.csv", free_name([*frame, *NOT_GROUPS])
    paths = [os.path.relpath(file.resolve(), out.resolve()) for file in files]
    kept = frame.assign(**{PATH: paths}).loc[copies.kept].assign(**{group: copies.groups})
    write_csv(listing, kept)
    grouped = in_groups(found, copies, listing, group, "images")
    attributes = [*asked.attributes]
    apart = bool(attributes) and bool((kept.groupby(group)[attributes].nunique() > 1).any(axis=None))
    settings = {
        **grouped.settings,
        "data.init_args.label": asked.label or LABEL,
        "data.init_args.headline": "image" if apart else None,  # copies that say otherwise of sex or age count apart
    }
    return replace(grouped, settings=settings)


def understood(
    asked: Asked, labels: pd.Series, patients: pd.Series | None, files: Sequence[Path], settings: dict[str, Any]
) -> Understood:
    """What labels and a look at some of the files say, and a size that suits them."""
    classes = ordered_classes(asked, labels)
    some = [look_at(files[at]) for at in np.unique(np.linspace(0, len(files) - 1, LOOKED_AT).astype(int))]
    edges = sorted(min(size) for size, _ in some)
    edge = edges[len(edges) // 2]
    size = SIZES[0] if edge < SIZES[1] else SIZES[1]
    colour = any(mode not in {"1", "L", "LA", "I", "I;16", "F"} for _, mode in some)
    channels = 3 if colour else 1
    mixed = patients is not None and bool((labels.groupby(patients).nunique() > 1).any())
    remarks = ["some patients have images of several classes, so each image counts by itself"] if mixed else []
    return Understood(
        "images",
        asked,
        "image_folder.yaml",
        {
            **settings,
            "data.init_args.classes": list(classes),
            "data.init_args.size": size,
            "data.init_args.channels": channels,
            "model.network.init_args.channels": channels,
            "model.network.init_args.outputs": 1 if len(classes) == 2 else len(classes),
        },
        labels,
        patients,
        classes,
        {
            "pixels": f"{'colour' if colour else 'grey'}, {edges[0]} to {edges[-1]} at the shorter edge, most "
            f"{edge}; brought to {size} × {size}"
        },
        remarks,
    )


def look_at(file: Path) -> tuple[tuple[int, int], str]:
    """Size and mode of an image; of what is none, those of nothing, for reading them says so."""
    try:
        with Image.open(file) as image:
            return image.size, image.mode
    except (OSError, ValueError):
        return (0, 0), "L"
