"""What happens to a command: signals, a full disk, no file handles; at a time or at a number of file events."""

import ctypes
import errno
import mmap
import os
import resource
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.fuzz.children import WRITES

NEW_MOUNTS = 0x00020000
"""Linux's flag for a process with mounts of its own (CLONE_NEWNS)."""

EVENTS = {"open", "os.rename", "os.mkdir", "os.remove"}


class Events:
    """File events of a process, which is watched from a point on: how many there were, and what is to happen at one.

    Args:
        writes: counts only what opens a file to write it.
        number: at which something happens; nothing happens at 0.
        then: what happens.
        again: whether it happens at each event from then on.
    """

    def __init__(
        self, writes: bool = False, number: int = 0, then: Callable[[], None] | None = None, again: bool = False
    ) -> None:
        self.writes, self.number, self.then, self.again = writes, number, then, again
        self.shared = mmap.mmap(-1, 8)  # so that another process can read the count

    @property
    def count(self) -> int:
        """Events so far."""
        return int.from_bytes(self.shared[:8], "little")

    def watch(self) -> None:
        """Begins to watch this process, and not those that it forks."""
        process = os.getpid()

        def hook(event: str, arguments: tuple[Any, ...]) -> None:
            if os.getpid() != process or (not is_write(event, arguments) if self.writes else event not in EVENTS):
                return
            count = self.count + 1
            self.shared[:8] = count.to_bytes(8, "little")
            if self.then and (count == self.number or (self.again and 0 < self.number < count)):
                self.then()

        sys.addaudithook(hook)


def is_write(event: str, arguments: tuple[Any, ...]) -> bool:
    """Whether an event opens a file to write it, other than a device."""
    if event != "open" or not (arguments[2] or 0) & WRITES:
        return False
    return not str(arguments[0]).startswith(("/dev/", "/proc/"))


def after(seconds: float, then: Callable[[], None]) -> Callable[[], None]:
    """What has something happen to the process that calls it after some seconds."""

    def wait() -> None:
        time.sleep(seconds)
        then()

    return lambda: threading.Thread(target=wait, daemon=True).start()


def send(number: signal.Signals) -> Callable[[], None]:
    """Sends this process a signal."""
    return lambda: os.kill(os.getpid(), number)


def disk_is_full() -> None:
    """What a write to a full disk raises."""
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def limit_files(more: int) -> None:
    """Lets this process open so many more files than are open."""
    used = {int(path.name) for path in Path("/proc/self/fd").iterdir()}
    free = [number for number in range(4096) if number not in used]
    resource.setrlimit(resource.RLIMIT_NOFILE, (free[more], free[more]))


def limit_file_size(size: int) -> None:
    """Lets no file of this process grow beyond so many bytes; the log of what it prints stays short."""
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, resource.RLIM_INFINITY))


def can_mount() -> bool:
    """Whether this machine lets a process have mounts of its own."""
    child = os.fork()
    if child == 0:
        try:
            own_mounts()
            os._exit(0)
        except BaseException:
            os._exit(1)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


def own_mounts() -> None:
    """Gives this process mounts of its own, which go when it and its children do; raises OSError if it may not."""
    if ctypes.CDLL(None, use_errno=True).unshare(NEW_MOUNTS):
        raise OSError(ctypes.get_errno(), "unshare")
    mount("--make-rprivate", "/")


def mount(*options: str | Path) -> None:
    """Runs mount."""
    done = subprocess.run(["mount", *options], capture_output=True, text=True, check=False)
    if done.returncode:
        raise OSError(done.returncode, done.stderr)


def small_disk(folder: Path, kilobytes: int) -> None:
    """Puts a disk of a size at a folder."""
    mount("-t", "tmpfs", "-o", f"size={kilobytes}k", "tmpfs", folder)


def larger_disk(folder: Path) -> None:
    """Gives it enough room."""
    mount("-o", "remount,size=200m", folder)


def read_only(folder: Path) -> None:
    """Makes a folder one that nobody writes in."""
    mount("--bind", folder, folder)
    mount("-o", "remount,bind,ro", folder)


def writable(folder: Path) -> None:
    """Makes it as it was."""
    mount("-o", "remount,bind,rw", folder)
