"""Runs on a Dask cluster."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from clsunbias.__main__ import main
from clsunbias.errors import InputError
from clsunbias.experiments.running.executor import execute_all
from tests.fakes import write_grid
from tests.test_runner import lines, runs_of, start, told_grid, wait_until

Launch = Callable[..., subprocess.Popen[bytes]]


@pytest.fixture
def dask(tmp_path: Path) -> Iterator[Launch]:
    """Starts ``dask`` commands in a folder of their own, which know the rule's module; ends them after the test."""
    folder = tmp_path / "elsewhere"
    folder.mkdir()
    path = os.pathsep.join(filter(None, [str(tmp_path), os.environ.get("PYTHONPATH")]))
    environment = {**os.environ, "PYTHONPATH": path, "DASK_DISTRIBUTED__SCHEDULER__ALLOWED_FAILURES": "0"}
    started = []

    def launch(*options: str) -> subprocess.Popen[bytes]:
        command = [sys.executable, "-m", "dask", *options, "--scheduler-file", str(folder / "scheduler.json")]
        with (folder / "said").open("ab") as said:
            process = subprocess.Popen(command, cwd=folder, env=environment, stdout=said, stderr=said)
        started.append(process)
        return process

    yield launch
    for process in reversed(started):  # workers end in peace while there is a scheduler
        process.terminate()
        process.wait()


def cluster(dask: Launch, folder: Path, *workers: str) -> tuple[str, list[subprocess.Popen[bytes]]]:
    """Starts a scheduler and workers of one thread, a process for each option given; returns address and workers."""
    dask("scheduler", "--host", "127.0.0.1", "--port", "0", "--no-dashboard")
    file = folder / "elsewhere" / "scheduler.json"
    wait_until(lambda: file.exists() and file.read_text().rstrip().endswith("}"))  # it is written in pieces
    started = [dask("worker", "--nthreads", "1", "--no-dashboard", option) for option in workers]
    return json.loads(file.read_text())["address"], started


@pytest.mark.slow
def test_a_dask_cluster_loses_a_worker(dask: Launch, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Workers started elsewhere do the runs of a grid here; one is killed, and the other does what it was at."""
    grid = told_grid(tmp_path, {"partners": 2})
    address, workers = cluster(dask, tmp_path, "--no-nanny", "--no-nanny")
    command = start(grid, "--dask", address)
    log = tmp_path / "log"
    wait_until(lambda: len(lines(log)) > 10 or command.poll() is not None)
    name, seed, _, victim = lines(log)[-1]
    next(worker for worker in workers if str(worker.pid) == victim).send_signal(signal.SIGKILL)
    assert command.wait(timeout=900) == 0, (tmp_path / "said").read_text()
    at_it = {process for told_name, told_seed, _, process in lines(log) if (told_name, told_seed) == (name, seed)}
    assert at_it == {str(worker.pid) for worker in workers}, "the other went on with what the one was at"
    monkeypatch.syspath_prepend(str(tmp_path))
    for mine, here in zip(runs_of(grid, tmp_path / "out"), runs_of(grid, tmp_path / "here"), strict=True):
        assert mine.record() is not None
        assert main(["fit", *here.options, "--trainer.enable_progress_bar", "false"]) == 0
        assert (mine.out / "predictions.csv").read_bytes() == (here.out / "predictions.csv").read_bytes()


@pytest.mark.slow
def test_a_run_that_kills_dask_workers_fails_alone(dask: Launch, tmp_path: Path) -> None:
    """Dask gives it up, and with it what waited for the same worker: that is done after all."""
    killer, *_, other = runs_of(
        told_grid(tmp_path, rows={"erm": {"selection.init_args.end": "kill"}}), tmp_path / "out"
    )
    address, _ = cluster(dask, tmp_path, "--nanny")
    failures = execute_all([killer, other], jobs=1, dask=address)
    assert set(failures) == {killer}
    assert "KilledWorker" in failures[killer] or "died while running it" in failures[killer]
    assert (killer.out / "error.txt").read_text() == failures[killer]
    assert other.record() is not None


@pytest.mark.slow
def test_no_scheduler(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """Status 2 with the address, and no run has failed."""
    grid = write_grid(tmp_path / "toy.yaml")
    nowhere = "tcp://127.0.0.1:9"
    assert main(["reproduce", str(grid), "--out", str(tmp_path / "out"), "--dask", nowhere]) == 2
    *_, message = capfd.readouterr().err.splitlines()
    assert message.startswith(f"clsunbias: error: there is no Dask scheduler at {nowhere}")
    assert not (tmp_path / "out").exists()


def test_dask_is_not_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    """The extra that brings it is named."""
    monkeypatch.setitem(sys.modules, "distributed", None)
    with pytest.raises(InputError, match=r"pip install 'clsunbias\[dask\]'"):
        execute_all([], jobs=1, dask="tcp://127.0.0.1:9")
