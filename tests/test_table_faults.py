"""What a table of one's own may hold that nobody meant: each is refused or said, by name."""

import itertools
import json
import re
import time
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from clsunbias.__main__ import main
from clsunbias.data import Tabular
from clsunbias.data.base import DataModule
from clsunbias.data.split import Split
from clsunbias.errors import InputError
from clsunbias.speech import own_recordings
from clsunbias.splits import SplitPlan
from tests.fakes import table_of
from tests.pages import fitted as trained
from tests.pages import records, report
from tests.records import SPEAKERS, write_record
from tests.test_cli import CONFIGS
from tests.test_errors import fails


def fitted(folder: Path, *options: str) -> int:
    """Status of a short run on ``my_table.csv`` in a folder, which has three features."""
    table = ["--config", str(CONFIGS / "tabular.yaml"), "--data.root", str(folder), "--out", str(folder / "run")]
    short = ["--model.network.in_features", "3", "--trainer.max_epochs", "1", "--trainer.enable_progress_bar", "false"]
    return main(["fit", *table, *short, *options])


def test_a_report_of_a_table(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Names of classes are those of the run; that the table has changed, or is gone, is noted."""
    table, html = table_of(60, 3), tmp_path / "page.html"
    monkeypatch.setenv("CLSUNBIAS_DATA", str(tmp_path))
    table.assign(label=table["label"].map({0: "well", 1: "ill"})).to_csv(tmp_path / "my_table.csv", index=False)
    assert fitted(tmp_path, "--data.plan.seed", "1") == 0
    assert report(tmp_path / "run", html) == 0
    assert records(html)["datasets"][0]["classes"] == ["ill", "well"]
    assert "has changed since the runs" not in html.read_text()
    table.to_csv(tmp_path / "my_table.csv", index=False)
    assert report(tmp_path / "run", html) == 0
    assert "my_table.csv has changed since the runs were made" in html.read_text()
    (tmp_path / "my_table.csv").unlink()
    assert report(tmp_path / "run", html) == 0
    assert records(html)["datasets"][0]["classes"] == ["ill", "well"]
    assert "my_table.csv is missing" in html.read_text()


def test_a_report_of_named_classes_without_the_table(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """They are in the config."""
    monkeypatch.setenv("CLSUNBIAS_DATA", "nowhere")
    table = table_of(60, 3)
    table.assign(label=table["label"].map({0: "well", 1: "ill"})).to_csv(tmp_path / "my_table.csv", index=False)
    assert fitted(tmp_path, "--data.classes", json.dumps(["well", "ill"])) == 0
    assert report(tmp_path / "run", tmp_path / "page.html") == 0
    assert records(tmp_path / "page.html")["datasets"][0]["classes"] == ["well", "ill"]


class NamesLate(DataModule):
    """A data set of somebody's own that names its classes when it is loaded."""

    def load(self) -> dict[str, Split]:
        raise NotImplementedError


def test_a_report_of_a_data_set_of_ones_own(tmp_path: Path) -> None:
    """A report does not import it: its classes go by side where no record names them, and the page says why."""
    config = trained("erm", 0) | {"data": {"class_path": f"{__name__}.NamesLate"}}
    write_record(tmp_path / "runs" / "0", config, SPEAKERS, dataset="late", objective="erm")
    assert report(tmp_path / "runs", tmp_path / "page.html") == 0
    assert records(tmp_path / "page.html")["datasets"][0]["classes"] == ["negative", "positive"]
    assert "NamesLate cannot say more: a report imports no class" in (tmp_path / "page.html").read_text()


def rows_of(header: str, *more: str) -> str:
    """A table of 40 rows below a header: a feature, a label and more cells, which may hold the row or the label."""
    random = np.random.default_rng(0)
    cells = ("{2:.3f}", "{1}", *more)
    lines = [[cell.format(row, row // 20, random.normal()) for cell in cells] for row in range(40)]
    return "\n".join([header, *map(",".join, lines)]) + "\n"


@pytest.mark.parametrize(
    ("content", "ignore", "part"),
    [
        (rows_of("x,label,", "{0}"), "Unnamed: 2", "without a name: 'Unnamed: 2'"),
        (rows_of("x,label,Unnamed: 0", "{0}"), "Unnamed: 0", "without a name: 'Unnamed: 0'"),
        (rows_of("x,label,label", "{1}"), "label.1", "of the same name: 'label' (again as 'label.1')"),
        (rows_of("x,label,x", "{0}"), "x.1", "of the same name: 'x' (again as 'x.1')"),
    ],
)
def test_columns_that_pandas_names(content: str, ignore: str, part: str, tmp_path: Path) -> None:
    """None is a feature before somebody has looked; to leave it out is enough."""
    path = tmp_path / "table.csv"
    path.write_text(content)
    with pytest.raises(InputError, match=r"data\.ignore") as caught:
        Tabular(path, "label").load()
    assert part in str(caught.value)
    assert Tabular(path, "label", ignore=[ignore]).load()["train"].x[:].shape == (24, 1)


def test_new_rows_with_a_feature_twice(tmp_path: Path) -> None:
    """Which one is meant, nobody knows; other columns may be anything."""
    (tmp_path / "table.csv").write_text(rows_of("x,label"))
    data = Tabular(tmp_path / "table.csv", "label")
    (tmp_path / "new.csv").write_text(",x,y,y\n0,1,2,3\n")
    assert len(data.read(tmp_path / "new.csv")) == 1
    (tmp_path / "new.csv").write_text("x,x\n1,2\n")
    with pytest.raises(InputError, match=r"new\.csv has columns of the same name: 'x' \(again"):
        data.read(tmp_path / "new.csv")


def test_a_table_without_a_header(tmp_path: Path) -> None:
    """Numbers are no names, unless they count the columns as pandas does."""
    path = tmp_path / "table.csv"
    path.write_text(rows_of("1.5,0"))
    with pytest.raises(InputError, match="has no header, but numbers in its first row"):
        Tabular(path, "0").load()
    path.write_text(rows_of("0,1"))
    assert Tabular(path, "1").load()["train"].target.sum() == 12


@pytest.mark.parametrize("cell", ["{1}", "-{1}.5"])
def test_a_feature_that_tells_the_classes_apart(cell: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """It is said in one line, by name, and trained on."""
    path = tmp_path / "table.csv"
    path.write_text(rows_of("x,label,after", cell))
    Tabular(path, "label").setup("fit")
    err = capfd.readouterr().err
    assert err.startswith(f"clsunbias: warning: {path}: 'after' alone tells the classes of the training rows apart")
    assert err.count("\n") == 1
    Tabular(path, "label", ignore=["after"]).setup("fit")
    Tabular(path, "label").setup("predict")
    assert not capfd.readouterr().err


@pytest.mark.parametrize("text", ["None", "NA", "null", "n/a", "nan", "?"])
def test_labels_groups_and_splits_are_as_written(text: str, tmp_path: Path) -> None:
    """Such a text is a class or a patient, and no split; in a feature it is missing."""
    path = tmp_path / "table.csv"
    each = [(part, row) for part in ("train", "val", "test") for row in (1, 2)]
    lines = [f"{part}{row},{text if row % 2 else 'ill'},{part},{row}" for part, row in each]
    content = "\n".join(["who,label,part,x", *lines]) + "\n"
    path.write_text(content.replace("test1,", f"{text},"))
    data = Tabular(path, "label", classes=[text, "ill"], split="part", group="who")
    data.setup("test")
    assert data.splits["test"].units[0].names == [text, "test2"]
    assert data.splits["test"].target.tolist() == [0, 1]
    assert data.read(path).units[0].names == ["train1", "train2", "val1", "val2", text, "test2"]
    path.write_text(content.replace("test,1", f"{text},1"))
    with pytest.raises(InputError, match="is none of train"):
        Tabular(path, "label", split="part", ignore=["who"]).load()
    path.write_text(content.replace("test,1", f"test,{text}"))
    with pytest.raises(InputError, match=r"missing cells in 'x' \(1 of 6 rows\)"):
        Tabular(path, "label", split="part", ignore=["who"]).load()
    path.write_text(content.replace("ill,test", " ,test"))
    with pytest.raises(InputError, match="label is empty in row 7"):
        Tabular(path, "label", split="part", ignore=["who"]).load()


@pytest.mark.parametrize(
    ("labels", "said"),
    [
        (["benign", "Benign", "malignant"], "'Benign' and 'benign';"),
        (["0", "0.0", "1", "1.0"], "'0' and '0.0', '1' and '1.0';"),
        (["on  call", "on call", "off"], "'on  call' and 'on call';"),
    ],
)
def test_one_class_in_several_spellings(labels: list[str], said: str, tmp_path: Path) -> None:
    """It is refused with the spellings, in a table and in a list of recordings, unless each is named as a class."""
    path = tmp_path / "table.csv"
    path.write_text("label,x\n" + "".join(f"{label},{row}\n" for label in labels for row in range(10)))
    with pytest.raises(InputError, match="what may be one class in several ways") as caught:
        Tabular(path, "label").load()
    assert said in str(caught.value)
    Tabular(path, "label", classes=labels).load()
    (tmp_path / "recordings.csv").write_text("path,speaker,label\n" + "".join(f"a,b,{label}\n" for label in labels))
    with pytest.raises(InputError, match="what may be one class in several ways"):
        own_recordings.read(tmp_path)


@pytest.mark.parametrize("words", [("No", "Yes"), ("no", "yes"), ("False", "True"), ("off", "ON")])
def test_yes_and_no_are_classes(words: tuple[str, str], tmp_path: Path) -> None:
    """Without quotes, in either order, in a run, its card and what is read again of its config."""
    table = table_of(60, 3)
    table.assign(label=table["label"].map(dict(enumerate(words)))).to_csv(tmp_path / "my_table.csv", index=False)
    assert fitted(tmp_path, "--data.classes", f"[{words[1]}, {words[0]}]") == 0
    assert f"| split |  | all | {words[1]} | {words[0]} |" in (tmp_path / "run" / "MODEL_CARD.md").read_text()
    assert main(["test", "--config", str(tmp_path / "run" / "config.yaml")]) == 0


def test_truth_values_that_are_no_labels(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """One message says to quote them, whether labels have none or two such words."""
    table = table_of(60, 3)
    table.to_csv(tmp_path / "my_table.csv", index=False)
    options = ["fit", "--config", str(CONFIGS / "tabular.yaml"), "--data.root", str(tmp_path)]
    options += ["--out", str(tmp_path / "run"), "--data.classes", "[No, Yes]"]
    fails(options, capfd, "False to YAML", "hold none of no, false, off", "put the classes in quotes")
    table.assign(label=["no", "No", "yes"] * 20).to_csv(tmp_path / "my_table.csv", index=False)
    fails(options, capfd, "labels hold 'No', 'no'", "put the classes in quotes")


@pytest.mark.parametrize(
    ("cell", "settings"),
    [
        ("1", {"label": "Label"}),
        ("1", {"ignore": [f"x{at}" for at in range(40)]}),
        ("a", {}),
        ("", {}),
        ("", {"missing": "median"}),
        ("1", {"label": "x0"}),
        ("1", {"label": "who"}),
        ("1", {"label": "who", "classes": ["a", "b"]}),
        ("1", {"group": "none"}),
    ],
)
def test_lists_in_messages_end(cell: str, settings: dict[str, Any], tmp_path: Path) -> None:
    """However wide or long a table is."""
    lines = [",".join([str(row % 2), f"p{row}", *[cell] * 40]) for row in range(50)]
    path = tmp_path / "table.csv"
    path.write_text("\n".join([",".join(["label", "who", *(f"x{at}" for at in range(40))]), *lines]))
    ignore = {} if settings.get("label") == "who" else {"ignore": ["who", *settings.pop("ignore", [])]}
    with pytest.raises(InputError) as caught:
        Tabular(path, **{"label": "label", **ignore, **settings}).load()
    message = str(caught.value).replace(str(path), "")
    assert "more" in message or settings.get("label") == "x0"
    assert message.count(",") < 12, message


@pytest.mark.parametrize("folds", [0, 4])
@pytest.mark.parametrize("names", [("9", "10", "11"), ("a", "b", "c")])
def test_the_order_of_classes_moves_no_row(names: tuple[str, ...], folds: int, tmp_path: Path) -> None:
    """Splits are those of the sorted classes, whichever is named first; sorted ones are drawn as their numbers are."""
    path, plan = tmp_path / "table.csv", SplitPlan(folds=folds)
    label = pd.Series(np.random.default_rng(1).integers(0, 3, 70))
    pd.DataFrame({"x": np.arange(70), "label": [names[at] for at in label]}).to_csv(path, index=False)
    rows = pd.DataFrame({"group": np.arange(70), "label": label, "split": ""})
    drawn = plan.assign(rows)
    expected = {split: [str(at + 2) for at in np.flatnonzero(drawn == split)] for split in ("train", "val", "test")}
    for classes in ((), *itertools.permutations(names)):
        splits = Tabular(path, "label", classes=classes, plan=plan).load()
        assert {name: list(split.units[0].names or ()) for name, split in splits.items()} == expected


def table_with(tmp_path: Path, *rows: str, header: str = "x,y,label,part,who") -> Tabular:
    """Twelve different rows of two classes, two patients each split, and more rows."""
    path = tmp_path / "table.csv"
    each = [f"{at}.5,{at * at},{'ab'[at % 2]},{['train', 'val', 'test'][at // 4]},p{at}" for at in range(12)]
    path.write_text("\n".join([header, *each, *rows]) + "\n")
    return Tabular(path, "label", split="part", group="who")


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        ((), []),
        (("0.5,0,a,train,p0",), []),
        (("0.5,0,b,train,p20",), ["2 rows equal one of another class in every feature, such as rows 2 and 14 "]),
        (("99,9,a,train,P0",), ["names in who may be one, spelled in several ways: 'p0' and 'P0'; they count as diff"]),
        (("99,9,a,train,p 0",), ["names in who may be one, spelled in several ways: 'p0' and 'p 0'; they"]),
        (("99,9,a,val,007", "98,9,a,val,7.0"), ["spelled in several ways: '007' and '7.0'; they count"]),
        (("99,9,a,val,p0 ", "98,9,a,val, p0"), "who 'p0' has rows with more than one split"),
        (("0.50,00,a,test,p20",), "1 pairs of equal rows of numbers (such as train 2 and test 14)"),
        (("0.5,0,b,test,p20",), "1 pairs of equal rows of numbers (such as train 2 and test 14)"),
        (
            ("0.5,0,a,test,p20", "1.5,1,b,val,p21"),
            "2 pairs of equal rows of numbers (such as train 3 and val 15, train",
        ),
        (("99,9,a,val,p 0",), "1 pairs of one name, but for blanks and case (such as train p0 and val p 0)"),
        (("99,9,a,test,P0",), "1 pairs of one name, but for blanks and case (such as train p0 and test P0)"),
    ],
)
def test_rows_and_patients_that_are_there_twice(
    rows: tuple[str, ...], said: list[str] | str, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """Refused in two splits, else said by row, before training; blanks around a name are none of it."""
    data = table_with(tmp_path, *rows)
    if isinstance(said, str):
        with pytest.raises(InputError, match=re.escape(said)):
            data.setup("fit")
        return
    data.setup("fit")
    told = capfd.readouterr().err.splitlines()
    assert len(told) == len(said)
    for line, part in zip(told, said, strict=True):
        assert line.startswith("clsunbias: warning: ")
        assert part in line
    table_with(tmp_path, *rows).setup("test")
    assert not capfd.readouterr().err, "it is said once, before training"


def test_rows_that_could_hardly_differ(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """Two yes-or-no features repeat in everybody's table: nothing is said."""
    random = np.random.default_rng(0)
    frame = pd.DataFrame({"x": random.integers(0, 2, 60), "y": random.integers(0, 2, 60), "label": np.arange(60) % 2})
    frame.to_csv(tmp_path / "table.csv", index=False)
    Tabular(tmp_path / "table.csv", "label").setup("fit")
    assert not capfd.readouterr().err


def test_a_wide_table_is_read_in_time_that_grows_with_it(tmp_path: Path) -> None:
    """Looking at a column does not cost a copy of all names."""
    taken = []
    for columns in (250, 2500):
        frame = pd.DataFrame(np.random.default_rng(0).normal(size=(12, columns))).add_prefix("x")
        frame.assign(label=np.arange(12) % 2).to_csv(tmp_path / "table.csv", index=False)
        start = time.process_time()
        Tabular(tmp_path / "table.csv", "label", plan=SplitPlan(val=0.3, test=0.3)).load()
        taken.append(time.process_time() - start)
    assert taken[1] < 40 * taken[0] + 1
