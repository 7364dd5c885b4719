"""The scores of some runs on one split of units, and how they may have come out on others."""

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from clsunbias.experiments.analysis.calibration import recalibration_bootstrap, recalibration_metrics
from clsunbias.experiments.analysis.draws import resampling_of
from clsunbias.experiments.analysis.intervals import Sample, carrying, shared_training
from clsunbias.experiments.analysis.ranking import places, ranking_bootstrap, ranking_metrics, ranking_p
from clsunbias.experiments.analysis.statistics import (
    CALIBRATION,
    RANKING,
    RECALIBRATION,
    USE,
    Floats,
    Labels,
    Metrics,
    Resampling,
    Sums,
    calibration_metrics,
    calibration_sums,
    metrics,
    unit_sums,
)
from clsunbias.experiments.analysis.use import THRESHOLDS, use_metrics, use_sums


@dataclass(frozen=True, eq=False)
class SplitScores:
    """The scores of some runs on one split; only what is asked for is computed, since draws of a metric take long.

    Class probabilities ``(S, N, C)`` of S runs, the class of each unit ``(N,)``, names of the metrics that are asked
    for, of the classes whose own metrics go by them: none of two classes, of the units, ``(N,)``, if they matter, the
    class decided for, ``(S, N)``: None is the most probable one, the thresholds of a net benefit, and the fold whose
    model scored each unit, ``(S, N)``, if there are any.
    """

    prob: Floats
    target: Labels
    names: Sequence[str]
    classes: Sequence[str] = ()
    units: npt.NDArray[Any] = field(default_factory=lambda: np.empty(0))
    decided: Labels | None = None
    thresholds: Sequence[float] = THRESHOLDS
    folds: Labels | None = None

    @cached_property
    def sums(self) -> list[tuple[Metrics, Sums]]:
        """Metrics as functions of sums over units, and what each unit adds to these, ``(N, S, …)``."""
        made: list[tuple[Metrics, Sums]] = [(self.asked, unit_sums(self.prob, self.target, self.decided))]
        if not CALIBRATION.isdisjoint(self.names):
            made.append((calibration_metrics, calibration_sums(self.prob, self.target)))
        if not USE.isdisjoint(self.names):
            made.append((use_metrics, use_sums(self.prob, self.target, self.thresholds)))
        return made

    def asked(self, sums: Sums) -> dict[str, Floats]:
        """Those of the metrics of sums that are asked for."""
        return {name: values for name, values in metrics(sums, self.classes).items() if name in self.names}

    @property
    def ranked(self) -> bool:
        """Whether a metric of ranking is asked for."""
        return any(name.partition("/")[0] in RANKING for name in self.names)

    @property
    def ranked_classes(self) -> Sequence[str]:
        """The classes, if a metric of how one of them is ranked is asked for."""
        own = any(name.partition("/")[0] in RANKING and "/" in name for name in self.names)
        return self.classes if own else ()

    @property
    def recalibrated(self) -> bool:
        """Whether a metric of recalibration is asked for."""
        return not RECALIBRATION.isdisjoint(self.names)

    @property
    def resampling(self) -> Resampling:
        """That of all runs on as many units."""
        return resampling_of(len(self.target), len(self.prob))

    @cached_property
    def values(self) -> dict[str, Floats]:
        """Each metric of each run, ``(S,)``."""
        found = {name: one for of, sums in self.sums for name, one in of(sums.sum(0)).items()}
        once, every = dict[str, Floats](), np.ones((1, len(self.target)))
        if self.ranked:
            once |= ranking_metrics(places(self.prob), self.target, every, self.ranked_classes)
        if self.recalibrated:
            once |= recalibration_metrics(self.prob, self.target, every)
        return found | {name: one[0] for name, one in once.items()}

    def of_runs(self, at: Sequence[int]) -> Self:
        """The scores of some of the runs, by their places."""
        decided = None if self.decided is None else self.decided[at]
        folds = None if self.folds is None else self.folds[at]
        return dataclasses.replace(self, prob=self.prob[at], decided=decided, folds=folds)

    @property
    def unpredicted(self) -> list[int]:
        """Of each class, how many runs never predict it."""
        decided = self.prob.argmax(2) if self.decided is None else self.decided
        found = (decided[..., np.newaxis] == np.arange(self.prob.shape[2])).any(1)
        return [int(count) for count in (~found).sum(0)]

    @cached_property
    def samples(self) -> dict[str, Sample]:
        """Each metric of each run as it is and on resampled units."""
        counts = np.bincount(self.target, minlength=self.prob.shape[2])
        shared = 0.0 if self.folds is None else shared_training(int(self.folds.max()) + 1)
        own = self.values
        return {name: Sample(own[name], drawn, carrying(name, counts), shared) for name, drawn in self.draws().items()}

    def draws(self) -> dict[str, Floats]:
        """The bootstrap of each metric, ``(draws, S)``."""
        ranked = self.resampling, self.prob, self.target
        found = ranking_bootstrap(*ranked, self.ranked_classes) if self.ranked else {}
        if self.recalibrated:
            found |= recalibration_bootstrap(*ranked)
        for of, sums in self.sums:
            found |= self.resampling.bootstrap(sums, of)
        return found

    def permutation_p(self, other: "SplitScores") -> dict[str, float]:
        """The p-value of the difference from another method in each metric that has a better end."""
        both = self.resampling, self.prob, other.prob, self.target
        found = ranking_p(*both, self.ranked_classes) if self.ranked else {}
        for (of, ours), (_, theirs) in zip(self.sums, other.sums, strict=True):
            found |= self.resampling.permutation_p(ours, theirs, of)
        return found
