"""``clsunbias reproduce --simulated``: tables of made-up recordings, which never pass for real ones."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from tests.fakes import write_grid
from tests.test_errors import fails
from tests.test_reproduce import reproduce, results, state

GRID: dict[str, Any] = {
    "title": "A tiny Table 3",
    "metrics": ["test/macro_f1", "val/accuracy"],
    "also": ["test/loss_gap"],
    "protocols": {"other": {"label": "others", "seeds": 2}},
    "columns": {
        "adress": {
            "label": "ADReSS",
            "configs": {"paper": "adress.yaml", "other": "adress.yaml"},
            "set": {"trainer.check_val_every_n_epoch": 1},
            "needs": "adress/manifest.csv",
            "get": "clsunbias prepare adress --raw DIR --out DATA/adress",
            "published": {"erm": {"test/macro_f1": [0.493, 0.035]}},
            "simulated": {"corpus": "adress", "speakers": 12, "hours": 0.03, "set": {"data.init_args.seconds": 2.0}},
        },
    },
    "curves": {"figure3": {"column": "balanced", "rows": ["erm", "cls_unbias"]}},
    "contrasts": {
        "gain of Cls-unbias": {"adress/cls_unbias": 1, "adress/erm": -1},
        "gain over the toy": {"adress/erm": 1, "balanced/erm": -1},
    },
}
"""The toy, which has no simulation, and a corpus that has one."""


@pytest.fixture(scope="module", autouse=True)
def _environment(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """The command says in the environment where data lie, for its worker processes; here until these tests end."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CLSUNBIAS_DATA", str(tmp_path_factory.mktemp("no data")))
        yield


@pytest.fixture(scope="module")
def out(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The grid ``tiny.yaml`` and, in ``out``, its simulated table."""
    folder = tmp_path_factory.mktemp("grid")
    assert reproduce(write_grid(folder / "tiny.yaml", GRID), folder / "out", "--simulated", "--seeds", "2") == 0
    return folder / "out"


@pytest.mark.slow
def test_simulated_tables_say_so(out: Path) -> None:
    """In their names, titles, columns and cells; nothing published stands there, and nothing that was not simulated."""
    assert {path.name for path in out.glob("tiny*.md")} == {"tiny_simulated.md"}
    text = (out / "tiny_simulated.md").read_text()
    assert text.startswith("# SIMULATED, says nothing about patients: A tiny Table 3")
    assert "ADReSS (simulated)" in text
    assert not re.search(r"published|0\.493|Balanced|over the toy", text)
    assert "gain of Cls-unbias" in text
    assert "SIMULATED, says nothing about patients" in (out / "tiny_simulated.tex").read_text()
    assert not list(out.glob("figure*"))
    cells = pd.read_csv(out / "tiny_simulated.csv")
    assert set(cells["column"]) == {"ADReSS (simulated)"}
    assert set(cells["protocol"]) == {"short"}, "the first protocol, unless others are asked for"
    assert cells["simulated"].all()
    assert cells[["published", "difference"]].isna().all(axis=None)
    assert len(cells) == 2 * 3
    runs = results(out / "runs")
    assert len(runs) == 2 * 2
    assert all(run["simulated"] and run["units"] == {"train": 6, "val": 2, "test": 4} for run in runs.values())


@pytest.mark.slow
def test_a_second_call_makes_and_runs_nothing(out: Path) -> None:
    """The same bytes, and recordings, features and runs untouched."""
    before = state(out)
    assert reproduce(out.parent / "tiny.yaml", out, "--simulated", "--seeds", "2") == 0
    after = state(out)
    assert {path: content for path, (_, content) in after.items()} == {p: content for p, (_, content) in before.items()}
    assert [path for path in after if path.parent != out and after[path] != before[path]] == []


@pytest.mark.slow
def test_another_simulation_is_refused(out: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """What lies there was made with other settings, so nothing is run or written."""
    changes = {"columns": {"adress": {**GRID["columns"]["adress"]}}}
    changes["columns"]["adress"]["simulated"] = {"corpus": "adress", "speakers": 12, "hours": 0.03, "seed": 1}
    other = write_grid(out.parent / "tiny_other.yaml", {**GRID, **changes})
    before = state(out)
    home = out / "simulated" / "adress"
    fails(
        ["reproduce", str(other), "--out", str(out), "--simulated"],
        capfd,
        f"{home} holds another simulation (seed is 0, asked for is 1)",
    )
    assert state(out) == before


def test_nobodys_files_make_room_for_a_simulation(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """What lies where its recordings would go is not deleted, unless it is a simulation that was not finished."""
    grid, home = write_grid(tmp_path / "tiny.yaml", GRID), tmp_path / "out" / "simulated" / "adress"
    (home / "raw").mkdir(parents=True)
    (home / "raw" / "mine.wav").write_text("dear")
    command = ["reproduce", str(grid), "--out", str(tmp_path / "out"), "--simulated"]
    fails(command, capfd, f"{home} holds something else than simulated recordings")
    assert (home / "raw" / "mine.wav").read_text() == "dear"
    (home / "manifest.csv").write_text("")
    (home / "simulation.json").write_text("{")
    fails(command, capfd, "simulation.json cannot be used: it is no JSON")
    (tmp_path / "adress").mkdir()
    (tmp_path / "adress" / "summary.json").write_text("[]")
    (tmp_path / "adress" / "manifest.csv").write_text("")
    options = ["--data-root", str(tmp_path), "--out", str(tmp_path / "other")]
    fails(["reproduce", str(grid), *options], capfd, "summary.json cannot be used: it holds no JSON object")


def test_grids_without_a_simulation(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """There is nothing to show."""
    grid = str(write_grid(tmp_path / "toy.yaml"))
    fails(
        ["reproduce", grid, "--out", str(tmp_path / "out"), "--simulated"], capfd, "no column of this grid", "balanced"
    )


def test_simulated_recordings_have_no_place_among_real_results(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """A made-up corpus in the data root, by its summary, stops the table before anything is run."""
    summary = tmp_path / "adress" / "summary.json"
    summary.parent.mkdir()
    summary.write_text(json.dumps({"simulated": True}))
    options = ["--data-root", str(tmp_path), "--out", str(tmp_path / "out")]
    grid = str(write_grid(tmp_path / "tiny.yaml", GRID))
    fails(["reproduce", grid, *options], capfd, f"{summary.parent} holds simulated recordings", "--simulated")
    assert not (tmp_path / "out").exists()
