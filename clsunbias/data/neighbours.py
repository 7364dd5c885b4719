"""Resamplers that look at neighbours: new rows of small classes, or large classes thinned by where their rows lie.

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
from clsunbias.data.repeated import check_ratio, oversampled, undersampled
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


class TomekLinks(Resampler):
    """Leaves out rows of larger classes that are in a Tomek link: two rows of unlike class, each nearest to the other.

    Source: Tomek 1976, doi 10.1109/TSMC.1976.4309452. The smallest class (the first of several) keeps all its rows.
    """

    def __call__(self, train: Split) -> Split:
        x, target = flat(train)
        nearest_other = nearest(x, x, min(2, len(x)))[:, -1]
        mutual = nearest_other[nearest_other] == np.arange(len(x))
        link = mutual & (target != target[nearest_other])
        smallest = int(present_counts(train.target).argmin())
        return train.take(torch.from_numpy((~link | (target == smallest)).nonzero()[0]))


@dataclass(frozen=True)
class NearMiss(Resampler):
    """Keeps those rows of larger classes that lie nearest to the smallest one.

    Version 1 keeps rows with the least mean distance to their k nearest rows of the smallest class, version 2 to its k
    farthest ones; version 3 first takes the k nearest of each row of the smallest class, then keeps those of them with
    the largest mean distance to their k nearest ones there.
    Source: Mani and Zhang 2003. The smallest class is the first of several.

    Args:
        version: 1, 2 or 3.
        k: neighbours.
        ratio: rows of the smallest class to those of each other, at least, in (0, 1]; 1 makes all alike.

    Raises:
        InputError: another version, k below 1, or a ratio outside (0, 1].
    """

    version: int = 1
    k: int = 3
    ratio: float = 1.0

    def __post_init__(self) -> None:
        check_ratio(self.ratio)
        if self.version not in (1, 2, 3) or self.k < 1:
            raise InputError(f"NearMiss has versions 1, 2, 3 and k of at least 1; got {self.version} and k {self.k}")

    def __call__(self, train: Split) -> Split:
        """Takes rows out, the others keep their order; version 3 may keep fewer than asked.

        Raises:
            InputError: the smallest class has fewer than k rows, or rows with missing numbers.
        """
        x, target = flat(train)
        counts = present_counts(train.target)
        smallest, wanted = int(counts.argmin()), undersampled(counts, self.ratio).tolist()
        anchors = x[target == smallest]
        if len(anchors) < self.k:
            raise InputError(
                f"NearMiss with k {self.k} takes {self.k} training rows of the smallest class, class {smallest} has "
                f"{len(anchors)}: give a smaller k"
            )
        kept = []
        for label, number in enumerate(wanted):
            own = (target == label).nonzero()[0]
            kept.append(own if len(own) <= number else own[self.choose(x[own], anchors, number)])
        return train.take(torch.from_numpy(np.sort(np.concatenate(kept))))

    def choose(self, own: Numbers, anchors: Numbers, number: int) -> Indices:
        """Which rows of a class to keep, given the rows of the smallest one."""
        from sklearn.neighbors import NearestNeighbors

        candidates = np.arange(len(own))
        if self.version == 3:
            candidates = np.unique(nearest(own, anchors, min(self.k, len(own))))
        k = len(anchors) if self.version == 2 else self.k
        distance = NearestNeighbors(n_neighbors=k).fit(anchors).kneighbors(own[candidates])[0][:, -self.k :].mean(1)
        order = np.argsort(-distance if self.version == 3 else distance, kind="stable")
        return candidates[order[:number]]


@dataclass(frozen=True)
class ClusterCentroids(Resampler):
    """Puts the centres of k-means clusters in the place of larger classes' rows, which are then made up.

    Each centre is the mean of its rows, so that the class keeps its spread with fewer rows, as in vector quantisation.
    The smallest class stays as it is.

    Args:
        ratio: rows of the smallest class to those of each other, at least, in (0, 1]; 1 makes all alike.
        seed: of the clustering, apart from the run's seed.

    Raises:
        InputError: a ratio outside (0, 1].
    """

    ratio: float = 1.0
    seed: int = 0

    def __post_init__(self) -> None:
        check_ratio(self.ratio)

    def __call__(self, train: Split) -> Split:
        """Takes rows out and adds the centres after the others, marked as made up.

        Raises:
            InputError: rows with missing numbers, or that say more of themselves than a centre can.
        """
        from sklearn.cluster import KMeans

        x, target = flat(train)
        counts = present_counts(train.target)
        centres, labels, kept = [], [], []
        for label, number in enumerate(undersampled(counts, self.ratio).tolist()):
            own = (target == label).nonzero()[0]
            if len(own) == number:
                kept.append(own)
                continue
            centres.append(KMeans(number, n_init=1, random_state=self.seed).fit(x[own]).cluster_centers_)
            labels.append(np.full(number, label))
        if not centres:
            return train
        new = torch.from_numpy(np.concatenate(centres)).view(-1, *train.x[:1].shape[1:])
        rest = train.take(torch.from_numpy(np.sort(np.concatenate(kept))))
        return rest.with_made_up(new, torch.from_numpy(np.concatenate(labels)))
