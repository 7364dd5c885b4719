"""Recordings: audio files, and ``.npy`` files of ready features, checked whole and read in stretches."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from clsunbias.errors import InputError
from clsunbias.speech.promises import promised_bytes

SILENCE = 1e-4
"""Peak (of full scale, −80 dBFS) under which a whole recording counts as silent, as it is used: mixed down to one
channel, less its mean. MODMA's quiet ones peak near 0.01."""

SUFFIXES = frozenset(
    [
        ".wav",
        ".flac",
        ".mp3",
        ".ogg",
        ".oga",
        ".opus",
        ".aif",
        ".aiff",
        ".aifc",
        ".au",
        ".snd",
        ".caf",
        ".w64",
        ".rf64",
        ".sph",
        ".nist",
        ".voc",
        ".npy",
    ]
)
"""Of files in which speech is kept, as :func:`inspect` reads them."""

RATES = (1000, 1_000_000)
"""Samples per second from and to which recordings are read: resampling what a damaged header says costs any memory."""


@dataclass(frozen=True)
class Recording:
    """What a check found: samples (or rows of features) per second, their number, channels before mixing down."""

    sample_rate: float
    length: int
    channels: int = 1

    @property
    def seconds(self) -> float:
        """Duration."""
        return self.length / self.sample_rate


def inspect(path: Path, frame_rate: float) -> Recording:
    """Reads a whole recording and checks it.

    Args:
        path: audio of any format that libsndfile reads, or ``.npy`` of features ``(T, D)``.
        frame_rate: rows per second of ``.npy`` features.

    Raises:
        InputError: the file is absent, empty, truncated, no audio, silent, or holds NaN or infinite numbers.
    """
    if not path.is_file():
        raise InputError(f"{path} is missing")
    if path.suffix != ".npy":
        return inspect_audio(path)
    frames = open_features(path)
    if not all(np.isfinite(part).all() for part in np.array_split(frames, 1 + len(frames) // 65536)):
        raise InputError(f"{path} holds NaN or infinite numbers")
    return Recording(frame_rate, len(frames))


def open_features(path: Path) -> npt.NDArray[np.floating]:
    """Features ``(T, D)``, mapped into memory; raises InputError for anything else."""
    try:
        frames = np.load(path, mmap_mode="r", allow_pickle=False)
    except Exception as error:  # a damaged header makes the reader fail in any way at all
        raise InputError(f"{path} is not an .npy file that can be read: {str(error)[:200]}") from error
    if frames.ndim != 2 or not np.issubdtype(frames.dtype, np.floating) or not frames.size:
        raise InputError(
            f"{path} is {frames.dtype} of shape {frames.shape}; features are floating, (frames, dimensions)"
        )
    return frames  # type: ignore[no-any-return]


def inspect_audio(path: Path) -> Recording:
    """:func:`inspect` for audio."""
    import soundfile

    lowest, highest, total, there = np.inf, -np.inf, 0.0, 0
    try:
        with soundfile.SoundFile(path) as file:
            # Not file.blocks, which goes on to the promised length with what happens to lie in memory.
            while len(block := file.read(1 << 18, dtype="float32", always_2d=True)):
                mixed = block.mean(1)
                lowest, highest = np.minimum(lowest, mixed.min()), np.maximum(highest, mixed.max())  # NaN stays so
                total, there = total + mixed.sum(dtype=np.float64), there + len(block)
            rate, length, channels = file.samplerate, file.frames, file.channels
    except (soundfile.LibsndfileError, RuntimeError) as error:
        raise InputError(f"{path} is no audio that can be read: {error}") from error
    if not RATES[0] <= rate <= RATES[1]:
        raise InputError(f"{path} has a header that says {rate} samples a second; {RATES[0]} to {RATES[1]} are read")
    if not length:
        raise InputError(f"{path} is empty: its header promises audio, there is none")
    for promised, found, what in ((length, there, "samples"), (*promised_bytes(path), "bytes")):
        if promised > found:
            raise InputError(f"{path} is truncated: its header promises {promised} {what} of audio, {found} are there")
    if not np.isfinite([lowest, highest]).all():
        raise InputError(f"{path} holds NaN or infinite samples")
    if max(highest - total / there, total / there - lowest) < SILENCE:
        cancel = ", or its channels cancel each other: keep one" if channels > 1 else ""
        raise InputError(f"{path} is silent: less its constant part no sample exceeds {SILENCE} of full scale{cancel}")
    return Recording(rate, length, channels)


def read_stretches(path: Path, stretches: list[tuple[float, float]], rate: float) -> npt.NDArray[np.floating]:
    """Stretches of one recording, joined.

    Args:
        path: audio, mixed down to one channel and resampled if need be, or ``.npy`` features, which must have the rate.
        stretches: start and end of each in seconds.
        rate: samples (or rows) per second wanted.

    Returns:
        float32 ``(N,)`` samples or ``(N, D)`` features, N as :func:`joined_length` says.
    """
    if path.suffix == ".npy":
        frames = open_features(path)
        return np.concatenate([frames[round(start * rate) : round(end * rate)] for start, end in stretches])
    import librosa
    import soundfile

    try:
        with soundfile.SoundFile(path) as file:
            native, parts = file.samplerate, []
            for start, end in stretches:
                file.seek(min(round(start * native), file.frames))
                parts.append(file.read(round(end * native) - round(start * native), dtype="float32", always_2d=True))
    except (soundfile.LibsndfileError, RuntimeError) as error:
        raise InputError(f"{path} can no longer be read as when it was prepared: {error}") from error
    samples = np.concatenate(parts).mean(1)
    if native != rate:
        samples = librosa.resample(samples, orig_sr=native, target_sr=rate)
    return librosa.util.fix_length(samples, size=joined_length(stretches, rate))


def joined_length(stretches: list[tuple[float, float]], rate: float) -> int:
    """Samples (or rows) of joined stretches at a rate."""
    return sum(round(end * rate) - round(start * rate) for start, end in stretches)
