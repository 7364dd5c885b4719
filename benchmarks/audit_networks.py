"""The small networks of the audit's benchmark."""

import torch
from sklearn.linear_model import LogisticRegression
from torch import nn

from clsunbias.data.split import Split
from clsunbias.networks import FrameStatistics

BANDS = 40
"""Bands of a frame of speech."""


def small_convolution() -> nn.Module:
    """A network of a grey image of 28×28 pixels that takes a second to train."""
    return nn.Sequential(
        *(nn.Conv2d(1, 8, 3, stride=2, padding=1), nn.ReLU()),
        *(nn.Conv2d(8, 16, 3, stride=2, padding=1), nn.ReLU(), nn.Flatten()),
        *(nn.Linear(16 * 49, 32), nn.ReLU(), nn.Linear(32, 1)),
    )


def perceptron(columns: int) -> nn.Module:
    """A network of a table."""
    return nn.Sequential(nn.Linear(columns, 16), nn.ReLU(), nn.Linear(16, 1))


def logistic(train: Split) -> nn.Module:
    """Logistic regression."""
    found = LogisticRegression(C=1000.0).fit(train.x[:].numpy(), train.target.numpy())
    line = nn.Linear(train.x[:].shape[1], 1)
    with torch.no_grad():
        line.weight.copy_(torch.from_numpy(found.coef_))
        line.bias.copy_(torch.from_numpy(found.intercept_))
    return line


def trained(network: nn.Module, train: Split, epochs: int, rate: float) -> nn.Module:
    """A network trained with Adam in batches of 100, whose rate falls to 0."""
    optimizer = torch.optim.Adam(network.parameters(), lr=rate)
    x, target = train.x[:], train.target.float()
    steps = -(-len(target) // 100)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, epochs * steps)
    for _ in range(epochs):
        for at in torch.chunk(torch.randperm(len(target)), steps):
            optimizer.zero_grad()
            loss = nn.functional.binary_cross_entropy_with_logits(network(x[at])[:, 0], target[at])
            loss.backward()  # type: ignore[no-untyped-call]
            optimizer.step()
            schedule.step()
    return network


def listener(train: Split) -> nn.Module:
    """A trained network of frames."""
    return trained(FrameStatistics(BANDS, 8, 32), train, 30, 0.02)
