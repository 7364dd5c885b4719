"""Data in which it is known which part of the input tells about one class only, to see whether the audit finds it.

Two signs are planted in every set, as in the toy of arXiv 2508.06943. One is high for 90 % of the positives and 10 % of
the negatives, and so tells about both classes alike. The other is high for all negatives and for a share of the
positives: it tells about negatives more, and about nobody where the share is 1. A sign is a column, a patch or stripes
in a place of an image, or how a voice was recorded. Nothing else tells about the label: the labels of images are dealt
anew among them.
"""

from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from clsunbias.data.split import Split
from clsunbias.data_paths import find_data

Floats = npt.NDArray[np.floating]
Labels = npt.NDArray[np.integer]

ROWS = 1000
"""Rows that are audited; of tables and voices as many are trained on, of images what is left of twice as many."""

LEVEL = 0.6
"""Of a planted patch, for each unit of the toy's columns; pixels go from −1 to 1."""

GRID = 4


class Drawn(NamedTuple):
    """A set.

    Attributes:
        train: rows to train on.
        test: rows to audit.
        planted: names of the parts that tell about one class more.
        unclear: names of parts that hold some of it, or what goes with it; found or not, neither is an error.
        names: of the columns of a table.
        signs: of the test rows, whether each sign is high.
    """

    train: Split
    test: Split
    planted: frozenset[str]
    unclear: frozenset[str]
    names: tuple[str, ...]
    signs: Mapping[str, Labels]


def signs(target: Labels, share: float, random: np.random.Generator) -> tuple[Labels, Labels]:
    """Which rows have the sign of both classes, and which that of one."""
    both = random.random(len(target)) < np.where(target == 1, 0.9, 0.1)
    one = random.random(len(target)) < np.where(target == 1, share, 1.0)
    return both.astype(int), one.astype(int)


def drawn(
    x: Tensor,
    target: Labels,
    found: tuple[Labels, Labels],
    share: float,
    planted: set[str],
    unclear: set[str],
    names: tuple[str, ...] = (),
    audited: int | None = None,
) -> Drawn:
    """A set of rows and signs, the last to be audited (default a thousand); of a share of 1 nothing is specific."""
    first, labels = len(target) - (audited or ROWS), torch.from_numpy(target)
    train, test = Split(x[:first], labels[:first]), Split(x[first:], labels[first:])
    tested = {name: sign[first:] for name, sign in zip(("both", "one"), found, strict=True)}
    if share == 1:
        planted, unclear = set(), set()
    return Drawn(train, test, frozenset(planted), frozenset(unclear), names, tested)


def toy(share: float, random: np.random.Generator, positives: float = 0.5, audited: int | None = None) -> Drawn:
    """The paper's two columns, of a thousand rows to train on and as many to audit, if not another number."""
    target = (random.random(ROWS + (audited or ROWS)) < positives).astype(int)
    found = signs(target, share, random)
    x = np.stack([random.normal(size=len(target)) + 3 * sign for sign in found], 1)
    return drawn(torch.from_numpy(x).float(), target, found, share, {"f2"}, set(), ("f1", "f2"), audited)


def table(share: float, random: np.random.Generator, decoys: bool = False) -> Drawn:
    """The toy's columns among eight of noise, one of them of three entries.

    With decoys, beside what goes with f1 and what goes with f2, and tells nothing more.
    """
    target = (random.random(2 * ROWS) < 0.5).astype(int)
    found = signs(target, share, random)
    told = np.stack([random.normal(size=len(target)) + 3 * sign for sign in found], 1)
    noise = random.normal(size=(len(target), 8))
    noise[:, 0] = random.integers(0, 3, len(target))
    columns = [told, noise, *([told + random.normal(size=told.shape)] if decoys else [])]
    names = ("f1", "f2", *(f"noise {number}" for number in range(1, 9)), *(("decoy 1", "decoy 2") if decoys else ()))
    x = torch.from_numpy(np.concatenate(columns, 1)).float()
    return drawn(x, target, found, share, {"f2", "f2 + decoy 2"}, {"decoy 2"}, names)


@cache
def pictures(name: str) -> Tensor:
    """All images of a set and their mirror images, from −1 to 1."""
    with np.load(find_data(Path(f"{name}.npz"))) as file:
        images = np.concatenate([file[f"{split}_images"] for split in ("train", "val", "test")])
    grey = images if images.ndim == 3 else images[..., 1]  # of a retina green, in which vessels and lesions are seen
    made = torch.from_numpy(grey[:, None]).float() / 127.5 - 1
    return torch.cat([made, made.flip(3)])


def image(share: float, random: np.random.Generator, name: str, stripes: bool) -> Drawn:
    """Real images whose labels are dealt anew, with a patch or stripes in two places of 16."""
    images = pictures(name)
    order = random.permutation(len(images))[: 2 * ROWS]
    x, target = images[order].clone(), (random.random(len(order)) < 0.5).astype(int)
    found = signs(target, share, random)
    places = random.choice(GRID * GRID, 2, replace=False)
    side = x.shape[2] // GRID
    pattern = torch.ones(side, side)
    if stripes:
        pattern[1::2] = -1
    for place, sign in zip(places, found, strict=True):
        level = torch.from_numpy(LEVEL * (3 * sign - 1.5 + random.normal(size=len(target)))).float()
        down, across = (at * side for at in divmod(int(place), GRID))
        patch = x[:, :, down : down + side, across : across + side]
        patch += level[:, None, None, None] * pattern
    row, column = divmod(int(places[1]), GRID)
    bands = {"frequency band 1 (coarsest)", *(f"frequency band {number}" for number in (2, 3, 4))}
    return drawn(x, target, found, share, {f"row {row + 1} column {column + 1}"}, bands)
