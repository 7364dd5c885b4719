"""Twins: what two splits have alike, by name, by image or by row."""

import math
import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from itertools import combinations
from typing import Any, Literal, NamedTuple

import numpy as np
import numpy.typing as npt
import torch
from scipy.fft import dct
from scipy.spatial import cKDTree

from clsunbias.data.split import Split
from clsunbias.data.units import Units

Hashes = npt.NDArray[np.uint64]

CHUNK = 128
"""Images that are hashed at once: as floats they take four times their bytes, of many at once more than they all."""

BLOCK = 500_000
"""Pairs of hashes that are compared at once, few enough for memory."""

BITS = 6
"""In which hashes of an image and of its copy may differ: those of copies saved as JPEG of quality 75 do in up to 6."""

CLOSE = 4.5 / 255
"""Mean difference of an image from its copy, of the range of pixels: at most 4.4 of 255 of JPEG at quality 75. Of
RetinaMNIST no two images of different splits are as near; BreastMNIST has real copies."""

SAME, NEAR = 1e-6, 1e-3
"""Largest difference in any feature, in standard deviations, of rows that are equal, and of those that are nearly."""

LOOSER = 2
"""By how much rows of one split may differ more, and be less surprising, to be kept together."""

SURE = math.log(100)
"""By how much the surprise of a row must exceed that of meeting it by chance somewhere, for a twin to be a copy."""


class Twin(NamedTuple):
    """Two units (or rows) of different splits that are one by their names, are equal, or nearly equal."""

    kind: Literal["name", "equal", "near"]
    split: str
    name: str
    other_split: str
    other_name: str

    def __str__(self) -> str:
        return f"{self.split} {self.name} and {self.other_split} {self.other_name}"


def plain_name(name: str) -> str:
    """A name less blanks, invisible signs, case and ways of writing the same letter."""
    composed = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", name).casefold())
    return "".join(sign for sign in composed if not sign.isspace() and unicodedata.category(sign) != "Cf")


def patients(split: Split) -> Units | None:
    """Who or what has rows in a split: groups if there are any, else named rows; None where nothing has a name."""
    grouped = [units for units in split.units if units.of_row is not None]
    named = [units for units in (*grouped, *split.units) if units.names is not None]
    return named[0] if named else None


def name_twins(splits: Mapping[str, Split]) -> list[Twin]:
    """Names of patients (or rows) that stand in two splits, however they are spelled."""
    seen: dict[str, tuple[str, str]] = {}
    found = []
    for split, rows in splits.items():
        units = patients(rows)
        own = {plain_name(str(name)): (split, str(name)) for name in (units.names if units else None) or ()}
        found += [Twin("name", *seen[plain], *own[plain]) for plain in own if plain in seen]
        seen = {**own, **seen}
    return found


def names_of_rows(split: Split) -> Sequence[str]:
    """What each row goes by: its own name, else that of the unit that it belongs to, else its number."""
    for units in reversed(split.units):
        if units.names is not None:
            at = range(len(units.names)) if units.of_row is None else units.of_row.tolist()
            return [str(units.names[unit]) for unit in at]
    return [f"number {number}" for number in range(len(split))]


def image_twins(splits: Mapping[str, Split]) -> list[Twin]:
    """Images of different splits that are equal or nearly so, such as saved anew as JPEG.

    A hash of 64 bits says which pairs to look at: the signs of an image's lowest cosine frequencies about their median.
    Pixels then decide: a mean difference within :data:`CLOSE` of their range.
    """
    span = span_of(next(iter(splits.values())))
    hashes = {name: perceptual_hashes(rows) for name, rows in splits.items()}
    found = []
    for one, other in combinations(splits, 2):
        for left, right in close_pairs(hashes[one], hashes[other]):
            difference = distance(splits[one], left, splits[other], right) / span
            if difference <= CLOSE:
                names = one, names_of_rows(splits[one])[left], other, names_of_rows(splits[other])[right]
                found.append(Twin("equal" if difference == 0 else "near", *names))
    return found


def image_copies(images: Split) -> list[tuple[int, int]]:
    """Numbers of images of one split that would be twins in two: pairs, the lower number first."""
    span, hashes = span_of(images), perceptual_hashes(images)
    pairs = ((left, right) for left, right in close_pairs(hashes, hashes) if left < right)
    return [pair for pair in pairs if distance(images, pair[0], images, pair[1]) / span <= CLOSE]


def span_of(images: Split) -> float:
    """The range of pixels of the first images, 1 if they are all alike."""
    return float(np.ptp(pixels(images, torch.arange(min(CHUNK, len(images)))))) or 1.0


def distance(one: Split, left: int, other: Split, right: int) -> float:
    """Mean difference of an image of a split from an image of another."""
    return float(np.abs(pixels(one, torch.tensor([left])) - pixels(other, torch.tensor([right]))).mean())


def pixels(split: Split, rows: torch.Tensor) -> npt.NDArray[np.float32]:
    """Images of a split as they are fetched, in float."""
    return split[rows]["x"].float().numpy()


def perceptual_hashes(split: Split) -> Hashes:
    """A hash of each image, ``(N,)``: the signs of its 8 × 8 lowest cosine frequencies about their median."""
    found = []
    for rows in torch.split(torch.arange(len(split)), CHUNK):
        grey = pixels(split, rows).mean(1)
        down, across = (dct(np.eye(size), axis=0, norm="ortho")[:8].astype(np.float32) for size in grey.shape[1:])
        low = (down @ grey @ across.T).reshape(len(grey), -1)
        signs = low > np.median(low, axis=1, keepdims=True)
        padded = np.pad(signs, ((0, 0), (0, 64 - signs.shape[1])))  # of images of fewer than 8 pixels
        found.append(np.packbits(padded, axis=1).view(np.uint64)[:, 0])
    return np.concatenate(found)


def close_pairs(one: Hashes, other: Hashes) -> Iterator[tuple[int, int]]:
    """Numbers of pairs whose hashes differ in few bits."""
    step = max(1, BLOCK // max(1, len(other)))
    for start in range(0, len(one), step):
        bits = np.bitwise_count(one[start : start + step, np.newaxis] ^ other)
        for left, right in np.argwhere(bits <= BITS).tolist():
            yield start + left, right


def row_twins(splits: Mapping[str, Split]) -> list[Twin]:
    """Rows of different splits that are equal in all features, or nearly so, such as written with fewer digits.

    Only rows that no other would equal by chance: of a table of few categories many do, and none is a copy.
    """
    x = {name: rows.x[:].double().numpy() for name, rows in splits.items()}
    told = surprise(np.concatenate([*x.values()]))
    starts = dict(zip(x, np.cumsum([0, *map(len, x.values())]), strict=False))
    found = []
    for one, other in combinations(splits, 2):
        found_at = cKDTree(x[one]).query(x[other], p=np.inf, distance_upper_bound=NEAR)
        distances, nearest = np.asarray(found_at[0]), np.asarray(found_at[1])
        for right in np.flatnonzero(np.isfinite(distances)).tolist():
            left, equal = int(nearest[right]), bool(distances[right] <= SAME)
            if told[int(not equal), starts[other] + right] > SURE:
                names = one, names_of_rows(splits[one])[left], other, names_of_rows(splits[other])[right]
                found.append(Twin("equal" if equal else "near", *names))
    return found


def row_copies(x: npt.NDArray[np.float64]) -> list[tuple[int, int]]:
    """Numbers of rows, standardised ``(N, D)``, that would be twins in two splits: pairs, the lower number first.

    Looked for a little further than between splits, whose training rows may standardise them a little otherwise.
    """
    told = surprise(x)
    sure = np.flatnonzero(told[0] > SURE / LOOSER)  # never more likely than as near ones
    pairs = sure[cKDTree(x[sure]).query_pairs(LOOSER * NEAR, p=np.inf, output_type="ndarray")].reshape(-1, 2)
    equal = np.abs(x[pairs[:, 0]] - x[pairs[:, 1]]).max(1, initial=0) <= LOOSER * SAME
    kept = pairs[equal | (told[1][pairs].max(1) > SURE / LOOSER)]
    return [(int(left), int(right)) for left, right in np.sort(kept, 1)]


def surprise(x: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """How much less likely each row is than one in N, as a logarithm, ``(2, N)``: for equal rows, and for near ones.

    Features count as independent. One of which most values are all different is a measurement, whose values are rarer
    than N rows can show: it counts twice for rows that are equal.
    """
    equal, near = np.full((2, len(x)), -math.log(len(x)))
    for values in np.round(x / NEAR).T:
        _, kind, counts = np.unique(values, return_inverse=True, return_counts=True)
        told = -np.log(counts[kind] / len(x))
        near += told
        equal += told * (1 + (len(counts) > len(x) / 2))
    return np.stack([equal, near])


def content_twins(splits: Mapping[str, Split]) -> tuple[str, list[Twin]]:
    """What rows were compared as, which is nothing where they are neither images nor rows of a table, and the twins."""
    shape: Sequence[Any] = next(iter(splits.values()))[torch.arange(1)]["x"].shape[1:]
    if len(shape) == 1:
        return "rows of numbers", row_twins(splits)
    if len(shape) == 3 and shape[0] in {1, 3}:
        return "images", image_twins(splits)
    return "", []
