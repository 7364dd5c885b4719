"""What of an input can be taken from another unit: columns of a table, places and bands of images, times of speech."""

from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import NamedTuple

import numpy as np
import torch
from scipy.stats import rankdata
from torch import Tensor

from clsunbias.experiments.analysis.statistics import Floats

GRID = 4
"""Places along each side of an image."""

RINGS = (0.0, 0.125, 0.25, 0.5, 1.0)
"""Ends of the bands of an image's frequencies, as shares of half the sampling rate."""

SPANS, MEL_BANDS = 4, 4
"""Parts of a segment's time, and of its bands."""

TOGETHER = 0.7
"""Columns whose ranks correlate so strongly are also looked at as one: what one lacks, the other may still tell."""


class Part(NamedTuple):
    """A part of an input.

    Attributes:
        name: as tables call it.
        kind: such as ``column`` or ``place``.
        swap: rows ``(B, …)`` with the part of other rows ``(B, …)``; it may write into the former.
        summary: a number of each row that says what is in the part, ``(B,)``; None of a group.
        place: row, column and size of the grid, of a place in an image.
    """

    name: str
    kind: str
    swap: Callable[[Tensor, Tensor], Tensor]
    summary: Callable[[Tensor], Tensor] | None
    place: tuple[int, int, int] | None = None


def parts_of(x: Tensor, names: Sequence[str] = ()) -> list[Part]:
    """The parts of inputs of a kind that their shape tells: ``(N, D)``, ``(N, C, H, W)`` or ``(N, T, D)``.

    Args:
        x: some rows; of a table all of them, whose columns are grouped by how they correlate.
        names: of a table's columns.
    """
    if x.ndim == 4:
        return [*places(x.shape[2], x.shape[3]), *bands(x.shape[2], x.shape[3])]
    if x.ndim == 3:
        return [*spans(x.shape[1]), *mel_bands(x.shape[2]), SILENCE]
    return columns(x, names or [f"f{number}" for number in range(1, x.shape[1] + 1)])


def columns(x: Tensor, names: Sequence[str]) -> list[Part]:
    """Each column, and the groups of those that go together: levels of one column of text, or by their ranks."""
    made = [Part(name, "column", swapped_at(at), column_at(at)) for at, name in enumerate(names)]
    for group in together(x.double().numpy(), names):
        made.append(Part(" + ".join(names[at] for at in group), "group", swapped_at(*group), None))
    return made


def together(x: Floats, names: Sequence[str]) -> list[list[int]]:
    """Groups of two or more columns that go together."""
    columns_of = np.arange(x.shape[1])
    ranks = rankdata(x[:10_000], axis=0)
    ranks -= ranks.mean(0)
    ranks /= np.maximum(np.linalg.norm(ranks, axis=0), 1e-12)
    varying = np.ptp(x, axis=0) > 0
    close = (np.abs(ranks.T @ ranks) > TOGETHER) & varying & varying[:, None]
    stems = [name.partition("=")[0] if "=" in name else None for name in names]
    group = columns_of.copy()
    for one in columns_of:
        for other in columns_of[:one]:
            if close[one, other] or (stems[one] is not None and stems[one] == stems[other]):
                group[group == group[one]] = group[other]
    return [np.flatnonzero(group == label).tolist() for label in np.unique(group) if (group == label).sum() > 1]


def swapped_at(*at: int) -> Callable[[Tensor, Tensor], Tensor]:
    """Takes columns from other rows."""

    def swap(x: Tensor, other: Tensor) -> Tensor:
        x[:, list(at)] = other[:, list(at)]
        return x

    return swap


def column_at(at: int) -> Callable[[Tensor], Tensor]:
    """A column itself."""
    return lambda x: x[:, at]


def places(height: int, width: int) -> list[Part]:
    """Places of an image on a grid."""
    made = []
    rows, across = (np.linspace(0, size, GRID + 1).round().astype(int).tolist() for size in (height, width))
    for row in range(GRID):
        for column in range(GRID):
            inside = (..., slice(rows[row], rows[row + 1]), slice(across[column], across[column + 1]))
            name = f"row {row + 1} column {column + 1}"
            made.append(Part(name, "place", patched(inside), brightness(inside), (row, column, GRID)))
    return made


def patched(inside: tuple[object, ...]) -> Callable[[Tensor, Tensor], Tensor]:
    """Takes what is inside a place from other images."""

    def swap(x: Tensor, other: Tensor) -> Tensor:
        x[inside] = other[inside]  # type: ignore[index]
        return x

    return swap


def brightness(inside: tuple[object, ...]) -> Callable[[Tensor], Tensor]:
    """The mean of what is inside a place."""
    return lambda x: x[inside].flatten(1).mean(1)  # type: ignore[index]


def bands(height: int, width: int) -> list[Part]:
    """Bands of an image's frequencies, from its coarse shape to its finest grain; the mean stays with the image."""
    across, down = torch.fft.rfftfreq(width), torch.fft.fftfreq(height)
    radius = 2 * torch.sqrt(across.square() + down.unsqueeze(1).square())
    made = []
    for number, (low, high) in enumerate(zip(RINGS, (*RINGS[1:-1], 2.0), strict=False), 1):
        inside = (radius > low) & (radius <= high)
        coarse = "" if number > 1 else " (coarsest)"
        made.append(Part(f"frequency band {number}{coarse}", "band", filtered(inside), power(inside)))
    return made


def filtered(inside: Tensor) -> Callable[[Tensor, Tensor], Tensor]:
    """Takes frequencies from other images."""

    def swap(x: Tensor, other: Tensor) -> Tensor:
        spectrum = torch.where(inside, torch.fft.rfft2(other), torch.fft.rfft2(x))
        made: Tensor = torch.fft.irfft2(spectrum, s=x.shape[-2:])
        return made

    return swap


def power(inside: Tensor) -> Callable[[Tensor], Tensor]:
    """The logarithm of the power of frequencies."""
    return lambda x: (torch.fft.rfft2(x).abs().square() * inside).flatten(1).mean(1).add(1e-12).log()


def spans(frames: int) -> list[Part]:
    """Spans of a segment's time; frames of padding stay what they are."""
    made = []
    ends = np.linspace(0, frames, SPANS + 1).round().astype(int).tolist()
    for number, (start, end) in enumerate(pairwise(ends), 1):
        inside = torch.zeros(frames, 1, dtype=torch.bool)
        inside[start:end] = True
        made.append(Part(f"time span {number} of {SPANS}", "time", heard(inside), mean_of(inside)))
    return made


def mel_bands(dimensions: int) -> list[Part]:
    """Bands of a segment's frames, from low to high."""
    made = []
    ends = np.linspace(0, dimensions, MEL_BANDS + 1).round().astype(int).tolist()
    for start, end in pairwise(ends):
        inside = torch.zeros(1, dimensions, dtype=torch.bool)
        inside[:, start:end] = True
        made.append(Part(f"dimensions {start + 1} to {end}", "band", heard(inside), spread_of(inside)))
    return made


def heard(inside: Tensor) -> Callable[[Tensor, Tensor], Tensor]:
    """Takes frames from other segments, where both have some."""
    return lambda x, other: torch.where(inside & x.isfinite() & other.isfinite(), other, x)


def mean_of(inside: Tensor) -> Callable[[Tensor], Tensor]:
    """The mean of what a segment has inside."""
    return lambda x: torch.where(inside, x.float(), torch.nan).flatten(1).nanmean(1).nan_to_num()


def spread_of(inside: Tensor) -> Callable[[Tensor], Tensor]:
    """The mean size of a segment's changes from frame to frame, which normalised levels leave."""

    def summary(x: Tensor) -> Tensor:
        change = x.float().diff(dim=1).abs()
        return torch.where(inside, change, torch.nan).flatten(1).nanmean(1).nan_to_num()

    return summary


def is_silent(x: Tensor) -> Tensor:
    """Which frames ``(B, T)`` are among the quietest fifth of their segment, by the mean over dimensions."""
    level = x.float().mean(2)
    edge = level.nanquantile(0.2, dim=1, keepdim=True)
    return level <= edge


def swap_silence(x: Tensor, other: Tensor) -> Tensor:
    """Segments with the quietest frames of others in place of theirs, in order, again from the first where too few."""
    for row, (ours, theirs) in enumerate(zip(is_silent(x), is_silent(other), strict=True)):
        to, source = ours.nonzero()[:, 0], theirs.nonzero()[:, 0]
        if len(source):
            x[row, to] = other[row, source[torch.arange(len(to)) % len(source)]]
    return x


def quiet_level(x: Tensor) -> Tensor:
    """How much the quietest frames change from one dimension to the next: the colour of a room or a microphone."""
    silent = is_silent(x).unsqueeze(2)
    change = x.float().diff(dim=2).abs()
    return torch.where(silent, change, torch.nan).flatten(1).nanmean(1).nan_to_num()


SILENCE = Part("quietest fifth of the frames", "silence", swap_silence, quiet_level)
"""Pauses and background, or in a held vowel its faintest frames."""
