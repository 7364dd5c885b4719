"""Many runs at once: two grids on one folder, and processes killed at any moment."""

import os
import random
import shutil
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from clsunbias.__main__ import main
from clsunbias.errors import InputError
from clsunbias.experiments.grid import load_grid
from clsunbias.experiments.plan import arms
from clsunbias.experiments.running import workers
from clsunbias.experiments.running.run import Run
from tests.fakes import write_grid

ROOT = Path(__file__).parents[1]
VALIDATIONS = 30
FILES = {
    "config.yaml",
    "metrics.csv",
    "predictions.csv",
    "result.json",
    "MODEL_CARD.md",
    "inputs.json",
    ".lock",
    "last.ckpt",
    "selected.ckpt",
}


def told_grid(folder: Path, rule: dict[str, Any] | None = None, rows: dict[str, Any] | None = None) -> Path:
    """Writes a grid of four runs that tell of each validation in ``folder/log``, and their rule's module beside it.

    Args:
        folder: for grid and module.
        rule: arguments of the rule in each row.
        rows: row → further parameters.
    """
    shutil.copy(ROOT / "tests" / "told.py", folder)
    made = {}
    for row in ("erm", "cls_unbias"):
        arguments = {"log": str(folder / "log"), "name": row, **(rule or {})}
        selection = {"class_path": "told.Told", "init_args": arguments}
        steps = {"trainer.max_epochs": -1, "trainer.max_steps": 5 * VALIDATIONS - 4}
        made[row] = {"set": {**steps, "selection": selection, "save_every": 0}}
        made[row]["set"] |= (rows or {}).get(row, {})
    column = {"per_seed": ["selection.init_args.seed"]}
    return write_grid(folder / "toy.yaml", {"rows": made, "columns": {"balanced": column}})


def runs_of(grid: Path, out: Path) -> list[Run]:
    """The runs of such a grid: each method with both seeds."""
    found = arms(load_grid(grid), ["balanced"], ["paper"], out / "runs" / "toy", grid.parent)
    return [arm.seed(seed) for arm in found for seed in (0, 1)]


def start(grid: Path, *options: str) -> subprocess.Popen[bytes]:
    """Starts the grid's command where the grid is; what it says goes to files there."""
    # -P, as the installed command has it: only the command itself looks for the user's modules here.
    command = [sys.executable, "-P", "-m", "clsunbias", "reproduce", grid.name, "--out", "out", *options]
    with (grid.parent / "said").open("ab") as said:
        return subprocess.Popen(command, cwd=grid.parent, stdout=said, stderr=said)


def lines(log: Path) -> list[list[str]]:
    """What the runs have told: name, seed, number of the validation, process."""
    return [line.split() for line in log.read_text().splitlines()] if log.exists() else []


def wait_until(true: Callable[[], bool], seconds: float = 600) -> None:
    """Waits until something is true; fails if it does not come true."""
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.02)


def workers_of(pid: int) -> list[int]:
    """Worker processes that a process has started."""
    command = ["ps", "-A", "-ww", "-o", "pid=,ppid=,args="]
    listed = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    found = [line.split(None, 2) for line in listed.splitlines()]
    return [int(child) for child, parent, args in found if int(parent) == pid and "popen_loky" in args]


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A grid and a folder with its runs, each done alone by ``fit``."""
    folder = tmp_path_factory.mktemp("told")
    grid = told_grid(folder)
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(folder))
        for run in runs_of(grid, folder / "whole"):
            assert main(["fit", *run.options, "--trainer.enable_progress_bar", "false"]) == 0
    return grid, folder / "whole"


def assert_as_undisturbed(grid: Path, whole: Path) -> None:
    """Asserts that the runs in ``out`` have the figures, predictions and files of those that nothing disturbed."""
    for mine, theirs in zip(runs_of(grid, grid.parent / "out"), runs_of(grid, whole), strict=True):
        assert mine.record() is not None
        for name in ("result.json", "predictions.csv", "config.yaml"):
            assert (mine.out / name).read_bytes() == (theirs.out / name).read_bytes(), mine.out / name
        curves = [pd.read_csv(run.out / "metrics.csv") for run in (mine, theirs)]
        pd.testing.assert_frame_equal(curves[0][curves[1].columns], curves[1], rtol=1e-6)
        assert {path.name for path in mine.out.rglob("*") if path.is_file()} == FILES


def begin(grid: Path) -> None:
    """Removes what another test has left beside the grid."""
    shutil.rmtree(grid.parent / "out", ignore_errors=True)
    for name in ("log", "said"):
        (grid.parent / name).unlink(missing_ok=True)


@pytest.mark.slow
def test_two_grids_on_one_folder_do_each_run_once(tmp_path: Path) -> None:
    """Started together and made to wait for each other, they share the runs out, and both end with the table."""
    grid = told_grid(tmp_path, {"partners": 2})
    both = [start(grid, "--jobs", "1") for _ in range(2)]
    assert [process.wait(timeout=900) for process in both] == [0, 0], (tmp_path / "said").read_text()
    told = lines(tmp_path / "log")
    assert Counter((name, seed, number) for name, seed, number, _ in told) == {
        (name, seed, str(number)): 1
        for name in ("erm", "cls_unbias")
        for seed in "01"
        for number in range(1, VALIDATIONS + 1)
    }
    assert len({process for *_, process in told}) == 2
    assert len(pd.read_csv(tmp_path / "out" / "toy_runs.csv")) == 4


@pytest.mark.slow
@pytest.mark.parametrize("victim", ["runner", "worker"])
def test_killed_at_random_moments(victim: str, undisturbed: tuple[Path, Path]) -> None:
    """After kill −9 of the command or of a worker, twice each, the runs are those that nothing disturbed."""
    grid, whole = undisturbed
    begin(grid)
    log, killed, moments = grid.parent / "log", 0, random.Random(victim)
    process = start(grid, "--jobs", "2")
    try:
        while killed < 2 and process.poll() is None:
            moment = len(lines(log)) + moments.randint(1, 25)  # validations from now
            while len(lines(log)) < moment and process.poll() is None:
                time.sleep(0.02)
            victims = [process.pid] if victim == "runner" else workers_of(process.pid)
            if process.poll() is None and victims:
                os.kill(moments.choice(victims), signal.SIGKILL)
                killed += 1
            if victim == "runner":
                process.wait()
                process = start(grid, "--jobs", "2")
        assert process.wait(timeout=900) == 0, (grid.parent / "said").read_text()
    finally:
        process.kill()
    assert killed == 2
    assert "failed:" not in (grid.parent / "said").read_text()
    assert_as_undisturbed(grid, whole)


@pytest.mark.slow
def test_workers_end_with_their_grid(undisturbed: tuple[Path, Path]) -> None:
    """When the command is killed, no process goes on training in the dark."""
    grid, _ = undisturbed
    begin(grid)
    process = start(grid, "--jobs", "1")
    wait_until(lambda: len(lines(grid.parent / "log")) > 0)
    (worker,) = workers_of(process.pid)
    process.kill()
    process.wait()
    wait_until(lambda: not Path(f"/proc/{worker}").exists() if Path("/proc").exists() else worker not in workers_of(1))


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_stopped_by_a_signal(number: signal.Signals, undisturbed: tuple[Path, Path]) -> None:
    """Its own status, a line how to go on, no process left and no file half written; then it goes on as if never."""
    grid, whole = undisturbed
    begin(grid)
    process = start(grid, "--jobs", "2")
    wait_until(lambda: len(lines(grid.parent / "log")) > VALIDATIONS)
    workers = workers_of(process.pid)
    process.send_signal(number)
    assert process.wait(timeout=60) == 128 + number
    wait_until(lambda: not set(workers) & {*workers_of(1), *workers_of(process.pid)}, 30)
    said = (grid.parent / "said").read_text()
    assert f"stopped by {number.name}; what is done is kept, and the same command goes on" in said
    assert "Traceback" not in said
    assert start(grid, "--jobs", "2").wait(timeout=600) == 0
    assert_as_undisturbed(grid, whole)


def test_no_worker_can_be_started(monkeypatch: pytest.MonkeyPatch) -> None:
    """As where shared memory is full: one message, though the operating system says neither where nor why."""

    def refuse(*_: object, **__: object) -> None:
        raise OSError(0, "Error")

    monkeypatch.setattr(workers, "get_reusable_executor", refuse)
    with pytest.raises(InputError, match="no worker process can be started"), workers.pool(1, None) as made:
        made.submit(print)
