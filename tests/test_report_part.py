"""``clsunbias report`` of a part of a grid: what was not asked for is neither judged nor missing."""

import shutil
from pathlib import Path
from typing import Any

import pytest

from clsunbias.__main__ import main
from tests.pages import TOY_COLUMN, report
from tests.records import SPEAKERS, write_made_up_grid
from tests.test_errors import fails

OTHER = {**TOY_COLUMN, "label": "Other"}
PROTOCOLS: dict[str, Any] = {"more": {"label": "more seeds", "seeds": 3}}


@pytest.fixture
def grid(tmp_path: Path) -> Path:
    """Two data sets under two protocols, and all their runs."""
    configs = {"paper": "toy_balanced.yaml", "more": "toy_balanced.yaml"}
    columns = {name: {**column, "configs": configs} for name, column in (("toy", TOY_COLUMN), ("other", OTHER))}
    return write_made_up_grid(tmp_path, columns, dict.fromkeys(columns, SPEAKERS), protocols=PROTOCOLS)


def test_columns_and_protocols(grid: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """Status 0 as soon as the part is complete, whatever lies or lacks beside it; 1 when it lacks a run itself."""
    out = grid.parent / "out"
    runs, command = out / "runs" / "toy", ["report", str(out), "--grid", str(grid)]
    assert main(command) == 0
    shutil.rmtree(runs / "paper" / "other")
    shutil.rmtree(runs / "more" / "other" / "erm" / "2")
    of_paper = "".join(f"paper/other/{row}: seeds 0, 1\nmissing: " for row in ("erm", "cls_unbias"))
    parts: list[tuple[list[str], str]] = [
        (["--protocols", "paper,more"], f"{of_paper}more/other/erm: seeds 2"),
        (["--columns", "toy"], ""),
        (["--protocols", "more"], "more/other/erm: seeds 2"),
        (["--columns", "toy,other", "--protocols", "paper"], "Other: not begun"),
        (["--columns", "toy", "--protocols", "paper,more"], ""),
    ]
    for options, missing in parts:
        capfd.readouterr()
        assert main([*command, *options]) == int(bool(missing)), options
        assert capfd.readouterr().err == (f"missing: {missing}\n" if missing else ""), options
    shutil.rmtree(runs / "more" / "toy")
    assert main([*command, "--columns", "toy"]) == 1, "a protocol that was begun, with another data set"
    assert main([*command, "--columns", "toy", "--protocols", "paper"]) == 0


def test_what_was_not_begun_is_not_judged(grid: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """After ``reproduce --columns`` a plain report is of those columns, complete; asked for, another one is missing."""
    out = grid.parent / "out"
    for protocol in ("paper", "more"):
        shutil.rmtree(out / "runs" / "toy" / protocol / "other")
    command = ["report", str(out), "--grid", str(grid)]
    assert main(command) == 0
    said = capfd.readouterr()
    assert "Made up" in said.out
    assert "Other" not in said.out + said.err
    assert main([*command, "--columns", "toy,other"]) == 1
    assert "missing: Other: not begun" in capfd.readouterr().err


def test_the_commands_of_a_part(grid: Path, tmp_path: Path) -> None:
    """A page names the commands that make the same runs and the same page again."""
    html = tmp_path / "page.html"
    assert report(tmp_path / "out", html, "--grid", str(grid), "--columns", "toy", "--protocols", "more") == 0
    text = html.read_text()
    assert "clsunbias reproduce toy.yaml --out results --columns toy --protocols more\n" in text
    assert "clsunbias report results/runs/toy --grid toy.yaml --columns toy --protocols more --html page.html" in text


def test_parts_that_are_not_there(grid: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """Names that the grid does not have, a part of runs without a grid, a protocol of which nothing is done."""
    command = ["report", str(tmp_path / "out"), "--grid", str(grid)]
    fails([*command, "--columns", "toys"], capfd, "no column 'toys'", "toy, other")
    fails([*command, "--protocols", "tuned"], capfd, "no protocol 'tuned'", "paper, more")
    (tmp_path / "runs").mkdir()
    fails(["report", str(tmp_path / "runs"), "--columns", "toy"], capfd, "--columns is for runs of a grid", "--grid")
    shutil.rmtree(tmp_path / "out" / "runs" / "toy" / "more")
    fails([*command, "--protocols", "more"], capfd, "no finished run", "clsunbias reproduce toy.yaml")
    for result in (tmp_path / "out").rglob("1/result.json"):
        result.unlink()
    fails(command, capfd, "no two finished runs of one cell", "paper/toy/erm: seeds 1")


def test_a_grid_of_ones_own_is_asked_for(grid: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """The runs of one are never shown as loose runs of ``fit`` only because its file was not named."""
    out = grid.parent / "out"
    (out / "toy_records.jsonl").write_text("")  # as reproduce leaves it
    fails(["report", str(out)], capfd, "runs of a grid of your own", "--grid")
