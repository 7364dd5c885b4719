"""The one error type for input that its sender can mend, what is only said of it, and how messages list things."""

import sys
from collections.abc import Iterable


class InputError(ValueError):
    """A wrong value, file or folder: what is wrong, where, and how to mend it.

    The command line shows its message alone and exits with status 2; every other exception keeps its traceback,
    because it is a defect of the suite or of a user's own class.
    """


def listed(texts: Iterable[str], most: int = 5) -> str:
    """The first few, and how many more there are."""
    shown = list(texts)
    return ", ".join(shown[:most]) + (f" and {len(shown) - most} more" if len(shown) > most else "")


def warn(text: str) -> None:
    """Says on stderr, in one line, what a reader should know of an input that is taken."""
    print(f"clsunbias: warning: {text}", file=sys.stderr)
