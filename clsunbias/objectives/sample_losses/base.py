"""The interface of a loss of one sample, and cross-entropy, the default."""

from abc import ABC, abstractmethod
from typing import ClassVar, cast

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from clsunbias.errors import InputError

ALIKE = 1.01
"""The ratio of counts up to which classes are of one size."""


class SampleLoss(nn.Module, ABC):
    """The loss of each sample of a batch.

    Attributes:
        annealable: names of the float attributes that a schedule may move during training; they are logged.
    """

    annealable: ClassVar[tuple[str, ...]] = ()

    def setup(self, class_counts: Tensor) -> None:
        """Takes the class counts ``(C,)`` of the training split, each above 0; called once before training."""

    def class_logits(self, logits: Tensor) -> Tensor:
        """Logits ``(B, C)`` whose softmax is predicted, from those that are trained; the same unless it scales them."""
        return logits

    @abstractmethod
    def forward(self, logits: Tensor, target: Tensor) -> Tensor:
        """Losses float32 ``(B,)`` of logits ``(B, C)`` of any floating dtype and targets int64 ``(B,)``."""

    def __call__(self, logits: Tensor, target: Tensor) -> Tensor:  # typed pass-through of nn.Module's
        return cast(Tensor, super().__call__(logits, target))


class CountedLoss(SampleLoss):
    """A sample loss that depends on how many training rows each class has."""

    _counts: Tensor

    def __init__(self) -> None:
        super().__init__()
        # Not in the checkpoint: the counts follow from the training data, which are there whenever they are needed.
        self.register_buffer("_counts", torch.empty(0), persistent=False)
        self.minority = 0

    def setup(self, class_counts: Tensor) -> None:
        self._counts = class_counts.to(self._counts)
        self.minority = smallest_class(class_counts)

    def counts(self, logits: Tensor) -> Tensor:
        """The class counts, float32 ``(C,)``, for logits ``(B, C)``.

        Raises:
            InputError: they are those of another number of classes, or were never given.
        """
        if len(self._counts) != logits.shape[1]:
            raise InputError(
                f"{type(self).__name__} is set up for {len(self._counts)} classes, the logits have {logits.shape[1]}; "
                "call setup(class_counts) with the training split's counts first"
            )
        return self._counts

    def odds(self, logits: Tensor, target: Tensor) -> tuple[Tensor, Tensor]:
        """Log-odds of one class against the rest, and whether a row is of it, ``(B, K)`` each.

        Two classes are one question, K = 1: whether a row is of the minority. More are one for each class, K = C.
        """
        one = range(self.minority, self.minority + 1)
        classes = one if len(self.counts(logits)) == 2 else range(logits.shape[1])
        score = torch.stack([log_odds(logits.float(), label) for label in classes], 1)
        return score, target.unsqueeze(1) == torch.arange(classes.start, classes.stop, device=target.device)


def smallest_class(counts: Tensor) -> int:
    """The class of the fewest rows; of classes of one size the last, which with two is the positive one.

    Sizes that differ by less than :data:`ALIKE` are one: a sampler that draws classes alike is expected to draw nearly,
    not exactly, as many of each.
    """
    return int((counts <= ALIKE * counts.min()).nonzero()[-1])


def log_odds(logits: Tensor, label: int) -> Tensor:
    """Log-odds of one class against the rest, ``(B,)``, from logits ``(B, C)``."""
    rest = torch.cat([logits[:, :label], logits[:, label + 1 :]], 1)  # a list of columns would wait for a GPU
    return logits[:, label] - rest.logsumexp(1)


def cross_entropy(logits: Tensor, target: Tensor) -> Tensor:
    """ℓ = −log p_y of each sample, p = softmax(z), in float32."""
    return F.cross_entropy(logits.float(), target, reduction="none")


class CrossEntropy(SampleLoss):
    """Cross-entropy: ℓ = −log p_y, p = softmax(z)."""

    def forward(self, logits: Tensor, target: Tensor) -> Tensor:
        return cross_entropy(logits, target)
