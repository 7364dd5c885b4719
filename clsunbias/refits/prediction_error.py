"""A score for each class that never saw the others: how well its student foretells a random network."""

import math
from collections.abc import Iterator
from copy import deepcopy
from typing import ClassVar, cast

import numpy as np
import torch
from torch import Tensor, nn

from clsunbias.data.split import Split
from clsunbias.errors import InputError
from clsunbias.networks.parts import LastLayer
from clsunbias.refits.base import Refit, Weights, in_last_place, last_linear, named, train_features
from clsunbias.refits.fitted import check_penalty

DIMENSIONS = 64
"""Outputs of the random network that students foretell."""


class PredictionErrors(LastLayer):
    """The layer of :class:`PredictionError`: logits ``(B, C)`` of features ``(B, D)``, or z₁ − z₀ alone."""

    target: Tensor
    mean: Tensor
    deviation: Tensor
    slope: Tensor

    def __init__(self, in_features: int, out_features: int, width: int, teacher_width: int, seed: int) -> None:
        super().__init__(in_features, out_features)
        self.classes = max(2, out_features)
        random = torch.Generator().manual_seed(seed)
        for name, hidden in (("teacher", teacher_width), ("student", width)):
            weight = torch.randn(hidden, in_features, generator=random) / math.sqrt(in_features)
            self.register_buffer(f"{name}_weight", weight)
            self.register_buffer(f"{name}_bias", torch.randn(hidden, generator=random))
        self.register_buffer("target", torch.randn(DIMENSIONS, teacher_width, generator=random))
        self.register_buffer("mean", torch.zeros(in_features))
        self.register_buffer("deviation", torch.ones(in_features))
        self.register_buffer("slope", torch.zeros(self.classes))
        self.students = nn.Parameter(torch.zeros(self.classes, DIMENSIONS, width))

    def hidden(self, features: Tensor, name: str) -> Tensor:
        """What a hidden layer makes of features, ``(B, width)``."""
        weight, bias = getattr(self, f"{name}_weight"), getattr(self, f"{name}_bias")
        return nn.functional.linear((features - self.mean) / self.deviation, weight, bias).relu() * math.sqrt(
            2 / len(bias)
        )

    def taught(self, features: Tensor) -> Tensor:
        """What the random network says, ``(B, dimensions)``."""
        return self.hidden(features, "teacher") @ self.target.T

    def errors(self, features: Tensor) -> Tensor:
        """Mean squared error of each class's student, ``(B, C)``."""
        said = self.hidden(features, "student") @ self.students.flatten(0, 1).T
        apart: Tensor = said.view(-1, self.classes, DIMENSIONS) - self.taught(features).unsqueeze(1)
        return apart.square().mean(2)

    def forward(self, features: Tensor) -> Tensor:
        """Logits of features."""
        if torch.is_autocast_enabled(features.device.type):
            with torch.autocast(features.device.type, enabled=False):  # bfloat16 is too coarse for differences
                return self.forward(features)
        logits = -self.slope * self.errors(features.float())
        return logits if self.out_features > 1 else logits[:, 1:] - logits[:, :1]


class PredictionError(Refit):
    """Prediction error: z_c = −t·‖g_c(f) − h(f)‖² / s_c, h a frozen random network, g_c a student of class c alone.

    Students learn to say what h says, of their own class's training rows, so that they err the more the less a row is
    like those; none sees another class, and no class gains by its size. The features, their scale and t are of all. h
    has one hidden layer. The students have a narrower one, random and common to all, and an output layer solved by
    ridge regression (the paper's are trained by gradient steps). A small class's student errs more everywhere: s_c is
    the mean error on rows of class c, each left out of its own fit (in closed form), so that a new row of any class has
    a mean of 1 there. The temperature t is that of the least class-balanced cross-entropy on training rows, likewise
    left out of their own class's fit. The features are standardised by all training rows.
    Source: arXiv 2305.18806, section 3.

    Args:
        width: of the students' hidden layer.
        teacher_width: of the random network's; the paper's is a hundred times the students'.
        penalty: of the ridge regression, above 0; 10 was best of 0.001 to 10 by validation loss on BreastMNIST.
        seed: of the random weights, apart from the run's seed.

    Raises:
        InputError: a width below 1, or a penalty that is not above 0; in the fit, a class of fewer than two training
            rows, or outputs that are none of classes.
    """

    needs_start: ClassVar[bool] = False

    def __init__(self, width: int = 256, teacher_width: int = 4096, penalty: float = 10.0, seed: int = 0) -> None:
        if width < 1 or teacher_width < 1:
            raise InputError(f"PredictionError: widths must be at least 1, got {width} and {teacher_width}")
        check_penalty(penalty)
        self.width, self.teacher_width, self.penalty, self.seed = width, teacher_width, penalty, seed

    def shaped(self, network: nn.Module) -> nn.Module:
        """The network with a layer of students in the place of its last linear layer."""

        def make(features: int, outputs: int) -> PredictionErrors:
            return PredictionErrors(features, outputs, self.width, self.teacher_width, self.seed)

        shaped, name = in_last_place(network, make)
        self.fresh = [name]
        return shaped

    def candidates(self, network: nn.Module, rows: Split) -> Iterator[Weights]:
        name, found = last_linear(network)
        layer = cast(PredictionErrors, found)  # as it is shaped
        counts = torch.bincount(rows.target)
        if len(counts) != layer.classes:
            raise InputError(
                f"the network has {layer.out_features} outputs, for {len(counts)} classes: refits are of classes"
            )
        if int(counts.min()) < 2:
            raise InputError(
                f"PredictionError takes 2 training rows of each class, class {int(counts.argmin())} has "
                f"{int(counts.min())}"
            )
        features, target = train_features(network, rows)
        fitted = self.fit(deepcopy(layer).double(), features, target)
        yield named(name, {own: value.float() for own, value in fitted.state_dict().items()})

    def fit(self, layer: PredictionErrors, features: Tensor, target: Tensor) -> PredictionErrors:
        """The layer, in float64, for features ``(N, D)`` and classes ``(N,)``."""
        deviation = features.std(0, correction=0)
        layer.mean, layer.deviation = features.mean(0), torch.where(deviation > 0, deviation, 1.0)
        hidden, taught = layer.hidden(features, "student"), layer.taught(features)
        left_out, students = torch.empty(len(target), dtype=torch.float64), []
        for label in range(layer.classes):
            rows = target == label
            students.append(ridge(hidden[rows], taught[rows], self.penalty))
            left_out[rows] = left_out_errors(hidden[rows], taught[rows], self.penalty)
        layer.students.data = torch.stack(students)
        spread = torch.stack([left_out[target == label].mean() for label in range(layer.classes)]).clamp(min=1e-12)
        errors = layer.errors(features).detach()
        errors[torch.arange(len(target)), target] = left_out
        layer.slope = best_slope(errors / spread, target) / spread
        return layer


def gram(x: Tensor, penalty: float) -> Tensor:
    """xᵀx + penalty·1."""
    return x.T @ x + penalty * torch.eye(x.shape[1], dtype=x.dtype)


def ridge(x: Tensor, y: Tensor, penalty: float) -> Tensor:
    """Weights ``(outputs, inputs)`` of the least ‖y − x·wᵀ‖² + penalty·‖w‖²."""
    return cast(Tensor, torch.linalg.solve(gram(x, penalty), x.T @ y).T)


def left_out_errors(x: Tensor, y: Tensor, penalty: float) -> Tensor:
    """Mean squared error of each row, by the regression on all the others."""
    residuals = y - x @ ridge(x, y, penalty).T
    leverage = (x * torch.linalg.solve(gram(x, penalty), x.T).T).sum(1)
    return cast(Tensor, (residuals / (1 - leverage).clamp(min=1e-12).unsqueeze(1)).square().mean(1))


def best_slope(errors: Tensor, target: Tensor) -> float:
    """T of the least class-balanced cross-entropy of −t·errors, from e⁻⁵ to e⁵."""
    from scipy.optimize import minimize_scalar  # here, since it takes a second that other refits need not

    weights = 1 / torch.bincount(target).double()

    def loss(log_slope: float) -> float:
        return float(nn.functional.cross_entropy(-math.exp(log_slope) * errors, target, weights))

    return float(np.exp(minimize_scalar(loss, bounds=(-5, 5), method="bounded").x))
