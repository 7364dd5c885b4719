"""What fills in and standardises the features of a table: learnt from its training rows, kept with a run, exported."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from torch import Tensor, nn

from clsunbias.errors import InputError, listed, shortened

PARTS = ("median", "mean", "deviation")
"""What is known of each feature, by its name in an account."""

ENDLESS = 1e300
"""The deviation of a feature that does not vary in training: nothing was learnt of it, whatever value a new row has."""


class Standardise(nn.Module):
    """Features as measured, float64 ``(B, D)``, NaN where one is missing, as a model takes them, float32 ``(B, D)``.

    A module, so that training, new rows and an exported model go through the same arithmetic.

    Args:
        account: of each feature ``median``, ``mean`` and ``deviation``, lists of D numbers.
        fill: whether the median stands in for what is missing.
    """

    median: Tensor
    mean: Tensor
    deviation: Tensor

    def __init__(self, account: Mapping[str, Any], fill: bool) -> None:
        super().__init__()
        for part in PARTS:
            self.register_buffer(part, torch.tensor(account[part], dtype=torch.float64))
        self.fill = fill

    def forward(self, values: Tensor) -> Tensor:
        if self.fill:
            values = torch.where(values.isnan(), self.median, values)
        return ((values - self.mean) / self.deviation).float()

    def account(self) -> dict[str, list[float]]:
        """What makes another one of it, exactly."""
        return {part: self.get_buffer(part).tolist() for part in PARTS}


def fit_scale(train: pd.DataFrame, fill: bool, path: Path) -> Standardise:
    """What standardises as the training rows say; a feature that does not vary in them becomes 0.

    Raises:
        InputError: a feature that no training row has.
    """
    from sklearn.impute import SimpleImputer  # takes a second, which a data set without a table saves
    from sklearn.preprocessing import StandardScaler

    empty = train.columns[train.isna().all()]
    if len(empty):
        names = listed(map(shortened, empty))
        raise InputError(f"{path}: no training row has {names}, so there is no median; name it in data.ignore")
    filling = SimpleImputer(strategy="median").fit(train)
    scale = StandardScaler().fit(filling.transform(train))
    deviation = np.where(scale.var_ == 0, ENDLESS, scale.scale_)
    return Standardise({"median": filling.statistics_, "mean": scale.mean_, "deviation": deviation}, fill)
