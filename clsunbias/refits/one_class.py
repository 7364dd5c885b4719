"""A baseline that never sees the smaller class: how far a row lies from the larger one."""

from collections.abc import Iterator
from typing import ClassVar, cast

import numpy as np
import torch
from torch import Tensor, nn

from clsunbias.data.split import Split
from clsunbias.errors import InputError
from clsunbias.networks.parts import LastLayer
from clsunbias.refits.base import Refit, Weights, in_last_place, last_linear, named, train_features
from clsunbias.refits.fitted import of_two_classes


class Distance(LastLayer):
    """The layer of :class:`OneClass`: logits ``(B, 2)`` of features ``(B, D)``, or z₁ − z₀ alone."""

    mean: Tensor
    whitening: Tensor
    limit: Tensor

    def __init__(self, in_features: int, out_features: int) -> None:
        super().__init__(in_features, out_features)
        self.register_buffer("mean", torch.zeros(in_features))
        self.register_buffer("whitening", torch.eye(in_features))
        self.register_buffer("limit", torch.zeros(()))
        self.slope = nn.Parameter(torch.zeros(()))  # a network that is this layer alone has something to optimise

    def squared(self, features: Tensor) -> Tensor:
        """Squared distance of rows, over the number of features, ``(B,)``."""
        white: Tensor = (features - self.mean) @ self.whitening.T
        return white.square().mean(1)

    def forward(self, features: Tensor) -> Tensor:
        """Logits of features."""
        with torch.autocast(features.device.type, enabled=False):  # bfloat16 is too coarse for differences
            score = (self.slope * (self.squared(features.float()) - self.limit)).unsqueeze(1)
        return score if self.out_features == 1 else nn.functional.pad(score, (1, 0))


class OneClass(Refit):
    """A head that never sees the smaller class: the squared Mahalanobis distance from the larger class's mean feature.

    The log-odds of the smaller class are (d² − q) / sd(d²), q the quantile of the larger class's training rows that
    leaves a share of them outside; its covariance is shrunk as by Ledoit and Wolf. They are no probabilities. The head
    alone is blind to the smaller class: the features are those of the run that it starts from.
    Source: Lee et al., arXiv 1807.03888, with one class; the split into a region and an outside as Schölkopf et al.
    2001, doi 10.1162/089976601750264965. For two classes.

    Args:
        outside: share of the larger class's training rows that may lie outside, in (0, 1).

    Raises:
        InputError: outside is not in (0, 1); in the fit, more than two classes, or a larger class whose features are
            all the same.
    """

    needs_start: ClassVar[bool] = False

    def __init__(self, outside: float = 0.1) -> None:
        if not 0 < outside < 1:
            raise InputError(f"OneClass: outside must lie between 0 and 1, got {outside}")
        self.outside = outside

    def shaped(self, network: nn.Module) -> nn.Module:
        """The network with the distance in the place of its last linear layer."""
        shaped, name = in_last_place(network, Distance)
        self.fresh = [name]
        return shaped

    def candidates(self, network: nn.Module, rows: Split) -> Iterator[Weights]:
        name, found = last_linear(network)
        layer = cast(Distance, found)  # as it is shaped
        large = of_two_classes(rows.target.numpy(), "OneClass")[1]
        features, target = train_features(network, rows)
        self.fit(layer, features[target == large], 1.0 if large == 0 else -1.0)
        yield named(name, {own: value.clone() for own, value in layer.state_dict().items()})

    def fit(self, layer: Distance, features: Tensor, sign: float) -> None:
        """Sets the layer for features float64 ``(N, D)`` of the larger class; sign is −1 if that is class 1."""
        from sklearn.covariance import ledoit_wolf

        covariance = ledoit_wolf(features.numpy())[0]
        if not np.trace(covariance) > 0:
            raise InputError("OneClass: all training rows of the larger class have the same features")
        root = torch.linalg.cholesky(torch.from_numpy(covariance))
        layer.mean = features.mean(0)
        layer.whitening = torch.linalg.solve_triangular(root, torch.eye(len(root), dtype=root.dtype), upper=False)
        squared = layer.squared(features)
        layer.limit = squared.quantile(1 - self.outside)
        layer.slope.data = sign / squared.std(correction=0)
        layer.float()
