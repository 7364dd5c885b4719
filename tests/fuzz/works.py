"""Commands to be disturbed: what they start from, and what they leave when nobody disturbs them."""

import fcntl
import os
import signal
import sys
import time
import traceback
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import cache

import yaml

from clsunbias import __main__ as door
from tests.fakes import TOY_GRID
from tests.fuzz.bases import TABLE, TOY, Files, at_home, files_below, finished_runs, recordings, table_lines
from tests.fuzz.cases import write_files
from tests.fuzz.children import end_session, end_with_parent
from tests.fuzz.disturbances import Events


@dataclass(frozen=True)
class Work:
    """A command.

    Attributes:
        options: of the command, in a folder of its own.
        files: what the folder holds before.
        results: files that it leaves, the same each time.
        parts: files that are the same whenever they are there; of others a command that did not end well may leave
            what it had by then.
    """

    options: Sequence[str]
    files: Callable[[], Files]
    results: Sequence[str]
    parts: Sequence[str] = ()

    @property
    def always(self) -> Sequence[str]:
        """Files that are never there in another form than in the end."""
        return self.parts or self.results


@cache
def table_run() -> Files:
    """A finished run on a table, and a table to be scored."""
    files = {"my.yaml": yaml.safe_dump(TABLE).encode(), "patients.csv": "\n".join([*table_lines(), ""]).encode()}
    with at_home() as home:
        write_files(files, home)
        assert door.main(["fit", "--config", "my.yaml", "--out", "run"]) == 0
        return {**files_below(home), "new.csv": "\n".join([*table_lines(30), ""]).encode()}


def short_grid() -> Files:
    """A grid of two methods and two seeds on the toy."""
    return {"my.yaml": yaml.safe_dump(TOY_GRID).encode()}


WORKS = {
    "fit": Work(
        ("fit", "--config", "toy.yaml", "--seed_everything", "1", "--save_every", "0", "--out", "run"),
        lambda: {"toy.yaml": yaml.safe_dump(TOY).encode()},
        ("run/predictions.csv",),
    ),
    "fit a table": Work(
        ("fit", "--config", "my.yaml", "--save_every", "0", "--out", "run"),
        lambda: {name: content for name, content in table_run().items() if not name.startswith("run/")},
        ("run/predictions.csv",),
    ),
    "prepare": Work(
        ("prepare", "manifest", "--raw", "data/raw", "--out", "data"),
        lambda: {f"data/{name}": content for name, content in recordings().items()},
        ("data/manifest.csv", "data/summary.json"),
    ),
    "reproduce": Work(
        ("reproduce", "my.yaml", "--out", "results", "--jobs", "2"),
        short_grid,
        ("results/my.csv", "results/my_runs.csv", "results/my.md"),
        [f"results/runs/my/paper/balanced/{row}/{seed}/predictions.csv" for row in TOY_GRID["rows"] for seed in (0, 1)],
    ),
    "report": Work(("report", "runs", "--html", "page.html"), finished_runs, ("page.html",)),
    "export": Work(("export", "runs/a", "--onnx", "model.onnx"), finished_runs, ("model.onnx",)),
    "predict": Work(
        ("predict", "--config", "run/config.yaml", "--input", "new.csv", "--out", "scores"),
        table_run,
        ("scores/predictions.csv",),
    ),
}


@dataclass(frozen=True)
class End:
    """How a command's process ended: its status (−N for signal N, None for a hang), what it printed, who was left."""

    status: int | None
    printed: str
    left: Sequence[int]


@dataclass(frozen=True)
class Started:
    """A command's process, and a pipe of what it prints, which no disk has a part in."""

    process: int
    pipe: int


def start(work: Work, before: Callable[[], None]) -> Started:
    """Starts a command in a process and a session of its own, after something else there."""
    read, write = os.pipe()
    fcntl.fcntl(write, fcntl.F_SETPIPE_SZ, 1 << 20)
    os.set_blocking(read, False)
    process = os.fork()
    if process:
        os.close(write)
        return Started(process, read)
    status = 70
    try:
        os.setsid()
        end_with_parent()
        for number in (1, 2):
            os.dup2(write, number)
        sys.stdout, sys.stderr = os.fdopen(1, "w", closefd=False), os.fdopen(2, "w", closefd=False)
        for name in (signal.SIGINT, signal.SIGTERM):
            signal.signal(name, door.stop)
        sys.unraisablehook = door.stop_again
        before()
        status = door.main(list(work.options))
    except SystemExit as error:
        status = error.code if isinstance(error.code, int) else 1
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(status)


def ended(started: Started, seconds: float) -> End:
    """Waits for a command's process, and says how it ended."""
    deadline, status, parts = time.monotonic() + seconds, None, list[bytes]()
    while status is None and time.monotonic() < deadline:
        found, code = os.waitpid(started.process, os.WNOHANG)
        if found:
            status = os.waitstatus_to_exitcode(code)
        parts += pieces(started.pipe)
        time.sleep(0.02)
    left = end_session(started.process, patience=5.0 if status is not None else 0.0)
    if status is None:
        os.waitpid(started.process, 0)
    parts += pieces(started.pipe)
    os.close(started.pipe)
    return End(status, b"".join(parts).decode(errors="replace"), left)


def pieces(pipe: int) -> Iterator[bytes]:
    """What there is to be read from a pipe."""
    with suppress(BlockingIOError):
        while piece := os.read(pipe, 1 << 16):
            yield piece


@dataclass(frozen=True)
class Undisturbed:
    """What a command leaves, the seconds that it takes, and its file events, of all kinds and those that write."""

    results: Files
    seconds: float
    events: int
    writes: int


@cache
def undisturbed(name: str) -> Undisturbed:
    """A command that nobody disturbs."""
    work = WORKS[name]
    events, writes = Events(), Events(writes=True)

    def watch() -> None:
        events.watch()
        writes.watch()

    with at_home() as home:
        write_files(work.files(), home)
        begun = time.monotonic()
        end = ended(start(work, watch), 600)
        seconds = time.monotonic() - begun
        assert end.status == 0, end.printed
        results = {result: (home / result).read_bytes() for result in {*work.results, *work.always}}
    return Undisturbed(results, seconds, events.count, writes.count)
