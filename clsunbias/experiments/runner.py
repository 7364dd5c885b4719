"""Many runs of ``fit`` in warm worker processes, or on a Dask cluster; nothing is run twice, nothing stops the rest."""

import contextlib
import io
import os
import re
import subprocess
import sys
import traceback
from collections.abc import Callable, Iterator, Sequence
from multiprocessing import current_process
from pathlib import Path

from filelock import FileLock, Timeout
from joblib import Parallel, delayed, parallel_config
from joblib.externals.loky.process_executor import TerminatedWorkerError
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from clsunbias.errors import InputError
from clsunbias.experiments.run import Run
from clsunbias.files import atomic

LOST_WORKERS = 5
"""How often in a row a worker may be killed with no run finished in between."""

BUSY = "busy"


def execute(run: Run, wait: bool) -> tuple[Run, str]:
    """Does one run, and leaves ``error.txt`` in its folder if it fails.

    A lock held while it runs keeps two grids from doing the same one; it goes with the process that holds it.

    Args:
        run: to do; nothing is done if it is finished.
        wait: if another process is at it, whether to wait for that.

    Returns:
        The run, and nothing, what went wrong, or BUSY.
    """
    run.out.mkdir(parents=True, exist_ok=True)
    try:
        with FileLock(run.out / ".lock", timeout=-1 if wait else 0):
            error = "" if (run.out / "result.json").exists() else fit(run)
    except Timeout:
        return run, BUSY
    report = run.out / "error.txt"
    if error:
        with atomic(report) as temporary:
            temporary.write_text(error)
    else:
        report.unlink(missing_ok=True)
    return run, error


def fit(run: Run) -> str:
    """Trains and tests one run; returns what went wrong, or nothing."""
    options = ["fit", *run.options, "--trainer.enable_progress_bar", "false"]
    if run.devices > 1:  # Lightning starts the other processes with this one's command line: it must be the run's own
        done = subprocess.run([sys.executable, "-m", "clsunbias", *options], capture_output=True, text=True)
        return "" if done.returncode == 0 else done.stderr or f"exit status {done.returncode}"
    pin_device(current_process().name)
    import torch

    from clsunbias.cli import run as run_command

    torch.set_num_threads(1)
    try:
        with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
            run_command(options)
    except InputError as error:
        return str(error)
    except Exception:  # a defect in one run must not cost the others
        return traceback.format_exc()
    return ""


def check(runs: Sequence[Run]) -> None:
    """Has the command line read the options of runs, one run of each set of parameters, and does nothing else.

    Raises:
        InputError: a parameter that is not there, or a value that it does not take.
    """
    from clsunbias.cli import run as run_command

    for run in {run.out.parent: run for run in runs}.values():
        try:
            with contextlib.redirect_stdout(io.StringIO()), contextlib.suppress(SystemExit):
                run_command(["fit", *run.options, "--print_config"])
        except InputError as error:
            raise InputError(f"{run.out} cannot be run: {error}") from error


def pin_device(worker: str) -> None:
    """Shows a worker process one of several GPUs, so that runs share them out; before torch looks for any.

    Args:
        worker: the process's name, which ends in its number.
    """
    visible = [device for device in os.environ.get("CUDA_VISIBLE_DEVICES", "").split(",") if device]
    if not visible:
        visible = [path.name.removeprefix("nvidia") for path in sorted(Path("/dev").glob("nvidia[0-9]*"))]
    number = re.search(r"(\d+)$", worker)
    if len(visible) > 1 and number:
        os.environ["CUDA_VISIBLE_DEVICES"] = visible[int(number[1]) % len(visible)]


def execute_all(runs: Sequence[Run], jobs: int, dask: str | None = None) -> dict[Run, str]:
    """Does all runs, several at a time.

    Args:
        runs: to do.
        jobs: worker processes, one thread each.
        dask: address of a Dask scheduler whose workers take their place.

    Returns:
        The runs that failed, with what went wrong.

    Raises:
        InputError: there is no scheduler at that address, or dask is not installed.
    """
    failures: dict[Run, str] = {}
    several = [run for run in runs if run.devices > 1]
    single = [run for run in runs if run.devices <= 1]
    # One process a run at most: a worker takes seconds to start.
    with pool(max(1, min(jobs, len(runs))), dask) as (submit, workers), display(len(runs), workers) as advance:
        # A cluster gets all at once, for its workers come and go. A run of several devices needs them all: one by one.
        for group, limit in ((single, len(single) if dask else workers), (several, 1)):
            for wait in (False, True):  # those that another grid is at come last, when they are mostly done
                busy = []
                for run, error in outcomes(group, limit, partial(submit, wait=wait)):
                    if error == BUSY:
                        busy.append(run)
                        continue
                    advance(error)
                    if error:
                        failures[run] = error
                group = busy
    return failures


def outcomes(runs: Sequence[Run], limit: int, submit: Callable[[Run], Outcome]) -> Iterator[tuple[Run, str]]:
    """Outcomes of runs as they come; a killed worker costs only what the workers were at, which is done again.

    Args:
        runs: to do.
        limit: how many at a time.
        submit: starts one.
    """
    todo, lost = deque(runs), Counter[Run]()
    under_way: dict[Outcome, Run] = {}
    suspects = []
    while todo or under_way:
        while todo and len(under_way) < limit:
            under_way[submit(todo[0])] = todo[0]
            todo.popleft()
        for outcome in futures.wait(under_way, return_when=futures.FIRST_COMPLETED).done:
            run = under_way.pop(outcome)
            try:
                yield run, outcome.result()
            except TerminatedWorkerError:  # this run killed its worker, or another one did; each loses all of them
                lost[run] += 1
                (suspects if lost[run] == LOST_WORKERS else todo).append(run)
            except Exception as error:  # it never came to the run's own account: the worker is unfit, or Dask gave up
                yield run, failed(run, f"{type(error).__name__}: {error}")
    if limit > 1:  # alone, so that the one that kills its worker costs no other
        yield from outcomes(suspects, 1, submit)
    else:
        for run in suspects:
            yield run, failed(run, f"its worker process was killed {LOST_WORKERS} times: out of memory?")


@contextlib.contextmanager
def pool(jobs: int, dask: str | None) -> Iterator[tuple[Callable[..., Outcome], int]]:
    """What starts a run in a worker, and the number of workers: processes of this machine, or a Dask cluster's.

    Even a single job has a process of its own, for what kills it must not end the grid.
    """
    if dask is not None:
        with cluster(dask) as client:
            yield partial(client.get_executor(pure=False).submit, execute), len(client.nthreads())
        return

    def submit(run: Run, wait: bool) -> Outcome:
        while True:
            with contextlib.suppress(TerminatedWorkerError):  # lost just now: the next one asked for is new
                workers = get_reusable_executor(max_workers=jobs, timeout=IDLE, env=ONE_THREAD)
                return workers.submit(execute, run, wait)

    try:
        yield submit, jobs
    except BaseException:  # interrupted: what is under way goes on from its checkpoint another time
        get_reusable_executor(max_workers=jobs, timeout=IDLE, env=ONE_THREAD).shutdown(kill_workers=True)
        raise


@contextlib.contextmanager
def cluster(address: str) -> Iterator["Client"]:
    """A client of a Dask scheduler."""
    try:
        from distributed import Client
    except ImportError as error:
        raise InputError("--dask needs the extra 'dask': pip install 'clsunbias[dask]'") from error
    try:
        client = Client(address, timeout=10)
    except (OSError, ValueError) as error:
        raise InputError(f"there is no Dask scheduler at {address}: {error}") from error
    with client:
        yield client


@contextlib.contextmanager
def display(total: int, jobs: int) -> Iterator[Callable[[str], None]]:
    """One line of progress: done of all, running, failed, time passed and left; gives what counts an outcome."""
    columns = (
        TextColumn("runs"),
        BarColumn(bar_width=24),
        MofNCompleteColumn(),
        TextColumn("{task.fields[running]} running, {task.fields[failed]} failed,"),
        TimeElapsedColumn(),
        TextColumn("passed,"),
        TimeRemainingColumn(),
        TextColumn("left"),
    )
    with Progress(*columns, console=Console(stderr=True), disable=not total) as progress:
        task = progress.add_task("runs", total=total, running=min(jobs, total), failed=0)

        def advance(error: str) -> None:
            state = progress.tasks[task]
            left = int(total - state.completed - 1)
            failed = state.fields["failed"] + bool(error)
            progress.update(task, advance=1, running=min(jobs, left), failed=failed)

        yield advance
