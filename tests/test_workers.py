"""Runs that end or lose their worker, share it with others, or need more than one."""

import errno
import os
import subprocess
from collections import Counter
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import pytest

from clsunbias.experiments.running.executor import execute, execute_all, outcomes
from clsunbias.experiments.running.run import Run
from clsunbias.experiments.running.workers import Workers, pin_device
from tests.test_runner import FILES, VALIDATIONS, lines, runs_of, told_grid


@pytest.mark.slow
@pytest.mark.parametrize("jobs", [1, 2])
def test_a_run_that_kills_its_worker_fails_alone(jobs: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is tried again, by itself where there were others, and given up with an account; the others are done."""
    grid = told_grid(tmp_path, rows={"erm": {"selection.init_args.end": "kill"}})
    killer, _, *others = runs_of(grid, tmp_path / "out")
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setenv("CLSUNBIAS_DATA", str(tmp_path))  # workers of its own, which have the path
    monkeypatch.setattr("clsunbias.experiments.running.workers.LOST_WORKERS", 1)
    failures = execute_all([killer, *others], jobs)
    assert set(failures) == {killer}
    assert "SIGKILL" in failures[killer]
    assert failures[killer].endswith("its worker was lost each time, in the end with no other run: out of memory?")
    assert (killer.out / "error.txt").read_text() == failures[killer]
    assert killer.record() is None
    assert all(run.record() for run in others)
    assert len([name for name, *_ in lines(tmp_path / "log") if name == "erm"]) == jobs, "once with others, once alone"


@pytest.mark.parametrize("gets_further", [False, True])
def test_who_is_to_blame_for_lost_workers(gets_further: bool, tmp_path: Path) -> None:
    """A run has so many chances among others and again alone; losses between which it got further do not count."""
    lost, fine = runs_of(told_grid(tmp_path), tmp_path / "out")[:2]
    saved, tried = lost.out / "checkpoints" / "last.ckpt", Counter[Run]()

    def submit(_: object, unit: tuple[Run], wait: bool) -> Future[list[tuple[Run, str]]]:
        future: Future[list[tuple[Run, str]]] = Future()
        (run,) = unit
        tried[run] += 1
        if run == fine or tried[run] == 20:
            future.set_result([(run, "")])
            return future
        if gets_further:
            saved.parent.mkdir(parents=True, exist_ok=True)
            saved.touch()
            os.utime(saved, (tried[run], tried[run]))
        future.set_exception(RuntimeError("lost"))
        return future

    found = dict(outcomes([(lost,), (fine,)], 2, False, Workers(submit, size=2, chances=3)))
    assert found.keys() == {lost, fine}
    assert tried == {lost: 20 if gets_further else 3 + 3, fine: 1}
    assert (found[fine], bool(found[lost])) == ("", not gets_further)


def test_a_run_that_leaves_its_process_has_failed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A class that calls ``sys.exit`` ends its run, not the worker: the account of where is in error.txt."""
    run = runs_of(told_grid(tmp_path, {"end": "exit"}), tmp_path / "out")[0]
    monkeypatch.syspath_prepend(str(tmp_path))
    again, error = execute(run, wait=False)
    assert again == run
    assert "the rule has had enough" in error
    assert "told.py" in error
    assert (run.out / "error.txt").read_text() == error


def test_threads_of_one_process_take_turns(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A run seeds its whole process, so a second one there waits until it is done."""
    monkeypatch.syspath_prepend(str(tmp_path))
    runs = runs_of(told_grid(tmp_path), tmp_path / "out")[:2]
    with ThreadPoolExecutor(2) as threads:
        assert [error for _, error in threads.map(execute, runs, [False, False])] == ["", ""]
    seeds = [seed for _, seed, *_ in lines(tmp_path / "log")]
    assert seeds in (["0"] * VALIDATIONS + ["1"] * VALIDATIONS, ["1"] * VALIDATIONS + ["0"] * VALIDATIONS)


def test_half_written_files_go(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What a killed process was writing is removed when its run is done again."""
    run = runs_of(told_grid(tmp_path), tmp_path / "out")[0]
    monkeypatch.syspath_prepend(str(tmp_path))
    run.out.mkdir(parents=True)
    (run.out / ".result.json.12345").write_text('{"val"')
    assert execute(run, wait=False) == (run, "")
    assert {path.name for path in run.out.rglob("*") if path.is_file()} == FILES


def test_devices_are_shared_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A worker shows its runs one device, by its number; a run of several sees them all."""
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "4,5,6")
    for name, shown in (("MainProcess", "4,5,6"), ("LokyProcess-4", "5"), ("LokyProcess-5", "5")):
        pin_device(name)
        assert os.environ["CUDA_VISIBLE_DEVICES"] == shown, "once shown, it stays"
    seen: dict[str, str | None] = {}

    def command(_: object, env: dict[str, str], **__: object) -> subprocess.CompletedProcess[str]:
        seen.update(env)
        return subprocess.CompletedProcess([], 0)

    monkeypatch.setattr(subprocess, "run", command)
    run = runs_of(told_grid(tmp_path, rows={"erm": {"trainer.devices": 2}}), tmp_path / "out")[0]
    assert execute(run, wait=False) == (run, "")
    assert seen.get("CUDA_VISIBLE_DEVICES") != "5"


@pytest.mark.slow
def test_runs_of_several_devices(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """They have processes of their own, beside runs of one device; what they say on failing is the reason given."""
    devices = {"trainer.devices": 2, "trainer.strategy": "ddp", "trainer.max_steps": 6, "trainer.max_epochs": -1}
    both, wrong, single, _ = runs_of(told_grid(tmp_path, rows={"erm": devices}), tmp_path / "out")
    wrong = Run(wrong.out, wrong.files, (*wrong.overrides, ("trainer.no_such", 1)))
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setenv("CLSUNBIAS_DATA", str(tmp_path))  # workers of its own, which have the path
    failures = execute_all([both, wrong, single], jobs=1)
    assert set(failures) == {wrong}, failures
    assert "no_such" in failures[wrong]
    assert failures[wrong] == (wrong.out / "error.txt").read_text()
    assert both.record() is not None
    assert single.record() is not None
    processes = {process for row, _, _, process in lines(tmp_path / "log") if row == "erm"}
    assert len(processes) == 2, "each device had a process"


def test_a_disk_that_is_full(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Runs fail one by one with the reason, even where the account of it cannot be written; none is begun in vain."""
    run = runs_of(told_grid(tmp_path), tmp_path / "out")[0]
    monkeypatch.setattr("clsunbias.experiments.running.executor.ROOM", 10**18)
    assert execute(run, wait=False)[1].startswith("not tried: less than")
    assert not list(run.out.glob("config.yaml"))

    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("clsunbias.experiments.running.executor.write_text", full)
    monkeypatch.setattr(Path, "mkdir", lambda *_, **__: full())
    assert execute(run, wait=False)[1] == "its folder cannot be written: No space left on device"
