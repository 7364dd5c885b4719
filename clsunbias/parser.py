"""The parser of every command but the experiments', which Lightning's has to serve."""

from argparse import SUPPRESS
from collections.abc import Callable
from pathlib import Path
from typing import Any, NoReturn

from jsonargparse import ArgumentParser

from clsunbias.errors import InputError
from clsunbias.parser_messages import in_one_line


class RaisesInputError:
    """Makes a parser say what is wrong in one message, without two screens of usage; to be named before its class."""

    def error(self, message: str, ex: Exception | None = None) -> NoReturn:
        """Raises InputError with the message in one line, in place of leaving the process."""
        assert isinstance(self, ArgumentParser)
        raise InputError(in_one_line(message, ex, self)) from ex


class Parser(RaisesInputError, ArgumentParser):
    """A command's parser. Options are words joined by dashes, those that stand for a function's arguments, too."""

    def add_argument(self, *names: str, **settings: Any) -> Any:
        if settings.get("help") is not SUPPRESS:  # the library's own options are hidden
            names = tuple(name.replace("_", "-") if name.startswith("--") else name for name in names)
        return super().add_argument(*names, **settings)

    def parse_args(self, *args: Any, **settings: Any) -> Any:
        chosen = super().parse_args(*args, **settings)
        for name, value in vars(chosen).items():
            if isinstance(value, Path):  # a shell replaces ~ at the beginning of a word, not in --out=~/x
                chosen[name] = value.expanduser()
        return chosen

    def add_options_of(self, function: Callable[..., Any], skip: set[str | int]) -> list[str]:
        """Adds an option for each argument of a function but those to skip; returns the names of the options."""
        return self.add_function_arguments(function, as_group=False, skip=skip)  # options of a group keep underscores
