"""Recordings: each defect is found before anything is trained, and stretches come out as they lie in the file."""

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

from clsunbias.speech.recordings import Recording, inspect, read_stretches
from tests.speech_trees import fails, write_wav

NOISE = np.random.default_rng(0).uniform(-0.1, 0.1, (4000, 2)).astype(np.float32)


def write_half(path: Path, rate: int) -> None:
    """Writes the first half of a file that holds a second."""
    write_wav(path, rate)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def write_float(path: Path, values: tuple[float, ...]) -> None:
    """Writes samples that need not be audio."""
    soundfile.write(path, np.array(values, np.float32), 1000, "FLOAT")


BAD: dict[str, tuple[str, Callable[[Path], Any], str]] = {
    "missing": ("a.wav", lambda path: None, "a.wav is missing"),
    "no bytes": ("a.wav", lambda path: path.write_bytes(b""), "a.wav is no audio that can be read"),
    "no audio": ("a.wav", lambda path: path.write_text("not audio, though long enough"), "is no audio"),
    "no samples": ("a.wav", lambda path: write_float(path, ()), "a.wav is empty"),
    "half a wav": ("a.wav", lambda path: write_half(path, 1000), "promises 2000 bytes of audio, 978 are there"),
    "half an mp3": ("a.mp3", lambda path: write_half(path, 16000), "truncated: its header promises 16000 samples"),
    "silence": ("a.wav", lambda path: write_float(path, (0, 9e-5, -9e-5)), "a.wav is silent"),
    "NaN": ("a.wav", lambda path: write_float(path, (0.5, math.nan, 0.5)), "a.wav holds NaN"),
    "infinity": ("a.wav", lambda path: write_float(path, (0.5, math.inf, 0.5)), "a.wav holds NaN or infinite"),
    "whole numbers": ("a.npy", lambda path: np.save(path, np.ones((4, 2), int)), "is int64 of shape (4, 2)"),
    "one dimension": ("a.npy", lambda path: np.save(path, np.ones(4)), "is float64 of shape (4,)"),
    "no frames": ("a.npy", lambda path: np.save(path, np.ones((0, 2))), "is float64 of shape (0, 2)"),
    "no array": ("a.npy", lambda path: path.write_bytes(b""), "a.npy is not an .npy file"),
    "NaN features": ("a.npy", lambda path: np.save(path, np.full((2, 2), math.nan)), "a.npy holds NaN"),
}


@pytest.mark.parametrize("defect", BAD)
def test_bad_recordings_are_named(defect: str, tmp_path: Path) -> None:
    """Each kind of defect has a message of its own."""
    name, write, message = BAD[defect]
    write(tmp_path / name)
    fails(lambda: inspect(tmp_path / name, 100), message)


def test_good_recordings(tmp_path: Path) -> None:
    """Rate, length and channels; features at the rate given; a header whose writer was stopped promises nothing."""
    soundfile.write(tmp_path / "a.flac", NOISE, 8000)
    assert inspect(tmp_path / "a.flac", 100) == Recording(8000, 4000, 2)
    np.save(tmp_path / "a.npy", NOISE)
    assert inspect(tmp_path / "a.npy", 50).seconds == 80
    write_wav(tmp_path / "stopped.wav", 1000)
    content = (tmp_path / "stopped.wav").read_bytes()
    (tmp_path / "stopped.wav").write_bytes(content[:40] + b"\xff" * 4 + content[44:])
    assert inspect(tmp_path / "stopped.wav", 100) == Recording(1000, 1000)


def test_stretches_are_mixed_down_joined_and_resampled_to_exact_lengths(tmp_path: Path) -> None:
    """Samples by hand; 44.1 kHz to 16 kHz keeps a tone; features are rows."""
    soundfile.write(tmp_path / "a.wav", NOISE, 8000, "FLOAT")
    found = read_stretches(tmp_path / "a.wav", [(0.4, 0.5), (0.1, 0.2)], 8000)
    np.testing.assert_allclose(found, NOISE.mean(1)[[*range(3200, 4000), *range(800, 1600)]], rtol=1e-6)
    np.save(tmp_path / "a.npy", NOISE)
    assert np.array_equal(read_stretches(tmp_path / "a.npy", [(0.5, 1)], 100), NOISE[50:100])
    tone = np.sin(2 * np.pi * 440 * np.arange(44100) / 44100)
    soundfile.write(tmp_path / "tone.wav", tone, 44100)
    found = read_stretches(tmp_path / "tone.wav", [(0.123, 0.9876)], 16000)
    assert len(found) == round(0.9876 * 16000) - round(0.123 * 16000) == 13834
    expected = np.sin(2 * np.pi * 440 * (round(0.123 * 44100) / 44100 + np.arange(13834) / 16000))
    np.testing.assert_allclose(found[100:-100], expected[100:-100], atol=0.01)
