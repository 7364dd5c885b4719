"""``clsunbias fit`` in a process of its own, which can be killed."""

import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

import torch

from tests.test_cli import arguments


def command(config: str, out: Path, *options: str, objective: str = "cls_unbias") -> list[str]:
    """What ``fit`` of the tests runs, as a command."""
    return [sys.executable, "-m", "clsunbias", *arguments(config, out, *options, objective=objective)]


def kill_in_the_middle(
    started: Sequence[str], out: Path, epoch: int, environment: Mapping[str, str] | None = None
) -> None:
    """Starts a run and kills it, kill −9, when it has written a checkpoint of an epoch."""
    killed = subprocess.Popen(started, env=environment, stderr=subprocess.DEVNULL)
    last = out / "checkpoints" / "last.ckpt"
    while killed.poll() is None:
        if last.exists() and torch.load(last, weights_only=True)["epoch"] >= epoch:
            killed.send_signal(signal.SIGKILL)
            break
        time.sleep(0.01)
    assert killed.wait() == -signal.SIGKILL, "the run ended before it could be killed"
