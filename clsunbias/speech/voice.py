"""Made-up voices: a buzz shaped by the resonances of two vowels, in syllables and pauses, with breath and room noise.

Two cues are planted, as in the toy of arXiv 2508.06943. One informs about both classes: how lively the speech is. The
other informs about one class only: a faint hum, which belongs to the recording rather than to the speech.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import signal

Samples = npt.NDArray[np.float32]

LIVELY = 5.0
HUMS = 3.0
"""Distance between the centres of voices with and without the cue; the spread about each is 1, as in the toy."""

CONTROL_RATE = 100
"""Points per second of pitch, loudness and vowel."""

VOWELS = ((730, 1090, 2440), (270, 2290, 3010), (300, 870, 2240), (530, 1840, 2480))
"""Resonances (Hz) of the vowels of 'father', 'see', 'food' and 'bed' (Peterson and Barney 1952, men)."""


@dataclass(frozen=True)
class Voice:
    """What distinguishes a speaker and the place of the recording.

    Attributes:
        pitch: median of the fundamental, Hz.
        pitch_spread: standard deviation of syllables' pitch, semitones.
        syllables: per second.
        pauses: share of the syllables' places that are silent.
        resonances: Hz, of the two vowels between which the voice moves.
        breath: loudness of the breath noise, of the buzz's.
        hum: level (of 1, the speech's), frequency (Hz), bursts per second and where in a burst (0 to 1) it begins.
    """

    pitch: float
    pitch_spread: float
    syllables: float
    pauses: float
    resonances: npt.NDArray[np.float64]
    breath: float
    hum: tuple[float, float, float, float]


def draw_voice(random: np.random.Generator, lively: bool, hums: bool) -> Voice:
    """Draws a voice; but for the cues, the same generator gives the same voice with and without them."""
    liveliness = (LIVELY * lively + random.standard_normal()) / LIVELY
    level = HUMS * hums + random.standard_normal()
    first, second = random.choice(len(VOWELS), 2, replace=False)
    tract = random.uniform(0.9, 1.2)  # women's and men's lengths of the vocal tract
    return Voice(
        pitch=random.uniform(95, 230),
        pitch_spread=0.5 * 8**liveliness,
        syllables=max(1.5, 2.8 + 1.6 * liveliness),
        pauses=float(np.clip(0.4 - 0.25 * liveliness, 0.05, 0.6)),
        resonances=tract * np.array([VOWELS[first], VOWELS[second]], dtype=float),
        breath=random.uniform(0.02, 0.06),
        hum=(10 ** ((-60 + 5 * level) / 20), random.uniform(2900, 3100), random.uniform(1.5, 3.0), random.uniform()),
    )


def speak(voice: Voice, seconds: float, rate: int, random: np.random.Generator) -> Samples:
    """Speech of a voice, with a root mean square of 1, float32 ``(round(seconds · rate),)``."""
    size = round(seconds * rate)
    points = int(np.ceil(seconds * CONTROL_RATE)) + 1
    semitones, loudness, vowel = control(voice, points, random)
    time = np.arange(size, dtype=np.float32) * (CONTROL_RATE / rate)
    at = np.arange(points)
    pitch = np.interp(time, at, voice.pitch * 2 ** (semitones / 12))
    loud = np.interp(time, at, loudness).astype(np.float32)
    phase = np.cumsum(pitch / rate)
    buzz = (0.5 - phase + np.floor(phase)).astype(np.float32)
    source = loud * (buzz + voice.breath * random.standard_normal(size, dtype=np.float32))
    mix = np.interp(time, at, vowel).astype(np.float32)
    speech = np.zeros(size, np.float32)
    for weight, resonances in zip((mix, 1 - mix), voice.resonances, strict=True):
        speech += signal.sosfilt(resonators(resonances, rate), weight * source)
    return speech / np.float32(np.sqrt(np.mean(speech**2) + 1e-12))


def control(
    voice: Voice, points: int, random: np.random.Generator
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Pitch (semitones about the median), loudness (0 to 1) and vowel (0 to 1) at each control point."""
    # Syllables differ in length by a quarter; those of a pause come in runs, as a chain with two states.
    count = int(points / CONTROL_RATE * voice.syllables * 2) + 2
    lengths = random.uniform(0.75, 1.25, count) / voice.syllables * CONTROL_RATE
    starts = np.cumsum(lengths) - lengths
    stay, enter = 0.6, 0.4 * voice.pauses / (1 - voice.pauses)
    draws = random.uniform(size=count)
    silent = np.zeros(count, bool)
    for place in range(1, count):
        silent[place] = draws[place] < (stay if silent[place - 1] else enter)
    at = np.arange(points)
    syllable = np.searchsorted(starts, at, side="right") - 1
    within = (at - starts[syllable]) / lengths[syllable]
    stress = random.uniform(0.5, 1.0, count) * ~silent
    loudness = stress[syllable] * np.sin(np.pi * np.clip(within, 0, 1)) ** 0.7
    semitones = np.interp(at, starts + lengths / 2, voice.pitch_spread * random.standard_normal(count))
    return semitones, loudness, np.interp(at, starts + lengths / 2, random.uniform(size=count))


def resonators(frequencies: npt.NDArray[np.float64], rate: int) -> npt.NDArray[np.float32]:
    """A second-order resonance of gain 1 at 0 Hz for each frequency, in series, as sections ``(N, 6)``."""
    radius = np.exp(-np.pi * (50 + 0.04 * frequencies) / rate)
    first, second = -2 * radius * np.cos(2 * np.pi * frequencies / rate), radius**2
    sections = np.zeros((len(frequencies), 6))
    sections[:, 0], sections[:, 3], sections[:, 4], sections[:, 5] = 1 + first + second, 1, first, second
    return sections.astype(np.float32)


def add_room(samples: Samples, voice: Voice, rate: int, random: np.random.Generator) -> Samples:
    """A recording of speech with the room's noise and, in bursts, the voice's hum."""
    level, frequency, bursts, phase = voice.hum
    time = np.arange(len(samples)) / rate
    burst = (time * bursts + phase) % 1
    gate = np.interp(burst, [0, 0.1, 0.45, 0.55], [0, 1, 1, 0])
    cycles = time * frequency
    # Whole cycles are taken off first: float32 has no room for both them and their fraction after minutes.
    tone = np.sin(2 * np.pi * (cycles - np.floor(cycles)).astype(np.float32))
    noise = np.float32(10 ** (-48 / 20)) * random.standard_normal(len(samples), dtype=np.float32)
    recording: Samples = samples + noise + (level * gate * tone).astype(np.float32)
    return recording
