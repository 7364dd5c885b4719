"""The one error type for input that its sender can mend."""

from typing import NoReturn


class InputError(ValueError):
    """A wrong value, file or folder: what is wrong, where, and how to mend it.

    The command line shows its message alone and exits with status 2; every other exception keeps its traceback,
    because it is a defect of the suite or of a user's own class.
    """


class RaisesInputError:
    """Makes a parser say what is wrong in one message, without two screens of usage; to be named before its class."""

    def error(self, message: str, ex: Exception | None = None) -> NoReturn:
        """Raises InputError with the message, in place of leaving the process."""
        raise InputError(message) from ex
