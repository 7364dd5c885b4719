"""The small convolutional network for small images."""

from typing import cast

import torch
from torch import Tensor, nn
from torch.nn import functional as F

POSITIONS = 3
"""Rows and columns of positions that are left of an image of 28×28 pixels."""


def convolution(inputs: int, outputs: int) -> nn.Sequential:
    """3×3 convolution, normalisation of each row by itself, 2×2 max pooling, ReLU."""
    # One group: layer normalisation over channels and positions. It lets group DRO's large first weights train at all
    # (without it the output stays at 0), and unlike batch normalisation it treats a row alike whatever its batch.
    # ReLU after pooling gives the same as before it, on a quarter of the numbers.
    return nn.Sequential(
        nn.Conv2d(inputs, outputs, kernel_size=3, padding=1), nn.GroupNorm(1, outputs), nn.MaxPool2d(2), nn.ReLU()
    )


class Positions(nn.Module):
    """Flattens 3×3 positions; of a larger image, the means of as many parts."""

    def forward(self, maps: Tensor) -> Tensor:
        """Numbers ``(B, channels · 9)`` of maps ``(B, channels, H, W)``."""
        if maps.shape[-2:] != (POSITIONS, POSITIONS):
            maps = F.adaptive_avg_pool2d(maps, POSITIONS)
        return maps.flatten(1)


class SmallConvNet(nn.Module):
    """A convolutional backbone to 64 numbers, then the paper's head: fully connected [64, 128, 128, outputs].

    The paper fixes the head (arXiv 2508.06943, section 4.7.2) but not the backbone, which only must give 64
    numbers. Here: three 3×3 convolutions of 16, 32 and 32 channels, each normalised per row and pooled by two, then a
    linear layer from the 3×3 positions that remain (of images above 28×28, from the means of 3×3 parts).

    Args:
        channels: input channels, 1 (grey) or 3 (RGB).
        outputs: logits; 1 for two classes, C for more.
    """

    def __init__(self, channels: int, outputs: int = 1) -> None:
        super().__init__()
        self.backbone = nn.Sequential(
            *(convolution(channels, 16), convolution(16, 32), convolution(32, 32)),
            *(Positions(), nn.Linear(32 * POSITIONS**2, 64), nn.ReLU()),
        )
        self.head = nn.Sequential(
            *(nn.Linear(64, 128), nn.ReLU(), nn.Linear(128, 128), nn.ReLU(), nn.Linear(128, outputs)),
        )
        # Channels last in memory: the same sums, a faster convolution.
        self.backbone.to(memory_format=torch.channels_last)

    def forward(self, images: Tensor) -> Tensor:
        """Logits ``(B, outputs)`` of images float ``(B, channels, H, W)``, H and W at least 28."""
        return cast(Tensor, self.head(self.backbone(images.contiguous(memory_format=torch.channels_last))))
