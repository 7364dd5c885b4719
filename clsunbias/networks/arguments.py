"""Which argument of a network sets its size, for messages that say what to change."""

import inspect

from torch import nn

INPUTS = ("in_features", "in_channels", "features", "channels")
OUTPUTS = ("out_features", "outputs", "num_classes", "n_classes")


def to_set(network: nn.Module, names: tuple[str, ...], value: int) -> str:
    """What to set of a network: the argument of its class that has one of these names, by its name in a config."""
    has = [name for name in names if name in inspect.signature(type(network)).parameters]
    if has:
        return f"set model.network.init_args.{has[0]} to {value}"
    return f"set the network's number of {'outputs' if names is OUTPUTS else 'inputs'} to {value}"
