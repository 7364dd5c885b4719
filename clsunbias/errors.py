"""The one error type for input that its sender can mend, and how its messages list things."""

import errno
from collections.abc import Iterable


class InputError(ValueError):
    """A wrong value, file or folder: what is wrong, where, and how to mend it.

    The command line shows its message alone and exits with status 2; every other exception keeps its traceback,
    because it is a defect of the suite or of a user's own class.
    """


FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
"""What the system says when there is no room for a file."""

OF_PLACES = {errno.EACCES, errno.EPERM, errno.EROFS, errno.ENAMETOOLONG, errno.ENOTDIR, errno.EISDIR, errno.ELOOP} | {
    errno.EEXIST  # a file where a folder is to be made
}
"""What it says of a place where nothing can be written or read."""


def of_system(error: OSError) -> str:
    """The message for an error of the file system that a command's user can mend, else nothing."""
    name = error.filename2 or error.filename  # of two files the one that is written
    file = f"{name}: " if name else ""
    if error.errno in FULL:
        return f"{file}{error.strerror}; make room, and start the same command again: what is done is kept"
    return f"{file}{error.strerror}; give another place" if error.errno in OF_PLACES else ""


def listed(texts: Iterable[str], most: int = 5) -> str:
    """The first few, and how many more there are."""
    shown = list(texts)
    return ", ".join(shown[:most]) + (f" and {len(shown) - most} more" if len(shown) > most else "")
