"""Weights of experts by how stable their common predictions are, for which no label is read."""

from collections.abc import Iterator
from typing import ClassVar

import torch
from torch import Tensor, nn

from clsunbias.data.augmentation import Jitter
from clsunbias.data.samplers import SequentialBatches
from clsunbias.data.split import Split
from clsunbias.errors import InputError
from clsunbias.objectives.experts import EXPERTS, by_expert
from clsunbias.refits.base import HeadRefit, Linear

STEPS = 20
"""Of the weights that are tried, from the floor of one to that of the others."""


class ExpertAggregation(HeadRefit):
    """Experts weighed by prediction stability: those count most whose predictions two views of a row agree on.

    The weights w, which sum to 1, are those of the largest mean cosine of p(x′) and p(x″) over rows, p = softmax(Σ_e
    w_e·z^e) and x′, x″ two views of a row: images flipped, turned and shifted a little, other rows with noise. No label
    is read, so the weights are for whatever balance of classes the rows have: here those of validation, as the test
    split is read once, at the end. All weights in steps are tried, down to the floor at which the authors stop their
    gradient steps. They go into the last layer.
    For runs of :class:`~clsunbias.objectives.DiverseExperts`. Source: SADE, arXiv 2107.09249, with its code's cosine.

    Args:
        noise: standard deviation of the noise, as a share of each feature's; above 0.
        floor: least weight of an expert, from 0 to below 1/3.
        seed: of the views, apart from the run's seed.

    Raises:
        InputError: a number out of its range; in the fit, outputs that are not three for each class.
    """

    split: ClassVar[str] = "val"

    def __init__(self, noise: float = 0.1, floor: float = 0.05, seed: int = 0) -> None:
        if not (0 < noise < float("inf") and 0 <= floor < 1 / EXPERTS):
            raise InputError(
                f"ExpertAggregation needs noise above 0 and a floor from 0 to below 1/3, got {noise} and {floor}"
            )
        self.noise, self.floor, self.seed = noise, floor, seed

    def layers(self, own: Linear, rows: Split, network: nn.Module) -> Iterator[Linear]:
        classes = len(torch.bincount(rows.target))
        if len(own.weight) != EXPERTS * classes:
            raise InputError(
                f"ExpertAggregation weighs the {EXPERTS} experts of a run of DiverseExperts, which has "
                f"{EXPERTS * classes} outputs for {classes} classes; this network has {len(own.weight)}"
            )
        views = [self.logits(network, rows, self.seed + number) for number in range(2)]
        scale = (EXPERTS * self.weights(*views)).repeat_interleave(classes)  # of a mean, which the objective takes
        yield Linear(own.weight * scale.unsqueeze(1), own.bias * scale)

    def logits(self, network: nn.Module, rows: Split, seed: int) -> Tensor:
        """Logits of a view of each row, float64 ``(N, 3, C)``."""
        with torch.no_grad():
            made = [
                network(self.view(rows.x[batch], 1000 * seed + number))
                for number, batch in enumerate(SequentialBatches(rows, 512))
            ]
        return by_expert(torch.cat(made).double())

    def view(self, x: Tensor, seed: int) -> Tensor:
        """Rows a little changed."""
        if x.ndim == 4 and x.dtype != torch.float16:  # which frames of speech are
            return Jitter()(x, seed)
        x = x.float()
        features = x.flatten(0, -2)  # of a sequence, those of each frame; padding is NaN
        deviation = (features - features.nanmean(0)).square().nanmean(0).sqrt()
        return x + self.noise * deviation * torch.randn(x.shape, generator=torch.Generator().manual_seed(seed))

    def weights(self, one: Tensor, other: Tensor) -> Tensor:
        """The weights, float64 ``(3,)``, for logits ``(N, 3, C)`` of two views."""
        shares = [(i, j, STEPS - i - j) for i in range(STEPS + 1) for j in range(STEPS + 1 - i)]
        tried = self.floor + (1 - EXPERTS * self.floor) * torch.tensor(shares, dtype=torch.float64) / STEPS
        tried = tried[(tried - 1 / EXPERTS).square().sum(1).argsort()]  # of equals the most even
        return tried[int(torch.stack([stability(weights, one, other) for weights in tried]).argmax())]


def stability(weights: Tensor, one: Tensor, other: Tensor) -> Tensor:
    """Mean cosine of p(x′) and p(x″) over rows, for logits ``(N, 3, C)`` of two views."""
    first, second = ((weights.unsqueeze(1) * logits).sum(1).softmax(1) for logits in (one, other))
    return nn.functional.cosine_similarity(first, second, dim=1).mean()
