"""Data in which it is known which part of the input tells about one class only, to see whether the audit finds it.

Two signs are planted in every set, as in the toy of arXiv 2508.06943. One is high for 90 % of the positives and 10 % of
the negatives, and so tells about both classes alike. The other is high for all negatives and for a share of the
positives: it tells about negatives more, and about nobody where the share is 1. A sign is a column, a patch or stripes
in a place of an image, or how a voice was recorded. Nothing else tells about the label: the labels of images are dealt
anew among them.
"""

from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from benchmarks.audit_networks import BANDS, listener, logistic, perceptron, small_convolution, trained
from clsunbias.audit.parts import SILENCE
from clsunbias.data.split import Split
from clsunbias.data_paths import find_data
from clsunbias.speech import LogMel
from clsunbias.speech.voice import HUMS, add_room, draw_voice, speak

Floats = npt.NDArray[np.floating]
Labels = npt.NDArray[np.integer]

ROWS = 1000
"""Rows that are audited; of tables and voices as many are trained on, of images what is left of twice as many."""

MANY = 5000
"""Voices to train on, where it is tried whether more of them help."""

RATE, SECONDS = 8000, 0.64
LEVEL = 0.6
"""Of a planted patch, for each unit of the toy's columns; pixels go from −1 to 1."""

LOUDER = 30.0
"""A hum beside that of the made-up corpora, where it is drowned in all but minutes of speech."""

HEARD, MASKED = 3400.0, 3000.0
"""Hertz of a hum of one class. By the first those who have it are 2.7 standard deviations from the others, nearly as by
the toy's signs, which are 3 apart, since voices have little there; by the second, which voices mask, 2.2."""

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


class Modality(NamedTuple):
    """How sets are drawn, from a share of the positives and a generator, and what is trained on them by ERM."""

    draw: Callable[[float, np.random.Generator], Drawn]
    fit: Callable[[Split], nn.Module]


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


def toy(share: float, random: np.random.Generator, positives: float = 0.5) -> Drawn:
    """The paper's two columns."""
    target = (random.random(2 * ROWS) < positives).astype(int)
    found = signs(target, share, random)
    x = np.stack([random.normal(size=len(target)) + 3 * sign for sign in found], 1)
    return drawn(torch.from_numpy(x).float(), target, found, share, {"f2"}, set(), ("f1", "f2"))


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


@cache
def voices(pitch: float, count: int) -> Tensor:
    """Frames of made-up voices ``(count, 2, 2, T, BANDS)``: without and with a hum near 2 kHz, and one at a pitch."""
    front = LogMel(sample_rate=RATE, bands=BANDS, window=0.032, hop=0.02, normalise="none")
    made = []
    for number in range(count):
        random = np.random.default_rng(number)
        voice = draw_voice(random, bool(random.integers(2)), False)
        speech = speak(voice, SECONDS, RATE, random)
        levels = random.normal(size=2)
        frequencies = np.array([random.uniform(1950, 2050), random.uniform(pitch - 50, pitch + 50)])
        phases = random.uniform(size=2)
        for high in np.ndindex(2, 2):
            recording = speech
            for at, heard in enumerate(high):
                loud = LOUDER * 10 ** ((-60 + 5 * (HUMS * heard + float(levels[at]))) / 20)
                one = replace(voice, hum=(loud, float(frequencies[at]), 5.0, float(phases[at])))
                recording = add_room(recording, one, RATE, np.random.default_rng([number, *high]))
            made.append(recording)
    frames = torch.from_numpy(np.concatenate([front(made[at : at + 500]) for at in range(0, len(made), 500)]))
    frames = frames.reshape(count, 2, 2, -1, BANDS)
    return (frames - frames.mean()) / frames.std()


def speech(
    share: float,
    random: np.random.Generator,
    pitch: float,
    trained_on: int | None = None,
    audited: int | None = None,
) -> Drawn:
    """Made-up voices with two hums, as microphones have: one for both classes, that of made-up corpora for one."""
    count = (trained_on or ROWS) + (audited or ROWS)
    target = random.permutation(np.arange(count) % 2)
    found = signs(target, share, random)
    number = random.permutation(count)
    mixed = {*(f"time span {number} of 4" for number in range(1, 5)), SILENCE.name}
    frames = voices(pitch, count)[number, found[0], found[1]]
    return drawn(frames, target, found, share, {"dimensions 31 to 40"}, mixed, audited=audited)


MODALITIES: Mapping[str, Modality] = {
    "toy": Modality(toy, logistic),
    "toy, 10 % positives": Modality(lambda share, random: toy(share, random, 0.1), logistic),
    "table": Modality(table, lambda train: trained(perceptron(10), train, 15, 0.01)),
    "table with decoys": Modality(
        lambda share, random: table(share, random, True), lambda train: trained(perceptron(12), train, 15, 0.01)
    ),
    "BreastMNIST, patches": Modality(
        lambda share, random: image(share, random, "breastmnist", False),
        lambda train: trained(small_convolution(), train, 20, 0.003),
    ),
    "RetinaMNIST, stripes": Modality(
        lambda share, random: image(share, random, "retinamnist", True),
        lambda train: trained(small_convolution(), train, 20, 0.003),
    ),
    "speech": Modality(lambda share, random: speech(share, random, HEARD), listener),
    "speech, 5,000 voices": Modality(lambda share, random: speech(share, random, HEARD, MANY), listener),
    "speech, 2,000 audited": Modality(lambda share, random: speech(share, random, HEARD, audited=2 * ROWS), listener),
    "speech, masked hum": Modality(lambda share, random: speech(share, random, MASKED), listener),
}
