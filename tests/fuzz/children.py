"""Forked children of a warm process, each for one attempt: watched, limited, and gone when it has ended."""

import ctypes
import json
import os
import resource
import signal
import sys
import time
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path
from typing import Any, Literal

from clsunbias.errors import InputError

PROTECTION = 6 << 30
"""Bytes of address space beyond those of the parent that a child may ask for, so that it cannot starve the machine."""

WRITES = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND


@dataclass(frozen=True)
class Outcome:
    """How an attempt ended, and what it said: a complaint, the message of a refusal, or a traceback."""

    how: Literal["right", "refused", "wrong"]
    said: str = ""


def attempt(work: Callable[[], str], folder: Path, seconds: float, megabytes: float) -> Outcome:
    """Does some work in a child.

    Args:
        work: raises InputError for a refusal; returns a complaint, or nothing if all is right.
        folder: all that the work may write in.
        seconds: after which it hangs.
        megabytes: of memory that it may take beyond what the parent has.
    """
    receive, send = get_context("fork").Pipe(duplex=False)
    child = get_context("fork").Process(target=in_child, args=(work, folder, megabytes, send))
    child.start()
    send.close()
    child.join(seconds)
    hangs = child.exitcode is None
    end_session(child.pid or 0)
    child.join()
    if hangs:
        return Outcome("wrong", f"it did not end in {seconds:g} s")
    try:
        how, said = json.loads(receive.recv_bytes())
    except EOFError:
        return Outcome("wrong", f"it ended its process with status {child.exitcode}")
    finally:
        receive.close()
        child.close()
    return Outcome(how, said)


def in_child(work: Callable[[], str], folder: Path, megabytes: float, send: Any) -> None:
    """Does the work, and says how it ended."""
    os.setsid()
    end_with_parent()
    redirect_output(folder)
    outside = watch_writes(folder)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    limit_memory()
    try:
        complaint = work()
        outcome = Outcome("wrong" if complaint else "right", complaint)
    except InputError as error:
        outcome = Outcome("refused", str(error))
    except BaseException:
        outcome = Outcome("wrong", traceback.format_exc())
    taken = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024 - before
    if outside:
        outcome = Outcome("wrong", f"it wrote outside its folder: {', '.join(sorted(set(outside)))}")
    elif taken > megabytes and outcome.how != "wrong":
        outcome = Outcome("wrong", f"it took {taken:.0f} MB of memory, more than {megabytes:.0f}; {outcome.said}")
    send.send_bytes(json.dumps([outcome.how, outcome.said[-20000:]]).encode())
    os._exit(0)


def end_with_parent() -> None:
    """Has Linux kill this process when its parent ends."""
    ctypes.CDLL(None).prctl(1, signal.SIGKILL)


def redirect_output(folder: Path) -> None:
    """Sends what this process prints to a file in a folder."""
    printed = os.open(folder / "printed.txt", os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    for number in (1, 2):
        os.dup2(printed, number)
    sys.stdout, sys.stderr = os.fdopen(1, "w", closefd=False), os.fdopen(2, "w", closefd=False)


def limit_memory() -> None:
    """Has this process fail, rather than the machine, when it asks for far too much."""
    mapped = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (mapped + PROTECTION, resource.RLIM_INFINITY))


def watch_writes(folder: Path) -> list[str]:
    """Keeps a list of what this process writes outside a folder, other than to devices."""
    outside: list[str] = []
    home = f"{folder.resolve()}/"
    where = {"os.mkdir": 0, "os.rename": 1, "os.remove": 0, "os.symlink": 1, "os.link": 1, "os.truncate": 0}

    def hook(event: str, arguments: tuple[Any, ...]) -> None:
        if event != "open" and event not in where:
            return
        if event == "open" and not (arguments[2] or 0) & WRITES:
            return
        path = arguments[where.get(event, 0)]
        if isinstance(path, int):
            return
        text = os.path.abspath(os.fsdecode(path))  # noqa: PTH100 (the hook must not open anything itself)
        if not f"{text}/".startswith((home, "/dev/", "/proc/")):
            outside.append(f"{event} {text}")

    sys.addaudithook(hook)
    return outside


def end_session(session: int, patience: float = 0.0) -> list[int]:
    """Kills the processes of a session that are still there after some seconds; returns their ids."""
    deadline = time.monotonic() + patience
    while (found := members(session)) and time.monotonic() < deadline:
        time.sleep(0.05)
    for process in found:
        try:
            os.kill(process, signal.SIGKILL)
        except ProcessLookupError:
            continue
    return found


def members(session: int) -> list[int]:
    """Living processes of a session."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            fields = (folder / "stat").read_text().rpartition(")")[2].split()
        except OSError:  # it has just ended
            continue
        if int(fields[3]) == session and fields[0] not in "ZX":
            found.append(int(folder.name))
    return found
