"""Copies of recordings that were resampled, sped up, made louder or noisier: they are found, and others are not."""

from pathlib import Path

import librosa
import numpy as np
import numpy.typing as npt
import pytest
import soundfile

from clsunbias.__main__ import main
from clsunbias.errors import InputError
from clsunbias.speech.kept import Arrays, kept
from clsunbias.speech.near_copies import NOTHING, alike, excerpts
from tests.speech_trees import write_lines
from tests.test_leaks import SPEECH_RUN, voice

Samples = npt.NDArray[np.float64]


def faster(samples: Samples, speed: float) -> Samples:
    """The samples, played so much faster."""
    return np.asarray(librosa.resample(samples, orig_sr=8000, target_sr=8000 / speed), np.float64)


def noisy(samples: Samples, decibels: float, random: np.random.Generator) -> Samples:
    """With noise so far below."""
    loud = float(np.sqrt(np.mean(samples**2)))
    return np.asarray(samples + loud * 10 ** (-decibels / 20) * random.normal(size=len(samples)), np.float64)


def through(samples: Samples, rate: int) -> Samples:
    """Resampled to another rate and back."""
    there = librosa.resample(samples, orig_sr=8000, target_sr=rate)
    return np.asarray(librosa.resample(there, orig_sr=rate, target_sr=8000), np.float64)


def test_what_is_found_and_what_is_not() -> None:
    """Of six voices every copy, and no other voice; 5 % faster is too fast."""
    random = np.random.default_rng(0)
    voices = [voice(random, 4.0) for _ in range(6)]
    every = [excerpts(one, 64) for one in voices]
    assert alike([*every, NOTHING]) == []
    changed = {
        "louder": [3 * one for one in voices],
        "at 16 kHz": [through(one, 16000) for one in voices],
        "at 44.1 kHz": [through(one, 44100) for one in voices],
        "with noise": [noisy(one, 30, random) for one in voices],
        "cut shorter": [one[9000:-7000] for one in voices],
        **{f"{speed} as fast": [faster(one, speed) for one in voices] for speed in (0.98, 0.99, 1.01, 1.02)},
    }
    for what, copies in changed.items():
        found = alike([*every, *(excerpts(one, 64) for one in copies)])
        assert found == [(at, 6 + at) for at in range(6)], what
    everything = [0.4 * noisy(faster(through(one[5000:], 16000), 1.012), 30, random) for one in voices]
    found = alike([*every, *(excerpts(one, 64) for one in everything)])
    assert {*found} <= {(at, 6 + at) for at in range(6)}
    assert len(found) >= 5
    assert alike([*every, *(excerpts(faster(one, 1.05), 64) for one in voices)]) == []


def test_tones_tell_nobody_apart() -> None:
    """Steady sounds of one pitch are as near to themselves everywhere; one sound that many share is no copy."""
    time = np.arange(24000) / 8000
    tones = [np.sin(2 * np.pi * pitch * np.arange(1, 6)[:, None] * time).mean(0) for pitch in (150, 150.5, 151, 190)]
    random = np.random.default_rng(0)
    assert alike([excerpts(tone + 1e-4 * random.normal(size=24000), 64) for tone in tones]) == []
    jingle = voice(random)
    assert alike([excerpts(np.concatenate([voice(random), jingle]), 64) for _ in range(4)]) == []


def test_nearly_equal_recordings_stop_a_run(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """One of training is in the test at another rate, faster and with noise; a damaged list of copies is refused."""
    monkeypatch.setenv("CLSUNBIAS_DATA", str(tmp_path))
    random, lines = np.random.default_rng(1), ["path,speaker,label,split"]
    raw, first = tmp_path / "raw", voice(random)
    raw.mkdir()
    for at in range(12):
        samples, rate = (first if at == 0 else voice(random)), 8000
        if at == 11:
            copy = noisy(faster(first, 1.01), 30, random)
            samples, rate = 0.5 * librosa.resample(copy, orig_sr=8000, target_sr=16000), 16000
        soundfile.write(raw / f"{at}.wav", samples, rate)
        lines.append(f"{at}.wav,s{at},{'ab'[at % 2]},{['train', 'train', 'val', 'test'][at // 3]}")
    write_lines(raw / "recordings.csv", lines)
    assert main(["prepare", "manifest", "--raw", str(raw), "--out", str(tmp_path / "mine")]) == 0
    options = ["fit", *SPEECH_RUN, "--trainer.check_val_every_n_epoch", "1", "--out", str(tmp_path / "run")]
    options += ["--data.corpus", "mine"]
    for _ in range(2):  # found, and read from the list that was kept
        capfd.readouterr()
        assert main(options) == 2
        assert "1 pairs of nearly equal recordings (such as train s0 and test s11)" in capfd.readouterr().err
    assert not (tmp_path / "run").exists()
    (kept,) = (tmp_path / "mine" / "features").glob("copies-*.npz")
    kept.write_bytes(b"none")
    assert main(options) == 2
    assert "is not as it was written" in capfd.readouterr().err


def test_a_corpus_that_cannot_be_written_keeps_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    """What is worked out serves the run all the same; a file of other arrays is said to be damaged."""
    work_out = {"pairs": np.zeros((0, 2), np.int64)}

    def shape(arrays: Arrays) -> tuple[int, ...]:
        return arrays["pairs"].shape

    (tmp_path / "file").touch()
    found = kept(tmp_path / "file" / "copies.npz", lambda: work_out, shape)
    assert found == (0, 2)
    assert "cannot be written" in capfd.readouterr().err
    path = tmp_path / "copies.npz"
    assert kept(path, lambda: work_out, shape) == (0, 2)
    assert kept(path, dict, shape) == (0, 2), "kept"
    path.write_bytes(b"torn")
    with pytest.raises(InputError, match="is not as it was written"):
        kept(path, dict, shape)
    np.savez(path, others=np.zeros(2))
    with pytest.raises(InputError, match="is not as it was written"):
        kept(path, dict, shape)
