"""Rules by name: a class of this package in snake case, or the import path of anybody's own."""

import inspect
from collections.abc import Iterator
from difflib import get_close_matches
from pkgutil import resolve_name
from typing import Any

from clsunbias.decisions.base import DecisionRule
from clsunbias.errors import InputError
from clsunbias.names import snake_case

PACKAGE = __name__.rpartition(".")[0]


def rule_name(rule: type[DecisionRule]) -> str:
    """What a rule is called on the command line, in grids and in records."""
    own = rule.__module__.startswith(f"{PACKAGE}.")
    return snake_case(rule.__name__) if own else f"{rule.__module__}.{rule.__qualname__}"


def known_rules() -> dict[str, type[DecisionRule]]:
    """The rules of this package by name."""
    found = [rule for rule in below(DecisionRule) if rule.__module__.startswith(f"{PACKAGE}.")]
    return {rule_name(rule): rule for rule in sorted(found, key=rule_name)}


def below(rule: Any) -> Iterator[type[DecisionRule]]:
    """The concrete classes that derive from a rule."""
    for one in rule.__subclasses__():
        if not inspect.isabstract(one):
            yield one
        yield from below(one)


def find_rule(name: str) -> type[DecisionRule]:
    """The rule of a name; InputError if there is none, with names that are like it."""
    known = known_rules()
    if name in known:
        return known[name]
    if "." in name:
        return imported(name)
    near = get_close_matches(name, known)
    raise InputError(
        f"there is no rule {name!r}"
        + (f"; like it are {', '.join(near)}" if near else f"; there are {', '.join(known)}")
        + "; a rule of your own is named by its import path, as in my_rules.MyRule"
    )


def imported(path: str) -> type[DecisionRule]:
    """A rule by its import path; InputError if it cannot be imported or is no rule."""
    try:
        found = resolve_name(path)
    except (ImportError, AttributeError, ValueError) as error:
        raise InputError(f"the rule {path} cannot be imported: {error}") from error
    if not (inspect.isclass(found) and issubclass(found, DecisionRule)) or inspect.isabstract(found):
        raise InputError(f"{path} is no rule: it must be a class that derives from clsunbias.decisions.DecisionRule")
    return found


def made_alone(name: str) -> DecisionRule:
    """The rule of a name with its default arguments; InputError if it has to be given some."""
    rule = find_rule(name)
    if lacking := required(rule):
        raise InputError(
            f"the rule {name} must be given {', '.join(lacking)}: use clsunbias decide, or a rule of your own "
            "that sets it"
        )
    return rule()


def required(rule: type[DecisionRule]) -> list[str]:
    """The arguments that a rule cannot be made without."""
    arguments = inspect.signature(rule).parameters.values()
    variable = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)
    return [one.name for one in arguments if one.default is one.empty and one.kind not in variable]
