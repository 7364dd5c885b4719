"""Runs on W&B whose process is killed, or whose service is on this machine, lost or not to be had."""

import json
import os
import re
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from clsunbias.dashboards.service import STEP
from clsunbias.dashboards.transaction_logs import rows
from tests.processes import command, kill_in_the_middle
from tests.test_cli import SHORT_TOY
from tests.test_wandb import logs, summary
from tests.wandb_server import service

KEY = "0" * 40


def logged(out: Path, *options: str) -> list[str]:
    """A toy run on W&B that can be resumed from each validation."""
    fixed = ("--save_every", "0", "--trainer.max_steps", "500", "--wandb", "true")
    return command("toy_imbalanced", out, *fixed, *options)


def surroundings(mode: str, url: str, home: Path, key: str = KEY) -> dict[str, str]:
    """The environment of a process that knows nothing of W&B but this."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("WANDB")}
    environment |= {"HOME": str(home), "WANDB_MODE": mode, "WANDB_BASE_URL": url}
    return environment | ({"WANDB_API_KEY": key} if key else {})


def kill_and_resume(out: Path, environment: Mapping[str, str]) -> None:
    """Kills a run on W&B in the middle; the same command then goes on to its end."""
    kill_in_the_middle(logged(out), out, 30, environment)
    assert subprocess.run(logged(out), env=environment, check=False).returncode == 0


STEPS = [*range(1, 500, 5), 501]
"""Validations of the toy, and the row of the result."""


@pytest.mark.slow
def test_a_killed_run_goes_on_offline_and_is_one_when_sent(tmp_path: Path) -> None:
    """Same id, each step once in both logs together, none missing; the service, too, gets each once and in order."""
    with service() as there:
        environment = surroundings("offline", there.url, tmp_path)
        kill_and_resume(tmp_path / "run", environment)
        found = logs(tmp_path / "run")  # the first has gone if it was killed in its first second
        assert len({log.name for log in found}) == 1
        assert [row["_step"] for log in found for row in rows(log)] == STEPS
        environment["WANDB_MODE"] = "online"
        sync = [str(Path(sys.executable).parent / "wandb"), "sync", "--yes", str(tmp_path / "run" / "wandb")]
        sent = subprocess.run(sync, env=environment, check=False, cwd=tmp_path, capture_output=True, text=True)
        assert (sent.returncode, len(there.rows)) == (0, 1), sent.stdout + sent.stderr
        (run,) = there.rows
        assert there.steps(run) == STEPS
        assert there.runs[run]["tags"] == ["cls_unbias", "simulated"]


@pytest.mark.slow
def test_a_killed_run_goes_on_online(tmp_path: Path) -> None:
    """The service has one run, each step once: what was lost with the process is sent again, nothing else."""
    with service() as there:
        environment = surroundings("online", there.url, tmp_path)
        kill_and_resume(tmp_path / "run", environment)
        (run,) = there.rows
        assert there.steps(run) == STEPS
        assert [row[STEP] for row in there.rows[run][:-1]] == STEPS[:-1]


@pytest.fixture
def silent() -> Iterator[str]:
    """Address of something that takes connections and never answers."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        yield f"http://127.0.0.1:{listening.getsockname()[1]}"


@pytest.mark.slow
@pytest.mark.parametrize("reason", ["there is no login", "cannot be reached", "context deadline exceeded"])
def test_without_login_or_network_a_run_goes_on_offline(reason: str, silent: str, tmp_path: Path) -> None:
    """It says so, and is done in full."""
    url = "http://127.0.0.1:9" if reason == "cannot be reached" else silent
    environment = surroundings("online", url, tmp_path, "" if reason == "there is no login" else KEY)
    began = time.monotonic()
    fit_it = logged(tmp_path / "run", *SHORT_TOY)
    done = subprocess.run(fit_it, env=environment, check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert re.search(f"W&B goes on offline: .*{reason}", done.stderr)
    assert (tmp_path / "run" / "result.json").exists()
    log = logs(tmp_path / "run")[0]
    assert log.parent.name.startswith("offline-run-")
    assert [row["_step"] for row in rows(log)] == [*range(1, 42, 5), 42]
    assert time.monotonic() - began < 120


@pytest.mark.slow
def test_a_service_that_stops_answering_costs_a_run_seconds(tmp_path: Path) -> None:
    """The network is lost after the first steps: the run is done and exits with 0, its log is whole, for later."""
    with service() as there:
        environment = surroundings("online", there.url, tmp_path)
        running = subprocess.Popen(logged(tmp_path / "run"), env=environment, stderr=subprocess.PIPE, text=True)
        while not there.rows:
            assert running.poll() is None
            time.sleep(0.01)
    _, said = running.communicate(timeout=120)
    assert running.returncode == 0, said
    assert "To send what is there" in said
    (log,) = logs(tmp_path / "run")
    assert [row["_step"] for row in rows(log)] == STEPS[:-1], "all but charts and tables"
    result = json.loads((tmp_path / "run" / "result.json").read_text())
    assert summary(log)["selected/test_1/macro_f1"] == result["test_1"]["macro_f1"]
