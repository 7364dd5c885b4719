"""DAIC-WOZ on a tiny raw tree: every row, every correction, and every way in which a tree can be wrong."""

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from clsunbias.speech import daic_woz
from tests import speech_trees
from tests.speech_trees import Row, edit, fails, rows_of, times_of, write_lines


@pytest.fixture
def daic(tmp_path: Path) -> Path:
    """A tiny DAIC-WOZ."""
    speech_trees.write_daic_woz(tmp_path)
    return tmp_path


DAIC_ROWS: list[Row] = [
    ("300", 0, "train", "300_P/300_AUDIO.wav", 0.5, 1.5),
    ("300", 0, "train", "300_P/300_AUDIO.wav", 3.25, 5.0),
    ("318", 1, "train", "318/318_AUDIO.wav", 2.0, 4.0),
    ("409", 0, "train", "409_P/409_AUDIO.wav", 0.0, 1.0),
    ("409", 0, "train", "409_P/409_AUDIO.wav", 1.0, 2.0),
    ("409", 0, "train", "409_P/409_AUDIO.wav", 3.0, 4.0),
    ("451", 1, "val", "451/451_AUDIO.wav", 1.0, 2.0),
    ("451", 1, "val", "451/451_AUDIO.wav", 3.0, 5.125),
    ("458", 0, "val", "458_P/458_AUDIO.wav", 1.0, 2.0),
    ("458", 0, "val", "458_P/458_AUDIO.wav", 2.0, 3.0),
    ("373", 0, "test", "373/373_AUDIO.wav", 390.0, 400.0),
    ("373", 0, "test", "373/373_AUDIO.wav", 400.0, 410.0),
    ("373", 0, "test", "373/373_AUDIO.wav", 420.0, 430.0),
    ("480", 1, "test", "480_P/480_AUDIO.wav", 1.0, 2.0),
]


def test_daic_woz_as_released(daic: Path) -> None:
    """Participants' turns in order, official splits, nothing corrected; what is odd is noted."""
    corpus = daic_woz.read(daic)
    assert rows_of(corpus, daic) == DAIC_ROWS
    assert corpus.class_names == ("healthy", "depressed")
    assert corpus.corrections == []
    assert corpus.notes == ["speaker 409 is released with a score of 10 and the label 0"]
    assert [(total["speakers"], total["positive"]) for total in corpus.expected.values()] == [
        (107, 30),
        (35, 12),
        (47, 14),
    ]
    assert not corpus.simulated


@pytest.mark.parametrize(
    ("sessions", "labels"), [("DAIC-WOZ", "protocol"), ("DAIC-WOZ", "."), (".", "."), (".", "labels")]
)
def test_daic_woz_is_found_where_it_is_kept(sessions: str, labels: str, tmp_path: Path) -> None:
    """Sessions at the top or in DAIC-WOZ; labels at the top or in a folder of any name."""
    speech_trees.write_daic_woz(tmp_path / sessions)
    shutil.move(tmp_path / sessions / "protocol", tmp_path / "moved")
    for file in (tmp_path / "moved").iterdir():
        write_lines(tmp_path / labels / file.name, file.read_text().splitlines())
    shutil.rmtree(tmp_path / "moved")
    assert rows_of(daic_woz.read(tmp_path), (tmp_path / sessions).resolve()) == DAIC_ROWS


@pytest.mark.parametrize(
    ("settings", "speaker", "times", "correction"),
    [
        ({"correct_times": True}, "318", [(36.319917, 38.319917)], "session 318: transcript shifted by 34.319917 s"),
        (
            {"cut_interruptions": True},
            "373",
            [(390, 395), (428, 430)],
            "session 373: interruption from 395 to 428 s cut out",
        ),
        (
            {"before_interview": "drop_markers"},
            "409",
            [(0, 1), (3, 4)],
            "2 turns with a synchronisation marker dropped, from 2 sessions",
        ),
        ({"before_interview": "drop"}, "300", [(3.25, 5)], "4 turns before the interview dropped, from 3 sessions"),
        ({"before_interview": "drop"}, "409", [(3, 4)], "4 turns before the interview dropped, from 3 sessions"),
        ({"before_interview": "drop"}, "458", [(2, 3)], "4 turns before the interview dropped, from 3 sessions"),
        ({"before_interview": "drop"}, "451", [(1, 2), (3, 5.125)], "from 3 sessions"),
        ({"exclude": (458, 318)}, "458", [], "session 458 is left out"),
    ],
)
def test_daic_woz_corrections(
    settings: dict[str, Any], speaker: str, times: list[tuple[float, float]], correction: str, daic: Path
) -> None:
    """Each changes the times of the sessions it names, no other's, and is told."""
    corpus = daic_woz.read(daic, **settings)
    assert np.array(times_of(corpus, speaker)) == pytest.approx(np.array(times))
    assert any(correction in said for said in corpus.corrections)
    assert times_of(corpus, "480") == [(1, 2)]


def test_daic_woz_corrects_the_wrong_label(daic: Path) -> None:
    """Speaker 409 becomes depressed, and no one else; where the file has it right nothing is told."""
    corpus = daic_woz.read(daic, correct_label=True)
    changed = [name for name, label in zip(corpus.rows["speaker"], corpus.rows["label"], strict=True) if label]
    assert sorted(set(changed)) == ["318", "409", "451", "480"]
    assert corpus.corrections == ["speaker 409 counts as depressed"]
    edit(daic / "protocol/train_split_Depression_AVEC2017.csv", "409,0,", "409,1,")
    assert daic_woz.read(daic, correct_label=True).corrections == []


def test_daic_woz_needs_labels(daic: Path) -> None:
    """What is said of the test split's labels, of an absent file and of a file without known columns."""
    (daic / "protocol/full_test_split.csv").unlink()
    fails(lambda: daic_woz.read(daic), "test_split_Depression_AVEC2017.csv has no labels", "full_test_split.csv")
    (daic / "protocol/test_split_Depression_AVEC2017.csv").unlink()
    fails(lambda: daic_woz.read(daic), "no label file full_test_split.csv or test_split_Depression_AVEC2017.csv")
    edit(daic / "protocol/dev_split_Depression_AVEC2017.csv", "PHQ8_Binary", "Binary")
    fails(lambda: daic_woz.read(daic), "dev_split_Depression_AVEC2017.csv has no labels (column PHQ8_Binary")


TRAIN = "protocol/train_split_Depression_AVEC2017.csv"


@pytest.mark.parametrize(
    ("file", "old", "new", "parts"),
    [
        ("318/318_TRANSCRIPT.csv", "stop_time", "end", ("318_TRANSCRIPT.csv has no column 'stop_time'",)),
        (
            "318/318_TRANSCRIPT.csv",
            "2\t4\t",
            "4\t2\t",
            ("318_TRANSCRIPT.csv, line 3", "ends at 2.0 s, before its start"),
        ),
        ("318/318_TRANSCRIPT.csv", "2\t4\t", "2\tx\t", ("318_TRANSCRIPT.csv, line 3: stop_time", "'x'")),
        ("318/318_TRANSCRIPT.csv", "2\t4\t", "\t4\t", ("318_TRANSCRIPT.csv, line 3: start_time", "''")),
        ("318/318_TRANSCRIPT.csv", "Participant", "Ellie", ("318_TRANSCRIPT.csv has no turn of the participant",)),
        (TRAIN, "409,0", "409,2", ("AVEC2017.csv, line 4: phq8_binary must be 0 or 1; it is '2'",)),
        (TRAIN, "409,0", ",0", ("AVEC2017.csv, line 4: participant_id is empty",)),
        (TRAIN, "409,0", "480,0", ("speaker 480 is listed twice", "line 4", "full_test_split.csv, line 3")),
        (TRAIN, "409,0", "410,0", ("410_P is missing", "line 4 lists the session")),
        (TRAIN, "Participant_ID", "id", ("train_split_Depression_AVEC2017.csv has no column 'participant_id'",)),
    ],
)
def test_daic_woz_errors(file: str, old: str, new: str, parts: tuple[str, ...], daic: Path) -> None:
    """One edit of one file each."""
    edit(daic / file, old, new)
    fails(lambda: daic_woz.read(daic), *parts)


@pytest.mark.parametrize("file", ["318_AUDIO.wav", "318_TRANSCRIPT.csv"])
def test_daic_woz_names_what_a_session_lacks(file: str, daic: Path) -> None:
    """And where the session is listed."""
    (daic / "318" / file).unlink()
    fails(lambda: daic_woz.read(daic), f"{file} is missing", "AVEC2017.csv, line 3 lists the session")


def test_daic_woz_leaves_no_unknown_session_out(daic: Path) -> None:
    """A slip of the pen would otherwise leave the session in."""
    fails(lambda: daic_woz.read(daic, exclude=(319,)), "no session 319")
