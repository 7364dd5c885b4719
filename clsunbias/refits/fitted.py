"""Refits that fit the last linear layer to the features of the training rows."""

import math
from abc import abstractmethod
from collections.abc import Iterator
from typing import Any, ClassVar, Literal, cast

import numpy as np
import numpy.typing as npt
import torch
from torch import nn

from clsunbias.data.split import Split
from clsunbias.errors import InputError
from clsunbias.refits.base import HeadRefit, Linear, train_features

Numbers = npt.NDArray[np.float64]
Classes = npt.NDArray[np.int64]


def fitted(model: Any) -> Linear:
    """The layer of a fitted linear model of scikit-learn."""
    return Linear(torch.from_numpy(model.coef_).double(), torch.from_numpy(model.intercept_).double())


def logistic(x: Numbers, target: Classes, penalty: float) -> Linear:
    """Logistic regression, of one logit for two classes."""
    from sklearn.linear_model import LogisticRegression

    return fitted(LogisticRegression(C=1 / penalty, max_iter=5000).fit(x, target))


class FittedHead(HeadRefit):
    """One layer, fitted to the training rows' features; without ``--init_from`` to those of a network as it is made."""

    needs_start: ClassVar[bool] = False

    def layers(self, own: Linear, rows: Split, network: nn.Module) -> Iterator[Linear]:
        features, target = train_features(network, rows)
        yield self.fit(features.numpy(), target.numpy())

    @abstractmethod
    def fit(self, x: Numbers, target: Classes) -> Linear:
        """The layer for features ``(N, D)`` and classes ``(N,)``."""


class NearestMean(FittedHead):
    """Nearest class mean: z_c = −‖f − μ_c‖² / 2s², s² the mean of ‖f − μ_y‖²: large classes gain nothing.

    Of that ‖f‖² is common to all classes and left out, which leaves a linear layer. s² is over all features together:
    they go up and down with each other, and taken for independent ones they would make every row certain.
    Source: arXiv 1910.09217, section 4.2; prototypes of arXiv 1703.05175.
    """

    def fit(self, x: Numbers, target: Classes) -> Linear:
        means = np.stack([x[target == label].mean(0) for label in range(target.max() + 1)])
        variance = max(float(((x - means[target]) ** 2).sum(1).mean()), 1e-12)
        weight = torch.from_numpy(means) / variance
        return Linear(weight, -0.5 * variance * weight.square().sum(1))


class LDA(FittedHead):
    """Linear discriminant analysis: a Gaussian of each class with a common covariance, a generative classifier.

    Source: Fisher 1936. That generative classifiers avoid shortcuts was shown with far larger ones (Li et al., ICLR
    2025); here it is a closed form.

    Args:
        prior: of the classes: ``natural``, as in the training rows, or ``balanced``, all alike.
        shrinkage: of the covariance towards its diagonal, in [0, 1], or ``auto`` (Ledoit and Wolf).

    Raises:
        InputError: a shrinkage outside [0, 1].
    """

    def __init__(
        self, prior: Literal["natural", "balanced"] = "natural", shrinkage: float | Literal["auto"] = "auto"
    ) -> None:
        if shrinkage != "auto" and not 0 <= shrinkage <= 1:
            raise InputError(f"LDA: shrinkage must be auto or lie between 0 and 1, got {shrinkage}")
        self.prior, self.shrinkage = prior, shrinkage

    def fit(self, x: Numbers, target: Classes) -> Linear:
        from sklearn.discriminant_analysis import LinearDiscriminantAnalysis

        classes = int(target.max()) + 1
        priors = np.full(classes, 1 / classes) if self.prior == "balanced" else None
        return fitted(LinearDiscriminantAnalysis(solver="lsqr", shrinkage=self.shrinkage, priors=priors).fit(x, target))


class VirtualFeatures(FittedHead):
    """Virtual features: a shrunken Gaussian of each class's features fills small classes up, then logistic regression.

    Each class gets as many features as the largest has rows; its covariance is shrunk as by Ledoit and Wolf.
    Source: arXiv 2211.10955, without its part for noisy labels.

    Args:
        seed: of the draws, apart from the run's seed.
        penalty: on the squared weights of the regression, above 0.

    Raises:
        InputError: a penalty that is not above 0; in the fit, a class to be filled up that has a single row.
    """

    def __init__(self, seed: int = 0, penalty: float = 1.0) -> None:
        check_penalty(penalty)
        self.seed, self.penalty = seed, penalty

    def fit(self, x: Numbers, target: Classes) -> Linear:
        from sklearn.covariance import ledoit_wolf

        random = np.random.default_rng(self.seed)
        counts = np.bincount(target)
        features, labels = [x], [target]
        for label, count in enumerate(counts.tolist()):
            missing = int(counts.max()) - count
            if missing and count < 2:
                raise InputError(f"VirtualFeatures takes 2 training rows of a class, class {label} has {count}")
            if missing:
                own = x[target == label]
                covariance = ledoit_wolf(own)[0]
                features.append(random.multivariate_normal(own.mean(0), covariance, missing, method="eigh"))
                labels.append(np.full(missing, label))
        return logistic(np.concatenate(features), np.concatenate(labels), self.penalty)


class SelfPacedEnsemble(FittedHead):
    """Self-paced ensemble: members on the smaller class and as many of the larger, ever more of them hard rows.

    For each member the larger class's rows are binned by their error under the ensemble so far; a bin is drawn from
    with weight 1 / (mean error + α), α = tan(π/2 · i/m) in member i of m: bins first weigh alike in error, at last in
    rows. Members are logistic regressions, whose mean is again a linear layer.
    Source: arXiv 1909.03500, algorithm 1, with the mean of log-odds in the place of that of probabilities. For two
    classes.

    Args:
        members: m ≥ 1.
        bins: of error.
        seed: of the draws, apart from the run's seed.
        penalty: on the squared weights of the regressions, above 0.

    Raises:
        InputError: no members or bins, or a penalty that is not above 0; in the fit, more than two classes.
    """

    def __init__(self, members: int = 10, bins: int = 5, seed: int = 0, penalty: float = 1.0) -> None:
        if members < 1 or bins < 1:
            raise InputError(f"SelfPacedEnsemble needs members and bins of at least 1, got {members} and {bins}")
        check_penalty(penalty)
        self.members, self.bins, self.seed, self.penalty = members, bins, seed, penalty

    def fit(self, x: Numbers, target: Classes) -> Linear:
        small, large = of_two_classes(target, "SelfPacedEnsemble")
        random = np.random.default_rng(self.seed)
        majority, minority = x[target == large], x[target == small]
        labels = np.repeat([large, small], len(minority))
        chosen = random.choice(len(majority), len(minority), replace=False)
        layers: list[Linear] = []
        for member in range(self.members):
            if layers:
                chosen = self.draw(error(mean_of(layers), majority, large), len(minority), member, random)
            layers.append(logistic(np.concatenate([majority[chosen], minority]), labels, self.penalty))
        return mean_of(layers)

    def draw(self, errors: Numbers, number: int, member: int, random: np.random.Generator) -> Classes:
        """Which rows of the larger class a member gets, by their errors."""
        edges = np.linspace(errors.min(), errors.max(), self.bins + 1)[1:-1]
        of_bin = np.digitize(errors, edges)
        alpha = math.tan(math.pi / 2 * member / self.members)
        filled = [rows for one in range(self.bins) if len(rows := (of_bin == one).nonzero()[0])]
        weights = np.array([1 / max(errors[rows].mean() + alpha, 1e-12) for rows in filled])
        chance = np.zeros(len(errors))
        for rows, weight in zip(filled, weights / weights.sum(), strict=True):
            chance[rows] = weight / len(rows)
        return random.choice(len(errors), number, replace=False, p=chance)


def check_penalty(penalty: float) -> None:
    """Raises InputError for a penalty that is not above 0."""
    if not 0 < penalty < math.inf:
        raise InputError(f"penalty must be a finite number above 0, got {penalty}")


def of_two_classes(target: Classes, name: str) -> tuple[int, int]:
    """The smaller and the larger class; raises InputError if there are more than two."""
    counts = np.bincount(target)
    if len(counts) != 2:
        raise InputError(f"{name} is for two classes, the training rows are of {len(counts)}")
    small = int(counts.argmin())
    return small, 1 - small


def mean_of(layers: list[Linear]) -> Linear:
    """The layer whose logits are the means of others'."""
    return Linear(
        torch.stack([one.weight for one in layers]).mean(0), torch.stack([one.bias for one in layers]).mean(0)
    )


def error(layer: Linear, x: Numbers, label: int) -> Numbers:
    """1 − the probability of a class of two, for each row, by a layer of one logit."""
    z = x @ layer.weight[0].numpy() + float(layer.bias[0])
    return cast(Numbers, 1 / (1 + np.exp(z if label == 1 else -z)))
