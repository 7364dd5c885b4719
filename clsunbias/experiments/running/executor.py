"""Many runs of ``fit`` in warm worker processes, or on a Dask cluster; nothing is run twice, nothing stops the rest."""

import contextlib
import io
import itertools
import shutil
import subprocess
import sys
import threading
import traceback
from collections import Counter, deque
from collections.abc import Iterator, Sequence
from concurrent import futures
from concurrent.futures import FIRST_COMPLETED, Future
from dataclasses import replace
from multiprocessing import current_process

from filelock import FileLock, Timeout
from joblib import cpu_count

from clsunbias.errors import InputError
from clsunbias.experiments.running.config import difference, parse_yaml
from clsunbias.experiments.running.display import display
from clsunbias.experiments.running.run import LAST, Run, sharing
from clsunbias.experiments.running.workers import UNPINNED, Workers, pin_device, pool
from clsunbias.files import write_text
from clsunbias.replicas.grouping import in_words, units_of
from clsunbias.terminal import note

BUSY = "busy"

Unit = tuple[Run, ...]
"""Runs that a worker does as one: a single one, or several that may be trained together."""

ROOM = 10_000_000
"""Bytes on the disk without which no run is begun: it would train to find that it cannot save what it has learnt."""

IN_THIS_PROCESS = threading.Lock()
"""Held by a run, which seeds its whole process: a Dask worker may have several threads."""


def execute(run: Run, wait: bool) -> tuple[Run, str]:
    """Does one run, and leaves ``error.txt`` in its folder if it fails.

    A lock keeps two grids from doing the same one; it goes with the process that holds it.

    Returns:
        The run, and nothing, what went wrong, or BUSY: another process is at it, and this is not to wait for that.
    """
    if undone := [start for _, start in run.after if not start.is_done]:
        return failed(run, f"{undone[0].out} has no result\nnot tried: the run that it starts from has failed")
    try:
        run.out.mkdir(parents=True, exist_ok=True)
        if shutil.disk_usage(run.out).free < ROOM:
            return failed(run, f"not tried: less than {ROOM:,} bytes are left on the disk")
        with FileLock(run.out / ".lock", timeout=-1 if wait else 0), IN_THIS_PROCESS:
            for half_written in run.out.glob(".*.*.*"):  # by a process that was killed
                half_written.unlink()
            error = "".join(fit(one) for one in left_of(run))
    except Timeout:
        return run, BUSY
    except OSError as refused:  # a full disk, a folder that may not be written
        return failed(run, f"its folder cannot be written: {refused.strerror or refused}")
    if error:
        return failed(run, error)
    for one in (run, *run.also):
        (one.out / "error.txt").unlink(missing_ok=True)
    return run, ""


def execute_unit(unit: Unit, wait: bool) -> list[tuple[Run, str]]:
    """Does runs that may be trained together, and then one by one what that leaves undone; see :func:`execute`."""
    if len(unit) > 1:
        with contextlib.ExitStack() as locks:
            free = list[Run]()
            for run in unit:
                with contextlib.suppress(Timeout, OSError):  # which execute gives account of
                    run.out.mkdir(parents=True, exist_ok=True)
                    locks.enter_context(FileLock(run.out / ".lock", timeout=0))
                    free += left_of(run)
            fit_together([run for run in free if all(start.is_done for _, start in run.after)])
    return [execute(run, wait) for run in unit]


def fit_together(runs: Sequence[Run]) -> None:
    """Trains and tests those of some runs that can be trained together."""
    import torch

    from clsunbias.replicas.training import train_together

    torch.set_num_threads(1)
    silent = io.StringIO()
    with IN_THIS_PROCESS, contextlib.redirect_stdout(silent), contextlib.redirect_stderr(silent):
        train_together(runs)


def left_of(run: Run) -> list[Run]:
    """A run with the others of its training, as far as they are not done; nothing if they are."""
    todo = [one for one in (run, *run.also) if not one.is_done]
    return [replace(todo[0], also=tuple(todo[1:]))] if todo else []


def failed(run: Run, error: str) -> tuple[Run, str]:
    """The outcome of a run that went wrong, whose account is left in its folder, where that can be written."""
    for one in (run, *run.also):
        with contextlib.suppress(OSError):
            write_text(one.out / "error.txt", error)
    return run, error


def fit(run: Run) -> str:
    """Trains and tests one run; returns what went wrong, or nothing."""
    options = ["fit", *run.options, "--trainer.enable_progress_bar", "false"]
    if run.devices > 1:  # Lightning starts the other processes with this one's command line: it must be the run's own
        command = [sys.executable, "-m", "clsunbias", *options]
        done = subprocess.run(command, capture_output=True, text=True, env=UNPINNED)
        return "" if done.returncode == 0 else done.stderr or f"exit status {done.returncode}"
    pin_device(current_process().name)
    import torch

    from clsunbias.commands.fit import run as run_command

    torch.set_num_threads(1)
    try:
        with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
            run_command(options)
    except InputError as error:
        return str(error)
    except (Exception, SystemExit):  # a defect in one run must not cost the others
        return traceback.format_exc()
    return ""


def check(runs: Sequence[Run]) -> None:
    """Raises InputError if the command line does not take the options of a run: one training of each setting."""
    from clsunbias.commands.fit import run as run_command

    for run in {run.out.parent: run for run in sharing(runs)}.values():
        try:
            with contextlib.redirect_stdout(io.StringIO()) as printed:
                run_command(["fit", *run.options, "--print_config"])
        except SystemExit as ended:  # as printing does, and a signal, which is for the whole grid
            if ended.code:
                raise
        except InputError as error:
            folded = "plan" in str(error) and (run.config["data"].get("init_args") or {}).get("plan")
            about = "; folds are of data sets that take a plan, those that draw their splits" if folded else ""
            raise InputError(f"{run.out} cannot be run: {error}{about}") from error
        # A name that is cut short is taken for the whole one: the record would not be what was asked for.
        differing = difference(run.config, parse_yaml(printed.getvalue()))
        if differing:
            raise InputError(f"{run.out} cannot be run: {differing}")


def execute_all(runs: Sequence[Run], jobs: int | None, dask: str | None = None) -> dict[Run, str]:
    """Does all runs, several at a time, each after the run whose weights it starts from; returns what failed, and why.

    Args:
        runs: to do.
        jobs: worker processes, one thread each; None: one for each core.
        dask: address of a Dask scheduler whose workers take their place.

    Raises:
        InputError: there is no scheduler at that address, or dask is not installed.
    """
    failures: dict[Run, str] = {}
    # One process a run at most: a worker takes seconds to start.
    with pool(max(1, min(jobs or cpu_count(), len(runs))), dask) as workers:
        stages = stages_of(sharing(runs), workers.size)
        if said := in_words([unit for _, units in stages for unit in units]):
            note(said)
        # A cluster gets all at once, for its workers come and go.
        limit = len(runs) if dask else workers.size
        with display(len(runs), workers.size) as advance:
            for run, error in in_stages(stages, limit, workers):
                for one in (run, *run.also):
                    advance(one, error)
                    if error:
                        failures[one] = error
    return failures


def stages_of(runs: Sequence[Run], jobs: int) -> list[tuple[bool, list[Unit]]]:
    """What is done one after the other: first stages first, and of a stage last the runs of several devices (True)."""

    def stage(run: Run) -> tuple[int, bool]:
        return len(run.prerequisites), run.devices > 1

    groups = itertools.groupby(sorted(runs, key=stage), stage)
    return [(several, units_of([*group], jobs)) for (_, several), group in groups]


def in_stages(stages: Sequence[tuple[bool, Sequence[Unit]]], limit: int, workers: Workers) -> Iterator[tuple[Run, str]]:
    """Outcomes of the runs of some stages, so many units at a time."""
    for several, units in stages:
        todo = units
        for wait in (False, True):  # those that another grid is at come last, when they are mostly done
            busy = []
            for run, error in outcomes(todo, 1 if several else limit, wait, workers):
                if error == BUSY:
                    busy.append(run)
                else:
                    yield run, error
            todo = [(run,) for run in busy]


def outcomes(units: Sequence[Unit], limit: int, wait: bool, workers: Workers) -> Iterator[tuple[Run, str]]:
    """Outcomes of runs, so many units of them at a time.

    A killed worker costs only what the workers were at, which is done again, run by run.
    """
    todo, under_way = deque(units), dict[Future[list[tuple[Run, str]]], Unit]()
    lost, suspects = Counter[tuple[Run, float]](), dict[Run, Exception]()
    while todo or under_way:
        while todo and len(under_way) < limit:
            unit = todo.popleft()
            under_way[workers.submit(execute_unit, unit, wait)] = unit
        for future in futures.wait(under_way, return_when=FIRST_COMPLETED).done:
            unit = under_way.pop(future)
            try:
                yield from future.result()
            except Exception as error:  # of its worker: the run has killed it, or another run has, or somebody else
                if len(unit) > 1:
                    todo.extend((run,) for run in unit)
                    continue
                (run,) = unit
                so_far = (run, saved_at(run))
                lost[so_far] += 1
                if lost[so_far] < workers.chances:
                    todo.append(unit)
                else:
                    suspects[run] = error
    if limit > 1:  # alone, so that a run that kills its worker costs no other
        yield from outcomes([(run,) for run in suspects], 1, wait, workers)
        return
    for run, cause in suspects.items():
        yield failed(run, f"{cause}\nits worker was lost each time, in the end with no other run: out of memory?")


def saved_at(run: Run) -> float:
    """When the run has saved how far it is; what gets further each time is not to blame for the loss of its workers."""
    path = run.out / LAST
    return path.stat().st_mtime if path.exists() else 0.0
