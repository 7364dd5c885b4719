"""``clsunbias reproduce`` when something is wrong: runs that fail, grids and options that cannot be, data not there."""

import errno
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from clsunbias.__main__ import main
from tests.fakes import write_grid
from tests.pages import TOY_COLUMN
from tests.records import SPEAKERS, write_made_up_grid
from tests.test_errors import fails
from tests.test_reproduce import LR, WHOLE, reproduce, results


@pytest.mark.slow
def test_a_failing_run_costs_no_other(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """Status 1, the reason in error.txt and in the summary, the table of the others; repaired, it is as if never."""
    never = {"trainer.max_epochs": 3, "selection": "clsunbias.selection.LossRatio"}  # eligible from step 101 only
    grid, out = write_grid(tmp_path / "toy.yaml", {"rows": {"cls_unbias": {"set": never}}}), tmp_path / "out"
    assert reproduce(grid, out) == 1
    runs = out / "runs" / "toy" / "paper" / "balanced"
    reports = sorted(out.rglob("error.txt"))
    assert reports == [runs / "cls_unbias" / seed / "error.txt" for seed in "01"]
    assert "no eligible validation" in reports[0].read_text()
    assert set(results(runs)) == {"erm/0", "erm/1"}
    said = capfd.readouterr().err
    assert f"failed: {runs / 'cls_unbias'}" in said
    assert "and 1 more: " in said
    assert "no eligible validation" in said
    assert "2 of 4 runs failed" in said
    assert set(pd.read_csv(out / "toy.csv")["row"]) == {"ERM"}

    write_grid(grid)
    assert reproduce(grid, out) == 0
    assert list(out.rglob("error.txt")) == []
    assert set(pd.read_csv(out / "toy.csv")["row"]) == {"ERM", "Cls-unbias"}


@pytest.mark.parametrize(
    ("changes", "parts"),
    [
        ({"protocols": {"paper": {"axes": {"model.optimizer.init_args.speed": [1]}}}}, ["speed"]),
        ({"rows": {"erm": {"set": {"trainer.max_epoch": 1}}}}, ["max_epoch"]),
        ({"rows": {"erm": {"set": {LR: "fast"}}}}, ["lr", "fast"]),
        ({"columns": {"balanced": {"configs": {"paper": "none.yaml"}}}}, ["none.yaml"]),
    ],
    ids=["axis", "set", "value", "config"],
)
def test_wrong_parameters_are_named_before_any_training(
    changes: dict[str, Any], parts: list[str], tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """An unknown parameter, a value of another type or a config that is not there: no folder is made."""
    grid = write_grid(tmp_path / "toy.yaml", changes)
    fails(["reproduce", str(grid), "--out", str(tmp_path / "out")], capfd, *parts)
    assert not (tmp_path / "out").exists()


def test_wrong_options_are_named(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """Names that the grid does not have, too few seeds or jobs, no such grid."""
    grid = str(write_grid(tmp_path / "toy.yaml"))
    fails(["reproduce", grid, "--columns", "balance"], capfd, "no column 'balance'", "balanced")
    fails(["reproduce", grid, "--columns", "balanced,x"], capfd, "no column 'x'")
    fails(["reproduce", grid, "--protocols", "tuned"], capfd, "no protocol 'tuned'", "paper")
    fails(["reproduce", grid, "--seeds", "1"], capfd, "--seeds must be at least 2")
    fails(["reproduce", grid, "--seeds", "many"], capfd, "seeds")
    fails(["reproduce", grid, "--jobs", "0"], capfd, "--jobs must be at least 1")
    fails(["reproduce", str(tmp_path / "none.yaml")], capfd, "no table", "table2, table3, table4")


@pytest.mark.slow
def test_a_part_of_a_grid(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """Chosen columns, protocols and numbers of seeds are run, and no more."""
    changes = {"columns": {"other": {"label": "Other", "configs": {"paper": "toy_imbalanced.yaml"}}}}
    grid = write_grid(
        tmp_path / "toy.yaml", {**changes, "protocols": WHOLE["protocols"], "metrics": ["test_1/accuracy"]}
    )
    options = ("--columns", "other", "--protocols", "paper", "--seeds", "3")
    assert reproduce(grid, tmp_path / "out", *options) == 0
    found = results(tmp_path / "out" / "runs" / "toy")
    assert set(found) == {f"paper/other/{row}/{seed}" for row in ("erm", "cls_unbias") for seed in (0, 1, 2)}
    cells = pd.read_csv(tmp_path / "out" / "toy.csv")
    assert (set(cells["column"]), set(cells["protocol"]), set(cells["n"])) == ({"Other"}, {"short"}, {3})
    write_grid(grid, {**changes, "metrics": ["test_3/accuracy"]})
    fails(
        ["reproduce", str(grid), "--out", str(tmp_path / "out"), *options], capfd, "no split 'test_3'", "test_1, test_2"
    )


def no_data(monkeypatch: pytest.MonkeyPatch, folder: Path) -> Path:
    """An empty folder of data; the option that names it sets the environment, which is put back afterwards."""
    monkeypatch.setenv("CLSUNBIAS_DATA", "")
    empty = folder / "empty"
    empty.mkdir()
    return empty


def test_a_table_without_its_data(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    """Status 2, the command that brings them, and what a better day has left stays as it is."""
    out, empty = tmp_path / "out", no_data(monkeypatch, tmp_path)
    out.mkdir()
    (out / "table3.md").write_text("good")
    options = ["reproduce", "table3", "--out", str(out), "--data-root", str(empty)]
    fails(options, capfd, f"table3 has no data in {empty}", "clsunbias prepare daic_woz", "nothing is run or written")
    assert {path.name: path.read_text() for path in out.iterdir()} == {"table3.md": "good"}


def test_runs_outlive_their_data(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    """Finished runs make the table though their data are gone; those that are not finished are counted, not tried."""
    empty = no_data(monkeypatch, tmp_path)
    needs = {"needs": "corpus/x.csv", "get": "get it"}
    other = {"label": "Not there", "configs": {"paper": "none.yaml"}, **needs}
    columns = {"none": other, "toy": {**TOY_COLUMN, **needs}}
    grid, out = write_made_up_grid(tmp_path, columns, {"toy": SPEAKERS}), tmp_path / "out"
    command = ["reproduce", str(grid), "--out", str(out), "--data-root", str(empty)]
    assert main(command) == 0
    assert capfd.readouterr().err == "no data: Not there, Made up\n"
    lines = (out / "toy.md").read_text().splitlines()
    header = next(line for line in lines if line.startswith("| |") or line.startswith("|  |"))
    assert header.index("Made up") < header.index("Not there"), "what has no data comes last"
    assert main([*command, "--columns", "none,toy"]) == 1, "a column that was asked for"

    for result in out.rglob("erm/1/result.json"):
        result.unlink()
    before = (out / "toy.md").read_bytes()
    assert main(command) == 1
    assert "no data: Not there, Made up; 1 of their runs are not done\n" in capfd.readouterr().err
    assert not list(out.rglob("error.txt"))
    assert (out / "toy.md").read_bytes() != before, "what is left of it"
    for result in out.rglob("result.json"):
        result.unlink()
    before = (out / "toy.md").read_bytes()
    assert main(command) == 1
    assert "no table is written, and one that is there stays" in capfd.readouterr().err
    assert (out / "toy.md").read_bytes() == before


def test_places_that_cannot_be_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    """A file, below a file, a name too long, read-only: one message before anything is run."""
    grid, file = str(write_grid(tmp_path / "toy.yaml")), tmp_path / "file"
    file.write_text("kept")
    for command in (["reproduce", grid], ["reproduce", "table1"]):
        fails([*command, "--out", str(file)], capfd, f"--out {file} cannot be made", "no folder")
        fails([*command, "--out", str(file / "out")], capfd, f"{file} is no folder")
        fails([*command, "--out", str(tmp_path / ("x" * 300))], capfd, "too long a name")
    monkeypatch.setattr("os.access", lambda *_: False)
    fails(["reproduce", grid, "--out", str(tmp_path / "out")], capfd, f"{tmp_path} is read-only")
    assert file.read_text() == "kept"
    assert {path.name for path in tmp_path.iterdir()} == {"toy.yaml", "file"}


def test_a_table_that_cannot_be_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    """A disk that is full in the end, or a page's folder that is a file: one message, and the runs stand."""
    grid, out = write_made_up_grid(tmp_path, {"toy": TOY_COLUMN}, {"toy": SPEAKERS}), tmp_path / "out"

    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("clsunbias.experiments.outputs.write_csv", full)
    fails(["reproduce", str(grid), "--out", str(out)], capfd, f"{out} cannot be written: No space left", "stand")
    (tmp_path / "file").write_text("kept")
    page = tmp_path / "file" / "page.html"
    fails(["report", str(out), "--grid", str(grid), "--html", str(page)], capfd, f"{page} cannot be written", "--html")
    assert (tmp_path / "file").read_text() == "kept"
