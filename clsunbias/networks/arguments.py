"""Which argument of a network sets its size, for messages that say what to change."""

import inspect

from torch import nn

from clsunbias.errors import InputError

INPUTS = ("in_features", "in_channels", "features", "channels")
OUTPUTS = ("out_features", "outputs", "num_classes", "n_classes")


def to_set(network: nn.Module, names: tuple[str, ...], value: int) -> str:
    """What to set of a network: the argument of its class that has one of these names, by its name in a config."""
    has = [name for name in names if name in inspect.signature(type(network)).parameters]
    if has:
        return f"set model.network.init_args.{has[0]} to {value}"
    return f"set the network's number of {'outputs' if names is OUTPUTS else 'inputs'} to {value}"


def submodule(network: nn.Module, name: str) -> nn.Module:
    """A part of a network by its dotted name.

    Raises:
        InputError: it has no such part.
    """
    try:
        return network.get_submodule(name)
    except AttributeError as error:
        parts = ", ".join(part for part, _ in network.named_children()) or "none"
        raise InputError(f"{type(network).__name__} has no part {name!r}; it has: {parts}") from error
