"""A split: rows held in memory or in a file, fetched a batch at a time by index, and what of them is scored."""

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from torch import Tensor
from torch.utils.data import Dataset

from clsunbias.data.pixels import Pixels
from clsunbias.data.units import Units

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

    Attributes:
        features: what a frozen backbone makes of each row, float32 ``(N, D)``, where that was computed beforehand.
    """

    features: Tensor | None = None

    def __init__(
        self, x: Rows, target: Tensor, units: Sequence[Units] = (), more: Mapping[str, Tensor] | None = None
    ) -> None:
        self.x = x
        self.target = target
        self.units = tuple(units) or (Units(target),)
        self.more = dict(more or {})

    def __len__(self) -> int:
        return len(self.target)

    def __getitem__(self, rows: Tensor) -> Batch:
        more = {name: values[rows] for name, values in self.more.items()}
        return {"x": self.x[rows], "target": self.target[rows], "row": rows, **more}

    def take(self, rows: Tensor) -> "Split":
        """The rows of these numbers, int64 ``(M,)``, each as often as it is named, in memory."""
        more = {name: values[rows] for name, values in self.more.items()}
        x = self.x.take(rows) if isinstance(self.x, Pixels) else self.x[rows]
        return Split(x, self.target[rows], [units.take(rows) for units in self.units], more)
