"""``clsunbias prepare``: a manifest written whole or not at all, and read as it was written."""

import json
import math
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import soundfile

from clsunbias.__main__ import main
from clsunbias.speech.lines import Stretch, to_rows
from clsunbias.speech.manifest import Corpus, Manifest
from clsunbias.speech.preparation import prepare
from tests.speech_trees import fails, write_wav


def corpus(folder: Path, splits: str = "train val test", speakers: int = 12, **settings: Any) -> Corpus:
    """Speakers ``00``, ``01``, … of classes a and b in turn, a second of noise each; splits go round in pairs."""
    names = splits.split(" ")
    stretches: list[Stretch] = []
    for number in range(speakers):
        path = folder / f"{number:02d}.wav"
        write_wav(path, 1000)
        stretches.append((f"{number:02d}", number % 2, names[number // 2 % len(names)], str(path), 0.0, math.nan))
    return Corpus(to_rows(stretches), ("a", "b"), **settings)


def changed(corpus: Corpus, row: int, **cells: Any) -> Corpus:
    """A corpus with other cells in a row."""
    rows = corpus.rows.copy()
    for name, value in cells.items():
        rows.loc[row, name] = value
    return replace(corpus, rows=rows)


def plus(corpus: Corpus, stretch: Stretch) -> Corpus:
    """A corpus with one more row."""
    return replace(corpus, rows=to_rows([*corpus.rows.itertuples(index=False, name=None), stretch]))


def test_a_manifest_comes_back_as_it_was_prepared(tmp_path: Path) -> None:
    """Rows in order with ends and rates filled in; paths below the manifest's folder move with it; names stay text."""
    raw = changed(corpus(tmp_path / "out" / "raw"), 1, speaker="NA")
    write_wav(tmp_path / "elsewhere.wav", 2000)
    summary = prepare(changed(raw, 2, path=str(tmp_path / "elsewhere.wav")), tmp_path / "out")
    assert "sample rates differ (1000, 2000 Hz): features resample them" in summary["notes"]
    (tmp_path / "out").rename(tmp_path / "moved")
    found = Manifest.read(tmp_path / "moved" / "manifest.csv", "")
    assert list(found.rows["speaker"])[:3] == ["00", "NA", "02"]
    assert list(found.rows["path"])[1:3] == [str(tmp_path / "moved/raw/01.wav"), str(tmp_path / "elsewhere.wav")]
    assert list(found.rows["split"])[:6] == ["train", "train", "val", "val", "test", "test"]
    assert list(found.rows["sample_rate"])[:3] == [1000, 1000, 2000]
    assert (found.rows["end"] == 1).all()
    assert (found.class_names, found.simulated) == (("a", "b"), False)


def test_a_manifest_that_is_not_as_it_was_written_is_refused(tmp_path: Path) -> None:
    """Absent, edited by hand, beside another's summary, or beside one that says nothing."""
    manifest, summary = tmp_path / "manifest.csv", tmp_path / "summary.json"
    fails(lambda: Manifest.read(manifest, "clsunbias prepare x"), "manifest.csv is missing", "clsunbias prepare x")
    prepare(corpus(tmp_path / "raw"), tmp_path)
    good = manifest.read_text()
    manifest.write_text(good.replace("00,0,train", "00,0,val"))
    message = ("manifest.csv was changed after it was written", "summary.json", "clsunbias prepare x")
    fails(lambda: Manifest.read(manifest, "clsunbias prepare x"), *message)
    manifest.write_text(good)
    Manifest.read(manifest, "")
    summary.write_text(json.dumps({"class_names": ["a", "b"]}))
    fails(lambda: Manifest.read(manifest, "clsunbias prepare x"), "cannot be read ('simulated')", "clsunbias prepare x")
    summary.unlink()
    fails(lambda: Manifest.read(manifest, "clsunbias prepare x"), "summary.json is missing", "clsunbias prepare x")


def test_times_beyond_a_recording(tmp_path: Path) -> None:
    """Up to a second too long is cut off; more, or a start behind the end, is another file's."""
    good = corpus(tmp_path / "raw")
    prepare(changed(good, 0, start=0.25, end=1.9), tmp_path)
    row = pd.read_csv(tmp_path / "manifest.csv").iloc[0]
    assert (row["start"], row["end"]) == (0.25, 1.0)
    for cells, marked in (
        ({"start": 0.5, "end": 2.5}, "marked from 0.50 s to 2.50 s"),
        ({"start": 1.0}, "marked from 1.00 s:"),
    ):
        fails(partial(prepare, changed(good, 0, **cells), tmp_path), "00.wav lasts 1.00 s", marked)


def test_bad_recordings_stop_or_are_left_out(tmp_path: Path) -> None:
    """All are counted and ten are named; left out, they are listed, and so is a speaker who has nothing else."""
    good = corpus(tmp_path / "raw", speakers=24)
    more = plus(good, ("00", 0, "train", str(tmp_path / "raw/gone.wav"), 0.0, 1.0))
    for number in range(12, 24):
        (tmp_path / f"raw/{number}.wav").write_text("not audio")
    fails(lambda: prepare(more, tmp_path), "13 of 25 recordings", "--skip-bad", "12.wav", "21.wav", "… and 3 more")
    assert not (tmp_path / "manifest.csv").exists()
    summary = prepare(more, tmp_path, skip_bad=True)
    assert summary["counts"]["all"]["speakers"] == 12
    assert len(summary["left_out"]) == 13
    assert f"{tmp_path}/raw/gone.wav is missing" in summary["left_out"]
    lost = ", ".join(str(number) for number in range(12, 24))
    assert summary["notes"] == [f"speakers without any recording left: {lost}"]
    for number in range(12):
        (tmp_path / f"raw/{number:02d}.wav").write_text("not audio")
    fails(lambda: prepare(more, tmp_path, skip_bad=True), "the train split has no speaker of class 'a'")


def test_speakers_have_one_label_and_one_split_and_splits_have_every_class(tmp_path: Path) -> None:
    """What would leak or could not be scored is refused, and the manifest of before stays as it was."""
    good = corpus(tmp_path / "raw")
    prepare(good, tmp_path)
    before = {file: (tmp_path / file).read_bytes() for file in ("manifest.csv", "summary.json")}
    for row, cells, message in (
        (1, {"speaker": "00"}, "speaker 00 has more than one label: 'a', 'b' (1 such speakers)"),
        (2, {"speaker": "00"}, "speaker 00 has more than one split: 'train', 'val'"),
        (0, {"path": str(tmp_path / "none.wav")}, "none.wav is missing"),
    ):
        fails(partial(prepare, changed(good, row, **cells), tmp_path), message)
    one_class = replace(good, rows=good.rows[(good.rows["split"] != "test") | (good.rows["label"] == 0)])
    fails(lambda: prepare(one_class, tmp_path), "the test split has no speaker of class 'b'; change the split")
    assert before == {file: (tmp_path / file).read_bytes() for file in before}
    assert {file.name for file in tmp_path.iterdir()} == {*before, "raw"}


def test_counts_and_how_they_differ_from_the_known(tmp_path: Path) -> None:
    """Speakers and classes, recordings, segments of joined speech, hours; made-up corpora are compared with nothing."""
    known = {"train+val": {"speakers": 8, "positive": 5}, "test": {"speakers": 4, "segments": 9}}
    good = corpus(tmp_path / "raw", seconds=0.75, expected=known)
    write_wav(tmp_path / "more.wav", 1000)
    summary = prepare(plus(good, ("00", 0, "train", str(tmp_path / "more.wav"), 0.5, math.nan)), tmp_path)
    counts = {"speakers": 4, "a": 2, "b": 2, "recordings": 5, "segments": 5, "hours": 0.001}
    assert summary["counts"]["train"] == counts, "1.5 s of the first speaker are two segments"
    assert summary["counts"]["all"] == {
        "speakers": 12,
        "a": 6,
        "b": 6,
        "recordings": 13,
        "segments": 13,
        "hours": 0.003,
    }
    assert summary["differences"] == [
        "train+val: 4 positive speakers, known are 5",
        "test: 4 segments, known are 9",
    ]
    assert prepare(replace(good, simulated=True), tmp_path)["differences"] == []


def test_the_command(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """Options of the corpus, of the split and of prepare itself; mistakes are told in one message."""
    lines = [f"{number}.wav,{number},{'sick' if number % 2 else 'well'}" for number in range(12)]
    for number in range(12):
        wave = (number + 1) / 20 * (-1) ** np.arange(1000)
        soundfile.write(tmp_path / f"{number}.wav", np.stack([wave, wave], 1), 1000)
    (tmp_path / "mine.csv").write_text("\n".join(["path,speaker,label", *lines]))
    (tmp_path / "7.wav").unlink()
    (tmp_path / "7.wav").write_text("")
    out = tmp_path / "out"
    args = ["prepare", "manifest", "--raw", str(tmp_path), "--out", str(out), "--table", "mine.csv"]
    assert main(args) == 2
    assert "7.wav is no audio" in capfd.readouterr().err
    assert main([*args, "--classes", "[well,sick]", "--skip-bad", "--split.folds", "3", "--split.seed", "5"]) == 0
    shown = capfd.readouterr().out
    for said in ("left out: ", "notes: 11 recordings have several channels", "without any recording left: 7"):
        assert said in shown
    summary = json.loads((out / "summary.json").read_text())
    assert summary["class_names"] == ["well", "sick"]
    assert {"folds": 3, "seed": 5}.items() <= summary["splits"].items()
    assert summary["counts"]["all"]["speakers"] == 11
    for wrong, message in (
        (["prepare", "daic", "--raw", "x"], "there is no corpus 'daic'; there are: daic_woz, modma"),
        (["prepare", "modma", "--raw", str(tmp_path / "none"), "--out", str(out)], "is no folder"),
        ([*args, "--frame-rate", "0"], "--frame-rate must be above 0"),
        ([*args, "--split.folds", "2"], "at least 3 folds"),
        ([*args, "--task", "all"], "task"),
    ):
        assert main(wrong) == 2
        assert message in capfd.readouterr().err
