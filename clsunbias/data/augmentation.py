"""Light random augmentation of image batches, as a function of a seed alone."""

import math
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F


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
