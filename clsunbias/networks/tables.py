"""A small network for rows of a table."""

from typing import cast

from torch import Tensor, nn


class Perceptron(nn.Module):
    """One hidden layer, then a linear head.

    A linear model is ``torch.nn.Linear``, deeper ones ``torchvision.ops.MLP``; this one has the parts that frozen
    backbones, heads of their own and terms on features need.

    Args:
        features: columns of the table, as numbers.
        hidden: units of the hidden layer, rectified.
        outputs: logits; 1 for two classes, C for more.
    """

    def __init__(self, features: int, hidden: int = 32, outputs: int = 1) -> None:
        super().__init__()
        self.backbone = nn.Sequential(nn.Linear(features, hidden), nn.ReLU())
        self.head = nn.Linear(hidden, outputs)

    def forward(self, rows: Tensor) -> Tensor:
        """Logits ``(B, outputs)`` of rows float ``(B, features)``."""
        return cast(Tensor, self.head(self.backbone(rows)))
