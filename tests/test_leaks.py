"""Leaks between splits: planted ones of every kind are found and nothing else is; a run with any is refused."""

import io
import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
import soundfile
import torch
from PIL import Image
from scipy.ndimage import gaussian_filter

from clsunbias.__main__ import main
from clsunbias.data import BreastMNIST, RetinaMNIST, Split, Tabular, Units
from clsunbias.data.certificate import check_leaks
from clsunbias.data.twins import Twin, image_twins, name_twins, row_twins
from clsunbias.leak_words import in_words
from clsunbias.speech.landmarks import LEAST, frames_alike, peaks_apart, runs_of
from tests.fakes import table_of
from tests.speech_trees import fails, write_lines

PARTS = {"train": range(60), "val": range(60, 80), "test": range(80, 120)}


def parted(x: torch.Tensor, names: list[str] | None = None) -> dict[str, Split]:
    """120 rows of two classes in three splits, each a unit with a name of its own."""
    target = torch.arange(120) % 2
    splits = {}
    for split, rows in PARTS.items():
        own = [names[row] for row in rows] if names else [str(row) for row in rows]
        splits[split] = Split(x[list(rows)], target[list(rows)], [Units(target[list(rows)], name="image", names=own)])
    return splits


def pairs(twins: list[Twin], kind: str) -> set[tuple[str, str]]:
    """Names of the pairs of a kind."""
    return {(twin.name, twin.other_name) for twin in twins if twin.kind == kind}


def test_names_however_they_are_spelled() -> None:
    """Ten names that stand in two splits, and ten more that differ in blanks, case or the way letters are written."""
    names = [f"patient {row:03d}" for row in range(120)]
    spell: list[Callable[[str], str]] = [
        *(str.upper, str.title, "{0}\u200b".format, " {0}\u00a0".format),
        lambda name: name.replace(" ", ""),
    ]
    planted = {row: 100 + row for row in range(10)}
    twins = {20 + row: 60 + row for row in range(10)}
    names[29], names[69] = "café", "cafe\u0301"
    for row, other in planted.items():
        names[other] = names[row]
    for row, other in list(twins.items())[:9]:
        names[other] = spell[row % 5](names[row])
    found = name_twins(parted(torch.zeros(120, 1), names))
    assert pairs(found, "name") == {(names[row], names[other]) for row, other in (planted | twins).items()}


def images(random: np.random.Generator, count: int) -> npt.NDArray[np.uint8]:
    """Smooth grey images of 28 × 28 pixels."""
    smooth = gaussian_filter(random.normal(size=(count, 28, 28)), (0, 3, 3))
    return np.asarray((smooth - smooth.min()) / np.ptp(smooth) * 255, np.uint8)


def as_jpeg(pixels: npt.NDArray[np.uint8], quality: int) -> npt.NDArray[np.uint8]:
    """An image saved as JPEG and read again."""
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "JPEG", quality=quality)
    return np.asarray(Image.open(file))


@pytest.mark.parametrize("channels", [1, 3])
def test_images_that_are_copies(channels: int) -> None:
    """Ten files under another name and ten saved anew as JPEG, in grey and in colour, as bytes and scaled."""
    pixels = images(np.random.default_rng(0), 120)
    for row in range(10):
        pixels[100 + row] = pixels[row]
        pixels[60 + row] = as_jpeg(pixels[20 + row], (75, 85, 95)[row % 3])
    x = torch.from_numpy(pixels).unsqueeze(1).repeat(1, channels, 1, 1)
    for rows in (x, x.float() / 127.5 - 1):
        found = image_twins(parted(rows))
        assert pairs(found, "equal") == {(str(row), str(100 + row)) for row in range(10)}
        assert pairs(found, "near") == {(str(20 + row), str(60 + row)) for row in range(10)}


def test_images_without_content_are_equal_alone_to_each_other() -> None:
    """Black ones hash alike, as do others of one shade, which are none of them."""
    x = torch.arange(120).float().view(120, 1, 1, 1).repeat(1, 1, 9, 7)
    x[0], x[119] = x[40], x[40]
    assert pairs(image_twins(parted(x)), "equal") == {("0", "119"), ("40", "119")}


def test_rows_of_a_table_that_are_copies() -> None:
    """Five rows again and five with fewer digits; equal rows of a few categories meet by chance, and are none."""
    random = np.random.default_rng(0)
    x = random.normal(size=(120, 6))
    x[:, 5] = random.integers(0, 2, 120)
    for row in range(5):
        x[100 + row], x[60 + row] = x[row], np.round(x[20 + row], 3)
    found = row_twins(parted(torch.from_numpy(x).float()))
    assert pairs(found, "equal") == {(str(row), str(100 + row)) for row in range(5)}
    assert pairs(found, "near") == {(str(20 + row), str(60 + row)) for row in range(5)}
    assert row_twins(parted(torch.from_numpy(random.integers(0, 3, (120, 4))).float())) == []


def voice(random: np.random.Generator, seconds: float = 3.0, rate: int = 8000) -> npt.NDArray[np.float64]:
    """A vowel that is nobody's else, not quite steady."""
    time = np.arange(round(seconds * rate)) / rate
    pitch = random.uniform(90, 220) * (1 + 0.02 * gaussian_filter(random.normal(size=len(time)), 400) * 20)
    phase = 2 * np.pi * np.cumsum(pitch) / rate
    vowel = np.sum([np.sin(k * phase + random.uniform(0, 6)) / k for k in range(1, 6)], axis=0)
    noisy: npt.NDArray[np.float64] = 0.3 * vowel + 0.01 * random.normal(size=len(time))
    return np.asarray(noisy / np.abs(noisy).max())


def test_recordings_that_are_cut_shorter() -> None:
    """Ten voices trimmed at both ends and made softer, or read back from 16 bits; no two others share speech."""
    random = np.random.default_rng(0)
    voices = [voice(random) for _ in range(30)]
    marks = [peaks_apart(one, 8000) for one in voices]
    shared = [len(np.intersect1d(one, other)) for at, one in enumerate(marks) for other in marks[:at]]
    assert max(shared) < LEAST
    for at, one in enumerate(voices[:10]):
        cut = one[1234 + at : -2345] * (1, 0.5)[at % 2]
        whole = np.round(cut * 32767) / 32768 if at % 3 else cut
        assert len(np.intersect1d(peaks_apart(whole, 8000), marks[at])) >= LEAST
    frames = random.normal(size=(200, 8))
    assert len(np.intersect1d(frames_alike(frames), frames_alike(frames[33:99]))) == 66 - 5
    assert len(runs_of(np.zeros(50, int))) == 0, "silence is nobody's"


def write_voices(raw: Path, cut: bool) -> None:
    """Twelve speakers of two classes, with their splits; the last of the test is one of training, cut shorter."""
    random = np.random.default_rng(1)
    lines = ["path,speaker,label,split"]
    for at in range(12):
        samples = voice(random)
        if at == 0:
            first = samples
        if at == 11 and cut:
            samples = first[3000:-3000]
        soundfile.write(raw / f"{at}.wav", samples, 8000)
        label = "ab"[at % 2] if not (at == 11 and cut) else "a"
        lines.append(f"{at}.wav,s{at},{label},{['train', 'train', 'val', 'test'][at // 3]}")
    write_lines(raw / "recordings.csv", lines)


SPEECH_RUN = ["--config", "configs/voiced.yaml", "--config", "configs/objectives/erm.yaml", "--trainer.max_epochs", "1"]


def test_a_recording_in_two_splits_stops_a_run(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """By its sound, under another speaker's name; which pair it is, and how to have it run all the same."""
    monkeypatch.setenv("CLSUNBIAS_DATA", str(tmp_path))
    for name, cut in (("apart", False), ("shared", True)):
        (tmp_path / "raw" / name).mkdir(parents=True)
        write_voices(tmp_path / "raw" / name, cut)
        raw, prepared = str(tmp_path / "raw" / name), str(tmp_path / name)
        assert main(["prepare", "manifest", "--raw", raw, "--out", prepared]) == 0
    options = ["fit", *SPEECH_RUN, "--trainer.check_val_every_n_epoch", "1", "--out", str(tmp_path / "run")]
    capfd.readouterr()
    assert main([*options, "--data.corpus", "shared"]) == 2
    assert "1 pairs of equal recordings (such as train s0 and test s11)" in capfd.readouterr().err
    assert not (tmp_path / "run").exists()
    assert main([*options, "--data.corpus", "apart"]) == 0
    leaks = json.loads((tmp_path / "run" / "result.json").read_text())["leaks"]
    assert (leaks["unit"], leaks["compared"], leaks["status"]) == ("speaker", "recordings", "none found")
    assert {split: own["count"] for split, own in leaks["names"].items()} == {"train": 6, "val": 3, "test": 3}


def write_table(folder: Path) -> list[str]:
    """Options of ``fit`` on a table of 60 rows, the last of which is the first again."""
    table = table_of(60, 3)
    table.loc[59] = table.loc[0]
    table = table.assign(label=table["label"].astype(int), part=["train"] * 30 + ["val"] * 15 + ["test"] * 15)
    table.to_csv(folder / "clinic.csv", index=False)
    data = ["--data.path", str(folder / "clinic.csv"), "--data.split", "part", "--data.plan", "null"]
    short = ["--model.network.in_features", "3", "--trainer.max_epochs", "1", "--out", str(folder / "run")]
    return ["fit", "--config", "configs/tabular.yaml", *data, *short]


def test_a_row_in_two_splits_stops_a_run_unless_it_may(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """Then record and card say so; a name stands in neither."""
    options = write_table(tmp_path)
    assert main(options) == 2
    said = capfd.readouterr().err
    assert "1 pairs of equal rows of numbers (such as train 2 and test 61)" in said
    assert "--data.allow_leaks true" in said
    assert main([*options, "--data.allow_leaks", "true"]) == 0
    record = json.loads((tmp_path / "run" / "result.json").read_text())["leaks"]
    assert (record["found"], record["status"]) == ({"name": 0, "equal": 1, "near": 0}, "allowed")
    card = (tmp_path / "run" / "MODEL_CARD.md").read_text()
    assert "Different splits share units: 1 pairs of equal rows of numbers" in card.partition("## Intended use")[0]
    config = str(tmp_path / "run" / "config.yaml")
    assert main(["fit", "--config", config, "--out", str(tmp_path / "run"), "--data.allow_leaks", "false"]) == 0


def test_a_certificate_names_nobody() -> None:
    """A hash of all names of a split stands for them; refused leaks are told by name, on the screen alone."""
    names = [f"p{row}" for row in range(120)]
    clean = check_leaks("clinic", parted(torch.zeros(120, 1), names), "", [], "refused")
    assert clean["names"]["test"]["count"] == 40
    assert not set(names) & set(json.dumps(clean).replace('"', " ").split())
    assert in_words(clean) == "No leak between splits was found; compared were the names of each image"
    names[119] = "P 0"
    twice = "1 pairs of one name, but for blanks and case (such as train p0 and test P 0)"
    fails(lambda: check_leaks("clinic", parted(torch.zeros(120, 1), names), "", [], "refused"), twice)
    allowed = check_leaks("clinic", parted(torch.zeros(120, 1), names), "", [], "official")
    assert "official ones" in in_words(allowed)


def test_the_official_image_sets(official_root: Path) -> None:
    """RetinaMNIST shares no image between its splits; BreastMNIST does, one with two labels, and still runs."""
    retina, breast = RetinaMNIST(official_root), BreastMNIST(official_root)
    for data in (retina, breast):
        data.setup("fit")
    assert retina.leaks["found"] == {"name": 0, "equal": 0, "near": 0}
    assert breast.leaks["status"] == "official"
    assert breast.leaks["found"]["equal"] == 1
    assert 40 <= breast.leaks["found"]["near"] <= 100


def test_numbers_of_records_are_no_features(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """A whole number that is another in every row is said to be one; a measurement is not."""
    table = table_of(40, 2).assign(record=np.arange(1000, 1040), age=np.arange(40) % 37)
    table.assign(label=table["label"].astype(int)).to_csv(tmp_path / "clinic.csv", index=False)
    Tabular(tmp_path / "clinic.csv", "label").setup("fit")
    told = capfd.readouterr().err
    assert "'record' has another whole number in every row" in told
    assert "'age'" not in told
    Tabular(tmp_path / "clinic.csv", "label", ignore=["record"]).setup("fit")
    assert "whole number" not in capfd.readouterr().err
