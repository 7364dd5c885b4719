"""A short part of ``make fuzz``, the same each time: inputs that nobody thought of, and faults at any moment."""

import subprocess
import sys
from pathlib import Path

import pytest


@pytest.mark.slow
def test_fuzz(tmp_path: Path) -> None:
    """Each is right or refused in one clear message; in a process of its own, which is warm and has one thread."""
    options = ["--inputs", "100", "--faults", "6", "--seed", "1", "--jobs", "1", "--out", str(tmp_path)]
    options += ["--works", "fit,prepare,report"]
    done = subprocess.run([sys.executable, "-m", "tests.fuzz", *options], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr + done.stdout
