"""Wall time of the command line's help over that of importing LightningCLI."""

import subprocess
import sys
import time
from collections.abc import Sequence

from benchmarks.timing import Row, in_turn, ratio_row

REPETITIONS = 3


def process_seconds(*args: str) -> float:
    """Wall time of one Python process.

    Raises:
        RuntimeError: it failed.
    """
    began = time.perf_counter()
    done = subprocess.run([sys.executable, *args], capture_output=True, text=True)
    seconds = time.perf_counter() - began
    if done.returncode:
        raise RuntimeError(f"python {' '.join(args)} failed:\n{done.stderr}")
    return seconds


def measure() -> Sequence[Row]:
    """Help of the command, which has a target, and of ``fit``, which is shown beside it."""
    short, long, imports = in_turn(
        REPETITIONS,
        lambda: process_seconds("-m", "clsunbias", "--help"),
        lambda: process_seconds("-m", "clsunbias", "fit", "--help"),
        lambda: process_seconds("-c", "import lightning.pytorch.cli"),
    )
    return [
        ratio_row("help_time: clsunbias --help over import lightning.pytorch.cli", short, imports, "≤", 1.3),
        ratio_row("help_time: clsunbias fit --help over the same", long, imports),
    ]
