"""Resamplers: what another training split is made of the one that was loaded."""

from dataclasses import dataclass

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
        InputError: positive_fraction outside (0, 1), or a size that leaves a class without a row.
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
            InputError: the split has fewer rows of a class than are asked for.
        """
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
