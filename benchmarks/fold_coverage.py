"""How often the interval of a cross-validated metric holds what the method reaches on patients yet to come."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd

from benchmarks.timing import Row
from clsunbias.experiments.analysis.intervals import interval, of_metric
from clsunbias.experiments.analysis.split_scores import SplitScores
from clsunbias.splits import SplitPlan

Array = npt.NDArray[np.float64]

METRIC = "macro_f1"
FEATURES = 5
DRAWN = 20_000
"""Patients that a study's models are judged on for the truth."""


class Size(NamedTuple):
    """Of a study: patients, the share of the ill, folds, and repeats with as many seeds each."""

    patients: int
    share: float
    folds: int
    repeats: int


def draw(random: np.random.Generator, count: int, share: float) -> tuple[Array, npt.NDArray[np.int64]]:
    """Patients of two overlapping classes, of which so many are ill, and their classes."""
    target = (np.arange(count) < round(share * count)).astype(np.int64)
    return random.normal(size=(count, FEATURES)) + 0.5 * target[:, np.newaxis], target


def fitted(random: np.random.Generator, x: Array, target: npt.NDArray[np.int64]) -> Array:
    """Weights of a linear model, on nine tenths of the rows: another seed gives others."""
    kept = random.permutation(len(x))[: int(0.9 * len(x))]
    weight = 1 / np.bincount(target[kept])[target[kept]]
    design = np.column_stack([x[kept], np.ones(len(kept))])
    root = np.sqrt(weight)[:, np.newaxis]
    found: Array = np.linalg.lstsq(design * root, (2.0 * target[kept] - 1) * root[:, 0], rcond=None)[0]
    return found


def scored(weights: Array, x: Array) -> Array:
    """Class probabilities ``(N, 2)``."""
    positive = 1 / (1 + np.exp(-4 * (x @ weights[:-1] + weights[-1])))
    return np.stack([1 - positive, positive], 1)


class Study(NamedTuple):
    """The interval of folds, and as if runs shared no training patients; what the models reach on new patients; its
    width over that of a single split.
    """

    interval: tuple[float, float]
    apart: tuple[float, float]
    reached: float
    width: float


def study(random: np.random.Generator, size: Size) -> Study:
    """A study of patients that are drawn anew."""
    x, target = draw(random, size.patients, size.share)
    new_x, new_target = draw(random, DRAWN, size.share)
    labels = pd.Series(target)
    runs, parted, truths, single = [], [], [], []
    for run in range(2 * size.repeats):
        prob, of = np.zeros((size.patients, 2)), np.zeros(size.patients, np.int64)
        parts = [SplitPlan(folds=size.folds, fold=fold, seed=run % size.repeats) for fold in range(size.folds)]
        for number, part in enumerate(parts):
            held_out = part.draw(labels, (0.2, 0.3), has_test=False)
            test, val = (np.array(held_out[name], int) for name in ("test", "val"))
            train = np.setdiff1d(np.arange(size.patients), [*test, *val])
            weights = fitted(random, x[train], target[train])
            prob[test], of[test] = scored(weights, x[test]), number
            truths.append(macro_f1(scored(weights, new_x).argmax(1), new_target))
            if number == 0:
                once = SplitPlan().draw(labels, (0.2, 0.3), has_test=False)
                alone = np.array(once["test"], int)
                train = np.setdiff1d(np.arange(size.patients), [*alone, *once["val"]])
                single.append(scored(fitted(random, x[train], target[train]), x[alone]))
        runs.append(prob)
        parted.append(of)
    pooled = SplitScores(np.stack(runs), target, [METRIC], folds=np.stack(parted))
    split = SplitScores(np.stack(single), target[alone], [METRIC])
    shared, shares = pooled.samples[METRIC], pooled.resampling.seeds
    ends, apart = (interval(one, shares, of_metric(METRIC)) for one in (shared, shared._replace(shared=0.0)))
    wide = interval(split.samples[METRIC], split.resampling.seeds, of_metric(METRIC))
    assert ends is not None
    assert apart is not None
    assert wide is not None
    return Study(ends, apart, float(np.mean(truths)), (ends[1] - ends[0]) / (wide[1] - wide[0]))


def macro_f1(predicted: npt.NDArray[np.int64], target: npt.NDArray[np.int64]) -> float:
    """Of many patients, for which sums over units take long."""
    confusion = np.bincount(2 * target + predicted, minlength=4).reshape(2, 2)
    return float(np.mean(2 * confusion.diagonal() / (confusion.sum(0) + confusion.sum(1))))


def coverage(size: Size, studies: int, seed: int = 5) -> tuple[float, float, float]:
    """How many studies' intervals hold the truth, how many as if apart, and the median width over a single split's.

    The truth is the mean score, on patients yet to come, of the models of all studies: of such models on such patients.
    """
    random = np.random.default_rng(seed)
    made = [study(random, size) for _ in range(studies)]
    truth = float(np.mean([one.reached for one in made]))
    held, apart = (
        float(np.mean([low <= truth <= high for low, high in ends]))
        for ends in ([one.interval for one in made], [one.apart for one in made])
    )
    return held, apart, float(np.median([one.width for one in made]))


def measure() -> Sequence[Row]:
    """A row for each size."""
    rows = []
    for size in (Size(208, 0.27, 5, 2), Size(100, 0.3, 5, 3)):
        held, apart, width = coverage(size, 500)
        of = f"{size.patients} patients, {100 * size.share:g} % ill, {size.folds} folds × {size.repeats}"
        found = f"{100 * held:.1f} % ({100 * apart:.1f} % if runs shared no training patients)"
        rows.append(Row(f"fold_coverage: {of}", f"{found}; {width:.2f} of a single split's width", "93 to 97 %"))
    return rows
