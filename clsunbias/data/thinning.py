"""Resamplers that thin large classes by where their rows lie; of distances holds what ``neighbours`` says."""

from dataclasses import dataclass

import numpy as np
import torch

from clsunbias.data.balanced import present_counts
from clsunbias.data.neighbours import Indices, Numbers, flat, nearest
from clsunbias.data.repeated import check_ratio, undersampled
from clsunbias.data.resampler import Resampler
from clsunbias.data.split import Split
from clsunbias.errors import InputError


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
