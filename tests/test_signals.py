"""What a signal does to a command: its own status, a line of what to do, no traceback, no half file, no child left."""

import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from clsunbias.__main__ import main, stop
from tests.fakes import write_grid


@pytest.mark.parametrize(
    ("command", "said"),
    [
        ("fit", "what is done is kept, and the same command goes on"),
        ("reproduce", "what is done is kept, and the same command goes on"),
        ("simulate", "no file is half-written; start the same command again"),
        ("export", "no file is half-written; start the same command again"),
    ],
)
def test_what_to_do_afterwards(
    command: str, said: str, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    """It depends on the command."""
    monkeypatch.setattr(sys, "argv", ["clsunbias", command, "--out", "x"])
    with pytest.raises(SystemExit) as ended:
        stop(signal.SIGTERM, None)
    assert ended.value.code == 143
    assert said in capfd.readouterr().err


def stopped(number: signal.Signals, command: list[str], ready: Callable[[], object]) -> str:
    """What a command says on the standard error stream when it gets a signal as soon as it is ready for it."""
    with subprocess.Popen([sys.executable, "-m", "clsunbias", *command], stderr=subprocess.PIPE, text=True) as process:
        while process.poll() is None and not ready():
            time.sleep(0.02)
        process.send_signal(number)
        _, error = process.communicate(timeout=120)
    assert process.returncode == 128 + number, error
    assert f"stopped by {number.name}; " in error
    assert "Traceback" not in error
    return error


def test_simulate_is_stopped(tmp_path: Path) -> None:
    """It leaves nothing, and the same folder can be given again; what a killed one has left is made anew."""
    raw = tmp_path / "raw"
    command = ["simulate", "daic_woz", "--out", str(raw), "--speakers", "60", "--hours", "20"]
    assert "start the same command again" in stopped(signal.SIGTERM, command, raw.exists)
    assert list(raw.iterdir()) == []
    with subprocess.Popen([sys.executable, "-m", "clsunbias", *command]) as process:
        while not list(raw.rglob("SIMULATED.txt")):
            time.sleep(0.02)
        process.kill()
    assert [path.name for path in raw.iterdir()] == [".unfinished"]
    assert main(["simulate", "modma", "--out", str(raw), "--speakers", "8", "--hours", "0.02"]) == 0
    assert {"SIMULATED.csv", "SIMULATED.txt"} < {path.name for path in raw.iterdir()}
    assert not list(raw.glob(".*"))
    assert main(["simulate", "modma", "--out", str(raw), "--speakers", "8", "--hours", "0.02"]) == 2


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_grid_is_stopped(number: signal.Signals, tmp_path: Path) -> None:
    """As soon as its first run has begun."""
    out = tmp_path / "out"
    command = ["reproduce", str(write_grid(tmp_path / "toys.yaml")), "--out", str(out), "--jobs", "2"]
    assert "the same command goes on" in stopped(number, command, lambda: list(out.rglob("config.yaml")))


def test_a_signal_that_comes_while_an_object_is_deleted() -> None:
    """What it raises is lost there: it is sent again, and the process ends as it asks."""
    code = """
import os, signal, time
from clsunbias.__main__ import set_up_process
set_up_process()
class Late:
    def __del__(self):
        os.kill(os.getpid(), signal.SIGTERM)
        time.sleep(0.01)
Late()
time.sleep(20)
"""
    done = subprocess.run([sys.executable, "-X", "utf8", "-c", code], capture_output=True, text=True, timeout=60)
    assert done.returncode == 143
    assert "stopped by SIGTERM" in done.stderr
    assert "Exception ignored" not in done.stderr
