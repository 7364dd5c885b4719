"""What every refit is, and the last linear layer that most of them replace."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor, nn

from clsunbias.data.samplers import SequentialBatches
from clsunbias.data.split import Split
from clsunbias.errors import InputError
from clsunbias.networks.parts import LastLayer

Weights = dict[str, Tensor]
"""Some of a network's weights by their names in it."""


class Refit(ABC):
    """Works out weights that a network could have instead of those it starts from.

    Each epoch of the run takes the next of them, and nothing is trained: curves, selection, predictions and tables are
    those of any run, and the network stays what it was, for ``predict`` and ``export`` as well.

    Attributes:
        needs_start: whether it changes the weights of a finished run, so that ``--init_from`` must name one.
        split: which split's rows it looks at.
        fresh: parts of the network that it has made, of which no other run has weights.
    """

    needs_start: ClassVar[bool] = True
    split: ClassVar[str] = "train"
    fresh: Sequence[str] = ()
    found: Sequence[Weights] = ()

    def shaped(self, network: nn.Module) -> nn.Module:
        """The network with the parts that the weights to try are of, which may be changed; most refits make none."""
        return network

    def find(self, network: nn.Module, rows: Split) -> None:
        """Works out the weights to try, from those that the network has; errors as of :meth:`candidates`."""
        training = network.training
        network.eval()
        self.found = list(self.candidates(network, rows))
        network.train(training)

    def apply(self, network: nn.Module, epoch: int) -> None:
        """Gives the network the weights of an epoch; behind the last, those of the last."""
        network.load_state_dict(self.found[min(epoch, len(self.found) - 1)], strict=False)

    @abstractmethod
    def candidates(self, network: nn.Module, rows: Split) -> Iterator[Weights]:
        """The weights to try, in turn.

        Args:
            network: in evaluation mode, on the CPU, with the weights that it starts from.
            rows: the split that it looks at.

        Raises:
            InputError: the network or the split is none that it can be done with.
        """


@dataclass(frozen=True)
class Linear:
    """A linear layer: weight float64 ``(K, D)`` and bias ``(K,)``."""

    weight: Tensor
    bias: Tensor


class HeadRefit(Refit):
    """A refit of the last linear layer."""

    @abstractmethod
    def layers(self, own: Linear, rows: Split, network: nn.Module) -> Iterator[Linear]:
        """The layers to try in the place of the network's own; for two classes of one logit or of two."""

    def candidates(self, network: nn.Module, rows: Split) -> Iterator[Weights]:
        name, layer = last_linear(network)
        if not isinstance(layer, nn.Linear):
            raise InputError(f"{type(self).__name__} sets a linear layer's weights, {name} is a {type(layer).__name__}")
        if layer.bias is None:
            raise InputError(f"{type(self).__name__} sets weight and bias of {name}, which has no bias")
        own = Linear(layer.weight.detach().double(), layer.bias.detach().double())
        for made in self.layers(own, rows, network):
            fitting = as_outputs(made, len(own.weight))
            yield named(name, {"weight": fitting.weight.to(layer.weight), "bias": fitting.bias.to(layer.weight)})


def as_outputs(layer: Linear, outputs: int) -> Linear:
    """A layer with the logits that a network gives: for two classes, z₁ − z₀ alone is the same as both."""
    if outputs == 1 and len(layer.weight) == 2:
        return Linear(layer.weight[1:] - layer.weight[:1], layer.bias[1:] - layer.bias[:1])
    if outputs == 2 and len(layer.weight) == 1:
        return Linear(nn.functional.pad(layer.weight, (0, 0, 1, 0)), nn.functional.pad(layer.bias, (1, 0)))
    if outputs != len(layer.weight):
        raise InputError(f"the network has {outputs} outputs, the new layer {len(layer.weight)}: refits are of classes")
    return layer


def last_linear(network: nn.Module) -> tuple[str, nn.Linear | LastLayer]:
    """Name and module of the last linear layer of a network, or of what is in its place; InputError if it has none."""
    linear = [(name, part) for name, part in network.named_modules() if isinstance(part, nn.Linear | LastLayer)]
    if not linear:
        raise InputError(f"{type(network).__name__} has no linear layer (torch.nn.Linear), which a refit replaces")
    return linear[-1]


def in_last_place(network: nn.Module, make: Callable[[int, int], LastLayer]) -> tuple[nn.Module, str]:
    """The network with another layer in the place of its last linear one, and that layer's name; empty if it is all.

    Args:
        network: is changed.
        make: the layer, of as many features and outputs.
    """
    name, last = last_linear(network)
    layer = make(last.in_features, last.out_features)
    if not name:
        return layer, name
    parent, _, own = name.rpartition(".")
    setattr(network.get_submodule(parent), own, layer)
    return network, name


def named(part: str, weights: Mapping[str, Tensor]) -> Weights:
    """A part's own weights by their names in the network; the part's name is empty if it is all."""
    return {f"{part}.{own}" if part else own: value for own, value in weights.items()}


def train_features(network: nn.Module, train: Split) -> tuple[Tensor, Tensor]:
    """What comes into the last linear layer for each training row, float64 ``(N, D)``, and the rows' classes."""
    kept: list[Tensor] = []
    layer = last_linear(network)[1]
    hook = layer.register_forward_pre_hook(lambda _, inputs: kept.append(inputs[0].detach().double()))
    try:
        with torch.no_grad():
            for rows in SequentialBatches(train, 512):
                network(train.x[rows])
    finally:
        hook.remove()
    features = torch.cat(kept)
    if features.ndim != 2 or not bool(features.isfinite().all()):
        raise InputError(
            f"features of shape {tuple(features.shape)} come into the last linear layer; a refit needs finite numbers "
            "of shape (rows, features)"
        )
    return features, train.target
