"""Columns of text in a table: a number for each entry, for new rows, too."""

from pathlib import Path

import pandas as pd
import pytest

from clsunbias.__main__ import main
from clsunbias.data import Tabular
from clsunbias.data.categories import encode, find_levels
from clsunbias.errors import InputError
from clsunbias.splits import SplitPlan
from tests.fakes import table_of
from tests.test_cli import CONFIGS


def table(path: Path, rows: int = 60) -> Path:
    """Two columns of numbers, sex and ward, with holes in ward, and a label."""
    frame = table_of(rows, 2).assign(
        sex=[("f", "m")[row % 3 == 0] for row in range(rows)],
        ward=[(" north", "south", "west")[row % 3] for row in range(rows)],
        label=[("well", "ill")[row // 2 % 2] for row in range(rows)],
    )
    frame.loc[::9, "ward"] = None
    frame.to_csv(path, index=False)
    return path


def test_of_two_levels_one_column_of_more_each_its_own(tmp_path: Path) -> None:
    """In the place of the column; missing cells are missing, and filled like others."""
    data = Tabular(table(tmp_path / "t.csv"), "label", text="encode", missing="median")
    data.setup("fit")
    assert data.features == ["x0", "x1", "sex=m", "ward=north", "ward=south", "ward=west"]
    frame, _ = data.measured()
    raw = pd.read_csv(tmp_path / "t.csv")
    assert (frame["sex=m"].to_numpy() == (raw["sex"] == "m")).all()
    assert (frame["ward=west"].isna().to_numpy() == raw["ward"].isna()).all()
    assert frame["ward=north"].sum() == (raw["ward"] == " north").sum()


def test_features_are_the_same_in_every_fold(tmp_path: Path) -> None:
    """An entry that one row has counts, in whatever split that row is."""
    path = table(tmp_path / "t.csv")
    frame = pd.read_csv(path)
    frame.loc[20, "ward"] = "east"
    frame.to_csv(path, index=False)
    found = set()
    for fold in range(3):
        data = Tabular(path, "label", text="encode", missing="median", plan=SplitPlan(folds=3, fold=fold))
        data.setup("fit")
        found.add(tuple(data.features))
    assert found == {("x0", "x1", "sex=m", *(f"ward={name}" for name in ("east", "north", "south", "west")))}


def test_a_run_reads_new_rows_as_they_are(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """By its own account, once the table is gone; rows that differ in a word get other scores, a new word is said."""
    path = table(tmp_path / "t.csv")
    options = ["fit", "--config", str(CONFIGS / "tabular.yaml"), "--data.path", str(path), "--out", str(tmp_path / "r")]
    options += ["--data.text", "encode", "--data.missing", "median", "--model.network.in_features", "6"]
    assert main([*options, "--trainer.max_epochs", "3", "--trainer.enable_progress_bar", "false"]) == 0
    frame = pd.read_csv(path).drop(columns="label").iloc[[4, 4]]
    frame["sex"], frame["ward"] = ["f", "m"], "Ost"
    frame.to_csv(tmp_path / "new.csv", index=False)
    path.unlink()
    config = str(tmp_path / "r" / "config.yaml")
    assert (
        main(["predict", "--config", config, "--input", str(tmp_path / "new.csv"), "--out", str(tmp_path / "p")]) == 0
    )
    prob = pd.read_csv(tmp_path / "p" / "predictions.csv")["prob_1"]
    assert prob[0] != prob[1]
    assert "the model's table has not, which count as none of those: 'ward': 'Ost'" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("cells", "said"),
    [
        ([f"note {row}" for row in range(60)], "more than 20 different entries: 'c' (60)"),
        (["1", "2", "<0.1"] * 20, "no numbers in 'c' (such as '<0.1')"),
    ],
)
def test_what_is_no_category(tmp_path: Path, cells: list[str], said: str) -> None:
    """Free text, and slips in a column of numbers."""
    frame = table_of(60, 1).assign(c=cells, label=["a", "b"] * 30)
    frame.to_csv(tmp_path / "t.csv", index=False)
    with pytest.raises(InputError) as caught:
        Tabular(tmp_path / "t.csv", "label", text="encode").load()
    assert said in str(caught.value)


def test_numbers_stay_numbers() -> None:
    """A column of 0 and 1, or of grades, has no levels."""
    frame = pd.DataFrame({"grade": ["1", "2", "3"], "sex": ["f", "m", "f"]})
    levels = find_levels(frame, Path("t.csv"))
    assert levels == {"sex": ["f", "m"]}
    assert encode(frame, levels, Path("t.csv")).to_dict("list") == {"grade": ["1", "2", "3"], "sex=m": ["0", "1", "0"]}
