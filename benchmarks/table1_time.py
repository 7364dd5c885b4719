"""Process time of the four rows of Table 1, start-up, figures and all."""

import resource
import subprocess
import sys
import tempfile
from collections.abc import Sequence

from benchmarks.timing import Row, judged

TARGET = 40.0
"""Seconds."""


def children_seconds() -> float:
    """User and system time of the processes started and ended so far."""
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def measure() -> Sequence[Row]:
    """One reproduction, in a process of its own and one worker, so that no part of it escapes the count."""
    command = [sys.executable, "-m", "clsunbias", "reproduce", "table1", "--seeds", "0", "--jobs", "1", "--out"]
    with tempfile.TemporaryDirectory() as out:
        before = children_seconds()
        done = subprocess.run([*command, out], capture_output=True, text=True)
        seconds = children_seconds() - before
    if done.returncode:
        raise RuntimeError(f"reproduce table1 failed:\n{done.stderr}")
    what = "table1_time: process time of the four rows of Table 1, each under both selection rules"
    return [Row(what, f"{seconds:.1f} s", judged(seconds, "<", TARGET, " s"))]
