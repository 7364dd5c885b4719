"""What the parser has to say of an option, in one line: where, what, and what is like it."""

import re
import sys
from argparse import ArgumentParser
from collections.abc import Iterable
from difflib import get_close_matches

from clsunbias.errors import InputError

KEY = re.compile(r'Parser key "([^"]+)":?')
UNKNOWN = re.compile(r"(?:[Oo]ption '([^']+)' is not accepted|does not accept option '([^']+)')$")
UNRECOGNIZED = re.compile(r"unrecognized arguments: (--?[^\s=]+)")
REQUIRED = re.compile(r"arguments are required: (.+)")
NO_CLASS = re.compile(
    r"Expected a dot import path string: (\S+)|Problem with given class_path '([^'\n]+)'|has no attribute '(\w+)'"
)
NOT_A_CLASS = re.compile(r"Import path does not correspond to a subclass of (\w+)|Not a valid subclass of (\w+)")
EXPECTED = re.compile(r"Expected an? (.+?)(?:\. Got value: .*)?$|Not of type (Path)", re.MULTILINE)
GIVEN = re.compile(r"(?:Given|Got) value: (.*)")
KINDS = {
    "<class 'NoneType'>": "null",
    "<class 'bool'>": "true or false",
    "<class 'int'>": "a whole number",
    "<class 'float'>": "a number",
    "<class 'str'>": "a text",
    "<class 'list'>": "a list",
    "<class 'dict'>": "a mapping",
    "Path": "a path",
}
"""Types in words."""


def in_one_line(message: str, error: BaseException | None, parser: ArgumentParser) -> str:
    """A message of the parser cut to what its reader can mend.

    Args:
        message: the library's, with an account of all types that it tried.
        error: what led to it; the parser of a part of the config may have said what it is.
        parser: whose message it is; its options are looked through for a name that is like a wrong one.
    """
    where = ".".join(dict.fromkeys(KEY.findall(message)))
    if inner := said_before(error):
        return f"{where}: {inner}"
    if unknown := UNKNOWN.search(message) or UNRECOGNIZED.search(message):
        name = found(unknown)
        options = [action.dest for action in getattr(error, "subcommand_parser", parser)._actions]
        return f"there is no option {name}{like(name.lstrip('-'), options)}"
    if required := REQUIRED.search(message):
        return f"what is needed is not given: {required[1].replace('fit.', '')}"
    given = GIVEN.search(message)
    expected = list(dict.fromkeys(filter(None, (in_words(found(kind)) for kind in EXPECTED.finditer(message)))))
    if given and {"a number", "a whole number"} & {*expected}:
        return f"{where} takes {' or '.join(expected)}, got {given[1]}"
    if wrong := NO_CLASS.search(message):
        return f"{where}: there is no class {found(wrong)}{like(found(wrong).rpartition('.')[2], known_classes())}"
    if wrong := NOT_A_CLASS.search(message):
        return f"{where}: {given[1] if given else 'what is given'} is no {found(wrong)}"
    if given and expected:
        return f"{where} takes {' or '.join(expected)}, got {given[1]}"
    lines = [line.strip(" -") for line in KEY.sub("", message).splitlines()]
    said = "; ".join(line for line in lines if line and not line.startswith(("Expected a path but", "in <unicode")))
    return f"{where}: {said}" if where else said


def said_before(error: BaseException | None) -> str:
    """What the parser of a part of the config has said already, or a class of its arguments, or nothing."""
    while error and not isinstance(error, InputError):
        error = error.__cause__ or error.__context__
    return str(error or "")


def found(match: re.Match[str]) -> str:
    """The one group of an expression's alternatives that is there."""
    return str(next(filter(None, match.groups())))


def in_words(kind: str) -> str:
    """A type as a reader knows it, or nothing."""
    choices = re.fullmatch(r"typing\.Literal\[(.+)\]", kind)
    return choices[1].replace("'", "") if choices else KINDS.get(kind, "")


def known_classes() -> list[str]:
    """Names of the classes that a config may mean: those of this package that are loaded, and of torch.optim."""
    modules = [module for name, module in sys.modules.items() if name.startswith("clsunbias") or name == "torch.optim"]
    return sorted({name for module in modules for name, value in vars(module).items() if isinstance(value, type)})


def like(name: str, names: Iterable[str]) -> str:
    """The end of a message: what is like a wrong name."""
    near = get_close_matches(name, names, n=1)
    return f"; like it is {near[0]}" if near else ""
