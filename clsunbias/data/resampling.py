"""Resamplers: what another training split is made of the one that was loaded."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch

from clsunbias.data.resampler import Resampler
from clsunbias.data.split import Split
from clsunbias.errors import InputError


@dataclass(frozen=True)
class Subsample(Resampler):
    """Draws a smaller training split without replacement (the case study of arXiv 2508.06943, section 2.4).

    Args:
        size: rows to draw.
        positive_fraction: share of positives, in (0, 1); their number is rounded to the nearest.
        seed: of the draw, apart from the run's seed, so that runs with other seeds train on the same rows.

    Raises:
        InputError: positive_fraction outside (0, 1), or a size that leaves a class without a row; of more than two
            classes, when it draws.
    """

    size: int
    positive_fraction: float
    seed: int = 0

    def __post_init__(self) -> None:
        if not 0 < self.positive_fraction < 1:
            raise InputError(f"positive_fraction must lie between 0 and 1, got {self.positive_fraction}")
        if not 0 < self.positives < self.size:
            raise InputError(
                f"{self.size} samples with {self.positive_fraction:.0%} positives leave a class without any; "
                "ask for more samples or another fraction"
            )

    @property
    def positives(self) -> int:
        """Number of positives drawn."""
        return round(self.size * self.positive_fraction)

    def __call__(self, train: Split) -> Split:
        """Draws the rows, which keep their order.

        Raises:
            InputError: the split has fewer rows of a class than are asked for, or more classes than two.
        """
        if (most := int(train.target.max())) > 1:
            raise InputError(f"Subsample draws positives and negatives, the training split has {most + 1} classes")
        generator = torch.Generator().manual_seed(self.seed)
        chosen = []
        for label, (name, wanted) in enumerate(
            (("negative", self.size - self.positives), ("positive", self.positives))
        ):
            rows = (train.target == label).nonzero().flatten()
            if wanted > len(rows):
                raise InputError(
                    f"resampling asks for {wanted} {name} samples ({self.size} in all, {self.positive_fraction:.0%} "
                    f"positive), the training split has {len(rows)}; ask for fewer"
                )
            chosen.append(rows[torch.randperm(len(rows), generator=generator)[:wanted]])
        return train.take(torch.cat(chosen).sort().values)


@dataclass(frozen=True)
class LabelNoise(Resampler):
    """Gives a share of each class's training units the label of another class: a stress test, not a remedy.

    The other class is drawn, all alike likely. A patient's rows change together. Training figures count the labels as
    they then are; validation and test keep theirs. After the robustness study of arXiv 1705.10694.

    Args:
        share: of each class, in [0, 1), rounded to whole units; one number, or one for each class.
        seed: of the draw, apart from the run's seed.

    Raises:
        InputError: a share outside [0, 1).
    """

    share: float | Sequence[float]
    seed: int = 0

    def __post_init__(self) -> None:
        shares = self.share if isinstance(self.share, Sequence) else [self.share]
        if not all(0 <= share < 1 for share in shares):
            raise InputError(f"LabelNoise: share must be at least 0 and below 1, got {self.share}")

    def __call__(self, train: Split) -> Split:
        """Changes labels; raises InputError if shares are given for another number of classes."""
        grouped = next((units for units in train.units if units.of_row is not None), train.units[0])
        target, classes = grouped.target.clone(), int(train.target.max()) + 1
        shares = self.share if isinstance(self.share, Sequence) else [self.share] * classes
        if len(shares) != classes:
            raise InputError(f"LabelNoise has {len(shares)} shares, the training split has {classes} classes")
        generator = torch.Generator().manual_seed(self.seed)
        for label, share in enumerate(shares):
            members = (grouped.target == label).nonzero().flatten()
            flipped = members[torch.randperm(len(members), generator=generator)[: round(share * len(members))]]
            step = torch.randint(1, classes, (len(flipped),), generator=generator)
            target[flipped] = (label + step) % classes
        row_target = target if grouped.of_row is None else target[grouped.of_row]
        units = [replace(units, target=row_target if units.of_row is None else target) for units in train.units]
        return Split(train.x, row_target, units, train.more, train.synthetic)
