"""Networks of one shape as one: each parameter of all of them is one tensor, ``(R, …)``."""

from collections.abc import Sequence
from itertools import accumulate

import torch
from torch import Tensor, nn
from torch.func import functional_call

STATELESS = (nn.Linear, nn.ReLU, nn.Tanh, nn.Sigmoid, nn.GELU, nn.SiLU, nn.LeakyReLU, nn.ELU, nn.Identity, nn.LayerNorm)


def can_be_stacked(network: nn.Module) -> bool:
    """Whether a network is fully connected, keeps nothing but its parameters, all trained, and draws nothing."""
    leaves = [module for module in network.modules() if not [*module.children()]]
    still = all(isinstance(leaf, STATELESS) or (isinstance(leaf, nn.Dropout) and leaf.p == 0) for leaf in leaves)
    return still and not [*network.buffers()] and all(one.requires_grad for one in network.parameters())


class Stack(nn.Module):
    """R networks of one shape, whose parameters an optimiser has in groups.

    Args:
        networks: all of a shape; their own parameters become views of those of the stack (:meth:`bind`).
        groups: how many of them, in order, each group of an optimiser has.
    """

    def __init__(self, networks: Sequence[nn.Module], groups: Sequence[int]) -> None:
        super().__init__()
        self._networks = tuple(networks)  # no submodules: their parameters are the stack's
        self._names = [name for name, _ in networks[0].named_parameters()]
        ends = list(accumulate(groups))
        self.groups = [
            nn.ParameterList(
                torch.stack([one.get_parameter(name).detach() for one in networks[end - size : end]])
                for name in self._names
            )
            for size, end in zip(groups, ends, strict=True)
        ]
        self.parts = nn.ModuleList(self.groups)

    def bind(self) -> None:
        """Makes the parameters of each network views of the stack's, where those are now."""
        networks = iter(self._networks)
        for group in self.groups:
            for values in zip(*(parameter.detach().unbind() for parameter in group), strict=True):
                network = next(networks)
                for name, value in zip(self._names, values, strict=True):
                    network.get_parameter(name).data = value

    def forward(self, x: Tensor) -> Tensor:
        """Outputs ``(R, B, K)`` of the rows of each, ``(R, B, D)``."""
        parameters = {name: torch.cat(values) for name, *values in zip(self._names, *self.groups, strict=True)}
        network = self._networks[0]

        def one(own: dict[str, Tensor], rows: Tensor) -> Tensor:
            made: Tensor = functional_call(network, own, (rows,))
            return made

        made: Tensor = torch.vmap(one)(parameters, x)
        return made
