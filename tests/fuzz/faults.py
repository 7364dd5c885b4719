"""Faults: a command is disturbed, then the same command is given again, and must end as one that was not disturbed."""

import os
import random
import signal
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

from clsunbias.errors import InputError
from tests.fuzz import disturbances
from tests.fuzz.cases import LONGEST, write_files
from tests.fuzz.disturbances import Events
from tests.fuzz.works import WORKS, End, Undisturbed, ended, start, undisturbed

SECONDS = 180.0
"""After which a command hangs."""

Draw = random.Random


def nothing() -> None:
    """Does nothing."""


def trial(work: str, fault: str, number: int) -> str:
    """Disturbs a command in the current folder, gives it again; a complaint, or nothing.

    Raises:
        InputError: the second time it refuses what the fault has left, in one clear message.
    """
    draw = random.Random(f"{work} {fault} {number}")
    write_files(WORKS[work].files(), Path())
    after: Callable[[], None] = FAULTS[fault](work, draw, undisturbed(work))
    torn = fault == "torn"
    if complaint := "" if torn else differing(work, WORKS[work].always):
        return f"after the fault {complaint}"
    after()
    end = ended(start(WORKS[work], nothing), SECONDS)
    if complaint := wrong_end(end):
        return f"given again, {complaint}"
    if end.status == 2 and torn:
        raise InputError(end.printed.partition("clsunbias: error: ")[2])
    if end.status != 0:
        return f"given again, it ended with status {end.status}: {end.printed[-1500:]}"
    complaint = ended_well(work)
    return f"given again, {complaint}" if complaint else ""


def differing(work: str, names: Sequence[str]) -> str:
    """A complaint if one of some files is there and is not that of an undisturbed command."""
    for name in names:
        if Path(name).is_file() and Path(name).read_bytes() != undisturbed(work).results[name]:
            return f"{name} is there, and is not that of an undisturbed command"
    done = Path("run/result.json")
    if work.startswith("fit") and done.is_file() and not Path("run/predictions.csv").is_file():
        return "there is a result without predictions"
    return ""


def ended_well(work: str) -> str:
    """A complaint if results are not there, or not those of an undisturbed command."""
    names = WORKS[work].results
    absent = [name for name in names if not Path(name).is_file()]
    return f"it ended well without {absent[0]}" if absent else differing(work, names)


def wrong_end(end: End, by: int = 0) -> str:
    """A complaint about how a command's process ended, other than by a signal."""
    printed = end.printed[-3000:]
    if end.left:
        return f"it left {len(end.left)} processes behind; {printed}"
    if end.status is None:
        return f"it did not end in {SECONDS:g} s: {printed}"
    if "Traceback" in end.printed:
        return f"it ended with status {end.status} and a traceback: {printed}"
    if by == signal.SIGKILL and end.status == -by:
        return ""
    if by == signal.SIGTERM and end.status == 128 + by:
        return "" if "stopped by SIGTERM" in end.printed else f"it said nothing of the signal: {printed}"
    if end.status not in {0, 1, 2}:
        return f"it ended with status {end.status}: {printed}"
    messages = end.printed.split("clsunbias: error: ")[1:]
    if end.status == 2 and (len(messages) != 1 or len(messages[0]) >= LONGEST):
        return f"it ended with status 2 and {len(messages)} messages: {printed}"
    if end.status == 1 and not end.printed.strip():
        return "it ended with status 1 without a word"
    return ""


class Disturbed(AssertionError):
    """A command took a fault in a wrong way."""


def check(work: str, before: Callable[[], None], by: int = 0) -> None:
    """Does a command to its end, after something else in its process; raises Disturbed for a wrong end."""
    end = ended(start(WORKS[work], before), SECONDS)
    if complaint := wrong_end(end, by) or (ended_well(work) if end.status == 0 else ""):
        raise Disturbed(complaint)


def signalled(number: signal.Signals, work: str, draw: Draw, wanted: Undisturbed) -> Callable[[], None]:
    """A signal at a time or an event."""
    if draw.random() < 0.5:
        before = Events(number=draw.randint(1, wanted.events), then=disturbances.send(number)).watch
    else:
        before = disturbances.after(draw.uniform(0, wanted.seconds), disturbances.send(number))
    check(work, before, number)
    return nothing


def failing_writes(work: str, draw: Draw, wanted: Undisturbed) -> Callable[[], None]:
    """From some write on the disk is full, or no file may grow beyond a size."""
    if draw.random() < 0.6:
        full: Callable[[], None] = Events(
            True, draw.randint(1, wanted.writes), disturbances.disk_is_full, again=True
        ).watch
    else:
        full = partial(disturbances.limit_file_size, draw.choice([1, 100, 1000, 5000, 20000]))
    check(work, full)
    return nothing


def full_disk(work: str, draw: Draw, wanted: Undisturbed) -> Callable[[], None]:
    """All happens on a disk that is too small, then on one that is not."""
    home = Path.cwd()
    disturbances.own_mounts()
    files = WORKS[work].files()
    size = sum(4096 * (1 + len(content) // 4096) for content in files.values()) // 1024 + 64
    disturbances.small_disk(home, size + draw.choice([0, 8, 32, 128]))
    os.chdir("/")
    os.chdir(home)  # into the disk that lies there now
    write_files(files, Path())
    check(work, nothing)
    return partial(disturbances.larger_disk, home)


def read_only_folder(work: str, draw: Draw, wanted: Undisturbed) -> Callable[[], None]:
    """The folder that results go to cannot be written."""
    disturbances.own_mounts()
    home = Path.cwd()
    folder = (home / WORKS[work].results[0]).parent
    folder.mkdir(exist_ok=True)
    disturbances.read_only(folder)
    os.chdir("/")
    os.chdir(home)  # into what is mounted there now
    check(work, nothing)
    return partial(disturbances.writable, folder)


def few_handles(work: str, draw: Draw, wanted: Undisturbed) -> Callable[[], None]:
    """No more than a few files may be open."""
    check(work, partial(disturbances.limit_files, draw.randint(0, 6)))
    return nothing


def torn(work: str, draw: Draw, wanted: Undisturbed) -> Callable[[], None]:
    """A file of a finished command is cut off."""
    if draw.random() < 0.5:
        before: Callable[[], None] = Events(
            number=draw.randint(1, wanted.events), then=disturbances.send(signal.SIGKILL)
        ).watch
    else:
        before = nothing
    ended(start(WORKS[work], before), SECONDS)
    given = WORKS[work].files()
    left = [
        path for path in Path().rglob("*") if path.is_file() and str(path) not in given and path.name != "printed.txt"
    ]
    if left:
        path = draw.choice(sorted(left))
        content = path.read_bytes()
        path.write_bytes(content[: draw.randint(0, max(len(content) - 1, 0))])
    return nothing


def two_at_once(work: str, draw: Draw, wanted: Undisturbed) -> Callable[[], None]:
    """The same command twice, one a little later."""
    first = start(WORKS[work], nothing)
    time.sleep(draw.uniform(0, wanted.seconds / 2) if draw.random() < 0.7 else 0)
    second = start(WORKS[work], nothing)
    for process in (first, second):
        if complaint := wrong_end(ended(process, 2 * SECONDS)):
            raise Disturbed(complaint)
    return nothing


FAULTS: dict[str, Callable[[str, Draw, Undisturbed], Callable[[], None]]] = {
    "kill -9": partial(signalled, signal.SIGKILL),
    "SIGTERM": partial(signalled, signal.SIGTERM),
    "failing writes": failing_writes,
    "full disk": full_disk,
    "read-only folder": read_only_folder,
    "few handles": few_handles,
    "torn": torn,
    "two at once": two_at_once,
}
NEED_MOUNTS = {"full disk", "read-only folder"}
