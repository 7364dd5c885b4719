"""Features: what front ends make of speech, and that the file of them is whole, once made, and of these recordings."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import librosa
import numpy as np
import numpy.typing as npt
import pandas as pd
import pytest
import soundfile
import torch

from clsunbias.networks.wav2vec import Architecture, Wav2VecNetwork
from clsunbias.speech import FrontEnd, LogMel, Precomputed, Wav2Vec
from clsunbias.speech.features import Features, features
from clsunbias.speech.lines import to_rows
from clsunbias.speech.manifest import COLUMNS, Corpus, Manifest
from clsunbias.speech.preparation import prepare
from clsunbias.splits import SplitPlan
from tests.speech_trees import fails, write_wav
from tests.test_wav2vec import published, small

Array = npt.NDArray[Any]


def values(found: Features) -> Array:
    """The whole file, read into memory."""
    return np.fromfile(found.path, np.float16).reshape(found.shape)


def test_log_mel_by_hand() -> None:
    """Natural logarithms of the power of a Fourier transform under the mel filters; a frame every 10 ms, no more."""
    segments = np.random.default_rng(0).uniform(-0.5, 0.5, (2, 61440)).astype(np.float32)
    segments[1, 20000:40000] = 0
    front_end = LogMel(normalise="none")
    found = front_end(list(segments))
    assert found.shape == (2, front_end.frames(61440), front_end.dimensions) == (2, 384, 80)
    for segment, frames in zip(segments, found, strict=True):
        spectrum = librosa.stft(segment, n_fft=512, hop_length=160, win_length=400)
        power = librosa.filters.mel(sr=16000, n_fft=512, n_mels=80) @ np.abs(spectrum) ** 2
        np.testing.assert_allclose(frames, np.log(np.maximum(power, 1e-10)).T[:384], rtol=1e-4)
    assert found[1, 200] == pytest.approx(np.log(1e-10)), "silence has a floor"


@pytest.mark.parametrize(
    ("normalise", "expected"),
    [
        ("segment", [[-1, 1], [-1, 1]]),
        ("speaker", np.array([[-3, -1], [-1, 5]]) / 3),  # 1, 3, 3, 9: mean 4, variance 9
        ("none", [[1, 3], [3, 9]]),
    ],
)
def test_normalisation_by_hand(normalise: Any, expected: Array) -> None:
    """Over a segment's frames or a speaker's, each dimension by itself; one that never moves becomes 0."""
    first = np.array([[1, 3], [3, 9]], np.float32)
    segments = list(np.stack([first, np.full_like(first, 7)], 2))
    found = Precomputed(normalise, size=2)(segments)
    np.testing.assert_allclose(found[..., 0], expected, rtol=1e-6)
    assert (found[..., 1] == (7 if normalise == "none" else 0)).all()
    assert (segments[0][:, 0] == [1, 3]).all(), "what was given stays as it was"


@pytest.mark.parametrize("settings", [{"sample_rate": 999}, {"bands": 0}, {"hop": 0.0}, {"hop": 0.03}])
def test_wrong_filter_banks(settings: dict[str, Any]) -> None:
    """Each limit."""
    fails(lambda: LogMel(**settings), "a filter bank needs a rate of at least 1000 Hz, bands, and 0 < hop ≤ window")


@pytest.mark.filterwarnings("ignore:Empty filters")
def test_empty_bands() -> None:
    """More bands than the window resolves would leave features that say nothing."""
    fails(lambda: LogMel(bands=200)([np.zeros(16000, np.float32)]), "200 bands are too many for 16000 Hz")


def listed(folder: Path, rows: list[tuple[str, str, float, float]], rate: float) -> Manifest:
    """A manifest of speaker, file, start and end."""
    cells = [(speaker, 0, "train", str(folder / file), start, end, rate) for speaker, file, start, end in rows]
    return Manifest(pd.DataFrame(cells, columns=list(COLUMNS)), ("a", "b"), False, folder / "manifest.csv")


def test_speech_is_joined_in_order_cut_and_padded(tmp_path: Path) -> None:
    """Stretches of several files follow each other; what fills no segment is dropped; a short speaker is padded."""
    for name, first in (("a", 0), ("b", 100), ("c", 200)):
        np.save(tmp_path / f"{name}.npy", np.arange(first, first + 20, dtype=np.float32)[:, None] + [0, 0.5])
    rows = [("s", "b.npy", 0.5, 0.9), ("s", "b.npy", 0.1, 0.3), ("s", "a.npy", 0.0, 0.7), ("t", "c.npy", 1.0, 1.2)]
    found = features(listed(tmp_path, rows, 10), Precomputed("none", size=2, frame_rate=10), 0.4)
    speech = [105, 106, 107, 108, 101, 102, 0, 1, 2, 3, 4, 5]  # and 6, which fills no segment
    assert list(found.speaker) == ["s", "s", "s", "t"]
    assert values(found)[:3, :, 0].flatten().tolist() == speech
    assert values(found)[3, :2].tolist() == [[210, 210.5], [211, 211.5]]
    assert np.isnan(values(found)[3, 2:]).all()


def test_what_a_front_end_cannot_take(tmp_path: Path) -> None:
    """Features of another size, rate or kind, values beyond float16, too short a segment, a recording that is gone."""
    frames = np.random.default_rng(0).normal(size=(20, 3)).astype(np.float32)
    np.save(tmp_path / "a.npy", frames)
    np.save(tmp_path / "large.npy", frames * 1e6)
    write_wav(tmp_path / "a.wav", 2000)
    ready, large = (listed(tmp_path, [("s", file, 0, 2)], 10) for file in ("a.npy", "large.npy"))
    audio = listed(tmp_path, [("s", "a.wav", 0, 1)], 2000)
    three = Precomputed("none", size=3, frame_rate=10)
    cases: list[tuple[Manifest, FrontEnd, float, str]] = [
        (ready, replace(three, size=2), 1, "features have shape (10, 3), the config says (frames, 2)"),
        (ready, replace(three, frame_rate=20), 1, "a.npy was prepared as 10 rows a second, Precomputed takes 20"),
        (ready, LogMel(), 1, "a.npy was prepared as 10 rows a second, LogMel takes 16000"),
        (audio, three, 1, "features have shape (10,), the config says (frames, 3)"),
        (large, three, 1, "features of speaker s are not finite in float16"),
        (audio, LogMel(), 0.015, "0.015 s hold fewer than 2 frames of LogMel"),
        (audio, Wav2Vec(checkpoint=tmp_path / "none.pt"), 1, "none.pt is missing"),
    ]
    for manifest, front_end, seconds, message in cases:
        fails(partial(features, manifest, front_end, seconds), message)
    (tmp_path / "a.wav").unlink()
    fails(lambda: features(audio, LogMel(), 1), "a.wav, of ", "manifest.csv, is missing")


SPEAKERS = 8
FRONT_END = LogMel(sample_rate=8000, bands=20)


@pytest.fixture
def manifest(tmp_path: Path) -> Manifest:
    """Eight speakers of 1.0 to 1.7 s at 11,025 Hz, prepared."""
    random = np.random.default_rng(0)
    for number in range(SPEAKERS):
        path = tmp_path / f"here/raw/{number}.wav"
        path.parent.mkdir(parents=True, exist_ok=True)
        soundfile.write(path, random.uniform(-0.5, 0.5, 11025 + 1102 * number), 11025)
    rows = [(str(n), n % 2, "", str(tmp_path / f"here/raw/{n}.wav"), 0.0, np.nan) for n in range(SPEAKERS)]
    prepare(Corpus(to_rows(rows), ("a", "b")), tmp_path / "here", SplitPlan(val=0.25, test=0.25))
    return Manifest.read(tmp_path / "here" / "manifest.csv", "")


def undisturbed(manifest: Manifest) -> tuple[str, bytes]:
    """Key and features of the same recordings in another folder."""
    copy = manifest.path.parents[1] / "elsewhere"
    shutil.copytree(manifest.path.parent, copy)
    found = features(Manifest.read(copy / "manifest.csv", ""), FRONT_END, 0.5)
    return found.path.parent.name, found.path.read_bytes()


def test_features_are_kept_by_what_they_depend_on(manifest: Manifest) -> None:
    """Another setting, length, time or recording makes others; labels and splits do not, and nothing is made twice."""
    base = features(manifest, FRONT_END, 0.5)
    written = base.path.stat().st_mtime_ns
    assert base.shape == (6 * 2 + 2 * 3, 50, 20)
    relabelled = replace(manifest, rows=manifest.rows.assign(label=0, split="val"))
    assert features(relabelled, FRONT_END, 0.5).path == base.path
    found = {base.path, features(manifest, FRONT_END, 0.4).path}
    for setting in ({"bands": 19}, {"hop": 0.02}, {"window": 0.03}, {"sample_rate": 7000}, {"normalise": "none"}):
        found.add(features(manifest, replace(FRONT_END, **setting), 0.5).path)
    rows = manifest.rows.assign(end=manifest.rows["end"].where(manifest.rows["speaker"] != "3", 1.2))
    found.add(features(replace(manifest, rows=rows), FRONT_END, 0.5).path)
    rows = manifest.rows.assign(sha256=manifest.rows["sha256"].replace(manifest.rows["sha256"][0], "another"))
    fails(lambda: features(replace(manifest, rows=rows), FRONT_END, 0.5), "0.wav was changed after it was prepared")
    write_wav(Path(manifest.rows["path"][0]), 12000)
    fails(lambda: features(manifest, FRONT_END, 0.5), "0.wav was changed after it was prepared")
    manifest = replace(manifest, rows=manifest.rows.drop(columns="sha256"))
    found.add(features(manifest, FRONT_END, 0.5).path)
    assert len(found) == 9
    assert base.path.stat().st_mtime_ns == written


def test_a_file_that_is_not_as_it_was_written_is_refused(manifest: Manifest) -> None:
    """Cut short, or gone."""
    found = features(manifest, FRONT_END, 0.5)
    found.path.write_bytes(found.path.read_bytes()[:-2])
    size = 2 * 18 * 50 * 20 - 2
    fails(lambda: features(manifest, FRONT_END, 0.5), f"({size} bytes); delete {found.path.parent}")
    found.path.unlink()
    fails(lambda: features(manifest, FRONT_END, 0.5), f"(0 bytes); delete {found.path.parent}")


@pytest.mark.parametrize("damage", ["a bit", "zeros"])
def test_damaged_features_are_noticed(damage: str, manifest: Manifest) -> None:
    """Where they are read, by speaker, though size and time are as they were; what is whole is read on."""
    found = features(manifest, FRONT_END, 0.5)
    about, content = found.path.stat(), bytearray(found.path.read_bytes())
    size = len(content) // len(found.speaker)
    row = found.speaker.tolist().index("3")
    place = row * size + size // 2
    content[place : place + 1] = bytes([content[place] ^ 4])
    if damage == "zeros":
        content[row * size : (row + 1) * size] = bytes(size)
    found.path.write_bytes(content)
    os.utime(found.path, ns=(about.st_atime_ns, about.st_mtime_ns))
    again = features(manifest, FRONT_END, 0.5)
    others = np.flatnonzero(again.speaker != "3")
    assert again.read(others).shape == (len(others), 50, 20)
    assert again.checked == set(others.tolist())
    fails(lambda: again.read(np.array([0, row])), "a segment of speaker 3 is damaged; delete ", found.path.parent)
    assert again.read(others).shape[0] == len(others)


def test_an_index_that_is_not_as_it_was_written(manifest: Manifest) -> None:
    """Torn, of something else, or of other recordings; one of an earlier version has no checksums."""
    found = features(manifest, FRONT_END, 0.5)
    index = found.path.with_name("index.json")
    good = json.loads(index.read_text())
    for content in ('{"contents": ', "[]", '{"contents": {"a": 1}}', '{"contents": {"a": [1]}}', '{"checksums": [1]}'):
        index.write_text(content)
        fails(lambda: features(manifest, FRONT_END, 0.5), "index.json is not as it was written", found.path.parent)
    index.write_text(json.dumps({name: value for name, value in good.items() if name != "checksums"}))
    older = features(manifest, FRONT_END, 0.5)
    np.testing.assert_array_equal(older.read(np.arange(18)), found.read(np.arange(18)))


SLOWLY = """
import sys, time
from pathlib import Path
from clsunbias.speech import frontends
from clsunbias.speech.features import features
from clsunbias.speech.manifest import Manifest

manifest, log, seconds = Path(sys.argv[1]), sys.argv[2], float(sys.argv[3])

class LogMel(frontends.LogMel):
    def extract(self, segments):
        with open(log, "a") as file:
            file.write("one\\n")
        time.sleep(seconds)
        return super().extract(segments)

features(Manifest.read(manifest, ""), LogMel(sample_rate=8000, bands=20), 0.5)
"""


def start(manifest: Manifest, log: Path, seconds: float) -> "subprocess.Popen[bytes]":
    """Extracts in a process of its own, which takes its time over each speaker and notes it."""
    command = [sys.executable, "-c", SLOWLY, str(manifest.path), str(log), str(seconds)]
    return subprocess.Popen(command, env={**os.environ, "OMP_NUM_THREADS": "1"}, start_new_session=True)


@pytest.mark.slow
def test_an_extraction_that_was_killed_goes_on(manifest: Manifest, tmp_path: Path) -> None:
    """After kill −9 in the middle the rest is made, what was there is not made again, and all bytes are the same."""
    key, whole = undisturbed(manifest)
    folder = manifest.path.parent / "features" / key
    process = start(manifest, tmp_path / "log", 0.2)
    while process.poll() is None and len(list(folder.glob("*.done"))) < 2:
        time.sleep(0.01)
    os.killpg(process.pid, signal.SIGKILL)  # its workers, too
    assert process.wait() == -signal.SIGKILL, "it ended before it could be killed"
    done = [int(marker.stem) for marker in folder.glob("*.done")]
    assert 2 <= len(done) < SPEAKERS
    assert not (folder / "index.json").exists()
    assert start(manifest, tmp_path / "rest", 0).wait() == 0
    assert (tmp_path / "rest").read_text().count("one") == SPEAKERS - len(done)
    assert (folder / "features.f16").read_bytes() == whole
    assert {file.name for file in folder.iterdir()} == {"features.f16", "index.json", ".lock"}


@pytest.mark.slow
def test_two_processes_at_once_extract_once(manifest: Manifest, tmp_path: Path) -> None:
    """The second waits for the first and finds all there."""
    key, whole = undisturbed(manifest)
    processes = [start(manifest, tmp_path / "log", 0.1) for _ in range(2)]
    assert [process.wait() for process in processes] == [0, 0]
    assert (tmp_path / "log").read_text().count("one") == SPEAKERS
    assert (manifest.path.parent / "features" / key / "features.f16").read_bytes() == whole


def test_wav2vec(manifest: Manifest, tmp_path: Path) -> None:
    """Frames of the network that the checkpoint holds, segment by segment; another network is refused by its shape."""
    torch.manual_seed(0)
    network = Wav2VecNetwork(Architecture(aggregator=(2,))).eval()
    layers = {"conv_feature_layers": str([(512, *layer) for layer in Architecture.encoder])}
    checkpoint = published(network, **layers, conv_aggregator_layers="[(512, 2, 1)]")
    torch.save(checkpoint, tmp_path / "large.pt")
    one = replace(manifest, rows=manifest.rows[manifest.rows["speaker"] == "0"].assign(end=0.25))
    found = features(one, Wav2Vec("none", tmp_path / "large.pt"), 0.1)
    samples, rate = soundfile.read(one.rows["path"][0], frames=round(0.25 * 11025), dtype="float32")
    samples = librosa.resample(samples, orig_sr=rate, target_sr=16000)[:3200].reshape(2, 1600)
    with torch.no_grad():
        expected = network(torch.from_numpy(samples)).numpy()
    assert found.shape == (2, 8, 512)
    np.testing.assert_allclose(values(found), expected, rtol=2e-3, atol=2e-3)
    torch.save(published(small()), tmp_path / "small.pt")
    other = Wav2Vec("none", tmp_path / "small.pt")
    fails(lambda: features(one, other, 0.1), "small.pt makes 78 frames of 4 numbers from 1600 samples", "8 of 512")
