"""Methods on the same units judged against the first: differences, what they are worth, and the split of the gain."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import NamedTuple

import numpy as np

from clsunbias.experiments.analysis.draws import described
from clsunbias.experiments.analysis.gain import BESIDE, PARTS, Levels, carried, differing, own_decisions, split_gain
from clsunbias.experiments.analysis.influence import scores_of
from clsunbias.experiments.analysis.intervals import FEWEST, Sample, errors, of_difference
from clsunbias.experiments.analysis.split_scores import SplitScores
from clsunbias.experiments.analysis.statistics import RECALIBRATION, Floats, Labels, lower_is_better
from clsunbias.experiments.analysis.use import THRESHOLDS
from clsunbias.experiments.analysis.verdicts import Verdict, either_p, holm, verdict
from clsunbias.experiments.comparing.chances import Chances, chances
from clsunbias.experiments.comparing.reading import Predictions

METRICS = ("macro_f1", *(name for name in BESIDE if name not in RECALIBRATION))
"""What methods are compared by."""

Score = Callable[[Floats, Labels, tuple[str, ...]], SplitScores]
"""How probabilities of some runs are scored by the metrics named."""


class Difference(NamedTuple):
    """A method against the baseline by a metric; with :class:`Chances`, the columns of ``comparison.csv``.

    Means over runs; the difference with its 95 % interval, over test units and seeds or, of fewer than four runs, over
    units alone; the larger of the p-values of that interval and of a paired permutation test over units, as it is and
    corrected for the number of methods (Holm); what may be said.
    """

    method: str
    baseline: str
    metric: str
    value: float
    baseline_value: float
    difference: float
    low: float
    high: float
    over: str
    p: float
    p_corrected: float
    verdict: Verdict
    units: int
    runs: int


class Gain(NamedTuple):
    """A part of a method's gain over the baseline with its interval; its fields are the columns of ``gains.csv``."""

    method: str
    baseline: str
    part: str
    value: float
    low: float
    high: float
    over: str


@dataclass(frozen=True, eq=False)
class Method:
    """A method's predictions, scored: on test units as they are, and as it decides with a threshold of its own.

    A net benefit is that of the mean over thresholds.
    """

    predictions: Predictions
    score: Score = scores_of
    thresholds: Sequence[float] = THRESHOLDS

    @cached_property
    def test(self) -> SplitScores:
        """Its scores on test units."""
        part = self.predictions.parts["test"]
        return replace(self.score(part.prob, part.target, METRICS), thresholds=self.thresholds)

    @cached_property
    def recalibrated(self) -> dict[str, float]:
        """Its calibration slope and intercept, means over runs; NaN where a run has none."""
        found = SplitScores(self.test.prob, self.test.target, tuple(RECALIBRATION)).values
        return {name: float(found[name].mean()) for name in sorted(RECALIBRATION)}

    @cached_property
    def samples(self) -> dict[str, Sample]:
        """Its metrics, drawn once for all comparisons; by simulation two of them are carried by fewer units."""
        found = self.test.samples
        rarest = found["macro_f1"].units
        carried_by = {"auprc": max(rarest // 2, 2), "brier": rarest}
        return {name: one._replace(units=carried_by.get(name, one.units)) for name, one in found.items()}

    def less(self, other: "Method", metric: str) -> Sample:
        """The paired difference from another method by a metric."""
        sample = self.samples[metric].less(other.samples[metric])
        return (
            carried(sample, differing(self.test.prob.argmax(2), other.test.prob.argmax(2)))
            if metric == "macro_f1"
            else sample
        )

    @cached_property
    def levels(self) -> Levels | None:
        """Its macro-F1 without and with a threshold of its own; None without validation units of two classes."""
        validation = self.predictions.parts.get("val")
        if validation is None or len(np.unique(validation.target)) < len(self.predictions.classes):
            return None
        decided = own_decisions(validation.prob, validation.target, self.test.prob)
        own = replace(self.test, names=("macro_f1",), decided=decided)
        return Levels(self.samples["macro_f1"], own.samples["macro_f1"], self.test.prob.argmax(2), decided)


class Judged(NamedTuple):
    """What comparisons with a baseline have shown."""

    methods: list[Method]
    differences: list[tuple[Difference, Chances]]
    gains: list[Gain]

    @property
    def beside(self) -> dict[tuple[str, str], float]:
        """By method and metric, the differences in what no threshold moves."""
        baseline, *others = self.methods
        found = {(one.method, one.metric): one.difference for one, _ in self.differences}
        return found | {
            (one.predictions.name, name): value - baseline.recalibrated[name]
            for one in others
            for name, value in one.recalibrated.items()
        }


def judge(
    predictions: Sequence[Predictions],
    stated: float | None = None,
    score: Score = scores_of,
    thresholds: Sequence[float] = THRESHOLDS,
) -> Judged:
    """Compares each method with the first.

    Args:
        predictions: of methods, paired.
        stated: a difference to ask after; default the one that is seen.
        score: how predictions are scored.
        thresholds: over which a net benefit is taken.
    """
    baseline, *others = methods = [Method(one, score, thresholds) for one in predictions]
    by_method = [one.test.permutation_p(baseline.test) for one in others]
    differences = []
    for metric in METRICS:
        family = [
            difference(one, baseline, metric, swapped[metric]) for one, swapped in zip(others, by_method, strict=True)
        ]
        for one, found, corrected in zip(others, family, holm([each.p for each in family]), strict=True):
            said = verdict(found.difference, corrected, lower_is_better(metric))
            found = found._replace(p_corrected=corrected, verdict=said)
            by_units, by_runs = errors(one.less(baseline, metric))
            by_runs = by_runs if found.runs >= FEWEST else 0.0
            asked = found.difference, by_units, by_runs, found.units, stated, len(others)
            differences.append((found, chances(*asked)))
    gains = [part for one in others for part in parts(one, baseline)]
    return Judged(methods, differences, gains)


def difference(one: Method, baseline: Method, metric: str, swapped: float) -> Difference:
    """A method against the baseline by a metric, given p of a permutation test; as if it were the only one."""
    gained = one.less(baseline, metric)
    low, high, over = described(gained, of_difference(metric))
    p = either_p(swapped, float(gained.values.mean()), low, high)
    return Difference(
        one.predictions.name,
        baseline.predictions.name,
        metric,
        float(one.samples[metric].values.mean()),
        float(baseline.samples[metric].values.mean()),
        float(gained.values.mean()),
        low,
        high,
        over,
        p,
        p,
        verdict(float(gained.values.mean()), p, lower_is_better(metric)),
        len(one.test.target),
        len(gained.values),
    )


def parts(one: Method, baseline: Method) -> list[Gain]:
    """The parts of a method's gain; none without validation units."""
    if one.levels is None or baseline.levels is None:
        return []
    made = []
    for part, sample in split_gain(one.levels, baseline.levels).items():
        low, high, over = described(sample, PARTS[part])
        value = float(sample.values.mean())
        made.append(Gain(one.predictions.name, baseline.predictions.name, part, value, low, high, over))
    return made
