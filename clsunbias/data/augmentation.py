"""Random changes to training batches, each a function of a seed alone: light augmentation of images, mixup of rows."""

import math
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from clsunbias.errors import InputError


@dataclass(frozen=True)
class Jitter:
    """Flips, rotates and shifts each image at random, in one resampling of the whole batch.

    Args:
        flip: probability of a left–right flip.
        degrees: largest rotation to either side.
        shift: largest shift to either side, as a share of the image's side.
    """

    flip: float = 0.5
    degrees: float = 10.0
    shift: float = 0.07

    def __call__(self, images: Tensor, seed: int, first: int = 0, every: int = 1) -> Tensor:
        """Augments a batch, or one process's share of it.

        Args:
            images: float ``(B, channels, H, W)``; pixels moved in from outside repeat the border.
            seed: the same seed gives the same augmentation, so a resumed run repeats what it would have seen.
            first: place of the first image in the whole batch.
            every: from one image's place to the next one's.

        Returns:
            The same shape.
        """
        whole = torch.rand(every * len(images) + first, 4, generator=torch.Generator().manual_seed(seed))
        draw = whole[first::every][: len(images)].T.to(images.device)
        angle = (2 * draw[0] - 1) * math.radians(self.degrees)
        sign = torch.where(draw[1] < self.flip, -1.0, 1.0)
        moves = 2 * self.shift * (2 * draw[2:] - 1)  # grid coordinates span [-1, 1]: twice a share of the side
        rows = [sign * angle.cos(), -angle.sin(), moves[0], sign * angle.sin(), angle.cos(), moves[1]]
        grid = F.affine_grid(torch.stack(rows, 1).view(-1, 2, 3), list(images.shape), align_corners=False)
        return F.grid_sample(images, grid.to(images.dtype), padding_mode="border", align_corners=False)


@dataclass(frozen=True)
class Mixup:
    """Mixes each row with another of its batch, with labels that favour the smaller class.

    x = λ·x_i + (1 − λ)·x_j with λ from Beta(α, α). The label is y_i with chance λ', else y_j: in the mean over such
    draws a loss is mixup's, and objectives keep whole labels. λ' is λ, but where class i is at least κ times the size
    of class j and λ < τ it is 0, and where it is the other way round and 1 − λ < τ it is 1: rows that are mixed
    enough count for the smaller class. κ = ∞ is plain mixup.
    Source: arXiv 2007.03943, eqs. 6 to 8; mixup: arXiv 1710.09412. Mixed pixels are no image that was ever taken.

    Args:
        alpha: α > 0.
        kappa: κ ≥ 1.
        tau: τ in [0, 1].

    Raises:
        InputError: a number out of its range.
    """

    alpha: float = 1.0
    kappa: float = 3.0
    tau: float = 0.5

    def __post_init__(self) -> None:
        if not (0 < self.alpha < math.inf and self.kappa >= 1 and 0 <= self.tau <= 1):
            raise InputError(
                "Mixup needs alpha above 0, kappa of at least 1 and tau from 0 to 1; got "
                f"{self.alpha}, {self.kappa} and {self.tau}"
            )

    def __call__(self, x: Tensor, target: Tensor, class_counts: Tensor, seed: int) -> tuple[Tensor, Tensor]:
        """Mixes a batch.

        Args:
            x: float ``(B, …)``.
            target: int64 ``(B,)``.
            class_counts: ``(C,)``, training rows of each class.
            seed: the same seed mixes the same way.

        Returns:
            Rows and targets of the same shapes.
        """
        random = np.random.default_rng(seed)
        other = torch.from_numpy(random.permutation(len(x))).to(x.device)
        lam = torch.from_numpy(random.beta(self.alpha, self.alpha, len(x))).to(x.device, torch.float32)
        draw = torch.from_numpy(random.random(len(x))).to(x.device, torch.float32)
        size = class_counts.to(x.device)[target]
        first = torch.where((size >= self.kappa * size[other]) & (lam < self.tau), 0.0, lam)
        first = torch.where((size[other] >= self.kappa * size) & (1 - lam < self.tau), 1.0, first)
        share = lam.view(-1, *[1] * (x.ndim - 1)).to(x.dtype)
        return share * x + (1 - share) * x[other], torch.where(draw < first, target, target[other])
