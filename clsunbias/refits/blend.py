"""Weights between those of two runs."""

from collections.abc import Iterator, Sequence
from pathlib import Path

from torch import nn

from clsunbias.checkpoints import read_checkpoint, selected_weights
from clsunbias.data.split import Split
from clsunbias.errors import InputError
from clsunbias.refits.base import Refit, Weights


class Blend(Refit):
    """Weight interpolation: (1 − α)·w + α·w′, from the run that one starts from to another of the same start.

    α = 0 is the one run, α = 1 the other. Between runs of unlike starts there is seldom a good network.
    Sources: arXiv 2109.01903 (WiSE-FT); arXiv 2309.17230.

    Args:
        other: the other run, or its checkpoint.
        alphas: the values of α to try, an epoch each; validation selects.

    Raises:
        InputError: no values, or one outside [0, 1].
    """

    def __init__(
        self, other: Path, alphas: Sequence[float] = (0.0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0)
    ) -> None:
        if not alphas or not all(0 <= alpha <= 1 for alpha in alphas):
            raise InputError(f"Blend: alphas must be numbers from 0 to 1, got {list(alphas)}")
        self.other, self.alphas = other, alphas

    def candidates(self, network: nn.Module, rows: Split) -> Iterator[Weights]:
        path = selected_weights(self.other)
        prefix = "network."
        theirs = {
            name.removeprefix(prefix): value
            for name, value in read_checkpoint(path)["state_dict"].items()
            if name.startswith(prefix)
        }
        own = {name: value.clone() for name, value in network.state_dict().items()}
        if {name: value.shape for name, value in theirs.items()} != {name: value.shape for name, value in own.items()}:
            raise InputError(f"{path} is the checkpoint of another network, whose weights cannot be blended with these")
        for alpha in self.alphas:
            yield {
                name: ((1 - alpha) * value + alpha * theirs[name]) if value.is_floating_point() else value
                for name, value in own.items()
            }
