"""Methods of two stages: rows whose runs start from the selected weights of another row's runs."""

import contextlib
import re
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from clsunbias.__main__ import main
from clsunbias.errors import InputError
from clsunbias.experiments.grid import load_grid
from clsunbias.experiments.plan import Arm, arms, runs_of, trials_of
from clsunbias.experiments.running import executor
from clsunbias.experiments.running.run import Run
from clsunbias.experiments.running.workers import Workers
from clsunbias.files import CONFIGS
from tests.fakes import SHORT, write_grid
from tests.records import SPEAKERS, write_record
from tests.test_errors import fails

LR = "model.optimizer.init_args.lr"
LAM = "anneal.lam.init_args.end"
HEAD = {"label": "ERM, then a head", "config": "objectives/erm.yaml", "set": SHORT, "after": "erm"}
TUNED = {"label": "tuned", "seeds": 2, "first_seed": 20, "search": {"seeds": 1, "first_seed": 10}}
PLAIN: dict[str, Any] = {"metrics": ["test/macro_f1"], "also": [], "rows": {"head": HEAD}}
"""The toy grid with a second stage."""

GRID: dict[str, Any] = {
    **PLAIN,
    "protocols": {"tuned": {**TUNED, "axes": {LR: [0.01, 0.1]}}},
    "columns": {"balanced": {"configs": {"tuned": "toy_balanced.yaml"}}},
}
"""The same with a search."""


def planned(path: Path, *protocols: str) -> dict[tuple[str, str], Arm]:
    """The arms of a grid, by row and setting."""
    grid = load_grid(path)
    found = arms(grid, ["balanced"], protocols or list(grid.protocols), path.parent / "runs", CONFIGS)
    return {(arm.row, arm.setting): arm for arm in found}


def test_a_second_stage_starts_from_the_first(tmp_path: Path) -> None:
    """With its protocol, column, setting and seed, in a search's trials, too, and whatever the order of the rows."""
    path = write_grid(
        tmp_path / "toy.yaml", GRID | {"rows": {"erm": {"after": "head"}, "head": {**HEAD, "after": None}}}
    )
    for setting, arm in ((setting, arm) for (row, setting), arm in planned(path, "tuned").items() if row == "erm"):
        folder = tmp_path / "runs" / "tuned" / "balanced" / "head" / setting
        for run in (*trials_of(load_grid(path), arm), *runs_of(load_grid(path), arm).values()):
            ((option, first),) = run.after
            assert first.out == folder / run.out.name
            assert dict(run.overrides)[option] == str(first.out)
            assert option == "init_from"
            assert dict(first.overrides)["withhold_test"] == dict(run.overrides)["withhold_test"]
            assert run.prerequisites == (first,)
            assert "init_from" not in dict(first.overrides)


def test_settings_of_the_first_stage_make_settings_of_the_second(tmp_path: Path) -> None:
    """ERM has no λ, and one setting, which both of Cls-unbias start from; a head on Cls-unbias has two of its own."""
    rows = {"cls_unbias": {"after": "erm"}, "head": {**HEAD, "after": "cls_unbias"}}
    path = write_grid(tmp_path / "toy.yaml", {"rows": rows, "protocols": {"paper": {"axes": {LAM: [1.5, 3.0]}}}})
    start = {(row, setting): [one for _, one in arm.after] for (row, setting), arm in planned(path).items()}
    assert {place: (arm[0].row, arm[0].setting) if arm else None for place, arm in start.items()} == {
        ("erm", "end=1.5"): None,
        ("cls_unbias", "end=1.5"): ("erm", "end=1.5"),
        ("cls_unbias", "end=3.0"): ("erm", "end=1.5"),
        ("head", "end=1.5"): ("cls_unbias", "end=1.5"),
        ("head", "end=3.0"): ("cls_unbias", "end=3.0"),
    }
    third = planned(path)["head", "end=3.0"].seed(1)
    assert [run.out.parent.parent.name for run in third.prerequisites] == ["erm", "cls_unbias"]


@pytest.mark.parametrize(
    ("rows", "parts"),
    [
        ({"head": {**HEAD, "after": "dro"}}, ["row 'dro'", "erm, cls_unbias, head"]),
        ({"head": {**HEAD, "after": "head"}}, ["circle", "head, head"]),
        ({"erm": {"after": "head"}, "head": HEAD}, ["circle", "erm", "head"]),
    ],
    ids=["no row", "itself", "circle"],
)
def test_a_start_that_cannot_be(rows: Any, parts: list[str], tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """No such row, or none that could be first: said before a folder is made."""
    path = write_grid(tmp_path / "toy.yaml", {"rows": rows})
    fails(["reproduce", str(path), "--out", str(tmp_path / "out")], capfd, *parts)
    assert not (tmp_path / "out").exists()


class Fits:
    """Stands for training: names the runs it was asked for, fails some, and else leaves a record and weights."""

    def __init__(self) -> None:
        self.names: list[str] = []
        self.failing: set[str] = set()

    def __call__(self, run: Run) -> str:
        """The head is best at the greater rate, ERM at the lesser."""
        name = "/".join(run.out.parts[-3:])
        self.names.append(name)
        assert all(prerequisite.is_done for prerequisite in run.prerequisites)
        if name in self.failing:
            return "no luck"
        row = next(part for part in run.out.parts if part in {"erm", "cls_unbias", "head"})
        write_record(
            run.out,
            run.config,
            {split: label for split, label in SPEAKERS.items() if split != "test" or not run.config["withhold_test"]},
            dataset="toy",
            objective=row,
            simulated=True,
            skill=4.0 * ((row == "head") == ("lr=0.1" in run.out.parts)),
            init=run.after[0][1].weights if run.after else None,
        )
        run.weights.parent.mkdir()
        run.weights.write_text(str(run.out))
        return ""


def work_here(monkeypatch: pytest.MonkeyPatch) -> None:
    """Runs are done in this process, one at a time."""

    def submit(function: Callable[..., Any], *arguments: Any) -> Future[Any]:
        future: Future[Any] = Future()
        future.set_result(function(*arguments))
        return future

    @contextlib.contextmanager
    def pool(*_: object) -> Iterator[Workers]:
        yield Workers(submit, size=1, chances=1)

    monkeypatch.setattr(executor, "pool", pool)


@pytest.fixture
def fits(monkeypatch: pytest.MonkeyPatch) -> Fits:
    """What was trained, in no time."""
    work_here(monkeypatch)
    stand_in = Fits()
    monkeypatch.setattr(executor, "fit", stand_in)
    monkeypatch.setattr(executor, "fit_together", lambda runs: None)
    monkeypatch.setattr(executor, "check", lambda runs: None)
    return stand_in


def reproduce(grid: Path) -> int:
    """Runs the grid into ``out`` beside it."""
    return main(["reproduce", str(grid), "--out", str(grid.parent / "out")])


def test_first_stages_are_done_first(fits: Fits, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """Those that a table does not show, too, and once; the report takes them for what they are."""
    path = write_grid(tmp_path / "toy.yaml", GRID)
    assert reproduce(path) == 0
    assert len(set(fits.names)) == len(fits.names) == 6 + 6 + 6 + 2
    for seed in (20, 21):
        assert fits.names.index(f"erm/lr=0.1/{seed}") < fits.names.index(f"head/lr=0.1/{seed}")
    runs = pd.read_csv(tmp_path / "out" / "toy_runs.csv").query("protocol == 'tuned'")
    assert set(zip(runs["row"], runs["setting"], strict=True)) == {
        ("erm", "lr=0.01"),
        ("cls_unbias", "lr=0.01"),
        ("head", "lr=0.1"),
    }
    report = ["report", str(tmp_path / "out"), "--grid", str(path)]
    capfd.readouterr()
    assert main(report) == 0
    assert capfd.readouterr().err == ""
    before, fits.names = len(fits.names), []
    assert reproduce(path) == 0
    assert (before, fits.names) == (20, [])

    shown, hidden = (tmp_path / "out/runs/toy/tuned/balanced" / row / "lr=0.1" / "20" for row in ("head", "erm"))
    (hidden / "result.json").unlink()
    assert main(report) == 0, "nothing that is to be done needs it"
    (shown / "result.json").unlink()
    assert main(report) == 1
    assert re.search(r"missing: .*head/lr=0.1: seeds 20\nmissing: .*erm/lr=0.1: seeds 20\n", capfd.readouterr().err)


def test_what_starts_from_a_failed_run_is_not_tried(
    fits: Fits, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """It has failed, and says of what; the rest is done, and so is it when its start has been mended."""
    path = write_grid(tmp_path / "toy.yaml", PLAIN)
    fits.failing = {"balanced/erm/1"}
    assert reproduce(path) == 1
    assert sorted(set(fits.names) - fits.failing) == [f"balanced/{name}" for name in DONE]
    head = tmp_path / "out/runs/toy/paper/balanced/head/1"
    account = (head / "error.txt").read_text()
    assert str(head.parents[1] / "erm" / "1") in account
    said = capfd.readouterr().err
    assert f"failed: {head}: not tried: the run that it starts from has failed" in said
    assert "2 of 6 runs failed" in said
    fits.failing, fits.names = set(), []
    assert reproduce(path) == 0
    assert fits.names == ["balanced/erm/1", "balanced/head/1"]
    assert list(tmp_path.rglob("error.txt")) == []


DONE = ("cls_unbias/0", "cls_unbias/1", "erm/0", "head/0")


def test_weights_that_are_gone_or_others(fits: Fits, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """Said before anything is trained, with the folder to delete; a second stage's record is none of a first."""
    path = write_grid(tmp_path / "toy.yaml", PLAIN)
    assert reproduce(path) == 0
    fits.names = []
    command = ["reproduce", str(path), "--out", str(tmp_path / "out")]
    first, second = (tmp_path / "out/runs/toy/paper/balanced" / row / "0" for row in ("erm", "head"))
    weights = first / "checkpoints" / "selected.ckpt"
    kept = weights.read_bytes()
    weights.write_text("others")
    fails(command, capfd, str(second), f"other weights than {weights}", "delete")
    weights.unlink()
    assert reproduce(path) == 0, "a finished run stands without the weights that it started from"
    (second / "result.json").rename(second / "kept.json")
    fails(command, capfd, str(weights), f"delete {first} to have it run again")
    weights.write_bytes(kept)
    (second / "kept.json").rename(second / "result.json")
    write_grid(path, {**PLAIN, "rows": {"head": {**HEAD, "after": None}}})
    fails(command, capfd, str(second), "started from other weights, asked for is scratch")
    assert fits.names == []


def test_two_stages_of_fit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The second stage goes on from the first's weights, and the same command finds both done."""
    work_here(monkeypatch)
    steps = {**SHORT, "trainer.max_epochs": 1, "model.optimizer.init_args.lr": 1e-12}
    path = write_grid(tmp_path / "toy.yaml", {"rows": {"head": {**HEAD, "set": steps}}})
    assert reproduce(path) == 0
    runs = pd.read_csv(tmp_path / "out" / "toy_runs.csv").pivot_table("val/loss", "seed", "row")
    np.testing.assert_allclose(runs["head"], runs["erm"], atol=1e-6, err_msg="such a rate changes nothing")
    written = {path: path.stat().st_mtime_ns for path in (tmp_path / "out" / "runs").rglob("result.json")}
    assert reproduce(path) == 0
    assert {path: path.stat().st_mtime_ns for path in written} == written


def test_stages_that_no_table_shows(tmp_path: Path) -> None:
    """A first stage is run for what comes after it, by the steps that all share, and is no method of the table."""
    decay = "model.optimizer.init_args.weight_decay"
    changes: dict[str, dict[str, Any]] = {
        "stages": {"contrast": {"label": "contrast", "config": "objectives/supervised_contrastive.yaml"}},
        "rows": {
            "erm": {"axes": {decay: [0.0, 0.1]}},
            "cls_unbias": {"axes": {decay: [0.0, 0.1]}},
            "head": {**HEAD, "after": "contrast", "axes": {decay: [0.0, 0.2]}},
        },
    }
    path = write_grid(tmp_path / "toy.yaml", {**GRID, **changes})
    found = planned(path, "tuned")
    assert {row for row, _ in found} == {"erm", "cls_unbias", "head"}
    for (row, setting), arm in found.items():
        if row == "head":
            (first,) = arm.seed(3).prerequisites
            assert first.out.parent.relative_to(tmp_path / "runs" / "tuned" / "balanced") == Path(
                "contrast", setting.partition(",")[0]
            )
    with pytest.raises(InputError, match="row or stage 'ERM' would share"):
        load_grid(write_grid(path, {**GRID, "stages": {"ERM": changes["stages"]["contrast"]}}))


def test_weights_of_two_runs(tmp_path: Path) -> None:
    """A blend of two rows' runs of a seed: both are done before it, and nothing else tells where they lie."""
    blend = {
        "label": "blend",
        "config": ["objectives/erm.yaml", "remedies/wise_ft.yaml"],
        "set": {**SHORT, "model.refit.init_args.alphas": [0.0, 0.5, 1.0]},
        "after": {"init_from": "erm", "model.refit.init_args.other": "cls_unbias"},
    }
    path = write_grid(tmp_path / "toy.yaml", {"rows": {"blend": blend}, "metrics": ["test_1/macro_f1"]})
    command = ["reproduce", str(path), "--jobs", "1", "--out"]
    assert main([*command, str(tmp_path / "out")]) == 0
    runs = tmp_path / "out" / "runs" / "toy" / "paper" / "balanced"
    config = (runs / "blend" / "0" / "config.yaml").read_text()
    assert str(runs / "cls_unbias" / "0") in config
    (tmp_path / "out").rename(tmp_path / "elsewhere")
    assert main([*command, str(tmp_path / "elsewhere")]) == 0


def test_steps_of_ones_own_on_a_shared_axis_have_no_run_to_start_from(tmp_path: Path) -> None:
    """Of the row itself, and of the one that it starts from; a row that stands alone may have them."""
    own = {"axes": {LR: [0.02, 0.2]}}
    for row, rows in {"erm": {"erm": own, "head": HEAD}, "head": {"head": HEAD | own}}.items():
        path = write_grid(tmp_path / "toy.yaml", GRID | {"rows": rows})
        with pytest.raises(InputError, match=rf"row 'head' starts .* row '{row}' has steps of its own on '{LR}'"):
            planned(path, "tuned")
    assert planned(write_grid(tmp_path / "toy.yaml", GRID | {"rows": {"head": HEAD, "cls_unbias": own}}), "tuned")
