"""Every file that a figure rests on: changed or gone after the run wrote it, it is refused by each who reads it."""

import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from clsunbias.__main__ import main
from clsunbias.errors import InputError
from clsunbias.runs import load_run
from tests.fakes import table_of
from tests.test_cli import SHORT_TOY, fit

SELECTED = "checkpoints/selected.ckpt"


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A short run."""
    out = tmp_path_factory.mktemp("sealed") / "run"
    assert fit("toy_balanced", out, *SHORT_TOY) == 0
    return out


@pytest.fixture
def copy(finished: Path, tmp_path: Path) -> Path:
    """The run in a folder of its own, which may be spoilt."""
    shutil.copytree(finished, tmp_path / "run")
    return tmp_path / "run"


def zero(path: Path) -> None:
    """Turns bytes in the middle of a file into zeros; its length stays."""
    content = bytearray(path.read_bytes())
    middle = len(content) // 2
    content[middle : middle + 64] = bytes(64)
    path.write_bytes(content)


def edit(path: Path) -> None:
    """Changes the last digit of a table."""
    text = path.read_text().rstrip("\n")
    path.write_text(f"{text[:-1]}{(int(text[-1], 36) + 1) % 10}\n")


SPOILT = [
    (zero, SELECTED),
    (Path.unlink, SELECTED),
    (edit, "metrics.csv"),
    (Path.unlink, "metrics.csv"),
    (edit, "predictions.csv"),
    (Path.unlink, "predictions.csv"),
]


@pytest.mark.parametrize(("spoil", "name"), SPOILT)
def test_a_spoilt_run_does_not_count_as_finished(
    spoil: Callable[[Path], None], name: str, copy: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """The same command again refuses it by the file's name; as it was, it had nothing to do."""
    assert fit("toy_balanced", copy, *SHORT_TOY) == 0
    assert "nothing to do" in capfd.readouterr().err
    spoil(copy / name)
    assert fit("toy_balanced", copy, *SHORT_TOY) == 2
    assert f"{copy / name} is missing or not what" in " ".join(capfd.readouterr().err.split())


def test_an_edited_result_does_not_count_as_finished(copy: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """A figure that somebody improved by hand."""
    path = copy / "result.json"
    path.write_text(path.read_text().replace('"macro_f1": 0.', '"macro_f1": 0.9', 1))
    assert fit("toy_balanced", copy, *SHORT_TOY) == 2
    assert "changed after the run wrote it" in capfd.readouterr().err


@pytest.mark.parametrize("asked", ["run", "checkpoint"])
def test_damaged_weights_are_not_used(asked: str, copy: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """Neither to test, nor in Python, nor to start another run from, by the run's folder or by the file itself."""
    zero(copy / SELECTED)
    with pytest.raises(InputError, match=r"selected\.ckpt is missing or not what"):
        load_run(copy)
    options = ["--ckpt_path", str(copy / SELECTED)] if asked == "checkpoint" else []
    assert main(["test", "--config", str(copy / "config.yaml"), *options]) == 2
    start = str(copy / SELECTED if asked == "checkpoint" else copy)
    assert fit("toy_balanced", copy.parent / "next", *SHORT_TOY, "--init_from", start) == 2
    assert capfd.readouterr().err.count("is missing or not what its record was made with") == 2


def test_rows_below_the_headline(tmp_path: Path) -> None:
    """Of patients with several rows the rows are written, too; their mean is the patient's, and they are sealed."""
    frame = table_of(120, 3)
    patient = np.arange(120) // 3
    frame = frame.assign(patient=[f"p{number}" for number in patient], label=(patient % 4 == 0).astype(int))
    frame.to_csv(tmp_path / "table.csv", index=False)
    options = ["--data.path", str(tmp_path / "table.csv"), "--data.label", "label", "--data.group", "patient"]
    options += ["--data.classes", "[0, 1]", "--model.network.in_features", "3", "--trainer.max_epochs", "2"]
    out = tmp_path / "run"
    assert fit("tabular", out, *options) == 0
    units, rows = pd.read_csv(out / "predictions.csv"), pd.read_csv(out / "predictions_rows.csv")
    assert list(rows) == ["split", "unit", "row", *list(units)[2:]]
    assert len(rows) == 120
    assert rows["row"].is_unique
    merged = rows.groupby("unit")["prob_1"].mean()
    assert merged[units["unit"]].to_numpy() == pytest.approx(units["prob_1"].to_numpy(), abs=1e-6)
    edit(out / "predictions_rows.csv")
    with pytest.raises(InputError, match=r"predictions_rows\.csv is missing or not what"):
        load_run(out)
