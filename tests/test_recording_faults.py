"""Recordings that changed, cannot be used or are listed twice: each is told by name, none is scored as another."""

import os
import shutil
import struct
from pathlib import Path

import numpy as np
import pytest
import soundfile
from PIL import Image

from clsunbias.__main__ import main
from clsunbias.data import Speech
from clsunbias.data.images import read_images
from clsunbias.files import files_to_score
from clsunbias.speech import LogMel
from clsunbias.speech.features import Features, features
from clsunbias.speech.manifest import Manifest
from clsunbias.speech.promises import promised_bytes
from clsunbias.speech.recordings import inspect
from tests.speech_trees import fails, write_lines

FRONT_END = LogMel(sample_rate=8000, bands=20)


def write_noise(path: Path, seed: int, shape: tuple[int, ...] = (8000,)) -> None:
    """A second of noise at 8,000 Hz."""
    soundfile.write(path, np.random.default_rng(seed).uniform(-0.5, 0.5, shape), 8000)


def write_corpus(raw: Path, lines: tuple[str, ...] = ()) -> list[str]:
    """Twelve speakers of two classes, further lines of the table, and the command that prepares them, less --out."""
    raw.mkdir()
    for number in range(12):
        write_noise(raw / f"{number}.wav", number)
    rows = [f"{number}.wav,s{number},{'sick' if number % 2 else 'well'},," for number in range(12)]
    write_lines(raw / "recordings.csv", ["path,speaker,label,start,end", *rows, *lines])
    return ["prepare", "manifest", "--raw", str(raw)]


def made(folder: Path) -> Features:
    """The features of a prepared corpus."""
    return features(Manifest.read(folder / "manifest.csv", ""), FRONT_END, 0.5)


def test_a_recording_replaced_by_one_of_its_size(tmp_path: Path) -> None:
    """It is refused until the corpus is prepared again, and then has features and a manifest of its own."""
    prepare = [*write_corpus(tmp_path / "raw"), "--out", str(tmp_path / "mine")]
    assert main(prepare) == 0
    first, manifest = made(tmp_path / "mine").path, (tmp_path / "mine/manifest.csv").read_bytes()
    os.utime(tmp_path / "raw/3.wav", ns=(1, 1))
    assert made(tmp_path / "mine").path == first, "another time is no other content"
    write_noise(tmp_path / "raw/3.wav", 99)
    for seconds in (0.5, 0.25):  # features that are there, and new ones
        read = Manifest.read(tmp_path / "mine/manifest.csv", "")
        fails(lambda: features(read, FRONT_END, seconds), "3.wav was changed after it was prepared", "again")  # noqa: B023
    assert main(prepare) == 0
    assert (tmp_path / "mine/manifest.csv").read_bytes() != manifest
    second = made(tmp_path / "mine").path
    assert second != first
    assert second.read_bytes() != first.read_bytes()


def test_a_manifest_of_an_earlier_version(tmp_path: Path) -> None:
    """Without hashes it is read as ever, and what features were made of is still known."""
    assert main([*write_corpus(tmp_path / "raw"), "--out", str(tmp_path / "mine")]) == 0
    read = Manifest.read(tmp_path / "mine/manifest.csv", "")
    old = Manifest(read.rows.drop(columns="sha256"), read.class_names, False, read.path)
    assert features(old, FRONT_END, 0.5).path == features(old, FRONT_END, 0.5).path
    write_noise(tmp_path / "raw/3.wav", 99)
    fails(lambda: features(old, FRONT_END, 0.5), "3.wav was changed after it was prepared", "delete", "features")


def test_features_that_are_complete_need_no_lock(tmp_path: Path) -> None:
    """They are read as they lie; where nothing can be written, the folder and a way out are named."""
    prepare = write_corpus(tmp_path / "raw")
    assert main([*prepare, "--out", str(tmp_path / "mine")]) == 0
    folder = made(tmp_path / "mine").path.parent
    (folder / ".lock").unlink()
    made(tmp_path / "mine")
    assert {file.name for file in folder.iterdir()} == {"features.f16", "index.json"}
    folder.parent.rename(tmp_path / "away")
    folder.parent.write_text("no folder can be made in it")
    fails(lambda: made(tmp_path / "mine"), "features cannot be written to ", folder.name, "--data.root ROOT")


def test_a_corpus_is_prepared_where_nothing_can_be_written(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """The folder and a way out are named."""
    prepare = write_corpus(tmp_path / "raw")
    (tmp_path / "file").write_text("no folder")
    assert main([*prepare, "--out", str(tmp_path / "file/mine")]) == 2
    assert f"{tmp_path / 'file/mine'} cannot be written" in capfd.readouterr().err


def write_leavings(folder: Path) -> None:
    """What desktops leave in a folder."""
    for name in (".DS_Store", "._a.wav", "Thumbs.db", "desktop.ini"):
        (folder / name).write_text("no recording, no image")
    (folder / ".cache").mkdir()


def test_what_a_desktop_leaves_in_a_folder_is_passed_over(tmp_path: Path) -> None:
    """Recordings and images alike; nothing else there, or folders, is an error."""
    assert main([*write_corpus(tmp_path / "raw"), "--out", str(tmp_path / "mine")]) == 0
    new = tmp_path / "new"
    new.mkdir()
    write_leavings(new)
    speech = Speech("mine", tmp_path, FRONT_END, 0.5)
    for read in (lambda: speech.read(new), lambda: read_images(new, 28, 1)):
        fails(read, "new holds no ")
    write_noise(new / "a.wav", 0)
    assert speech.read(new).units[0].names == ["a.wav"]
    (new / "a.wav").unlink()
    Image.new("L", (28, 28)).save(new / "a.png")
    assert read_images(new, 28, 1)[0] == ["a.png"]
    (new / "more").mkdir()
    fails(
        lambda: files_to_score(new, "image", {".png"}),
        "new holds folders (more), which are not read",
        "folder of images",
    )


@pytest.mark.parametrize("orientation", range(1, 9))
def test_an_image_that_is_stored_turned_is_turned_back(orientation: int, tmp_path: Path) -> None:
    """As each EXIF orientation says."""
    upright = np.random.default_rng(0).integers(0, 256, (28, 28), dtype=np.uint8)
    turned = {
        1: upright,
        2: upright[:, ::-1],
        3: upright[::-1, ::-1],
        4: upright[::-1],
        5: upright.T,
        6: np.rot90(upright),
        7: upright[::-1, ::-1].T,
        8: np.rot90(upright, -1),
    }
    exif = Image.Exif()
    exif[0x0112] = orientation
    Image.fromarray(turned[orientation]).save(tmp_path / "a.png", exif=exif)
    np.testing.assert_array_equal(read_images(tmp_path / "a.png", 28, 1)[1][0, :, :, 0], upright)


@pytest.mark.parametrize("name", ["a.gif", "a.tiff"])
def test_an_image_of_several_frames_is_refused(name: str, tmp_path: Path) -> None:
    """The first alone would be scored."""
    first, second = (Image.fromarray(np.full((28, 28), value, np.uint8)) for value in (0, 255))
    first.save(tmp_path / name, save_all=True, append_images=[second])
    fails(lambda: read_images(tmp_path / name, 28, 1), f"{name} holds 2 frames")


def test_silence_is_that_of_what_is_used(tmp_path: Path) -> None:
    """Opposite channels and a constant are silent, quiet speech on an offset is not."""
    noise = np.random.default_rng(0).uniform(-0.5, 0.5, 8000)
    for name, samples in (("opposite", np.stack([noise, -noise], 1)), ("constant", np.full(8000, 0.05))):
        soundfile.write(tmp_path / f"{name}.wav", samples, 8000)
    fails(lambda: inspect(tmp_path / "opposite.wav", 100), "opposite.wav is silent", "its channels cancel each other")
    fails(lambda: inspect(tmp_path / "constant.wav", 100), "constant.wav is silent: less its constant part")
    soundfile.write(tmp_path / "good.wav", np.stack([noise, 0 * noise], 1) / 100 + 0.3, 8000)
    assert inspect(tmp_path / "good.wav", 100).channels == 2


FORMATS = {
    "AIFF": (">I", 42),
    "W64": ("<Q", 96),
    "RF64": ("<Q", 28),
    "AU": (">I", 8),
    "NIST": ("", None),
    "OGG": ("", None),
}
"""How a length is written in files of each format, and where, if it is a number of a fixed place."""


@pytest.mark.parametrize("kind", FORMATS)
def test_a_recording_that_was_cut_short(kind: str, tmp_path: Path) -> None:
    """Whole it is taken, a third of it is refused; a length that its recorder left open promises nothing."""
    path = tmp_path / "a.wav"
    soundfile.write(path, np.random.default_rng(0).uniform(-0.5, 0.5, 80000), 8000, format=kind)
    whole, (layout, place) = path.read_bytes(), FORMATS[kind]
    assert inspect(path, 100).length == 80000
    path.write_bytes(whole[: len(whole) // 3])
    fails(lambda: inspect(path, 100), "a.wav is truncated: its header promises", "bytes of audio")
    if place is not None:
        length = struct.calcsize(layout)
        path.write_bytes(whole[:place] + b"\xff" * length + whole[place + length :])
        assert promised_bytes(path) == (0, 0)


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        (("0.wav,s3,sick,,",), "0.wav is listed under two classes: {0}, line 2, and {0}, line 14; keep one"),
        (("./0.wav,s2,well,,",), "0.wav is listed under two speakers, s0 and s2: {0}, line 2, and {0}, line 14"),
        (("0.wav,s2,well,0.5,",), "0.wav is listed under two speakers, s0 and s2: {0}, line 2, and {0}, line 14"),
        (("a.wav,s2,well,0.5,", "a.wav,s4,well,0.1,0.6"), "s4 and s2: {0}, line 15, and {0}, line 14"),
        (("a.wav,s2,well,0.5,", "a.wav,s3,sick,0.1,0.5"), "a.wav is listed under two classes: {0}, line 14"),
        (("a.wav,s2,well,0.5,", "a.wav,s4,well,0.1,0.5", "a.wav,s2,well,0,0.1"), ""),
        (("0.wav,s0,well,0,0.5",), ""),
    ],
)
def test_a_recording_has_one_owner(
    lines: tuple[str, ...], message: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """Two classes never share one; speakers of a class do, where they do not speak at once."""
    prepare = write_corpus(tmp_path / "raw", lines)
    write_noise(tmp_path / "raw/a.wav", 50)
    assert main([*prepare, "--out", str(tmp_path / "mine")]) == (2 if message else 0)
    assert message.format(tmp_path / "raw/recordings.csv") in capfd.readouterr().err


@pytest.mark.parametrize(
    ("copies", "message"),
    [
        (
            {"1.wav": "0.wav"},
            "the content of {0}/0.wav is listed under two classes: {0}/0.wav (well), and {0}/1.wav (sick)",
        ),
        (
            {"2.wav": "0.wav"},
            "the content of {0}/0.wav is listed under two speakers, s0 and s2: {0}/0.wav (well), and {0}",
        ),
        ({"a.wav": "0.wav", "b.wav": "0.wav"}, ""),
        ({"a.wav": "20", "b.wav": "21"}, ""),
    ],
)
def test_one_recording_under_two_names(
    copies: dict[str, str], message: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """It is known by its content; its speaker may have it under several, and others stretches that do not overlap."""
    prepare = write_corpus(
        tmp_path / "raw", ("a.wav,s0,well,0,0.4", "b.wav,s0,well,0.4,1") if "a.wav" in copies else ()
    )
    for name, of in copies.items():
        if of.isdecimal():
            write_noise(tmp_path / "raw" / name, int(of))
        else:
            shutil.copy(tmp_path / "raw" / of, tmp_path / "raw" / name)
    assert main([*prepare, "--out", str(tmp_path / "mine")]) == (2 if message else 0)
    assert message.format(tmp_path / "raw") in capfd.readouterr().err


def test_stretches_that_are_empty_and_speakers_spelled_alike(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """The first are refused by line or file, also if they are shorter than a sample; the second are a note."""
    for number, (line, message) in enumerate(
        [
            (
                "a.wav,s2,well,0.5,0.5",
                "line 14: it ends at 0.5 s, where it starts; mend the times or take the line out",
            ),
            ("a.wav,s2,well,0.5,0.50001", "a.wav: speech is marked from 0.50 s to 0.50 s, which holds no sample"),
            ("a.wav,S2,well,,", ""),
        ]
    ):
        raw = tmp_path / str(number)
        prepare = write_corpus(raw, (line,))
        write_noise(raw / "a.wav", 50)
        assert main([*prepare, "--out", str(tmp_path / "mine")]) == (2 if message else 0)
        told = capfd.readouterr()
        assert message in told.err
    assert "may be one, spelled in several ways, count as different ones: 's2' and 'S2'" in " ".join(told.out.split())
