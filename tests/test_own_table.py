"""A user's own table of recordings: every row, and every way in which it can be wrong."""

from pathlib import Path

import pytest

from clsunbias.speech import own_recordings
from tests.speech_trees import NAN, fails, rows_of, write_lines, write_wav


def write_own(raw: Path, *lines: str) -> Path:
    """A user's own table beside two recordings."""
    for name in ("a.wav", "more/b.wav"):
        write_wav(raw / name)
    write_lines(raw / "recordings.csv", lines)
    return raw


def test_table_rows(tmp_path: Path) -> None:
    """Absolute paths, all names of splits, open starts and ends, and classes sorted as numbers."""
    for name in ("c", "d"):
        (tmp_path / f"{name}.wav").touch()
    own = write_own(
        tmp_path,
        "\ufeffPath,Speaker,Label,Split,Start,End",
        "a.wav,anna,10,train,,",
        "more/b.wav,ben,9,Dev,0.25,0.75",
        f"{tmp_path / 'c.wav'},carl,9,valid,0,",
        "",
        "d.wav,dora,10,test,,1",
    )
    corpus = own_recordings.read(own)
    assert rows_of(corpus, tmp_path) == [
        ("anna", 1, "train", "a.wav", 0.0, NAN),
        ("ben", 0, "val", "more/b.wav", 0.25, 0.75),
        ("carl", 0, "val", "c.wav", 0.0, NAN),
        ("dora", 1, "test", "d.wav", 0.0, 1.0),
    ]
    assert corpus.class_names == ("9", "10")


def test_table_classes_in_a_given_order(tmp_path: Path) -> None:
    """And a table of another name, with neither splits nor times."""
    write_own(tmp_path, "path,speaker,label", "a.wav,anna,ill", "more/b.wav,ben,well")
    (tmp_path / "recordings.csv").rename(tmp_path / "mine.csv")
    corpus = own_recordings.read(tmp_path, table="mine.csv", classes=("well", "ill"))
    assert rows_of(corpus, tmp_path) == [
        ("anna", 1, "", "a.wav", 0.0, NAN),
        ("ben", 0, "", "more/b.wav", 0.0, NAN),
    ]
    assert corpus.class_names == ("well", "ill")
    assert own_recordings.read(tmp_path, table="mine.csv").class_names == ("ill", "well")


@pytest.mark.parametrize(
    ("header", "line", "parts"),
    [
        ("path,speaker", "a.wav,x", ("recordings.csv has no column 'label'",)),
        ("path,speaker,label", "a.wav,,0", ("recordings.csv, line 3: speaker is empty",)),
        ("path,speaker,label", "a.wav,x,", ("recordings.csv, line 3: label is empty",)),
        ("path,speaker,label", ",x,0", ("recordings.csv, line 3: path is empty",)),
        ("path,speaker,label", "c.wav,x,0", ("recordings.csv, line 3", "c.wav is missing")),
        ("path,speaker,label", "a.wav,x,2", ("recordings.csv, line 3: label '2' is none of the classes 0, 1",)),
        ("path,speaker,label", "a.wav,x,0,train", ("recordings.csv, line 3: 4 cells",)),
        ("path,speaker,label,split", "a.wav,x,0,new", ("recordings.csv, line 3: split 'new' is none of train",)),
        ("path,speaker,label,split", "a.wav,x,0,", ("recordings.csv, line 3: split is empty",)),
        ("path,speaker,label,split,start,end", "a.wav,x,0,val,2,1", ("line 3: it ends at 1.0 s, before its start",)),
        ("path,speaker,label,split,start,end", "a.wav,x,0,val,-1,1", ("line 3: start must be a number of seconds",)),
    ],
)
def test_table_errors(header: str, line: str, parts: tuple[str, ...], tmp_path: Path) -> None:
    """One wrong line below a right one."""
    own = write_own(tmp_path, header, "a.wav,anna,1" + ",train" * ("split" in header), line)
    fails(lambda: own_recordings.read(own, classes=("0", "1")), *parts)


def test_table_needs_two_classes(tmp_path: Path) -> None:
    """One label for all is no task; an empty table no corpus."""
    own = write_own(tmp_path, "path,speaker,label", "a.wav,anna,1")
    fails(lambda: own_recordings.read(own), "two classes or more", "they are: 1")
    fails(lambda: own_recordings.read(write_own(tmp_path, "path,speaker,label")), "lists no recordings")
