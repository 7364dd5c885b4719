"""Resamplers that make new rows of small classes, between a row and its neighbours.

Distances are Euclidean, of the rows' numbers as the data set gives them, after the training split was chosen, and no
other split is touched. They mean something for tables and features, little for pixels and segments of speech: a row
between two images is two images through each other. Rows of large classes that are not as wanted stay as they are.
With two classes, results are those of imbalanced-learn 0.14 for the same seed.
"""

from abc import abstractmethod
from dataclasses import dataclass
from typing import Any, cast

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from clsunbias.data.balanced import present_counts
from clsunbias.data.repeated import check_ratio, oversampled
from clsunbias.data.resampler import Resampler
from clsunbias.data.split import Split
from clsunbias.errors import InputError

Numbers = npt.NDArray[np.float64]
Indices = npt.NDArray[np.int64]


def flat(train: Split) -> tuple[Numbers, Indices]:
    """Rows as float64 ``(N, D)``, and their classes."""
    x: Tensor = train.x[:]
    if not bool(x.isfinite().all()):
        raise InputError(
            "rows with missing numbers, such as padded segments, have no neighbours: take another resampler"
        )
    return x.flatten(1).double().numpy(), train.target.numpy()


def nearest(among: Numbers, of: Numbers, k: int) -> Indices:
    """The k rows among some that are nearest to each of others, the nearest first, int64 ``(M, k)``."""
    from sklearn.neighbors import NearestNeighbors

    return cast(Indices, NearestNeighbors(n_neighbors=k).fit(among).kneighbors(of, return_distance=False))


@dataclass(frozen=True)
class Interpolated(Resampler):
    """New rows between rows of small classes and their neighbours: x + δ·(x_nn − x), δ from U(0, 1).

    Args:
        k: neighbours; a small class needs k + 1 rows.
        ratio: rows of each class, at least, to those of the largest, in (0, 1]; 1 makes all alike.
        seed: of the draws, apart from the run's seed.

    Raises:
        InputError: k below 1, or a ratio outside (0, 1].
    """

    k: int = 5
    ratio: float = 1.0
    seed: int = 0

    def __post_init__(self) -> None:
        check_ratio(self.ratio)
        if self.k < 1:
            raise InputError(f"{type(self).__name__}: k is a number of neighbours, at least 1; got {self.k}")

    @abstractmethod
    def pairs(self, x: Numbers, own: Indices, others: Indices, number: int, random: Any) -> tuple[Indices, Indices]:
        """Row and neighbour of each new row of a class.

        Args:
            x: all rows ``(N, D)``.
            own: numbers of the class's rows.
            others: whether each row is of another class, bool ``(N,)``.
            number: new rows that are wanted.
            random: the generator.
        """

    def __call__(self, train: Split) -> Split:
        """Adds the new rows, marked as made up.

        Raises:
            InputError: a small class of fewer than k + 1 rows, or rows with missing numbers.
        """
        x, target = flat(train)
        counts = present_counts(train.target).long()
        random = np.random.RandomState(self.seed)
        made, labels, like = [], [], []
        for label, number in enumerate((oversampled(counts.double(), self.ratio) - counts).tolist()):
            if not number:
                continue
            own = (target == label).nonzero()[0]
            if len(own) <= self.k:
                raise InputError(
                    f"{type(self).__name__} with k {self.k} takes {self.k + 1} training rows of a class, class {label} "
                    f"has {len(own)}: "
                    + (f"give k of at most {len(own) - 1}" if len(own) > 1 else "take data.sampler Oversampled")
                )
            rows, neighbours = self.pairs(x, own, target != label, number, random)
            made.append(x[rows] + random.uniform(size=len(rows))[:, None] * (x[neighbours] - x[rows]))
            labels.append(np.full(len(rows), label))
            like.append(rows)
        if not made:
            return train
        shape = (-1, *train.x[:1].shape[1:])
        new = torch.from_numpy(np.concatenate(made)).view(shape)
        return train.with_made_up(new, *(torch.from_numpy(np.concatenate(part)) for part in (labels, like)))


class SMOTE(Interpolated):
    """SMOTE: new rows of small classes, each between a row of the class and one of its k nearest there.

    Source: Chawla et al. 2002, arXiv 1106.1813. Arguments as of :class:`Interpolated`.
    """

    def pairs(self, x: Numbers, own: Indices, others: Indices, number: int, random: Any) -> tuple[Indices, Indices]:
        near = own[nearest(x[own], x[own], self.k + 1)[:, 1:]]
        draw = random.randint(low=0, high=near.size, size=number)
        return own[draw // self.k], near[draw // self.k, draw % self.k]


class ADASYN(Interpolated):
    """ADASYN: as SMOTE, with more new rows where more of a row's k neighbours are of other classes.

    A row x_i of the class gets a part r_i/Σr of the new rows, r_i the share of other classes among its k nearest of
    all; rounding makes the number differ a little from what is asked.
    Source: He et al. 2008, doi 10.1109/IJCNN.2008.4633969. Arguments as of :class:`Interpolated`.

    Raises:
        InputError: no row of a small class has a neighbour of another, so that there is nothing to go by.
    """

    def pairs(self, x: Numbers, own: Indices, others: Indices, number: int, random: Any) -> tuple[Indices, Indices]:
        hard = others[nearest(x, x[own], self.k + 1)[:, 1:]].mean(1)
        if not hard.any():
            raise InputError(
                f"ADASYN: no row of a small class has another class's among its {self.k} neighbours: take SMOTE"
            )
        rows = np.repeat(np.arange(len(own)), np.rint(hard / hard.sum() * number).astype(int))
        near = nearest(x[own], x[own], self.k + 1)[:, 1:]
        column = random.choice(self.k, size=len(rows))
        return own[rows], own[near[rows, column]]
