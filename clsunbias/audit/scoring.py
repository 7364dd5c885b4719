"""A model's scores of the units of a split, as they are and with parts taken from other units."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from clsunbias.audit.parts import Part
from clsunbias.audit.reliance import Swapped
from clsunbias.data.split import Split
from clsunbias.decisions.base import log_prob
from clsunbias.experiments.analysis.statistics import Floats, Labels

Model = Callable[[Tensor], Tensor]
"""From rows to logits ``(B, C)``."""

ROWS = {2: 16384, 3: 64, 4: 512}
"""Rows scored at a time, by the dimensions of an input."""


@dataclass(frozen=True, eq=False)
class Scorer:
    """A model and the split that it is audited on.

    Attributes:
        model: in evaluation mode.
        split: of the headline's units, each scored by the mean of its rows' probabilities.
    """

    model: Model
    split: Split

    @property
    def target(self) -> Labels:
        """The class of each unit, ``(U,)``."""
        return np.asarray(self.split.units[0].target.numpy())

    def logs(self) -> Floats:
        """Log-probabilities of the units as they are, ``(U, C)``."""
        return self._score(None, lambda x, _: x)

    def swapped(self, part: Part, donors: Labels) -> Swapped:
        """The same with a part taken from donors, ``(K, U)``."""
        return Swapped(np.stack([self._score(one, part.swap) for one in donors]), donors)

    def summaries(self, part: Part) -> Floats:
        """What a part says of each unit, ``(U,)``: the mean of its rows' summaries."""
        assert part.summary is not None
        rows = torch.arange(len(self.split))
        values = torch.cat([part.summary(self.split.x[at]).double() for at in torch.split(rows, self._rows)])
        return np.asarray(self.split.units[0].mean(values.unsqueeze(1))[:, 0].numpy())

    @property
    def _rows(self) -> int:
        return ROWS.get(self.split.x[torch.arange(1)].ndim, 256)

    def _score(self, donor: Labels | None, swap: Callable[[Tensor, Tensor], Tensor]) -> Floats:
        rows = torch.arange(len(self.split))
        other = rows if donor is None else self._rows_of(donor)
        prob = []
        with torch.inference_mode():
            for at in torch.split(rows, self._rows):
                x = self.split.x[at]
                made = x if donor is None else swap(x, self.split.x[other[at]])
                prob.append(self.model(made).double().softmax(1))
        return log_prob(self.split.units[0].mean(torch.cat(prob)).numpy())

    def _rows_of(self, donor: Labels) -> Tensor:
        """The row that each row gets a part from: of its unit's donor the one of the same number, round and round."""
        units = self.split.units[0]
        if units.of_row is None:
            return torch.from_numpy(donor)
        of_row = units.of_row.numpy()
        order = np.argsort(of_row, kind="stable")
        counts = np.bincount(of_row, minlength=len(units.target))
        first = np.cumsum(counts) - counts
        number = np.empty(len(of_row), int)
        number[order] = np.arange(len(of_row)) - np.repeat(first, counts)
        giver = donor[of_row]
        return torch.from_numpy(order[first[giver] + number % counts[giver]])
