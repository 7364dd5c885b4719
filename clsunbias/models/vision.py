"""The small convolutional network for 28×28 images."""

from typing import cast

import torch
from torch import Tensor, nn


class SmallConvNet(nn.Module):
    """A convolutional encoder to 64 numbers, then the paper's classifier: fully connected [64, 128, 128, outputs].

    The paper fixes the classifier (arXiv 2508.06943, section 4.7.2) but not the encoder, which only must give 64
    numbers. Here: three 3×3 convolutions of 32, 64 and 64 channels with ReLU, each followed by 2×2 max pooling, then
    the mean over positions. No normalisation layer: every row is treated alike whatever the rest of its batch.

    Args:
        channels: input channels, 1 (grey) or 3 (RGB).
        outputs: logits; 1 for two classes, C for more.
    """

    def __init__(self, channels: int, outputs: int = 1) -> None:
        super().__init__()
        self.encoder = nn.Sequential(
            *(nn.Conv2d(channels, 32, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2)),
            *(nn.Conv2d(32, 64, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2)),
            *(nn.Conv2d(64, 64, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2)),
            *(nn.AdaptiveAvgPool2d(1), nn.Flatten()),
        )
        self.classifier = nn.Sequential(
            *(nn.Linear(64, 128), nn.ReLU(), nn.Linear(128, 128), nn.ReLU(), nn.Linear(128, outputs)),
        )
        # Channels last in memory: the same sums, a faster convolution.
        self.encoder.to(memory_format=torch.channels_last)

    def forward(self, images: Tensor) -> Tensor:
        """Logits ``(B, outputs)`` of images float ``(B, channels, H, W)``, H and W at least 8."""
        return cast(Tensor, self.classifier(self.encoder(images.contiguous(memory_format=torch.channels_last))))
