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


def study(random: np.random.Generator, size: Size) -> tuple[tuple[float, float], float, float]:
    """The interval of folds, what their models reach on new patients, and the width over that of a single split."""
    x, target = draw(random, size.patients, size.share)
    new_x, new_target = draw(random, DRAWN, size.share)
    labels = pd.Series(target)
    runs, truths, single = [], [], []
    for run in range(2 * size.repeats):
        prob = np.zeros((size.patients, 2))
        parts = [SplitPlan(folds=size.folds, fold=fold, seed=run % size.repeats) for fold in range(size.folds)]
        for number, part in enumerate(parts):
            held_out = part.draw(labels, (0.2, 0.3), has_test=False)
            test, val = (np.array(held_out[name], int) for name in ("test", "val"))
            train = np.setdiff1d(np.arange(size.patients), [*test, *val])
            weights = fitted(random, x[train], target[train])
            prob[test] = scored(weights, x[test])
            truths.append(SplitScores(scored(weights, new_x)[np.newaxis], new_target, [METRIC]).values[METRIC][0])
            if number == 0:
                once = SplitPlan().draw(labels, (0.2, 0.3), has_test=False)
                alone = np.array(once["test"], int)
                train = np.setdiff1d(np.arange(size.patients), [*alone, *once["val"]])
                single.append(scored(fitted(random, x[train], target[train]), x[alone]))
        runs.append(prob)
    pooled = SplitScores(np.stack(runs), target, [METRIC])
    split = SplitScores(np.stack(single), target[alone], [METRIC])
    ends, wide = (interval(one.samples[METRIC], one.resampling.seeds, of_metric(METRIC)) for one in (pooled, split))
    assert ends is not None
    assert wide is not None
    return ends, float(np.mean(truths)), (ends[1] - ends[0]) / (wide[1] - wide[0])


def coverage(size: Size, studies: int, seed: int = 5) -> tuple[float, float]:
    """The share of studies whose interval holds the truth, and their median width over that of a single split."""
    random = np.random.default_rng(seed)
    made = [study(random, size) for _ in range(studies)]
    truth = float(np.mean([one for _, one, _ in made]))
    held = float(np.mean([low <= truth <= high for (low, high), _, _ in made]))
    return held, float(np.median([width for *_, width in made]))


def measure() -> Sequence[Row]:
    """A row for each size."""
    rows = []
    for size in (Size(208, 0.27, 5, 2), Size(100, 0.3, 5, 3)):
        held, width = coverage(size, 200)
        what = (
            f"fold_coverage: {size.patients} patients, {100 * size.share:g} % ill, {size.folds} folds × {size.repeats}"
        )
        rows.append(Row(what, f"{100 * held:.1f} %; {width:.2f} of a single split's width", "93 to 97 %"))
    return rows
