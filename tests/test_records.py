"""Runs and their records: the options that make them, and what is said of a record that is not what was asked for."""

import json
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from clsunbias.__main__ import main
from clsunbias.errors import InputError
from clsunbias.experiments.running.config import difference, merge, nested, same
from clsunbias.experiments.running.run import Record, Run, read_predictions
from clsunbias.files import CONFIGS, sealed, sha256_of
from tests.fakes import SHORT

FILES = (CONFIGS / "toy_balanced.yaml", CONFIGS / "objectives" / "erm.yaml")
ASKED = (*SHORT.items(), ("model.optimizer.init_args.lr", "2e-2"), ("withhold_test", False), ("save_every", 0))


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """A short run."""
    run = Run(tmp_path_factory.mktemp("finished") / "run", FILES, ASKED)
    assert main(["fit", *run.options, "--trainer.enable_progress_bar", "false"]) == 0
    return run


@pytest.fixture
def copy(finished: Run, tmp_path: Path) -> Run:
    """The run in a folder of its own, which may be spoilt."""
    shutil.copytree(finished.out, tmp_path / "run")
    return Run(tmp_path / "run", FILES, ASKED)


def test_merge_composes_as_the_command_line_does() -> None:
    """Later wins, mappings are merged, another class drops the arguments of the one before, inputs stay as they are."""
    base = {"a": {"b": 1, "c": 2}, "o": {"class_path": "A", "init_args": {"x": 1}}, "n": {"k": 1}}
    over = {"a": {"b": 3}, "o": {"class_path": "B"}, "n": None}
    before = json.dumps(base)
    assert merge(base, over) == {"a": {"b": 3, "c": 2}, "o": {"class_path": "B"}, "n": None}
    assert merge(base, {"o": {"class_path": "A", "init_args": {"y": 2}}})["o"]["init_args"] == {"x": 1, "y": 2}
    assert json.dumps(base) == before
    assert nested("a.b.c", [1]) == {"a": {"b": {"c": [1]}}}


@pytest.mark.parametrize(
    ("asked", "found", "expected"),
    [
        (0.01, 0.01, True),
        ("3e-4", 0.0003, True),  # to YAML, that is a string
        (1, 1.0, True),
        (0.01, 0.02, False),
        (None, None, True),
        (None, 0.0, False),
        ([1, 2], [1, 2], True),
        ([1, 2], [2, 1], False),
        ("clsunbias.selection.LastStep", {"class_path": "clsunbias.selection.LastStep", "init_args": {}}, True),
        ("LastStep", "clsunbias.selection.LastStep", True),
        ("torch.optim.Adam", "torch.optim.adam.Adam", True),
        ("torch.optim.AdamW", "torch.optim.Adam", False),
        ("mine.Adam", "torch.optim.Adam", False),
        ("train.npz", "val.npz", False),
        ("a/v1.csv", "b/v1.csv", False),
    ],
)
def test_same(asked: Any, found: Any, expected: bool) -> None:
    """Values of a config that say the same though they are written in other ways, and some that do not."""
    assert same(asked, found) is expected


def test_difference_is_the_first_and_names_both_values() -> None:
    """What was not asked for may be anything."""
    saved = {"a": {"b": 1, "c": 2}, "d": 3}
    assert difference({"a": {"b": 1}}, saved) == ""
    assert difference({"a": {"b": 1, "c": 5}, "d": 4}, saved) == "a.c is 2, asked for is 5"
    assert difference({"x": 1}, saved) == "x is None, asked for is 1"


def test_options() -> None:
    """Files in order, then parameters as YAML reads them, then the folder."""
    overrides = {"a": "text", "b": True, "c": None, "d": [0.1, 2], "e": {"class_path": "A"}}
    options = Run(Path("out"), FILES, tuple(overrides.items())).options
    assert options[:4] == ["--config", str(FILES[0]), "--config", str(FILES[1])]
    assert options[4:10] == ["--a", "text", "--b", "true", "--c", "null"]
    assert options[10:] == ["--d", "[0.1, 2]", "--e", '{"class_path": "A"}', "--out", "out"]


@pytest.mark.parametrize(
    ("trainer", "devices"),
    [
        ({}, 1),
        ({"devices": "auto"}, 1),
        ({"devices": -1}, 1),
        ({"devices": 2}, 2),
        ({"devices": [0, 3]}, 2),
        ({"num_nodes": 2}, 2),
        ({"devices": 4, "num_nodes": 2}, 8),
    ],
)
def test_devices(trainer: dict[str, Any], devices: int) -> None:
    """Those that a run names; one where it leaves them to be found."""
    assert (
        Run(Path("out"), FILES, tuple((f"trainer.{name}", value) for name, value in trainer.items())).devices == devices
    )


def test_a_finished_run_has_a_record(finished: Run, tmp_path: Path) -> None:
    """With its figures and predictions, though lr was given as text; a folder without a result has none."""
    record = finished.record()
    assert record is not None
    assert record.result["objective"] == "erm"
    assert read_predictions([record])[0]["split"].unique().tolist() == ["train", "val", "test_1", "test_2"]
    assert Run(tmp_path / "none", FILES, ASKED).record() is None


def change(name: str, value: Any) -> Callable[[Path], None]:
    """Changes a field of result.json."""

    def spoil(folder: Path) -> None:
        result = json.loads((folder / "result.json").read_text())
        result[name] = value
        (folder / "result.json").write_text(json.dumps(result))

    return spoil


def reseal(**fields: Any) -> Callable[[Path], None]:
    """Changes fields of result.json, whose seal then fits them."""

    def spoil(folder: Path) -> None:
        result = json.loads((folder / "result.json").read_text()) | fields
        (folder / "result.json").write_text(json.dumps(sealed(result)))

    return spoil


def write(folder: Path, text: str) -> None:
    """Puts a text in place of result.json."""
    (folder / "result.json").write_text(text)


def replace(file: str, old: str, new: str) -> Callable[[Path], None]:
    """Replaces text in a file, where it must be."""

    def spoil(folder: Path) -> None:
        text = (folder / file).read_text()
        assert old in text
        (folder / file).write_text(text.replace(old, new, 1))

    return spoil


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (change("step", 12345), "changed after the run wrote it"),
        (change("val", {"macro_f1": 1.0}), "changed after the run wrote it"),
        (change("record_sha256", "0" * 64), "changed after the run wrote it"),
        (reseal(step="12"), "its step is '12', not a whole number"),
        (reseal(seed=True), "its seed is True, not a whole number"),
        (reseal(simulated=None), "its simulated is None, not true or false"),
        (reseal(dataset=None), "its dataset is None, not a text"),
        (reseal(units={"test": 0}), "its units of test are 0"),
        (reseal(units={"dev": 3}), "units of dev, but no metrics"),
        (reseal(train={"macro_f1": "0.9"}), "its train macro_f1 is '0.9', no finite number"),
        (reseal(class_names=["one"]), "its class_names are"),
        (lambda folder: write(folder, '{"step": 1, "step": 2}'), "it has 'step' twice"),
        (lambda folder: write(folder, '{"step": NaN}'), "it has NaN in it"),
        (lambda folder: write(folder, '{"a": ' + "[" * 10_000 + "]" * 10_000 + "}"), "it nests too deep"),
        (lambda folder: write(folder, '{"step": ' + "9" * 10_000 + "}"), "cannot be used"),
        (lambda folder: write(folder, " " * 11_000_000 + "{}"), "it has 11,000,002 bytes"),
        (lambda folder: write(folder, ""), "it is no JSON"),
        (lambda folder: (folder / "result.json").write_text("{}"), "no record of this suite"),
        (lambda folder: (folder / "result.json").write_text("[1, 2]"), "cannot be used"),
        (lambda folder: (folder / "result.json").write_text('{"val": '), "cannot be used"),
        (lambda folder: (folder / "result.json").write_bytes(b"\xff\x00"), "cannot be used"),
        (replace("config.yaml", "lr: 0.02", "lr: 0.05"), "not the config that it was made with"),
        (lambda folder: (folder / "config.yaml").write_text("- 1"), "cannot be used"),
        (lambda folder: (folder / "config.yaml").write_text("a: [1"), "cannot be used"),
        (lambda folder: (folder / "config.yaml").unlink(), "cannot be used"),
    ],
)
def test_a_spoilt_record_is_refused(copy: Run, spoil: Callable[[Path], object], message: str) -> None:
    """An edited figure, hash or config, or no JSON at all: said, with the file and what to do."""
    assert copy.record() is not None
    spoil(copy.out)
    with pytest.raises(InputError, match=message) as raised:
        copy.record()
    assert str(copy.out / "result.json") in str(raised.value)
    assert f"delete {copy.out}" in str(raised.value)


@pytest.mark.parametrize(
    ("name", "value", "parts"),
    [
        ("model.optimizer.init_args.lr", 0.05, ["lr is 0.02", "asked for is 0.05"]),
        ("seed_everything", 3, ["seed_everything is 42", "asked for is 3"]),
        (
            "selection",
            "clsunbias.selection.Best",
            ["selection is", "LastStep", "asked for is clsunbias.selection.Best"],
        ),
        ("withhold_test", True, ["withhold_test is False", "asked for is True"]),
        ("data.init_args.positive_fraction", 0.1, ["data.init_args.positive_fraction is 0.5", "asked for is 0.1"]),
    ],
)
def test_another_configs_record_is_refused(finished: Run, name: str, value: Any, parts: list[str]) -> None:
    """The parameter is named, with the value that the run had and the one that is asked for."""
    with pytest.raises(InputError) as raised:
        Run(finished.out, FILES, (*ASKED, (name, value))).record()
    for part in (str(finished.out), *parts):
        assert part in str(raised.value)


def test_another_objectives_record_is_refused(finished: Run) -> None:
    """The class of the overlay counts."""
    other = Run(finished.out, (FILES[0], CONFIGS / "objectives" / "per_class_erm.yaml"), ASKED)
    with pytest.raises(InputError, match=r"model\.objective.*ERM.*PerClassERM"):
        other.record()


def test_changed_predictions_are_refused(copy: Run) -> None:
    """A record's predictions are those that it was written with, to the byte, or they are not used."""
    record = copy.record()
    assert record is not None
    path = copy.out / "predictions.csv"
    path.write_text(path.read_text().replace("train,0,0,", "train,0,1,"))
    with pytest.raises(InputError, match=r"predictions\.csv is missing or not what"):
        record.file("predictions")
    path.unlink()
    with pytest.raises(InputError, match=r"predictions\.csv is missing or not what"):
        record.file("predictions")


def swap(old: str, new: str) -> Callable[[str], str]:
    """Replaces a pattern in a text, once."""
    return lambda text: re.sub(old, new, text, count=1)


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (swap("label", "truth"), "it has no column label; it has split, unit"),
        (swap("prob_0", "score"), "it has no column prob_0"),
        (swap("prob_1", "prob_2"), "it has no column prob_1"),
        (lambda text: re.sub("^test_2,", "dev,", text, flags=re.MULTILINE), "its rows by split are"),
        (swap("\ntest_1,", "\n,"), "its rows by split are"),
        (swap("\ntest_1,1,", "\ntest_1,0,"), "unit 0 of test_1 stands there twice"),
        (swap("\ntest_1,0,[01],", "\ntest_1,0,2,"), "unit 0 of test_1 has a label that is not 0 to 1"),
        (swap("(\ntest_1,0,.,\\w+),[^,]+", r"\1,1.5"), "unit 0 of test_1 has a probability that is not between"),
        (swap("(\ntest_1,0,.,\\w+),[^,]+", r"\1,nan"), "unit 0 of test_1 has a probability that is not between"),
        (swap("(\ntest_1,0,.,\\w+),[^,]+", r"\1,"), "unit 0 of test_1 has a probability that is not between"),
        (swap("(\ntest_1,0,.,\\w+),[^,]+,[^,]+", r"\1,0.1,0.2"), "unit 0 of test_1 has probabilities whose sum"),
        (lambda _: "", "it is no table"),
        (lambda text: text + '"', "it is no table"),
    ],
)
def test_predictions_of_something_else(spoil: Callable[[str], str], message: str, copy: Run, tmp_path: Path) -> None:
    """Whoever wrote and sealed them: the file is named among others of its row, and what is wrong with it."""
    path = copy.out / "predictions.csv"
    good = copy.record()
    assert good is not None
    text = path.read_text()
    assert spoil(text) != text
    shutil.copytree(copy.out, tmp_path / "good")
    path.write_text(spoil(text))
    reseal(predictions_sha256=sha256_of(path))(copy.out)
    bad = copy.record()
    assert bad is not None
    with pytest.raises(InputError) as raised:
        read_predictions([Record(tmp_path / "good", good.result), bad])
    assert f"{path} cannot be used: {message}" in str(raised.value)


def test_a_unit_called_na_is_one(copy: Run) -> None:
    """So is one called None: names of units are read as they are written."""
    path = copy.out / "predictions.csv"
    path.write_text(path.read_text().replace("\ntest_1,0,", "\ntest_1,NA,").replace("\ntest_1,1,", "\ntest_1,None,"))
    reseal(predictions_sha256=sha256_of(path))(copy.out)
    record = copy.record()
    assert record is not None
    assert {"NA", "None"} < set(read_predictions([record])[0]["unit"])


def test_a_seal_does_not_depend_on_order_or_on_an_older_seal() -> None:
    """It is of the content."""
    assert sealed({"a": 1, "b": 2})["record_sha256"] == sealed({"b": 2, "a": 1, "record_sha256": "x"})["record_sha256"]
    assert sealed({"a": 1})["record_sha256"] != sealed({"a": 2})["record_sha256"]


def test_a_withheld_test_split_is_nowhere(tmp_path: Path) -> None:
    """A search's run scores training and validation only, in figures, units and predictions."""
    run = Run(tmp_path / "run", FILES, (*SHORT.items(), ("withhold_test", True)))
    assert main(["fit", *run.options, "--trainer.enable_progress_bar", "false"]) == 0
    record = run.record()
    assert record is not None
    assert set(record.result["units"]) == {"train", "val"}
    assert not [name for name in record.result if name.startswith("test")]
    assert set(pd.read_csv(run.out / "predictions.csv")["split"]) == {"train", "val"}
    assert "test" not in (run.out / "metrics.csv").read_text()
