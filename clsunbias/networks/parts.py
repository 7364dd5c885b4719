"""Parts of a network by name and by place, and what comes into them."""

from collections.abc import Callable, Mapping, Sequence

from torch import Tensor, nn

from clsunbias.errors import InputError


class LastLayer(nn.Module):
    """What may stand in the place of a network's last linear layer: it makes as many logits of the same features.

    Args:
        in_features: numbers that come in.
        out_features: logits.
    """

    def __init__(self, in_features: int, out_features: int) -> None:
        super().__init__()
        self.in_features, self.out_features = in_features, out_features


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


def head_of(network: nn.Module, asking: str) -> nn.Module:
    """What comes after a network's features: its part ``head``, or the last layer of one that is linear or a sequence.

    Args:
        network: the network.
        asking: what needs its features, as a message says it.

    Raises:
        InputError: it has no such part.
    """
    last = nn.Linear | LastLayer
    layers = [network, *network.children()] if isinstance(network, last | nn.Sequential) else []
    head = getattr(network, "head", next((one for one in reversed(layers) if isinstance(one, last)), None))
    if not isinstance(head, nn.Module):
        raise InputError(
            f"{asking} takes what comes into a network's part head; {type(network).__name__} has none: take {asking} "
            "out, or give your network the parts backbone and head"
        )
    return head


def last_layer_of(network: nn.Module, asking: str) -> nn.Module:
    """A network's last linear layer, or what :func:`head_of` says of one without any."""
    layers = [layer for layer in network.modules() if isinstance(layer, nn.Linear | LastLayer)]
    return layers[-1] if layers else head_of(network, asking)


LAST_WEIGHT = "last_weight"

SEEN: Mapping[str, Callable[[nn.Module, str], nn.Module]] = {
    "features": head_of,
    "penultimate": last_layer_of,
    LAST_WEIGHT: last_layer_of,
}
"""What an objective can need of a network beside logits, and the part that it is of: what comes into that on the way,
``(B, D)``, or, as ``last_weight``, its weights ``(K, D)``."""


def weight_of(part: nn.Module, asking: str) -> Tensor:
    """Weights of a linear layer; raises InputError for a part that is none."""
    if not isinstance(part, nn.Linear):
        raise InputError(f"{asking} takes the weights of a last linear layer, the network has {type(part).__name__}")
    return part.weight


def see(
    network: nn.Module, run: Callable[[Tensor], Tensor], x: Tensor, names: Sequence[str], asking: str
) -> tuple[Tensor, dict[str, Tensor]]:
    """A network's output, and what is needed of :data:`SEEN`, in the same pass.

    Args:
        network: the network.
        run: makes its output of x, by the whole of it or by its head.
        x: rows.
        names: keys of :data:`SEEN`.
        asking: what needs them, as a message says it.

    Raises:
        InputError: the network has no such part.
    """
    seen: dict[str, Tensor] = {}

    def keep(name: str) -> Callable[[nn.Module, tuple[Tensor, ...]], None]:
        return lambda _, inputs: seen.update({name: inputs[0].flatten(1)})

    parts = {name: SEEN[name](network, asking) for name in names}
    if LAST_WEIGHT in parts:
        seen[LAST_WEIGHT] = weight_of(parts.pop(LAST_WEIGHT), asking)
    hooks = [part.register_forward_pre_hook(keep(name)) for name, part in parts.items()]
    try:
        return run(x), seen
    finally:
        for hook in hooks:
            hook.remove()
