"""How often the intervals of ``clsunbias compare`` hold the truth, and how often it says "better" of equal methods.

Simulated studies as in ``coverage``, of two to five classes: units are harder or easier for all runs, runs come out
better or worse and lean to the last class or away from it. What is true of a study's runs is measured on many more;
of four runs or more, the mean of that over all studies is the truth, of fewer what is true of these very runs.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from benchmarks.coverage import EASE, NOISE, Method
from benchmarks.timing import Row
from clsunbias.decisions.base import normalised
from clsunbias.experiments.analysis.draws import MANY, resampling_of
from clsunbias.experiments.analysis.gain import own_decisions
from clsunbias.experiments.analysis.influence import ManyUnits
from clsunbias.experiments.analysis.intervals import FEWEST
from clsunbias.experiments.analysis.split_scores import SplitScores
from clsunbias.experiments.analysis.statistics import Floats, Labels, Resampling, unit_sums
from clsunbias.experiments.comparing.judging import METRICS, judge
from clsunbias.experiments.comparing.reading import Part, Predictions

DRAWS = 300
MORE = 20
"""Units by which the truth of a study's runs is measured, times its own, and 4,000 at least."""

BETTER = (Method(1.2, 0.0), Method(1.0, 0.4))


def equal(runs: int) -> tuple[Method, Method]:
    """Two methods that are the same; of fewer runs than tell how runs differ, runs that are the same but for noise."""
    one = Method(1.0, 0.2) if runs >= FEWEST else Method(1.0, 0.2, spread=0.0)
    return one, one


class Drawn(SplitScores):
    """Scores with fewer resamples than a comparison has."""

    @property
    def resampling(self) -> Resampling:
        return resampling_of(len(self.target), len(self.prob), DRAWS)

    def permutation_p(self, other: SplitScores) -> dict[str, float]:
        """Of macro-F1 alone, which verdicts are counted of."""
        p = self.resampling.permutation_p(unit_sums(self.prob, self.target), unit_sums(other.prob, other.target))
        return dict.fromkeys(self.names, 1.0) | {"macro_f1": p["macro_f1"]}


def scored(prob: Floats, target: Labels, names: tuple[str, ...]) -> SplitScores:
    """As a comparison scores them, with fewer resamples."""
    return (Drawn if len(target) <= MANY else ManyUnits)(prob, target, names)


class Size(NamedTuple):
    """Test units, classes, the share of the last class, runs."""

    units: int
    classes: int
    last: float
    runs: int


class Units(NamedTuple):
    """Classes of units and how easy each is."""

    target: Labels
    ease: Floats


def drawn_units(random: np.random.Generator, size: Size, count: int) -> Units:
    """New units with at least four of each class."""
    share = np.append(np.full(size.classes - 1, (1 - size.last) / (size.classes - 1)), size.last)
    target = random.choice(size.classes, count, p=share)
    while np.bincount(target, minlength=size.classes).min() < 4:
        target = random.choice(size.classes, count, p=share)
    return Units(target, random.normal(0, EASE, count))


def probabilities(random: np.random.Generator, skill: Floats, leaning: Floats, units: Units, classes: int) -> Floats:
    """Class probabilities ``(S, N, C)`` of runs with so much skill and leaning, ``(S, 1)`` each."""
    own = np.eye(classes)[units.target]
    logits = own * (skill + units.ease)[..., np.newaxis] + leaning[..., np.newaxis] * np.eye(classes)[-1]
    return normalised(logits + random.normal(0, NOISE / 2**0.5, logits.shape))


class Study(NamedTuple):
    """What a comparison said of each metric and part: the value and ends of its interval; what is true of its runs."""

    said: Mapping[str, tuple[float, float]]
    true: Mapping[str, float]
    better: bool


def study(random: np.random.Generator, size: Size, methods: Sequence[Method]) -> Study:
    """One simulated study."""
    sets = {"val": drawn_units(random, size, max(40, size.units // 2)), "test": drawn_units(random, size, size.units)}
    more = MORE * size.units if size.runs < FEWEST else 0
    sets["more"] = drawn_units(random, size, max(4000, more))
    found, true = [], []
    for index, of in enumerate(methods):
        skill, leaning = (random.normal(mean, of.spread, (size.runs, 1)) for mean in (of.skill, of.leaning))
        prob = {name: probabilities(random, skill, leaning, units, size.classes) for name, units in sets.items()}
        parts = {
            name: Part(pd.RangeIndex(len(sets[name].target)), sets[name].target, prob[name]) for name in ("val", "test")
        }
        classes = tuple(map(str, range(size.classes)))
        found.append(Predictions(str(index), Path(), classes, tuple(range(size.runs)), parts))
        many = SplitScores(prob["more"], sets["more"].target, METRICS)
        own = own_decisions(prob["val"], sets["val"].target, prob["more"])
        decided = replace(many, names=("macro_f1",), decided=own).values["macro_f1"]
        true.append({name: float(one.mean()) for name, one in {**many.values, "own": decided}.items()})
    judged = judge(found[::-1], score=scored)  # the second is the baseline
    difference = {name: true[0][name] - true[1][name] for name in true[0]}
    difference |= {"gain": difference["macro_f1"], "ranking": difference.pop("own")}
    difference["threshold"] = difference["gain"] - difference["ranking"]
    said = {one.metric: (one.low, one.high) for one, _ in judged.differences}
    said |= {one.part: (one.low, one.high) for one in judged.gains}
    return Study(said, difference, any(one.verdict != "no difference shown" for one, _ in judged.differences[:1]))


def coverage(size: Size, studies: int, methods: Sequence[Method] = BETTER, seed: int = 11) -> dict[str, float]:
    """The share of studies whose intervals hold the truth, by metric and part; ``shown``: that show macro-F1 apart."""
    random = np.random.default_rng(seed)
    made = [study(random, size, methods) for _ in range(studies)]
    found: dict[str, Any] = {"shown": float(np.mean([one.better for one in made]))}
    for name in made[0].said:
        truths = np.array([one.true[name] for one in made])
        truths = truths if size.runs < FEWEST else np.full_like(truths, truths.mean())
        ends = np.array([one.said[name] for one in made])
        found[name] = float(((ends[:, 0] <= truths) & (truths <= ends[:, 1])).mean())
    return found


SIZES = (
    Size(40, 2, 0.5, 1),
    Size(40, 2, 0.3, 5),
    Size(100, 2, 0.2, 3),
    Size(100, 3, 0.3, 5),
    Size(400, 2, 0.1, 1),
    Size(400, 2, 0.27, 10),
    Size(400, 5, 0.2, 5),
    Size(1000, 2, 0.1, 20),
    Size(2000, 2, 0.27, 1),
    Size(2000, 3, 0.2, 5),
)


def measure() -> Sequence[Row]:
    """A row for each size, and false "better" of equal methods."""
    rows = []
    for size in SIZES:
        found, same = coverage(size, 200), coverage(size, 200, equal(size.runs), seed=12)
        shown, said = found.pop("shown"), same.pop("shown")
        what = f"{size.units} units, {size.classes} classes, {100 * size.last:g} % of the last, {size.runs} runs"
        figure = "\n".join(f"{name} {100 * held:.1f} %" for name, held in found.items())
        low, high = min(found.values()), max(found.values())
        target = f"93 to 97 %: {100 * low:.1f} to {100 * high:.1f} %\nfalse: ≤ 5 %: {100 * said:.1f} %"
        rows.append(Row(f"compare_coverage: {what}", f"{figure}\na difference is shown in {100 * shown:.0f} %", target))
    return rows
