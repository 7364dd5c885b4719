"""The one error type for input that its sender can mend, and how its messages list things."""

from collections.abc import Iterable
from typing import Any


class InputError(ValueError):
    """A wrong value, file or folder: what is wrong, where, and how to mend it.

    The command line shows its message alone and exits with status 2; every other exception keeps its traceback,
    because it is a defect of the suite or of a user's own class.
    """


def listed(texts: Iterable[str], most: int = 5) -> str:
    """The first few, and how many more there are."""
    shown = list(texts)
    return ", ".join(shown[:most]) + (f" and {len(shown) - most} more" if len(shown) > most else "")


def shortened(value: Any) -> str:
    """A value as a message shows it, not too long."""
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:59]}…"
