"""``clsunbias reproduce`` when something is wrong: runs that fail, grids and options that cannot be, data not there."""

from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from clsunbias.__main__ import main
from tests.fakes import write_grid
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
    assert "and 1 others: " in said
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


def test_a_table_without_its_data(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    """Status 0: the paper's figures, "no data" in each of ours, and the command that brings them."""
    monkeypatch.setenv("CLSUNBIAS_DATA", "")  # the option sets it: put back afterwards
    empty = tmp_path / "empty"
    empty.mkdir()
    assert main(["reproduce", "table3", "--out", str(tmp_path / "out"), "--data-root", str(empty)]) == 0
    lines = (tmp_path / "out" / "table3.md").read_text().splitlines()
    ours = [line for line in lines if line.startswith("| ") and line.endswith("no data |")]
    assert len(ours) == 5
    assert all(line.count("no data") == 8 for line in ours)
    assert sum(", published |" in line for line in lines) == 5
    assert any("clsunbias prepare daic_woz" in line for line in lines)
    assert len(pd.read_csv(tmp_path / "out" / "table3.csv")) == 0
    assert not (tmp_path / "out" / "runs").exists()
    assert "no data" in capfd.readouterr().out
