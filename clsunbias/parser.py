"""The parser of every command but the experiments', which Lightning's has to serve."""

from typing import NoReturn

from jsonargparse import ArgumentParser

from clsunbias.errors import InputError


class RaisesInputError:
    """Makes a parser say what is wrong in one message, without two screens of usage; to be named before its class."""

    def error(self, message: str, ex: Exception | None = None) -> NoReturn:
        """Raises InputError with the message, in place of leaving the process."""
        raise InputError(message) from ex


class Parser(RaisesInputError, ArgumentParser):
    """A command's parser. Options are words joined by dashes."""
