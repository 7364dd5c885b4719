"""A table of one's own: splits, patients, scale, missing cells, everything that can be wrong, and a run on it."""

import json
import re
import shlex
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
import yaml
from sklearn.datasets import load_breast_cancer

from clsunbias.__main__ import main
from clsunbias.data import Tabular
from clsunbias.errors import InputError
from clsunbias.splits import SplitPlan
from tests.fakes import table_of
from tests.test_cli import CONFIGS
from tests.test_errors import fails

PAGE = Path(__file__).parents[1] / "docs" / "own-data.md"


def write(path: Path, *lines: str) -> Path:
    """A CSV file of these lines."""
    path.write_text("\n".join(lines) + "\n")
    return path


def groups_of(data: Tabular) -> dict[str, list[str]]:
    """Names of what is scored in each split."""
    data.setup("fit")
    return {name: list(split.units[0].names or ()) for name, split in data.splits.items()}


def test_the_tables_splits_and_the_training_rows_scale(tmp_path: Path) -> None:
    """Rows go where the table says, in its order; every split is scaled by training rows, a constant column is 0."""
    path = write(
        tmp_path / "small.csv",
        "\ufeffage,id,label,part,same",
        "1,9,well,Train,7",
        "3,8, ill,train,7",
        "10,7,well,dev,7",
        "2,6,ill,valid,8",
        "0,5,ill,test,7",
        "5,4,well,test ,7",
    )
    data = Tabular(path, "label", classes=["well", "ill"], split="part", ignore=["id"])
    assert groups_of(data) == {"train": ["2", "3"], "val": ["4", "5"], "test": ["6", "7"]}
    assert data.name == "small"
    assert data.class_names == ("well", "ill")
    assert {name: split.target.tolist() for name, split in data.splits.items()} == {
        "train": [0, 1],
        "val": [0, 1],
        "test": [1, 0],
    }
    expected = {"train": [[-1, 0], [1, 0]], "val": [[8, 0], [0, 0]], "test": [[-2, 0], [3, 0]]}
    assert {name: split.x[:].tolist() for name, split in data.splits.items()} == expected


def test_rows_are_drawn_by_class_with_a_seed_of_their_own(tmp_path: Path) -> None:
    """Exact shares of each class, whatever the training seed; another draw for another seed; classes sorted."""
    table_of(100, 3).to_csv(tmp_path / "table.csv", index=False)
    draws = []
    for seed in (0, 0, 1):
        data = Tabular(Path("table.csv"), "label", root=tmp_path, plan=SplitPlan(seed=seed))
        draws.append(groups_of(data))
        assert data.class_names == ("0", "1")
        counts = {name: torch.bincount(split.target).tolist() for name, split in data.splits.items()}
        assert counts == {"train": [45, 15], "val": [15, 5], "test": [15, 5]}
        torch.manual_seed(seed + 5)
    assert draws[0] == draws[1] != draws[2]


def test_a_patient_stays_in_one_split_and_is_scored_once(tmp_path: Path) -> None:
    """Rows of a patient share a split; units are patients, then rows; probabilities are means over a patient's rows."""
    frame = table_of(120, 2).assign(patient=[f"p{row // 3}" for row in range(120)])
    frame["label"] = [int(row // 3 % 4 == 0) for row in range(120)]
    frame.sample(frac=1, random_state=0).to_csv(tmp_path / "table.csv", index=False)
    data = Tabular(tmp_path / "table.csv", "label", group="patient")
    drawn = groups_of(data)
    assert {name: len(names) for name, names in drawn.items()} == {"train": 24, "val": 8, "test": 8}
    assert len(set().union(*drawn.values())) == 40
    test = data.splits["test"]
    assert [units.name for units in test.units] == ["patient", "row"]
    assert test.units[0].target.tolist() == [int(int(name[1:]) % 4 == 0) for name in drawn["test"]]
    shuffled = pd.read_csv(tmp_path / "table.csv")["patient"]
    assert test.units[0].of_row is not None
    of_rows = [drawn["test"][unit] for unit in test.units[0].of_row.tolist()]
    assert of_rows == [shuffled[int(row) - 2] for row in test.units[1].names or ()]
    merged, _ = test.units[0].merge(torch.stack([test.x[:][:, 0].sigmoid()] * 2, 1), torch.zeros(24))
    first = [at for at, name in enumerate(of_rows) if name == drawn["test"][0]]
    assert merged[0, 0] == pytest.approx(float(test.x[:][first, 0].sigmoid().mean()))


def test_what_does_not_vary_in_training_becomes_0(tmp_path: Path) -> None:
    """In other splits, too, whatever is there: nothing was learnt of it."""
    rows = ("0,train,7,1", "1,train,7,5", "0,train,7,9", "1,val,7,0", "0,val,-3,0", "0,test,99999,1", "1,test,0,40")
    path = write(tmp_path / "table.csv", "label,part,same,x", *rows)
    splits = Tabular(path, "label", split="part").load()
    assert all((rows.x[:][:, 0] == 0).all() and rows.x[:][:, 1].any() for rows in splits.values())


def test_missing_cells_become_the_training_median(tmp_path: Path) -> None:
    """Refused by default, with columns and counts; the median is that of training rows alone."""
    rows = ("0,a,train,1", "1,b,train,5", "0,a,train,9", "1,,val,0", "0,a,val,0", "0,?,test,NA", "1,b,test,40")
    path = write(tmp_path / "table.csv", "label,word,part,x", *rows)
    with pytest.raises(InputError, match=r"missing cells in 'x' \(1 of 7 rows\); fill them in.*data.missing to median"):
        Tabular(path, "label", split="part", ignore=["word"]).load()
    data = Tabular(path, "label", split="part", ignore=["word"], missing="median")
    test = data.load()["test"].x[:].squeeze(1)
    assert test.tolist() == pytest.approx([0.0, (40 - 5) / np.std([1, 5, 9])])
    write(path, "label,word,part,x,y", *(f"{row},{'' if 'train' in row else 1}" for row in rows))
    with pytest.raises(InputError, match=r"no training row has 'y', so there is no median; name it in data\.ignore"):
        Tabular(path, "label", split="part", ignore=["word"], missing="median").load()


HEADER = "label,who,part,x,y"
RIGHT = ("0,a,train,1,2", "1,b,train,2,3", "0,c,val,3,4", "1,d,val,4,5", "0,e,test,5,6", "1,f,test,6,7")
SPLIT = {"split": "part", "ignore": ["who"]}
GROUPED = {"split": "part", "group": "who"}


@pytest.mark.parametrize(
    ("line", "settings", "parts"),
    [
        ("1,g,test,1,2", {"label": "Label"}, ["no column 'Label'", "'label', 'who', 'part'"]),
        ("1,g,test,1,2", {"ignore": ["z"]}, ["no column 'z'"]),
        ("1,g,test,1,2", {"ignore": ["who", "part", "x", "y"]}, ["no column of features"]),
        (
            "1,g,test,1,2",
            {},
            ["no numbers in 'who' (such as 'a'), 'part' (such as 'train')", "data.text encode", "ignore"],
        ),
        ("1,g,test,inf,1", SPLIT, ["'x' (such as 'inf')"]),
        ('1,g,test,"1,5",1', SPLIT, ["'x' (such as '1,5')"]),
        ("1,g,test,,1", SPLIT, ["missing cells in 'x' (1 of 7 rows)", "data.missing to median"]),
        (",g,test,1,1", SPLIT, ["label is empty in row 8"]),
        ("2,g,test,1,1", SPLIT | {"classes": [0, 1]}, ["label is '2' in some rows", "classes '0', '1'"]),
        ("1,g,test,1,1", SPLIT | {"classes": ["0"]}, ["two classes or more", "they are: 0"]),
        ("1,g,exam,1,1", SPLIT, ["part 'exam' is none of train, val"]),
        ("1,,test,1,1", GROUPED, ["who is empty in row 8"]),
        ("0,b,train,1,1", GROUPED, ["who 'b' has rows with more than one label"]),
        ("1,b,test,1,1", GROUPED, ["who 'b' has rows with more than one split"]),
        ("1,b,,1,1", GROUPED, ["who 'b' has rows with more than one split"]),
        ("2,g,,1,1", SPLIT, ["1 rows of ", "(by class: {2: 1}) cannot be split so"]),
        ("1,g,test,1,1,1", SPLIT, ["no CSV file with a header, commas and UTF-8", "line 8"]),
    ],
)
def test_what_is_wrong_with_a_table(line: str, settings: dict[str, Any], parts: list[str], tmp_path: Path) -> None:
    """One wrong line below right ones, or a wrong setting."""
    path = write(tmp_path / "table.csv", HEADER, *RIGHT, line)
    with pytest.raises(InputError) as caught:
        Tabular(path, **{"label": "label", **settings}).load()
    for part in ("table.csv", *parts):
        assert part in str(caught.value)


@pytest.mark.parametrize(
    ("content", "part"),
    [
        (b"", "no CSV file"),
        (b"label,x\n", "no rows"),
        (b"label;x\n0;1\n", "it has 'label;x'"),
        ("label,größe\n0,1\n".encode("latin-1"), "UTF-8"),
        (b"label,x\n0,1,2\n1,2,3\n", "no CSV file"),
        (b"label,part,x\n0,train,1\n1,train,2\n0,test,1\n", "no row is of split 'val'"),
    ],
)
def test_files_that_are_no_table(content: bytes, part: str, tmp_path: Path) -> None:
    """Empty, of semicolons, in another encoding, with rows longer than the header, without a split."""
    path = tmp_path / "table.csv"
    with pytest.raises(InputError, match="is missing; put the table there"):
        Tabular(path, "label").load()
    table_of(9, 1).to_csv(tmp_path / "table.csv.gz", index=False)
    with pytest.raises(InputError, match=r"table\.csv\.gz is compressed: unpack it"):
        Tabular(tmp_path / "table.csv.gz", "label").load()
    path.write_bytes(content)
    with pytest.raises(InputError) as caught:
        Tabular(path, "label", split="part" if b"part" in content else None).load()
    assert part in str(caught.value)


def test_fit_and_predict_on_a_table_of_patients(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """A run counts patients; predict gives new rows, without labels, the probabilities that they had in the run."""
    once = table_of(60, 30).assign(patient=[f"p{row}" for row in range(60)])
    again = once.assign(x0=once["x0"] + 1)  # a second measurement of each
    frame = pd.concat([once, again])
    frame.to_csv(tmp_path / "my_table.csv", index=False)
    out = tmp_path / "run"
    options = ["--config", str(CONFIGS / "tabular.yaml"), "--data.root", str(tmp_path), "--out", str(out)]
    short = ["--trainer.max_epochs", "20", "--trainer.enable_progress_bar", "false", "--data.group", "patient"]
    short += ["--selection", "clsunbias.selection.LastStep"]
    assert main(["fit", *options, *short]) == 0
    result = json.loads((out / "result.json").read_text())
    assert (result["dataset"], result["unit"]) == ("my_table", "patient")
    assert result["units"] == {"train": 36, "val": 12, "test": 12}
    assert result["test"]["macro_f1"] > 0.9
    assert "row" in result
    expected = pd.read_csv(out / "predictions.csv").query("split == 'test'").set_index("unit")["prob_1"]
    new = frame[frame["patient"].isin(expected.index)].drop(columns="label").iloc[:, ::-1]  # columns in another order
    new.to_csv(tmp_path / "new.csv", index=False)
    asked = ["predict", "--config", str(out / "config.yaml"), "--input", str(tmp_path / "new.csv")]
    assert main([*asked, "--out", str(tmp_path / "scores")]) == 0
    found = pd.read_csv(tmp_path / "scores" / "predictions.csv").set_index("unit")["prob_1"]
    pd.testing.assert_series_equal(found.sort_index(), expected.sort_index(), atol=1e-6)
    new.drop(columns="x3").to_csv(tmp_path / "new.csv", index=False)
    fails([*asked, "--out", str(tmp_path / "other")], capfd, "new.csv lacks 'x3'")


def test_a_table_that_has_changed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    """Neither fit nor a grid takes a run on the old table for one on the new; without a table the run still stands."""
    table = table_of(60, 30)
    table.to_csv(tmp_path / "my_table.csv", index=False)
    grid = {
        "title": "A table of one's own",
        "metrics": ["test/macro_f1"],
        "baselines": [],
        "protocols": {"paper": {"label": "mine", "seeds": 2, "set": {"trainer.max_epochs": 2}}},
        "rows": {"erm": {"label": "ERM", "config": "objectives/erm.yaml"}},
        "columns": {"mine": {"label": "mine", "configs": {"paper": "tabular.yaml"}, "needs": "my_table.csv"}},
    }
    (tmp_path / "mine.yaml").write_text(yaml.safe_dump(grid))
    monkeypatch.setenv("CLSUNBIAS_DATA", str(tmp_path))
    reproduce = ["reproduce", str(tmp_path / "mine.yaml"), "--jobs", "1", "--out", str(tmp_path / "out")]
    assert main(reproduce) == 0
    run = tmp_path / "out" / "runs" / "mine" / "paper" / "mine" / "erm" / "0"
    again = ["fit", "--config", str(run / "config.yaml"), "--out", str(run)]
    again += ["--trainer.enable_progress_bar", "false"]
    assert main(again) == 0
    before = (run / "result.json").read_bytes()
    table.assign(x0=0.0).to_csv(tmp_path / "my_table.csv", index=False)
    fails(reproduce, capfd, f"{run} holds a run on other data", "my_table.csv has changed")
    fails(again, capfd, f"{run} holds this run on other data", "my_table.csv now; give another --out")
    (tmp_path / "my_table.csv").unlink()
    assert main(again) == 0
    assert (run / "result.json").read_bytes() == before


def test_the_command_of_the_docs(tmp_path: Path) -> None:
    """It runs as it stands there, on a table of that many features; the negative class is the one named first."""
    found = re.search(r"clsunbias (fit --config configs/tabular\.yaml .*?)```", PAGE.read_text(), re.DOTALL)
    assert found
    table = load_breast_cancer(as_frame=True).frame.rename(columns={"target": "diagnosis"})
    table["diagnosis"] = table["diagnosis"].map({0: "malignant", 1: "benign"})
    table.to_csv(tmp_path / "my_table.csv", index=False)
    command = shlex.split(found[1].replace("\\\n", "").replace("configs/", f"{CONFIGS}/"))
    short = ["--trainer.max_epochs", "2", "--trainer.enable_progress_bar", "false"]
    assert main([*command, "--data.root", str(tmp_path), "--out", str(tmp_path / "run"), *short]) == 0
    labels = pd.read_csv(tmp_path / "run" / "predictions.csv").set_index(["split", "unit"])["label"]
    assert labels.sum() == 212  # of 569 are malignant
    assert labels.groupby("split").agg(["size", "sum"]).to_numpy().tolist() == [[114, 42], [341, 127], [114, 43]]


def test_a_model_of_another_width(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """The number of features is in the message, and no folder is made."""
    table_of(400, 4).to_csv(tmp_path / "my_table.csv", index=False)
    options = ["--config", str(CONFIGS / "tabular.yaml"), "--data.root", str(tmp_path), "--out", str(tmp_path / "run")]
    fails(["fit", *options], capfd, "Linear cannot take my_table's rows of shape (4,)")
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize("change", ["columns", "unit"])
def test_a_table_that_changed_is_not_scored(change: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """Other order of the columns, another unit: every command that reads it refuses, and says which file."""
    table = table_of(60, 30)
    table.to_csv(tmp_path / "my_table.csv", index=False)
    options = ["--config", str(CONFIGS / "tabular.yaml"), "--data.root", str(tmp_path), "--out", str(tmp_path / "run")]
    assert main(["fit", *options, "--trainer.max_epochs", "2"]) == 0
    changed = table[table.columns[::-1]] if change == "columns" else table.assign(x0=10 * table["x0"])
    changed.to_csv(tmp_path / "my_table.csv", index=False)
    run = ["--config", str(tmp_path / "run" / "config.yaml")]
    capfd.readouterr()
    for command in (["test", *run], ["validate", *run]):
        assert main(command) == 2
        assert "my_table.csv has changed since the run was made" in capfd.readouterr().err
    assert main(["export", str(tmp_path / "run"), "--onnx", str(tmp_path / "model.onnx")]) == 2
    assert "my_table.csv has changed" in capfd.readouterr().err


def test_a_path_may_be_a_text(tmp_path: Path) -> None:
    """In Python, where no option makes a path of it: from here, or below the root."""
    table_of(60, 2).to_csv(tmp_path / "table.csv", index=False)
    for data in (Tabular(str(tmp_path / "table.csv"), "label"), Tabular("table.csv", "label", root=tmp_path)):  # type: ignore[arg-type]
        data.setup("fit")
        assert data.name == "table"
        assert sum(map(len, data.splits.values())) == 60
