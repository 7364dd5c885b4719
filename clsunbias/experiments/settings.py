"""Settings: what the axes of a protocol cross to, and which share of it is run."""

import hashlib
import itertools
import math
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import numpy as np

from clsunbias.errors import InputError
from clsunbias.experiments.grid import Parameters, Protocol
from clsunbias.experiments.grid_checks import LONGEST, check_names

Axes = Mapping[str, list[Any] | dict[str, Parameters]]
"""Axes by name: the values of a dotted parameter, or named steps of several parameters."""

MOST_SETTINGS = 10_000
"""Of a protocol: more are a slip of the pen."""


class Step(NamedTuple):
    """A step of an axis: its name, and the dotted parameters that it sets."""

    name: str
    parameters: Mapping[str, Any]


def steps_of(axis: str, given: list[Any] | dict[str, Parameters]) -> list[Step]:
    """The steps of an axis, which lists the values of a parameter, or gives each step a name."""
    if isinstance(given, dict):
        return [Step(name, parameters) for name, parameters in given.items()]
    return [Step(f"{axis.rpartition('.')[2]}={value}".replace("/", "-"), {axis: value}) for value in given]


def crossed(protocol: str, axes: Axes) -> dict[str, dict[str, Step]]:
    """Every combination of a protocol's axes, a setting, by its name: the step of each axis.

    Raises:
        InputError: the name of one is no folder's, or two would have the same.
    """
    if math.prod(map(len, axes.values())) > MOST_SETTINGS:
        raise InputError(f"the axes of protocol {protocol!r} cross to more than {MOST_SETTINGS} settings")
    combined = [
        dict(zip(axes, steps, strict=True)) for steps in itertools.product(*itertools.starmap(steps_of, axes.items()))
    ]
    names = [",".join(step.name for step in steps.values()) for steps in combined]
    if axes:
        check_names("setting", names, 2 * LONGEST)
    return dict(zip(names, combined, strict=True))


def parameters(steps: Mapping[str, Step]) -> dict[str, Any]:
    """What a setting sets: the dotted parameters of all its steps."""
    return {name: value for step in steps.values() for name, value in step.parameters.items()}


def is_free(axis: str, given: list[Any] | dict[str, Parameters]) -> bool:
    """Whether an axis chooses nothing but which weights of a training are taken, so that all its steps are one's."""
    return all(name.partition(".")[0] == "selection" for step in steps_of(axis, given) for name in step.parameters)


def drawn(name: str, protocol: Protocol) -> Callable[[Mapping[str, Step]], bool]:
    """Whether a protocol's fraction takes in a setting, by its steps."""
    axes = {axis: given for axis, given in protocol.axes.items() if not is_free(axis, given)}
    trainings = crossed(name, axes) if protocol.fraction < 1 else {}
    kept = {*balanced(trainings, math.ceil(protocol.fraction * len(trainings)))}
    return lambda steps: protocol.fraction == 1 or ",".join(steps[axis].name for axis in axes) in kept


def balanced(trainings: Mapping[str, Mapping[str, Step]], count: int) -> list[str]:
    """So many of some settings, at random but for that every step of an axis comes about as often as its others.

    Each is of those whose steps have come least often so far; which, goes by the hash of its name. So fewer are the
    first of more.
    """
    names = sorted(trainings, key=lambda name: hashlib.sha256(name.encode()).digest())
    steps = list(dict.fromkeys((axis, step.name) for one in trainings.values() for axis, step in one.items()))
    has = np.array([[trainings[name][axis].name == step for axis, step in steps] for name in names], int)
    taken: list[int] = []
    for _ in range(count):
        often = has @ has[taken].sum(0)
        often[taken] = len(names) * len(steps)
        taken.append(int(often.argmin()))
    return [names[at] for at in taken]
