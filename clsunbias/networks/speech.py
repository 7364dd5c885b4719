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


class GatedAttention(nn.Module):
    """Gated attention over the rows of a bag: z = Σ_k a_k·h_k, a = softmax over k of wᵀ(tanh(V·h_k) ⊙ σ(U·h_k)).

    Source: arXiv 1802.04712, eqs. 7 and 9; V and U have biases here.

    Args:
        features: numbers in each h_k.
        hidden: rows of V and of U.
    """

    def __init__(self, features: int, hidden: int) -> None:
        super().__init__()
        self.content = nn.Linear(features, hidden)
        self.gate = nn.Linear(features, hidden)
        self.score = nn.Linear(hidden, 1, bias=False)  # a bias would move all scores alike

    def weights(self, rows: Tensor, valid: Tensor) -> Tensor:
        """Weights ``(B, k)`` of rows ``(B, k, D)``, 0 where not valid, bool ``(B, k)``."""
        scores: Tensor = self.score(self.content(rows).tanh() * self.gate(rows).sigmoid()).squeeze(2)
        return scores.float().masked_fill(~valid, -torch.inf).softmax(1)

    def forward(self, rows: Tensor, valid: Tensor) -> Tensor:
        """Their weighted mean ``(B, D)``."""
        return (self.weights(rows, valid).unsqueeze(2) * rows).sum(1)


class FrameStatistics(nn.Module):
    """Frame-wise fully connected [features, hidden, hidden, embedding], statistics pooling, then a linear layer.

    The paper (arXiv 2508.06943, section 4.7.1) fixes three layers, tanh in the hidden ones, the embedding (12 on
    DAIC-WOZ, 16 on MODMA and ADReSS), the three statistics and the linear layer. The hidden widths are not printed:
    128 is our choice.

    With attention it takes bags, all segments of a speaker at once: gated attention over their statistics comes before
    the linear layer, as in multiple instance learning (arXiv 2303.13405 for imbalanced classes). Of a bag of a single
    segment it makes what it makes of the segment without attention.

    Args:
        features: numbers per frame in the input.
        embedding: numbers per frame that are pooled.
        hidden: width of both hidden layers.
        outputs: logits; 1 for two classes, C for more.
        attention: width of the attention over segments; None takes segments one by one.
    """

    def __init__(
        self, features: int, embedding: int, hidden: int = 128, outputs: int = 1, attention: int | None = None
    ) -> None:
        super().__init__()
        self.features = features
        self.backbone = nn.Sequential(
            *(nn.Linear(features, hidden), nn.Tanh(), nn.Linear(hidden, hidden), nn.Tanh()),
            nn.Linear(hidden, embedding),
        )
        self.attention = GatedAttention(3 * embedding, attention) if attention else None
        self.head = nn.Linear(3 * embedding, outputs)

    def forward(self, frames: Tensor) -> Tensor:
        """Logits ``(B, outputs)`` of segments float ``(B, T, features)``; half precision is widened.

        With attention, of bags of segments ``(B, k, T, features)``. A frame whose first feature is NaN is padding and
        takes no part, nor in the gradient; nor does a segment of a bag that begins with one. A row of padding alone
        gives NaN, as does NaN anywhere in another frame.

        Raises:
            RuntimeError: the shape is another.
        """
        bags = self.attention is not None
        if frames.ndim != 3 + bags or frames.shape[-1] != self.features:
            shape = f"({'bags, segments' if bags else 'rows'}, frames, {self.features})"
            only = " and attention" if bags else ""
            bag = "; data.bag makes bags, for a network with attention" if (frames.ndim == 4) != bags else ""
            raise RuntimeError(
                f"with features {self.features}{only}, a batch has shape {shape}; this one has "
                f"{tuple(frames.shape)}{bag}"
            )
        if self.attention is None:
            return cast(Tensor, self.head(self.embed(frames)))
        there = ~frames[:, :, 0, 0].isnan()
        # A segment of padding has no statistics; frames of 0 in its place have some, which then weigh nothing.
        filled = torch.where(there[:, :, None, None], frames, 0)
        embedded = self.embed(filled.flatten(0, 1)).view(*there.shape, -1)
        return cast(Tensor, self.head(self.attention(embedded, there)))

    def embed(self, frames: Tensor) -> Tensor:
        """Statistics over time of embedded frames, ``(B, 3 · embedding)``."""
        valid = ~frames[:, :, 0].isnan()
        # Before the first layer: behind it, NaN would stay in that layer's gradient as 0 · NaN.
        clean = torch.where(valid.unsqueeze(2), frames.float(), 0)
        embedded = self.backbone(clean).float()  # autocast gives bfloat16, too coarse for differences
        return pool_statistics(embedded, valid)
