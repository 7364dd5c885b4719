"""MODMA, ADReSS and VOICED on tiny raw trees: every row, every setting, and every way in which one can be wrong."""

import os
import shutil
import sys
from pathlib import Path
from typing import Any

import pytest

from clsunbias.speech import adress, modma, voiced
from clsunbias.speech.manifest import Corpus
from tests import speech_trees
from tests.speech_trees import NAN, edit, fails, rows_of, write_lines, write_workbook


@pytest.fixture
def lanzhou(tmp_path: Path) -> Path:
    """A tiny MODMA."""
    speech_trees.write_modma(tmp_path)
    return tmp_path


def test_modma_rows(lanzhou: Path) -> None:
    """Ids get their zero back; every recording, whole, in order; from the folder itself, too."""
    corpus = modma.read(lanzhou)
    assert rows_of(corpus, lanzhou) == [
        (name, label, "", f"audio_lanzhou_2015/{name}/{number:02d}.wav", 0.0, NAN)
        for name, label in (("02010002", 1), ("02020008", 0))
        for number in range(1, 30)
    ]
    assert corpus.class_names == ("healthy", "depressed")
    assert corpus.expected == {"all": {"speakers": 52, "positive": 23}}
    assert modma.read(lanzhou / "audio_lanzhou_2015").rows.equals(corpus.rows)


@pytest.mark.parametrize(
    ("task", "first", "last"), [("interview", 1, 18), ("passage", 19, 19), ("words", 20, 25), ("pictures", 26, 29)]
)
def test_modma_tasks(task: Any, first: int, last: int, lanzhou: Path) -> None:
    """The numbers of each task's recordings."""
    rows = modma.read(lanzhou, task=task).rows
    found = [int(Path(path).stem) for path in rows.loc[rows["speaker"] == "02010002", "path"]]
    assert found == list(range(first, last + 1))


def test_modma_leaves_recordings_out(lanzhou: Path) -> None:
    """Named ones only; they need not be there."""
    (lanzhou / "audio_lanzhou_2015/02020008/24.wav").unlink()
    corpus = modma.read(lanzhou, task="words", exclude=("02020008/24",))
    found = [int(Path(path).stem) for path in corpus.rows["path"]]
    assert found == [20, 21, 22, 23, 24, 25, 20, 21, 22, 23, 25]
    assert corpus.corrections == ["recording 02020008/24 is left out"]
    fails(lambda: modma.read(lanzhou, exclude=("02020008/30",)), "no recording '02020008/30'")


def test_modma_counts_missing_recordings(lanzhou: Path) -> None:
    """Together, the first few by name, so that a broken copy is mended in one go."""
    for name in ("02010002/03.wav", "02020008/29.wav"):
        (lanzhou / "audio_lanzhou_2015" / name).unlink()
    fails(lambda: modma.read(lanzhou), "2 recordings are missing", "02010002/03.wav", "02020008/29.wav")
    for number in range(1, 30):
        (lanzhou / f"audio_lanzhou_2015/02010002/{number:02d}.wav").unlink(missing_ok=True)
    fails(lambda: modma.read(lanzhou), "30 recordings are missing", "and 25 more")


@pytest.mark.parametrize(
    ("rows", "parts"),
    [
        ([(2010002, "MDD", 1, "M"), (2020008, "XX", 1, "M")], ("xlsx, row 3: type must be MDD or HC; it is 'XX'",)),
        ([("id 7", "MDD", 1, "M")], ("xlsx, row 2: subject id must be a number", "'id 7'")),
        ([(2010002, "MDD", 1, "M"), ("02010002", "HC", 1, "M")], ("02010002 is listed twice", "row 2", "row 3")),
    ],
)
def test_modma_workbook_errors(rows: list[tuple[object, ...]], parts: tuple[str, ...], lanzhou: Path) -> None:
    """Cells that cannot be."""
    write_workbook(lanzhou / "audio_lanzhou_2015", rows)
    fails(lambda: modma.read(lanzhou), *parts)


def test_modma_needs_its_workbook_and_its_reader(lanzhou: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without openpyxl the extra is named; without the workbook, or with a broken one, the file."""
    with monkeypatch.context() as patch:
        patch.setitem(sys.modules, "openpyxl", None)
        fails(lambda: modma.read(lanzhou), "openpyxl", "clsunbias[modma]")
    workbook = lanzhou / "audio_lanzhou_2015" / modma.WORKBOOK
    workbook.write_text("no workbook")
    fails(lambda: modma.read(lanzhou), modma.WORKBOOK, "not a workbook")
    workbook.unlink()
    fails(lambda: modma.read(lanzhou), modma.WORKBOOK, "is missing")


@pytest.fixture
def picture(tmp_path: Path) -> Path:
    """A tiny ADReSS."""
    speech_trees.write_adress(tmp_path)
    return tmp_path


FULL = "Full_wave_enhanced_audio"
CHUNKS = "Normalised_audio-chunks"


def test_adress_turns(picture: Path) -> None:
    """Time marks of the participant's turns alone: over two lines, two in one, none in one."""
    corpus = adress.read(picture)
    assert rows_of(corpus, picture) == [
        ("S001", 0, "", f"train/{FULL}/cc/S001.wav", 1.0, 2.5),
        ("S001", 0, "", f"train/{FULL}/cc/S001.wav", 2.6, 3.0),
        ("S001", 0, "", f"train/{FULL}/cc/S001.wav", 3.1, 3.2),
        ("S079", 1, "", f"train/{FULL}/cd/S079.wav", 0.5, 1.25),
        ("S160", 1, "test", f"test/{FULL}/S160.wav", 0.5, 1.25),
        ("S161", 0, "test", f"test/{FULL}/S161.wav", 0.5, 1.25),
    ]
    assert corpus.class_names == ("healthy", "dementia")
    assert corpus.notes == ["1 turns of participants have no time mark and are left out"]


def test_adress_chunks(picture: Path) -> None:
    """Whole files, 2 before 10; transcripts are not needed."""
    shutil.rmtree(picture / "train/transcription")
    assert rows_of(adress.read(picture, audio="chunks"), picture) == [
        ("S001", 0, "", f"train/{CHUNKS}/cc/S001-2-0-1.wav", 0.0, NAN),
        ("S001", 0, "", f"train/{CHUNKS}/cc/S001-10-5-6.wav", 0.0, NAN),
        ("S079", 1, "", f"train/{CHUNKS}/cd/S079-2-0-1.wav", 0.0, NAN),
        ("S079", 1, "", f"train/{CHUNKS}/cd/S079-10-5-6.wav", 0.0, NAN),
        ("S160", 1, "test", f"test/{CHUNKS}/S160-1-0-9.wav", 0.0, NAN),
        ("S161", 0, "test", f"test/{CHUNKS}/S161-1-0-9.wav", 0.0, NAN),
    ]


@pytest.mark.parametrize("place", ["test/meta_data.txt", "meta_data_test.txt", "test/test_results.txt"])
def test_adress_test_labels_are_found(place: str, picture: Path) -> None:
    """Under each known name; a file without labels is passed over."""
    shutil.move(picture / "test/meta_data_test.txt", picture / place)
    if place == "test/test_results.txt":
        write_lines(picture / "test/meta_data.txt", ["ID ; age ; gender", "S160 ; 60 ; 0"])
    rows = adress.read(picture).rows
    assert rows.loc[rows["split"] == "test", ["speaker", "label"]].to_numpy().tolist() == [["S160", 1], ["S161", 0]]


def test_adress_needs_its_files(picture: Path) -> None:
    """Each absent one is named."""
    (picture / f"test/{CHUNKS}/S160-1-0-9.wav").unlink()
    fails(lambda: adress.read(picture, audio="chunks"), CHUNKS, "S160", "line 2 lists the speaker")
    (picture / "train/transcription/cd/S079.cha").unlink()
    fails(lambda: adress.read(picture), "S079.cha is missing", "cd_meta_data.txt, line 2 lists the speaker")
    (picture / f"train/{FULL}/cc/S001.wav").unlink()
    fails(lambda: adress.read(picture), "S001.wav is missing", "cc_meta_data.txt, line 2 lists the speaker")
    edit(picture / "test/meta_data_test.txt", "Label", "none")
    fails(lambda: adress.read(picture), "labels of the test speakers are missing", "without a column Label")
    (picture / "test/meta_data_test.txt").unlink()
    fails(lambda: adress.read(picture), "labels of the test speakers are missing", "none of the known files")
    (picture / "train/cc_meta_data.txt").unlink()
    fails(lambda: adress.read(picture), "cc_meta_data.txt is missing")


@pytest.mark.parametrize(
    ("file", "old", "new", "parts"),
    [
        (
            "train/transcription/cc/S001.cha",
            "2600_3000",
            "3000_2600",
            ("S001.cha, line 7", "before its start at 3.0 s"),
        ),
        ("train/transcription/cd/S079.cha", "*PAR", "*INV", ("S079.cha has no turn of the participant",)),
        (
            "train/cd_meta_data.txt",
            "S079",
            "S001",
            ("speaker S001 is listed twice", "cc_meta", "cd_meta_data.txt, line 2"),
        ),
        ("train/cd_meta_data.txt", "ID", "name", ("cd_meta_data.txt has no column 'id'",)),
        ("train/cd_meta_data.txt", "S079", "", ("cd_meta_data.txt, line 2: id is empty",)),
        (
            "test/meta_data_test.txt",
            "0 ; 1 ;",
            "0 ; cd ;",
            ("meta_data_test.txt, line 2: label must be 0 or 1", "'cd'"),
        ),
    ],
)
def test_adress_errors(file: str, old: str, new: str, parts: tuple[str, ...], picture: Path) -> None:
    """One edit of one file each."""
    edit(picture / file, old, new)
    fails(lambda: adress.read(picture), *parts)


def test_voiced_rows(tmp_path: Path) -> None:
    """A whole recording for each speaker; quoted commas do not matter."""
    speech_trees.write_voiced(tmp_path)
    corpus = voiced.read(tmp_path)
    assert rows_of(corpus, tmp_path) == [
        ("voice001", 1, "", "wav16/voice001.wav", 0.0, NAN),
        ("voice002", 0, "", "wav16/voice002.wav", 0.0, NAN),
    ]
    assert (corpus.seconds, corpus.shares) == (0.96, (0.2, 0.3))


@pytest.mark.parametrize(
    ("old", "new", "parts"),
    [
        ("wav16/voice002", "wav16/voice003", ("labels.csv, line 3", "voice003.wav is missing")),
        (",0,healthy", ",2,healthy", ("labels.csv, line 3: label must be 0 or 1",)),
        ("voice002,", "voice001,", ("speaker voice001 is listed twice", "line 2", "line 3")),
        ("speaker_id", "speaker", ("labels.csv has no column 'speaker_id'",)),
    ],
)
def test_voiced_errors(old: str, new: str, parts: tuple[str, ...], tmp_path: Path) -> None:
    """One edit each."""
    speech_trees.write_voiced(tmp_path)
    edit(tmp_path / "labels.csv", old, new)
    fails(lambda: voiced.read(tmp_path), *parts)


def test_voiced_totals() -> None:
    """The real corpus, where it is."""
    folder = Path(os.environ.get("CLSUNBIAS_DATA") or Path(__file__).parents[1] / "data") / "voiced"
    if not (folder / "labels.csv").is_file():
        pytest.skip("VOICED is not here")
    corpus = voiced.read(folder)
    assert len(corpus.rows) == corpus.rows["speaker"].nunique() == corpus.expected["all"]["speakers"] == 208
    assert corpus.rows["label"].sum() == corpus.expected["all"]["positive"] == 151
    four = voiced.read(folder, classes="diagnoses")
    counts = four.rows.drop_duplicates("speaker")["label"].value_counts().sort_index()
    assert dict(zip(four.class_names, counts.tolist(), strict=True)) == voiced.DIAGNOSES
    assert four.corrections == [
        "1 diagnosis is spelled 'hyperkineti dysphonia', and counts as 'hyperkinetic dysphonia'"
    ]
    assert four.attributes is not None
    assert list(four.attributes) == ["unit", "sex", "age", "VHI", "RSI"]


def diagnoses(folder: Path, *lines: str) -> Corpus:
    """VOICED by diagnosis, of these lines."""
    header = "speaker_id,wav,label,diagnosis_hea,sex_info,age_info,VHI,RSI"
    write_lines(folder / "labels.csv", [header, *(f"voice{at:03d},a.wav,{line}" for at, line in enumerate(lines))])
    speech_trees.write_wav(folder / "a.wav", rate=8000)
    return voiced.read(folder, classes="diagnoses")


def test_voiced_diagnoses(tmp_path: Path) -> None:
    """Four classes, a mistyped one among them, and what is known of the speakers."""
    corpus = diagnoses(tmp_path, "1,Hyperkineti dysphonia,f,40,1,2", "0,healthy,m,41,,3", "1,reflux laryngitis,f,9,1,2")
    assert corpus.class_names[1:] == ("hyperkinetic dysphonia", "hypokinetic dysphonia", "reflux laryngitis")
    assert corpus.rows["label"].tolist() == [1, 0, 3]
    assert corpus.corrections
    assert corpus.attributes is not None
    assert corpus.attributes.iloc[1].tolist() == ["voice001", "m", "41", "", "3"]
    assert voiced.read(tmp_path).class_names == ("healthy", "pathological")


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("1,dysphonia,f,1,1,1", "labels.csv, line 2: diagnosis_hea 'dysphonia' is none of healthy, hyperkinetic"),
        ("0,reflux laryngitis,f,1,1,1", "line 2: diagnosis_hea is reflux laryngitis, which contradicts the label 0"),
        ("1,,f,1,1,1", "line 2: diagnosis_hea is empty"),
    ],
)
def test_voiced_diagnoses_that_cannot_be(line: str, message: str, tmp_path: Path) -> None:
    """Unknown, empty, or against the label."""
    fails(lambda: diagnoses(tmp_path, line), message)
