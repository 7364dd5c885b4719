"""Many runs of ``fit`` in warm worker processes; what is finished is not run again."""

import contextlib
import io
import traceback
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from joblib import Parallel, delayed
from rich.console import Console
from rich.progress import track

CONFIGS = Path(__file__).parents[2] / "configs"
"""The configs of the source tree that this package was installed from."""


@dataclass(frozen=True)
class Run:
    """One run of ``fit``.

    Attributes:
        out: its output folder.
        options: of ``clsunbias fit``, all but ``--out``.
    """

    out: Path
    options: tuple[str, ...]


def execute(run: Run) -> str:
    """Does one run on one thread; returns what went wrong, or nothing."""
    import torch

    from clsunbias.cli import run as run_command
    from clsunbias.errors import InputError

    torch.set_num_threads(1)
    try:
        with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
            run_command(["fit", *run.options, "--out", str(run.out), "--trainer.enable_progress_bar", "false"])
    except InputError as error:
        return str(error)
    except Exception:  # a defect in one run must not cost the others
        return traceback.format_exc()
    return ""


def execute_all(runs: Sequence[Run], jobs: int) -> dict[Run, str]:
    """Does all runs, several at a time.

    Args:
        runs: to do; one that is finished is checked against its config and left as it is.
        jobs: worker processes, one thread each.

    Returns:
        The runs that failed, with what went wrong.
    """
    # One process a run at most: a worker takes seconds to start.
    workers = Parallel(n_jobs=max(1, min(jobs, len(runs))), return_as="generator")
    outcomes = workers(delayed(execute)(run) for run in runs)
    console = Console(stderr=True)
    shown = track(outcomes, description="runs", total=len(runs), console=console)
    return {run: error for run, error in zip(runs, shown, strict=True) if error}
