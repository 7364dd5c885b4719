"""New images and recordings for predict: what is taken, what is left out and said, what is scaled, what is refused."""

import io
import json
import struct
import tracemalloc
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import soundfile
import torch
from numpy.lib import format as npy
from PIL import Image

from clsunbias.__main__ import main
from clsunbias.data import Speech
from clsunbias.data.images import read_images
from clsunbias.speech import LogMel
from clsunbias.speech.recordings import inspect
from clsunbias.speech.segments import cut
from tests.speech_trees import fails, write_lines
from tests.test_cli import SHORT, fit
from tests.test_recording_faults import FRONT_END, write_corpus, write_noise


def grey(size: tuple[int, int], seed: int = 0) -> Image.Image:
    """A grey image of noise."""
    return Image.fromarray(np.random.default_rng(seed).integers(0, 256, size[::-1], dtype=np.uint8))


def test_images_of_other_sizes_are_scaled_when_asked(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """Cut to the middle square, by a filter that takes every pixel in; from files and an npz alike, and it is said."""
    (tmp_path / "new").mkdir()
    grey((28, 28)).save(tmp_path / "new/a.png")
    grey((90, 60)).save(tmp_path / "new/b.png")
    fails(lambda: read_images(tmp_path / "new", 28, 1), "b.png is a 90×60 image", "--resize true scales images")
    names, pixels = read_images(tmp_path / "new", 28, 1, resize=True)
    assert names == ["a.png", "b.png"]
    np.testing.assert_array_equal(pixels[0, :, :, 0], np.asarray(grey((28, 28))))
    square = grey((90, 60)).crop((15, 0, 75, 60))
    np.testing.assert_array_equal(pixels[1, :, :, 0], np.asarray(square.resize((28, 28), Image.Resampling.BICUBIC)))
    assert (
        "1 of 2 images were cut to their middle square and resized to 28×28, from b.png (90×60)"
        in capfd.readouterr().err
    )
    np.savez(tmp_path / "new.npz", images=np.asarray(grey((90, 60)))[None])
    fails(lambda: read_images(tmp_path / "new.npz", 28, 1), "shape (1, 60, 90)", "--resize true scales images")
    np.testing.assert_array_equal(read_images(tmp_path / "new.npz", 28, 1, resize=True)[1][0], pixels[1])
    assert "1 of 1 images were cut" in capfd.readouterr().err
    colour = Image.merge("RGB", [grey((40, 40), seed) for seed in range(3)])
    colour.save(tmp_path / "c.png")
    np.savez(tmp_path / "c.npz", images=np.asarray(colour)[None])
    for name in ("c.png", "c.npz"):
        expected = np.asarray(colour.resize((28, 28), Image.Resampling.BICUBIC))
        np.testing.assert_array_equal(read_images(tmp_path / name, 28, 3, resize=True)[1][0], expected)
    fails(lambda: read_images(tmp_path / "c.png", 28, 1, resize=True), "mode RGB; the model takes 28×28 of mode L")


def test_predict_resizes(tmp_path: Path, medmnist_root: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """Through the front door; a table, which has no size, is told so."""
    assert fit("breast", tmp_path / "run", "--data.root", str(medmnist_root), *SHORT) == 0
    grey((56, 56)).save(tmp_path / "large.png")
    command = ["predict", "--config", str(tmp_path / "run/config.yaml"), "--out", str(tmp_path / "p")]
    command += ["--input", str(tmp_path / "large.png")]
    assert main(command) == 2
    assert "--resize true scales images of other sizes" in capfd.readouterr().err
    assert main([*command, "--resize", "true"]) == 0
    told = capfd.readouterr()
    assert "resized to 28×28" in told.err
    assert "1 predictions, one for each image, in" in told.out
    assert main(["predict", "--config", "toy_balanced", *command[3:], "--resize", "true"]) == 2
    assert "--resize is for images, toy has none" in capfd.readouterr().err
    assert json.loads((tmp_path / "run/inputs.json").read_text())["input_shape"] == [1, 28, 28]


def test_what_is_of_no_kind_is_left_out_and_said(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """Of images and recordings alike; what is of the kind by its name must be one."""
    assert main([*write_corpus(tmp_path / "raw"), "--out", str(tmp_path / "mine")]) == 0
    speech, new = Speech("mine", tmp_path, FRONT_END, 0.5), tmp_path / "new"
    new.mkdir()
    reads: list[tuple[str, str, Callable[[], object]]] = [
        ("a.WAV", "recordings", lambda: speech.read(new).units[0].names),
        ("a.png", "images", lambda: read_images(new, 28, 1)[0]),
    ]
    for name in ("SIMULATED.csv", "notes.txt", "README"):
        (new / name).write_text("none")
    capfd.readouterr()
    for name, kind, read in reads:
        fails(read, f"new holds no {kind}; what is there: README, SIMULATED.csv, notes.txt")
        if kind == "images":
            grey((28, 28)).save(new / name)
        else:
            soundfile.write(new / name, np.random.default_rng(0).uniform(-0.5, 0.5, 8000), 8000)
        assert read() == [name]
        assert f"left out, being no {kind} by their names: README, SIMULATED.csv, notes.txt" in capfd.readouterr().err
        broken = new / f"b{Path(name).suffix}"
        broken.write_text("torn")
        fails(read, broken.name)
        broken.unlink()
        (new / name).unlink()


@pytest.fixture
def speakers(tmp_path: Path) -> tuple[Speech, Path]:
    """A data set of twelve speakers, and a folder with three recordings of two speakers."""
    assert main([*write_corpus(tmp_path / "raw"), "--out", str(tmp_path / "mine")]) == 0
    new = tmp_path / "new"
    new.mkdir()
    for seed, name in enumerate("abc"):
        write_noise(new / f"{name}.wav", seed, (4000 + 3000 * seed,))
    return Speech("mine", tmp_path, LogMel(sample_rate=8000, bands=20, normalise="speaker"), 0.5), new


def test_a_speakers_recordings_are_merged(
    speakers: tuple[Speech, Path], tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """As training does, when a table says whose they are, in the folder or elsewhere; without it each is by itself."""
    speech, new = speakers
    apart = speech.read(new)
    assert (apart.units[0].name, apart.units[0].names) == ("recording", ["a.wav", "b.wav", "c.wav"])
    lines = ["path,speaker,start,end", "c.wav,anna,,", "a.wav,ben,0.1,", "b.wav,anna,0,0.5"]
    write_lines(new / "recordings.csv", lines)
    split = speech.read(new)
    assert (split.units[0].name, split.units[0].names) == ("speaker", ["anna", "ben"])
    assert split.units[0].of_row is not None
    assert split.units[0].of_row.tolist() == [0, 0, 0, 1]
    joined = np.concatenate([soundfile.read(new / "c.wav")[0], soundfile.read(new / "b.wav")[0][:4000]])
    (tmp_path / "joined").mkdir()
    soundfile.write(tmp_path / "joined/x.wav", joined, 8000)
    torch.testing.assert_close(speech.read(tmp_path / "joined").x[:], split.x[:3], atol=1e-3, rtol=1e-3)
    write_lines(tmp_path / "mine.csv", ["speaker,path", "anna,new/a.wav", "ben,new/b.wav"])
    assert speech.read(tmp_path / "mine.csv").units[0].names == ["anna", "ben"]
    capfd.readouterr()
    write_lines(new / "recordings.csv", [*lines[:2], "a.wav,Anna,,"])
    assert speech.read(new).units[0].names == ["anna", "Anna"]
    told = capfd.readouterr().err
    assert "recordings.csv does not list, and so leaves out, b.wav" in told
    assert "speakers may be one, spelled in several ways: 'anna' and 'Anna'; they count as different ones" in told


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        (("a.wav,anna,0.2,0.2",), "recordings.csv, line 2: it ends at 0.2 s, where it starts"),
        (("a.wav,anna,9,",), "a.wav lasts 0.50 s, yet speech is marked from 9.00 s"),
        (("a.wav,anna,0.1,0.10001",), "a.wav: speech is marked from 0.10 s to 0.10 s, which holds no sample"),
        (("a.wav,anna,,", "a.wav,ben,,"), "a.wav is listed under two speakers, anna and ben"),
        (("d.wav,anna,,",), "d.wav is missing"),
        ((",anna,,",), "recordings.csv, line 2: path is empty"),
        ((), "recordings.csv lists no recordings"),
    ],
)
def test_tables_of_new_recordings_that_are_wrong(lines: tuple[str, ...], message: str, tmp_path: Path) -> None:
    """Line or file, and why."""
    new = tmp_path / "new"
    new.mkdir()
    write_noise(new / "a.wav", 0, (4000,))
    write_lines(new / "recordings.csv", ["path,speaker,start,end", *lines])
    speech = Speech("mine", tmp_path, FRONT_END, 0.5)
    speech.class_names = ("well", "sick")
    fails(lambda: speech.read(new), message)


def write_npz(path: Path, shape: tuple[int, ...], content: int = 1000) -> None:
    """An npz whose array says that it has a shape, and holds so many bytes."""
    head = io.BytesIO()
    npy.write_array_header_1_0(head, {"descr": "|u1", "fortran_order": False, "shape": shape})
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("images.npy", head.getvalue() + bytes(content))


def write_wav(path: Path, rate: int, promised: int) -> None:
    """A WAV file of 1,000 samples, with a header of one's own."""
    head = b"RIFF" + struct.pack("<I", 36 + promised) + b"WAVEfmt "
    head += struct.pack("<IHHIIHH", 16, 1, 1, rate, 2 * rate % 2**32, 2, 16)
    path.write_bytes(head + b"data" + struct.pack("<I", promised) + np.arange(1000, dtype="<i2").tobytes())


def write_bomb(path: Path) -> None:
    """An image of a few bytes that says it has 30,000 by 30,000 pixels."""
    content = io.BytesIO()
    Image.new("L", (28, 28)).save(content, "BMP")
    changed = bytearray(content.getvalue())
    changed[18:26] = struct.pack("<ii", 30000, 30000)
    path.write_bytes(changed)


HOSTILE: dict[str, tuple[str, Callable[[Path], None], list[str]]] = {
    "holds less than it says": (
        "a.npz",
        lambda path: write_npz(path, (16_000_000, 28, 28)),
        ["images says that it is of shape (16000000, 28, 28), but holds no more than 1128 bytes"] * 2,
    ),
    "of another size": (
        "a.npz",
        lambda path: write_npz(path, (4, 50_000, 50_000)),
        ["images is uint8 of shape (4, 50000, 50000)", "holds no more than 1128 bytes"],
    ),
    "of very many pixels": ("a.bmp", write_bomb, ["a.bmp has more pixels than the 89478485 that are read"] * 2),
}
"""Name of a file, how it is written, and what is said of it without and with leave to resize."""


@pytest.mark.parametrize("case", HOSTILE)
def test_images_that_would_fill_the_memory(case: str, tmp_path: Path) -> None:
    """They are judged by what their headers say, before they are read."""
    name, write, messages = HOSTILE[case]
    write(tmp_path / name)
    tracemalloc.start()
    for resize, message in enumerate(messages):
        fails(lambda: read_images(tmp_path / name, 28, 1, bool(resize)), message)  # noqa: B023
    assert tracemalloc.get_traced_memory()[1] < 50e6
    tracemalloc.stop()


def test_images_that_expand_beyond_the_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Thousands in a small file, as many as it says: the machine's memory is in the message."""
    write_npz(tmp_path / "a.npz", (40_000, 28, 28), 40_000 * 28 * 28)
    assert (tmp_path / "a.npz").stat().st_size < 100_000
    monkeypatch.setattr("os.sysconf", lambda name: {"SC_PHYS_PAGES": 2**16, "SC_PAGE_SIZE": 4096}[name])
    tracemalloc.start()
    fails(
        lambda: read_images(tmp_path / "a.npz", 28, 1), "the 40000 images of ", "would take 0.3 GiB", "machine has 0.2"
    )
    assert tracemalloc.get_traced_memory()[1] < 10e6
    tracemalloc.stop()


def test_recordings_that_would_fill_the_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A header that promises hours, or a rate to be resampled a thousandfold; too large features; hours."""
    write_wav(tmp_path / "long.wav", 8000, 1_900_000_000)
    fails(lambda: inspect(tmp_path / "long.wav", 100), "long.wav is truncated: its header promises")
    for rate in (1, 2_000_000_000):
        write_wav(tmp_path / "rate.wav", rate, 2000)
        fails(lambda: inspect(tmp_path / "rate.wav", 100), f"rate.wav has a header that says {rate} samples a second")
    np.save(tmp_path / "a.npy", np.zeros((4, 3), np.float32))
    whole = (tmp_path / "a.npy").read_bytes()
    for shape in (b"(400000000, 3), }", b"(4, 3, }"):
        (tmp_path / "a.npy").write_bytes(whole.replace(b"(4, 3), }".ljust(len(shape)), shape))
        fails(lambda: inspect(tmp_path / "a.npy", 100), "a.npy is not an .npy file that can be read")
    rows = pd.DataFrame({"path": ["a.flac"], "start": [0.0], "end": [100 * 3600.0]})
    monkeypatch.setattr("os.sysconf", lambda name: {"SC_PHYS_PAGES": 2**22, "SC_PAGE_SIZE": 4096}[name])
    fails(lambda: cut(rows, 16000, 4), "100.0 hours of speech, as a.flac holds, would take 128.7 GiB", "16.0")
