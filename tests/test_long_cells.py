"""Cells and names without end, as a damaged or a wrong file has them: a message shows where they begin."""

from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest

from clsunbias.data import Tabular
from clsunbias.errors import InputError
from clsunbias.speech import own_recordings
from tests.fakes import table_of
from tests.speech_trees import write_lines, write_wav

LONG = "ö" * 20_000


def put(row: int, column: str) -> Callable[[pd.DataFrame], pd.DataFrame]:
    """Puts the long text into a cell."""

    def change(frame: pd.DataFrame) -> pd.DataFrame:
        frame = frame.astype(object)
        frame.loc[row, column] = LONG
        return frame

    return change


@pytest.mark.parametrize(
    "change",
    [
        put(3, "x0"),
        put(3, "label"),
        put(3, "part"),
        lambda frame: frame.rename(columns={"x0": LONG}).assign(x1=LONG),
        lambda frame: frame.rename(columns={"x0": LONG, "label": "diagnosis"}),
        lambda frame: frame.rename(columns={"x0": LONG}).assign(**{LONG: None}),
        lambda frame: pd.concat([frame, frame["x0"]], axis=1).rename(columns={"x0": LONG}),
    ],
)
def test_tables(change: Callable[[pd.DataFrame], pd.DataFrame], tmp_path: Path) -> None:
    """In features, labels, splits and names of columns."""
    path = tmp_path / "table.csv"
    change(table_of(60, 2).assign(part="")).to_csv(path, index=False)
    with pytest.raises(InputError, match=r"table\.csv") as caught:
        Tabular(path, "label", classes=[0, 1], split="part").load()
    assert len(str(caught.value)) < 1200


@pytest.mark.parametrize(("row", "column"), [(0, 1), (0, 2), (1, 2), (1, 3), (1, 4)])
def test_lists_of_recordings(row: int, column: int, tmp_path: Path) -> None:
    """In the header and in each column but that of speakers, who may be called anything."""
    lines = [["path", "speaker", "label", "split", "start"], ["a.wav", "s", "ill", "train", "0"]]
    lines.append(["b.wav", "t", "well", "train", "0"])
    lines[row][column] = LONG
    write_wav(tmp_path / "a.wav")
    write_wav(tmp_path / "b.wav")
    write_lines(tmp_path / "recordings.csv", [",".join(line) for line in lines])
    with pytest.raises(InputError, match=r"recordings\.csv") as caught:
        own_recordings.read(tmp_path, classes=("well", "ill"))
    assert len(str(caught.value)) < 1200
