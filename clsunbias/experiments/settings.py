"""Settings of a protocol: the combinations of its axes, and what of them applies to a config."""

import itertools
from collections.abc import Mapping
from typing import Any

from clsunbias.experiments.grid import Protocol


def settings(protocol: Protocol) -> dict[str, dict[str, Any]]:
    """Every combination of the axes: its name, and the dotted parameters it sets."""
    axes: list[list[tuple[str, dict[str, Any]]]] = []
    for axis, steps in protocol.axes.items():
        if isinstance(steps, Mapping):
            axes.append([(name, dict(parameters)) for name, parameters in steps.items()])
        else:
            short = axis.rsplit(".", 1)[-1]
            axes.append([(f"{short}={value}".replace("/", "-"), {axis: value}) for value in steps])
    return {
        ",".join(name for name, _ in steps): {name: value for _, step in steps for name, value in step.items()}
        for steps in itertools.product(*axes)
    }


def applies(dotted: str, config: Mapping[str, Any]) -> bool:
    """Whether a parameter belongs to something that a config has not switched off with null."""
    below: Any = config
    for name in dotted.split(".")[:-1]:
        if not isinstance(below, Mapping) or name not in below:
            return True  # a default; the command line knows
        below = below[name]
        if below is None:
            return False
    return True
