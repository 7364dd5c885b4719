"""Resamplers that leave the training rows as they are, and say more of each: a subclass, looks, a group, a grade."""

from collections.abc import Sequence
from copy import copy
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from clsunbias.data.resampler import Resampler
from clsunbias.data.split import Split
from clsunbias.data.units import Units
from clsunbias.data_paths import find_data
from clsunbias.errors import InputError, listed
from clsunbias.experiments.attributes import read_attributes


def described(split: Split, **more: Tensor) -> Split:
    """A split that says more of its rows: further tensors ``(N, …)`` by their key in a batch."""
    split = copy(split)
    split.more = {**split.more, **more}
    return split


def clusters(rows: Tensor, count: int, seed: int) -> Tensor:
    """The cluster of each row, int64 ``(N,)``, by k-means on all numbers of rows ``(N, …)``."""
    from sklearn.cluster import KMeans

    found = KMeans(count, n_init=10, random_state=seed).fit_predict(rows.flatten(1).numpy())
    return torch.from_numpy(found).long()


@dataclass(frozen=True)
class Subclasses(Resampler):
    """Cuts classes into subclasses by k-means on the rows, each class apart.

    Each row gets a ``subclass``, counted over all classes in their order, which
    :class:`~clsunbias.objectives.Regrouped` and :class:`~clsunbias.objectives.SubclassContrastive` train on. Distances
    are those of the rows' numbers as the data set gives them: meaningful for tables and features, hardly for pixels.
    Source: arXiv 2210.12234, which clusters the features of a network.

    Args:
        counts: subclasses of each class, in the order of the classes; 1 leaves one whole. None cuts each class into
            parts of about the size of the smallest class.
        seed: of the clustering, apart from the run's seed.
    """

    counts: Sequence[int] | None = None
    seed: int = 0

    def __call__(self, train: Split) -> Split:
        """Adds ``subclass``, int64 ``(N,)``.

        Raises:
            InputError: counts for another number of classes, or a class of fewer rows than subclasses.
        """
        sizes = torch.bincount(train.target, minlength=len(self.counts or ())).tolist()
        if self.counts is None and not all(sizes):
            raise InputError(f"the training split has no sample of class {sizes.index(0)}: it cannot be cut")
        counts = [round(size / min(sizes)) for size in sizes] if self.counts is None else self.counts
        if len(sizes) != len(counts) or any(size < count for size, count in zip(sizes, counts, strict=True)):
            raise InputError(f"{list(counts)} subclasses do not fit classes of {sizes} training rows")
        subclass = torch.zeros_like(train.target)
        for label, count in enumerate(counts):
            rows = (train.target == label).nonzero().flatten()
            subclass[rows] = sum(counts[:label]) + clusters(train.x[rows], count, self.seed)
        return described(train, subclass=subclass)


@dataclass(frozen=True)
class Appearance(Resampler):
    """Says how common each training row's looks are: the share of rows in its cluster, of all classes together.

    Each row gets a ``likelihood``, float32, which :class:`~clsunbias.objectives.AppearanceWeightedERM` weights by.
    Clusters are those of k-means on the rows' numbers, as for :class:`Subclasses`.
    Source: arXiv 2308.09878, which clusters the features of a network.

    Args:
        count: clusters, at least 2.
        seed: of the clustering, apart from the run's seed.

    Raises:
        InputError: fewer than two clusters.
    """

    count: int = 10
    seed: int = 0

    def __post_init__(self) -> None:
        if self.count < 2:
            raise InputError(f"Appearance: count must be at least 2, so that looks differ; got {self.count}")

    def __call__(self, train: Split) -> Split:
        """Adds ``likelihood``; raises InputError for fewer rows than clusters."""
        if len(train) < self.count:
            raise InputError(f"Appearance: {self.count} clusters need as many training rows, there are {len(train)}")
        cluster = clusters(train.x[torch.arange(len(train))], self.count, self.seed)
        return described(train, likelihood=torch.bincount(cluster)[cluster] / len(train))


@dataclass(frozen=True)
class _OfUnits(Resampler):
    """What a file says of training units, by a column of a CSV file with a line for each.

    Args:
        path: of the file, with the columns ``unit`` (as ``predictions.csv`` names units), the one that is asked for
            and, where splits share names of units, ``split``.
        column: the one that is asked for.
    """

    path: Path
    column: str
    in_memory: ClassVar[bool] = False

    def entries(self, train: Split) -> tuple[list[str], Units]:
        """The entry of each unit of the first level whose units the file knows, and these units.

        Raises:
            InputError: the file cannot be read, lacks a column or a unit, or names one twice.
        """
        values = self.values()
        units = next((one for one in train.units if set(names_of(one)) <= values.keys()), train.units[0])
        names = names_of(units)
        if missing := [name for name in names if not values.get(name)]:
            raise InputError(
                f"{self.path} has no {self.column} of {len(missing)} of {len(names)} training units: "
                f"{listed(missing, 3)}"
            )
        return [values[name] for name in names], units

    def values(self) -> dict[str, str]:
        """The entry of each unit that training may have."""
        table = read_attributes(find_data(self.path), [self.column])
        if "split" in table:
            table = table[table["split"] == "train"]
        return dict(zip(table["unit"], table[self.column], strict=True))


class Attribute(_OfUnits):
    """Says which group each training row is of, by a column of a CSV file with a line for each unit, such as sex.

    Each row gets a ``group``, int64, the number of its value among those that training units have, in order. Only
    training needs it: neither predictions nor new inputs do.

    Args:
        path: of the file, with the columns ``unit`` (as ``predictions.csv`` names units), the attribute and, where
            splits share names of units, ``split``; from where one stands or, if it is not there, below $CLSUNBIAS_DATA
            or ``data``.
        column: the attribute.
    """

    def __call__(self, train: Split) -> Split:
        """Adds ``group``.

        Raises:
            InputError: the file cannot be read, lacks a column or a unit, names one twice, or knows one group only.
        """
        entries, units = self.entries(train)
        groups = sorted(set(entries))
        if len(groups) < 2:
            raise InputError(
                f"{self.path}: the {self.column} of all training units is {groups[0]!r}; take one that differs"
            )
        return described(train, group=of_rows(torch.tensor([groups.index(entry) for entry in entries]), units))


@dataclass(frozen=True)
class Grade(_OfUnits):
    """Says how far each training row's disease goes, by a number beside its class, such as a grade or a PHQ-8 score.

    Each row gets a ``grade``, float32, the number with mean 0 and variance 1 over training rows, which
    :class:`~clsunbias.objectives.AuxiliaryGrade` learns beside the class. Only training needs it.

    Args:
        path: a CSV file as for :class:`Attribute`; or, for a data set of MedMNIST whose labels were made two classes,
            its ``.npz`` file, whose ``train_labels`` are the grades. As seen from where one stands or, if it is not
            there, below $CLSUNBIAS_DATA or ``data``.
        column: of the CSV file.
    """

    column: str = "grade"

    def __call__(self, train: Split) -> Split:
        """Adds ``grade``.

        Raises:
            InputError: as of :class:`Attribute`; a grade that is no number, or the same for all.
        """
        entries, units = self.labels(train) if self.path.suffix == ".npz" else self.entries(train)
        numbers = pd.to_numeric(pd.Series(entries), errors="coerce").to_numpy(float)
        if wrong := [entry for entry, number in zip(entries, numbers, strict=True) if not np.isfinite(number)]:
            raise InputError(f"{self.path}: the {self.column} must be a number, got {listed(wrong, 3)}")
        grade = of_rows(torch.tensor(numbers), units)
        deviation = grade.std(correction=0)
        if not deviation > 0:
            raise InputError(f"{self.path}: the {self.column} of all training rows is {entries[0]}: take another")
        return described(train, grade=((grade - grade.mean()) / deviation).float())

    def labels(self, train: Split) -> tuple[list[str], Units]:
        """Those of a file of MedMNIST, and the rows that they are of."""
        try:
            with np.load(find_data(self.path)) as arrays:
                labels = arrays["train_labels"].reshape(-1).tolist()
        except Exception as error:  # a file of another kind makes the reader fail in any way at all
            raise InputError(f"{self.path} has no train_labels, as MedMNIST's files have: {error}") from error
        if len(labels) != len(train):
            raise InputError(
                f"{self.path} has {len(labels)} train_labels, the training split {len(train)} rows: give the data's "
                "own file, and Grade first of several in data.resample"
            )
        return [str(label) for label in labels], Units(train.target)


def of_rows(values: Tensor, units: Units) -> Tensor:
    """What units have, ``(U,)``, for each row."""
    return values if units.of_row is None else values[units.of_row]


def names_of(units: Units) -> Sequence[str]:
    """Names of units, as predictions have them."""
    return [str(number) for number in range(len(units.target))] if units.names is None else units.names
