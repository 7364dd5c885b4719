"""Training on subclasses of large classes, scored on the classes."""

from collections.abc import Sequence
from itertools import combinations
from typing import ClassVar

import torch
from torch import Tensor

from clsunbias.distributed import mean_over_processes
from clsunbias.errors import InputError
from clsunbias.objectives.base import Objective
from clsunbias.objectives.sample_losses import ALIKE, cross_entropy


class Regrouped(Objective):
    """Regrouping: cross-entropy over subclasses, into which large classes are cut.

    The network has an output for each subclass. The logit of a class is the log-sum-exp of its subclasses', so its
    probability is the sum of theirs.
    Source: arXiv 2210.12234; adapted: there a row is of the class of its likeliest subclass, so that a small class is
    decided for with less than half of the probability, and a class is cut into as many as make all of like size. Which
    subclass a training row is of, the data say (:class:`~clsunbias.data.Subclasses` cuts by k-means).

    Args:
        subclasses: how many subclasses each class is cut into, in the order of the classes; 1 leaves one whole.

    Raises:
        InputError: fewer than two classes, a class of no subclass, or a small class in more parts than a large one.
    """

    needs: ClassVar[tuple[str, ...]] = ("subclass",)

    def __init__(self, subclasses: Sequence[int]) -> None:
        super().__init__()
        if len(subclasses) < 2 or min(subclasses) < 1:
            raise InputError(f"subclasses must name a number of at least 1 for each class, got {list(subclasses)}")
        self.subclasses = list(subclasses)

    def setup(self, class_counts: Tensor) -> None:
        super().setup(class_counts)
        if len(class_counts) != len(self.subclasses):
            raise InputError(f"subclasses is for {len(self.subclasses)} classes, the data have {len(class_counts)}")
        sizes = class_counts.tolist()
        # A sampler that draws classes alike is expected to draw nearly, not exactly, as many of each.
        by_size = sorted(range(len(sizes)), key=sizes.__getitem__)
        for small, large in combinations(by_size, 2):
            if ALIKE * sizes[small] < sizes[large] and self.subclasses[small] > self.subclasses[large]:
                raise InputError(
                    f"subclasses cuts class {small} of {sizes[small]:g} training rows into {self.subclasses[small]}, "
                    f"class {large} of {sizes[large]:g} into {self.subclasses[large]}: large classes are to be cut, so "
                    "turn the numbers round, in model.objective.subclasses and in data.resample.counts"
                )

    def outputs(self, num_classes: int) -> int:
        return sum(self.subclasses)

    def class_logits(self, logits: Tensor) -> Tensor:
        return torch.stack([part.logsumexp(1) for part in torch.split(logits.float(), self.subclasses, dim=1)], 1)

    def loss(self, logits: Tensor, target: Tensor, **more: Tensor) -> Tensor:
        losses = cross_entropy(logits, more["subclass"])
        return mean_over_processes(losses)
