"""A split: rows held in memory or read as asked, fetched a batch at a time by index."""

from collections.abc import Mapping, Sequence
from typing import Any, Protocol, cast

import torch
from torch import Tensor
from torch.utils.data import Dataset

from clsunbias.data.pixels import Pixels
from clsunbias.data.units import Units
from clsunbias.errors import InputError

Batch = dict[str, Tensor]
"""Rows as the model gets them: ``x`` float ``(B, …)``, ``target`` int64 ``(B,)``, ``row`` int64 ``(B,)`` within the
split, and what else the split says of each row."""


class Rows(Protocol):
    """Inputs fetched by index: a tensor ``(N, …)``, pixels, or a file that is read as asked."""

    def __len__(self) -> int: ...

    def __getitem__(self, rows: Any, /) -> Tensor: ...


class Split(Dataset[Batch]):
    """One split.

    Args:
        x: float ``(N, …)``, one row each.
        target: int64 ``(N,)``, the class of each row.
        units: what is scored, at one level or several, that of the headline first; by default the rows themselves.
        more: further tensors ``(N, …)`` by their key in a batch, for objectives that need them.
        synthetic: bool ``(N,)``, which rows were made up rather than measured; None where all were measured.

    Attributes:
        features: what a frozen backbone makes of each row, float32 ``(N, D)``, where that was computed beforehand.
    """

    features: Tensor | None = None

    def __init__(
        self,
        x: Rows,
        target: Tensor,
        units: Sequence[Units] = (),
        more: Mapping[str, Tensor] | None = None,
        synthetic: Tensor | None = None,
    ) -> None:
        self.x = x
        self.target = target
        self.units = tuple(units) or (Units(target),)
        self.more = dict(more or {})
        self.synthetic = torch.zeros(len(target), dtype=torch.bool) if synthetic is None else synthetic

    def __len__(self) -> int:
        return len(self.target)

    def __getitem__(self, rows: Tensor) -> Batch:
        more = {name: values[rows] for name, values in self.more.items()}
        return {"x": self.x[rows], "target": self.target[rows], "row": rows, **more}

    def take(self, rows: Tensor) -> "Split":
        """The rows of these numbers, int64 ``(M,)``, each as often as it is named, in memory."""
        more = {name: values[rows] for name, values in self.more.items()}
        units = [units.take(rows) for units in self.units]
        x = self.x.take(rows) if isinstance(self.x, Pixels) else self.x[rows]
        return Split(x, self.target[rows], units, more, self.synthetic[rows])

    def with_made_up(self, x: Tensor, target: Tensor, like: Tensor | None = None) -> "Split":
        """This split, in memory, and made-up rows after it, each a unit of its own that is called synthetic.

        Args:
            x: float ``(M, …)``.
            target: int64 ``(M,)``.
            like: int64 ``(M,)``, the row that each takes over what else the split says of rows; None if it says
                nothing.

        Raises:
            InputError: the split says more of each row than made-up ones have.
        """
        if self.more and like is None:
            raise InputError(f"made-up rows have no {', '.join(self.more)}, which the other rows have: leave that out")
        more = {name: torch.cat([values, values[like]]) for name, values in self.more.items()}
        made = torch.cat([self.synthetic, torch.ones(len(x), dtype=torch.bool)])
        units = [units.with_made_up(target, int(self.synthetic.sum())) for units in self.units]
        return Split(torch.cat([self.x[:], x.to(self.x[:1])]), torch.cat([self.target, target]), units, more, made)


def by_key(batch: Any) -> Batch:
    """A batch as our data sets give it, of a plain loader's x or (x, target)."""
    if isinstance(batch, Tensor):
        return {"x": batch}
    if isinstance(batch, list | tuple):
        batch = dict(zip(("x", "target"), batch, strict=False))
        target = batch.get("target", torch.zeros(0, dtype=torch.int64))
        if target.ndim != 1 or target.dtype != torch.int64:
            found = f"{target.dtype} {tuple(target.shape)}"
            raise InputError(f"targets must be int64 of shape (B,), the class of each row; got {found}")
    return cast(Batch, batch)
