"""A first stage without labels: two views of each row agree."""

from typing import ClassVar

import torch
from torch import Tensor

from clsunbias.data.augmentation import Jitter
from clsunbias.errors import InputError
from clsunbias.objectives.base import ClassRiskObjective
from clsunbias.objectives.contrastive import FAR, contrast, others, same
from clsunbias.objectives.numbers import Positive
from clsunbias.objectives.representation import RepresentationObjective
from clsunbias.terminal import warn

JITTER = Jitter(flip=0.5, degrees=15.0, shift=0.1)
"""How each view of an image is turned and moved."""

AXES = {2: (1,), 3: (1,), 4: (2, 3)}
"""Along which dimensions rows are cut into parts: columns of a table, frames of speech, pixels of an image."""

COLLAPSED = 0.05
"""Spread of features below which rows hardly differ any more."""


class SelfSupervised(RepresentationObjective):
    """Two views of each row attract each other, all other rows of the batch are compared with; labels take no part.

    L_term = mean over views i of −log(exp(f_i·f_i'/t) / Σ_{a≠i} exp(f_i·f_a/t)), i' the other view of the same row.
    In a view a share of a row's parts is replaced by the same parts of other rows of the batch: single columns of a
    table, stretches of frames, squares of pixels; images are turned and moved besides.
    Source: SCARF, arXiv 2106.15147, for tables (corruption of 0.6, t = 1); the loss is NT-Xent of arXiv 2002.05709. A
    first stage without labels against class imbalance: arXiv 2006.07529. Adapted: one way to make views for all
    kinds of data, features without a projection of their own, views that share the data set's augmentation.

    Args:
        share: of a row's parts that a view takes from others, in (0, 1).
        parts: that an axis of pixels or frames is cut into; columns of a table are parts as they are.
        temperature: t > 0.
        weight: of the term, at least 0.
        base_weight: of an objective on logits, which does read labels, at least 0; 0 trains the backbone alone.
        base: the objective on logits; default ERM.

    Raises:
        InputError: a number is out of its range, whether given here or set later by a schedule.
    """

    needs: ClassVar[tuple[str, ...]] = ("features", "row")
    rows_of_class: ClassVar[int] = 0
    annealable: ClassVar[tuple[str, ...]] = (*RepresentationObjective.annealable, "temperature")
    temperature = Positive()

    def __init__(
        self,
        share: float = 0.4,
        parts: int = 8,
        temperature: float = 0.5,
        weight: float = 1.0,
        base_weight: float = 0.0,
        base: ClassRiskObjective | None = None,
    ) -> None:
        super().__init__(weight, base_weight, base)
        if not 0 < share < 1:
            raise InputError(f"SelfSupervised: share must lie between 0 and 1, got {share}")
        if parts < 2:
            raise InputError(f"SelfSupervised: parts must be at least 2, got {parts}")
        self.share, self.parts, self.temperature = share, parts, temperature
        self._spread = torch.ones(())
        self._warned = False

    def training_batch(self, batch: dict[str, Tensor], seed: int) -> dict[str, Tensor]:
        """Two views of each row, one after the other; of what else a batch says, each holds for both."""
        x = batch["x"]
        views = [view(x, self.share, self.parts, 2 * seed + number) for number in range(2)]
        rows = {"row": torch.arange(len(x), device=x.device), **batch}
        return {name: torch.cat([values, values]) for name, values in rows.items()} | {"x": torch.cat(views)}

    def term(self, features: Tensor, target: Tensor, **more: Tensor) -> Tensor:
        # Of a row that is drawn twice all views belong together.
        apart = others(target)
        self._spread = spread(features.detach())
        return contrast(features @ features.T / self.temperature, same(more["row"]) & apart, FAR * ~apart)

    def watched(self) -> dict[str, float]:
        """How much features of different rows differ: 1 in all directions alike, 0 where they have collapsed."""
        found = float(self._spread)
        if found < COLLAPSED and not self._warned:
            self._warned = True
            warn(
                f"{self.name}: features of different rows are all but the same (spread {found:.2g} of 1), nothing can "
                "be learnt from them: lower the learning rate or the temperature"
            )
        return {"spread": found}


def spread(features: Tensor) -> Tensor:
    """Root of the total variance of features of norm 1, ``(B, D)``: from 0, all the same, to 1, their mean 0."""
    return (features - features.mean(0)).square().sum(1).mean().sqrt()


def view(x: Tensor, share: float, parts: int, seed: int) -> Tensor:
    """Rows with a share of their parts taken from other rows of the batch, the same for the same seed.

    Args:
        x: columns ``(B, D)``, frames ``(B, T, D)`` or images ``(B, channels, H, W)``. Padding, which is NaN, stays
            where it is.
        share: chance of each part, in (0, 1).
        parts: that an axis is cut into; each column is one.
        seed: of what is drawn.

    Raises:
        InputError: rows of another shape.
    """
    if x.ndim not in AXES:
        raise InputError(
            f"SelfSupervised makes views of columns (rows, D), frames (rows, T, D) and images (rows, channels, H, W), "
            f"these rows have shape {tuple(x.shape[1:])}: take another objective, or a class of your own"
        )
    generator = torch.Generator().manual_seed(seed)
    if x.ndim == 4:
        x = JITTER(x, int(torch.randint(2**31, (), generator=generator)))
    sizes = [x.shape[axis] for axis in AXES[x.ndim]]
    cells = [size if x.ndim == 2 else min(parts, size) for size in sizes]
    taken = torch.rand(len(x), *cells, generator=generator) < share
    step = torch.randint(1, max(len(x), 2), taken.shape, generator=generator)
    source = (torch.arange(len(x)).view(-1, *[1] * len(cells)) + step) % len(x)
    for axis, (size, count) in enumerate(zip(sizes, cells, strict=True), 1):
        part = torch.arange(size) * count // size
        taken, source = taken.index_select(axis, part), source.index_select(axis, part)
    if x.ndim == 3:
        taken, source = taken.unsqueeze(2), source.unsqueeze(2)
    if x.ndim == 4:
        taken, source = taken.unsqueeze(1), source.unsqueeze(1)
    other = x.gather(0, source.to(x.device).expand_as(x))
    return torch.where(taken.to(x.device) & ~x.isnan() & ~other.isnan(), other, x)
