"""The paper's network for speech: a small network on each frame, then statistics over time."""

from typing import cast

import torch
from torch import Tensor, nn


def pool_statistics(frames: Tensor, valid: Tensor) -> Tensor:
    """Mean, standard deviation and mean absolute first-order difference over time.

    The paper names the third "the mean first-order difference between successive feature frames". Signed differences
    telescope: their mean is (last − first)/(T − 1) and says nothing of the frames between. So it is the mean size of
    the step from one frame to the next, which, unlike the other two, changes with the order of the frames.

    Args:
        frames: float32 ``(B, T, D)``, finite where not valid.
        valid: bool ``(B, T)``; each row has at least one frame.

    Returns:
        float32 ``(B, 3·D)``. The standard deviation divides by the number of frames, so that of one frame is 0; its
        gradient stays finite where all frames are alike. The difference counts pairs of valid frames; without any, 0.
    """
    mask = valid.unsqueeze(2).to(frames.dtype)
    count = mask.sum(1)
    mean = (frames * mask).sum(1) / count
    # A norm in place of the root of a variance: where it is 0, torch gives it the gradient 0, not 0/0.
    deviation = torch.linalg.vector_norm((frames - mean.unsqueeze(1)) * mask, dim=1) / count.sqrt()
    pairs = mask[:, 1:] * mask[:, :-1]
    difference = (frames.diff(dim=1).abs() * pairs).sum(1) / pairs.sum(1).clamp(min=1)
    return torch.cat([mean, deviation, difference], dim=1)


class FrameStatistics(nn.Module):
    """Frame-wise fully connected [features, hidden, hidden, embedding], statistics pooling, then a linear layer.

    The paper (arXiv 2508.06943, section 4.7.1) fixes three layers, tanh in the hidden ones, the embedding (12 on
    DAIC-WOZ, 16 on MODMA and ADReSS), the three statistics and the linear layer. The hidden widths are not printed:
    128 is our choice.

    Args:
        features: numbers per frame in the input.
        embedding: numbers per frame that are pooled.
        hidden: width of both hidden layers.
        outputs: logits; 1 for two classes, C for more.
    """

    def __init__(self, features: int, embedding: int, hidden: int = 128, outputs: int = 1) -> None:
        super().__init__()
        self.features = features
        self.backbone = nn.Sequential(
            *(nn.Linear(features, hidden), nn.Tanh(), nn.Linear(hidden, hidden), nn.Tanh()),
            nn.Linear(hidden, embedding),
        )
        self.head = nn.Linear(3 * embedding, outputs)

    def forward(self, frames: Tensor) -> Tensor:
        """Logits ``(B, outputs)`` of segments float ``(B, T, features)``; half precision is widened.

        A frame whose first feature is NaN is padding and takes no part, nor in the gradient. A row of padding
        alone gives NaN, as does NaN anywhere in another frame.

        Raises:
            RuntimeError: the shape is another.
        """
        if frames.ndim != 3 or frames.shape[2] != self.features:
            raise RuntimeError(
                f"with features {self.features}, a batch has shape (rows, frames, {self.features}); this one has "
                f"{tuple(frames.shape)}"
            )
        valid = ~frames[:, :, 0].isnan()
        # Before the first layer: behind it, NaN would stay in that layer's gradient as 0 · NaN.
        clean = torch.where(valid.unsqueeze(2), frames.float(), 0)
        embedded = self.backbone(clean).float()  # autocast gives bfloat16, too coarse for differences
        return cast(Tensor, self.head(pool_statistics(embedded, valid)))
