"""Where runs are done: warm worker processes of this machine, or the workers of a Dask cluster."""

import contextlib
import os
import re
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from joblib.externals.loky import get_reusable_executor
from joblib.externals.loky.process_executor import TerminatedWorkerError

from clsunbias.data_paths import data_root
from clsunbias.errors import InputError

LOST_WORKERS = 3
"""How often a run may lose its worker process and get no further, among others and then alone, before it has failed.

A worker that is killed takes those of the other runs with it, and does not say which run it was at.
"""

UNPINNED = dict(os.environ)
"""The environment as this process found it, with all devices."""


@dataclass(frozen=True)
class Workers:
    """Where calls are done: how to start one, by how many workers, and how often to try what gets no further.

    The exception of ``submit(function, *args)``'s future is of the worker if not of the function.
    """

    submit: Callable[..., Future[Any]]
    size: int
    chances: int


@contextlib.contextmanager
def pool(jobs: int, dask: str | None) -> Iterator[Workers]:
    """So many worker processes on this machine, or those of the Dask scheduler at an address; see :func:`cluster`.

    A single job, too, gets a process of its own: what kills it must not end the grid.
    """
    if dask is not None:
        with cluster(dask) as client:
            # Not pure: the same run may have to be done again. Dask tries several workers before it gives a run up.
            yield Workers(client.get_executor(pure=False).submit, len(client.nthreads()), chances=1)
        return
    environment = {"OMP_NUM_THREADS": "1", "CLSUNBIAS_DATA": str(data_root(None))}
    alike = {"timeout": 300, "env": environment, "initializer": end_with, "initargs": (os.getpid(),)}

    def processes() -> Any:
        """Those of before, if they are alike."""
        try:
            return get_reusable_executor(jobs, **alike)
        except OSError as error:  # of a semaphore, which says neither where nor why
            raise InputError(
                f"no worker process can be started ({error}): their locks are small files in shared memory; make room "
                "in /dev/shm, or let files grow larger (ulimit -f)"
            ) from error

    def submit(function: Callable[..., Any], *args: Any) -> Future[Any]:
        while True:
            with contextlib.suppress(TerminatedWorkerError):  # lost just now: the next ones asked for are new
                future: Future[Any] = processes().submit(function, *args)
                return future

    try:
        yield Workers(submit, jobs, LOST_WORKERS)
    except BaseException:  # interrupted: what is under way goes on from its checkpoint another time
        with contextlib.suppress(InputError):
            processes().shutdown(kill_workers=True)
        raise


def cluster(address: str) -> Any:
    """A client of a Dask scheduler, to be closed; InputError if there is none, or dask is not installed."""
    try:
        from distributed import Client
    except ImportError as error:
        raise InputError("--dask needs the extra 'dask': pip install 'clsunbias[dask]'") from error
    try:
        return Client(address, timeout=10)  # type: ignore[no-untyped-call]
    except (OSError, ValueError) as error:
        raise InputError(f"there is no Dask scheduler at {address}: {error}") from error


def end_with(parent: int) -> None:
    """Ends this process soon after the one that started it, which may have been killed with no word to its workers."""

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(1)
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()


def pin_device(worker: str) -> None:
    """Shows a worker, by the number in its name, one of several GPUs: runs share them; before torch looks for any."""
    named = [device for device in os.environ.get("CUDA_VISIBLE_DEVICES", "").split(",") if device]
    visible = named or [path.name.removeprefix("nvidia") for path in sorted(Path("/dev").glob("nvidia[0-9]*"))]
    number = re.search(r"(\d+)$", worker)
    if len(visible) > 1 and number:
        os.environ["CUDA_VISIBLE_DEVICES"] = visible[int(number[1]) % len(visible)]
