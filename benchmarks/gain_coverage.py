"""How often the parts of a gain hold the truth, with thresholds as they were chosen and chosen anew in each resample.

Simulated studies of two classes as in ``coverage``, each with a validation set of its own. The truth of a part is its
mean over studies, each measured on all units there could be, in closed form.
"""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from scipy.special import logit, ndtr

from benchmarks.coverage import EASE, NOISE, Method, drawn_runs
from benchmarks.timing import Row
from clsunbias.decisions import MacroF1, Scores
from clsunbias.decisions.base import Labels
from clsunbias.decisions.thresholds import macro_f1
from clsunbias.experiments.analysis.gain import PARTS, Levels, own_decisions, split_gain
from clsunbias.experiments.analysis.intervals import Sample, carrying, interval
from clsunbias.experiments.analysis.statistics import Floats, Resampling, metrics, unit_sums

METHODS = (Method(1.2, 0.0), Method(1.0, -0.3))
SD = float(np.hypot(EASE, NOISE))


class Size(NamedTuple):
    """Validation units, test units, the share of positives, runs."""

    validation: int
    test: int
    share: float
    runs: int


class Resamples(NamedTuple):
    """Of validation units and of test units with runs."""

    validation: Resampling
    test: Resampling


def best_cuts(score: Floats, target: Labels, weights: Floats) -> Floats:
    """The cut that ``MacroF1`` chooses in each of some resamples ``(B, N)`` of two classes: one sort for all of them.

    NaN where a resample lacks a class.
    """
    order = np.argsort(-score, kind="stable")
    falling, found = score[order], passed(target[order], weights[:, order])
    values = macro_f1(*counts(found, found[:, :, -1:]))
    values[:, 1:-1][:, falling[1:] == falling[:-1]] = -np.inf  # no cut between equal scores
    best, over, positives = values >= values.max(1, keepdims=True) - 1e-12, found.sum(0), found[1, :, -1:]
    count = np.where(best, np.abs(over - positives), np.inf).argmin(1)
    return np.where((found[:, :, -1] > 0).all(0), np.append(np.inf, falling)[count], np.nan)


def at_cuts(score: Floats, target: Labels, weights: Floats, cuts: Floats) -> Floats:
    """Macro-F1 in each of some resamples ``(B, N)``, deciding for the second class from a cut on, ``(B,)``."""
    order = np.argsort(-score, kind="stable")
    found = passed(target[order], weights[:, order])
    count = np.searchsorted(-score[order], -cuts, side="right")
    values = macro_f1(*counts(found[:, np.arange(len(cuts)), count], found[:, :, -1]))
    return np.where(np.isnan(cuts), np.nan, values)


def passed(target: Labels, weights: Floats) -> Floats:
    """The weight of either class among the first k units, ``(2, B, N + 1)``, k from 0."""
    by_class = np.stack([weights.astype(float) * (target == label) for label in (0, 1)])
    return np.concatenate([np.zeros_like(by_class[:, :, :1]), by_class], axis=2).cumsum(2)


def counts(over: Floats, support: Floats) -> tuple[Floats, Floats, Floats]:
    """Hits, predicted and support of both classes, last axis, where so many of either are decided for the second."""
    hits = np.stack([support[0] - over[0], over[1]], axis=-1)
    predicted = np.stack([(support - over).sum(0), over.sum(0)], axis=-1)
    return hits, predicted, np.stack([support[0], support[1]], axis=-1)


def truth(skill: Floats, leaning: Floats, share: float, cut: Floats | float) -> float:
    """The mean over runs of macro-F1 on all units, deciding for positive from a cut on."""
    limit = logit(np.clip(cut, 1e-12, 1 - 1e-12))
    found, wrong = ndtr((skill + leaning - limit) / SD) * share, ndtr((leaning - skill - limit) / SD) * (1 - share)
    positive, negative = 2 * found / (found + share + wrong), 2 * (1 - share - wrong) / (2 - share - wrong - found)
    return float((positive + negative).mean()) / 2


def study(
    random: np.random.Generator, size: Size, drawn: Resamples
) -> tuple[Mapping[bool, Mapping[str, Sample]], dict[str, float]]:
    """The parts of a gain in one study, thresholds fixed and anew, and what is true of its runs and thresholds."""
    units = [labelled(random, count, size.share) for count in (size.validation, size.test)]
    samples: dict[bool, list[Levels]] = {False: [], True: []}
    true: list[list[float]] = []
    for of in METHODS:
        skill, leaning = (random.normal(mean, of.spread, (size.runs, 1)) for mean in (of.skill, of.leaning))
        runs = [Method(float(one), float(other), 0.0) for one, other in zip(skill[:, 0], leaning[:, 0], strict=True)]
        prob = [np.concatenate([drawn_runs(random, label, ease, run, 1) for run in runs]) for label, ease in units]
        (labels, _), (target, _) = units
        cuts = [MacroF1().choose(Scores(one, labels)).value()["threshold"] for one in prob[0]]
        own_cuts = np.array(cuts)[:, np.newaxis]
        true.append([truth(skill, leaning, size.share, 0.5), truth(skill, leaning, size.share, own_cuts)])
        decided = own_decisions(prob[0], labels, prob[1])
        plain, own = (f1_sample(prob[1], target, drawn.test, one) for one in (None, decided))
        redrawn = [
            at_cuts(scores[:, 1], target, drawn.test.units, best_cuts(before[:, 1], labels, drawn.validation.units))
            for before, scores in zip(*prob, strict=True)
        ]
        for anew, sample in ((False, own), (True, own._replace(drawn=np.stack(redrawn, axis=1)))):
            samples[anew].append(Levels(plain, sample, prob[1].argmax(2), decided))
    gain, ranking = true[0][0] - true[1][0], true[0][1] - true[1][1]
    parts = {anew: split_gain(*levels) for anew, levels in samples.items()}
    return parts, {"gain": gain, "ranking": ranking, "threshold": gain - ranking}


def labelled(random: np.random.Generator, count: int, share: float) -> tuple[npt.NDArray[np.int64], Floats]:
    """Classes of new units, two of each at least, and how easy they are."""
    label = (random.random(count) < share).astype(np.int64)
    while min(label.sum(), count - label.sum()) < 2:
        label = (random.random(count) < share).astype(np.int64)
    return label, random.normal(0, EASE, count)


def f1_sample(prob: Floats, target: Labels, resampling: Resampling, decided: Labels | None = None) -> Sample:
    """Macro-F1 of runs, as they are and on resampled units."""
    sums = unit_sums(prob, target, decided)
    drawn = resampling.bootstrap(sums)["macro_f1"]
    return Sample(metrics(sums.sum(0))["macro_f1"], drawn, carrying("macro_f1", np.bincount(target, minlength=2)))


def coverage(size: Size, studies: int, draws: int = 300, seed: int = 3) -> dict[tuple[bool, str], float]:
    """The share of studies whose intervals hold the truth, by whether thresholds are chosen anew, and by part."""
    random = np.random.default_rng(seed)
    drawn = Resamples(Resampling(size.validation, size.runs, draws, 1), Resampling(size.test, size.runs, draws, 2))
    made = [study(random, size, drawn) for _ in range(studies)]
    found = {}
    for part, scale in PARTS.items():
        expected = float(np.mean([true[part] for _, true in made]))
        for anew in (False, True):
            ends = [interval(parts[anew][part], drawn.test.seeds, scale) for parts, _ in made]
            found[anew, part] = float(np.mean([one is not None and one[0] <= expected <= one[1] for one in ends]))
    return found


def measure() -> Sequence[Row]:
    """A row for each size."""
    rows = []
    for size in (Size(40, 100, 0.3, 5), Size(100, 40, 0.5, 5), Size(120, 400, 0.27, 10), Size(100, 1000, 0.3, 20)):
        found = coverage(size, 200)
        lines = [
            f"{part}: {100 * found[False, part]:.1f} % fixed, {100 * found[True, part]:.1f} % anew" for part in PARTS
        ]
        what = f"gain_coverage: {size.validation} and {size.test} units, {100 * size.share:g} %, {size.runs} runs"
        rows.append(Row(what, "\n".join(lines), "93 to 97 %, fixed"))
    return rows
