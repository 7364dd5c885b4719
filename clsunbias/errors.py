"""The one error type for input that its sender can mend, and how its messages list things."""

import errno
from collections.abc import Iterable
from typing import Any

REMEDIES = {
    **dict.fromkeys((errno.ENOSPC, errno.EDQUOT), "make room on its disk"),
    errno.EFBIG: "let files grow larger (ulimit -f), or give a folder of another disk",
    errno.EROFS: "give a folder that can be written",
    **dict.fromkeys((errno.EACCES, errno.EPERM), "give one that you may use so, or have that allowed"),
    **dict.fromkeys((errno.EMFILE, errno.ENFILE), "let more files be open at once (ulimit -n)"),
    **dict.fromkeys((errno.ENAMETOOLONG, errno.ENOTDIR, errno.EISDIR, errno.ELOOP), "give another path"),
    errno.EIO: "its disk does not work as it should",
}
"""What to do when the machine, rather than an input, does not let a file be read or written."""


class InputError(ValueError):
    """A wrong value, file or folder: what is wrong, where, and how to mend it.

    The command line shows its message alone and exits with status 2; every other exception keeps its traceback,
    because it is a defect of the suite or of a user's own class.
    """


def refused_by_machine(error: OSError) -> str:
    """What the machine did not let be done with a file, and what to do; nothing if that is for the suite to mend."""
    if error.errno not in REMEDIES:
        return ""
    where = error.filename2 or error.filename or "a file"  # of two files the one that is written
    return f"{where} cannot be opened, read or written: {error.strerror}; {REMEDIES[error.errno]}"


def listed(texts: Iterable[str], most: int = 5) -> str:
    """The first few, and how many more there are."""
    shown = list(texts)
    return ", ".join(shown[:most]) + (f" and {len(shown) - most} more" if len(shown) > most else "")


def shortened(value: Any) -> str:
    """A value as a message shows it, not too long."""
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:59]}…"
