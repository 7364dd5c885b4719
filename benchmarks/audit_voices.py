"""Made-up voices with two hums: sets of :mod:`benchmarks.audit_sets` whose signs belong to the recording."""

from dataclasses import replace
from functools import cache
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from benchmarks import audit_sets
from benchmarks.audit_networks import BANDS
from benchmarks.audit_sets import Drawn, drawn, signs
from clsunbias.audit.parts import SILENCE
from clsunbias.speech import LogMel
from clsunbias.speech.voice import HUMS, add_room, draw_voice, speak

SECONDS = 0.64


class Hums(NamedTuple):
    """How voices are recorded, and which hums go with them.

    Attributes:
        rate: samples per second.
        louder: than the hum of the made-up corpora, which is drowned in all but minutes of speech.
        both: Hz, of the hum that is the sign of both classes.
        one: Hz, of the hum that is the sign of one.
        planted: the part of the input that holds the latter.
    """

    rate: int
    louder: float
    both: float
    one: float
    planted: str


CLEAR = Hums(16_000, 10.0, 3100.0, 6500.0, "dimensions 31 to 40")
"""Where voices have little: who has a hum and who has none are 2.7 (both) and 3.0 (one) standard deviations apart along
the best direction, as by the toy's signs; each is heard in its own quarter of the bands alone (0.1 in the other)."""

TELEPHONE = Hums(8000, 30.0, 2000.0, 3400.0, "dimensions 31 to 40")
"""In a narrow band, 2.0 and 2.5 standard deviations; the hum of both classes leaks into the other's quarter (0.2)."""


@cache
def voices(hums: Hums, count: int) -> Tensor:
    """Frames ``(count, 2, 2, T, BANDS)`` of the same voices without and with the hum of both classes, and of one."""
    front = LogMel(sample_rate=hums.rate, bands=BANDS, window=0.032, hop=0.02, normalise="none")
    made = []
    for number in range(count):
        random = np.random.default_rng(number)
        voice = draw_voice(random, bool(random.integers(2)), False)
        speech = speak(voice, SECONDS, hums.rate, random)
        levels = random.normal(size=2)
        frequencies = [random.uniform(pitch - 50, pitch + 50) for pitch in (hums.both, hums.one)]
        phases = random.uniform(size=2)
        for high in np.ndindex(2, 2):
            recording = speech
            for at, heard in enumerate(high):
                loud = hums.louder * 10 ** ((-60 + 5 * (HUMS * heard + float(levels[at]))) / 20)
                one = replace(voice, hum=(loud, frequencies[at], 5.0, float(phases[at])))
                recording = add_room(recording, one, hums.rate, np.random.default_rng([number, *high]))
            made.append(recording)
    frames = torch.from_numpy(np.concatenate([front(made[at : at + 500]) for at in range(0, len(made), 500)]))
    frames = frames.reshape(count, 2, 2, -1, BANDS)
    return (frames - frames.mean()) / frames.std()


def speech(share: float, random: np.random.Generator, hums: Hums) -> Drawn:
    """Voices with hums, as microphones have."""
    count = 2 * audit_sets.ROWS
    target = random.permutation(np.arange(count) % 2)
    found = signs(target, share, random)
    number = random.permutation(count)
    mixed = {*(f"time span {number} of 4" for number in range(1, 5)), SILENCE.name}
    frames = voices(hums, count)[number, found[0], found[1]]
    return drawn(frames, target, found, share, {hums.planted}, mixed)
