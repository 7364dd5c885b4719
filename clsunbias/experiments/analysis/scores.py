"""Finished runs of an arm, scored on the same units: what cells, comparisons and contrasts are made of."""

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache, cached_property
from typing import Any, Self

import numpy as np
import numpy.typing as npt
import pandas as pd

from clsunbias.decisions import Scores
from clsunbias.decisions.rules import made_alone
from clsunbias.experiments.analysis.calibration import recalibration_bootstrap, recalibration_metrics
from clsunbias.experiments.analysis.decided import VALIDATION, of_runs, scores_by_split
from clsunbias.experiments.analysis.intervals import Sample, carrying
from clsunbias.experiments.analysis.ranking import ranking_bootstrap, ranking_metrics, ranking_p
from clsunbias.experiments.analysis.recorded import check_asked, check_recorded, classes_in, folds_on, on_split
from clsunbias.experiments.analysis.statistics import (
    CALIBRATION,
    RANKING,
    RECALIBRATION,
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
from clsunbias.experiments.plan import Arm
from clsunbias.experiments.running.run import Record, read_predictions

resampling_of = cache(Resampling)
"""The resampling of so many units and runs, drawn once for all comparisons."""


@dataclass(frozen=True, eq=False)
class SplitScores:
    """The scores of some runs on one split; only what is asked for is computed, since draws of a metric take long.

    Class probabilities ``(S, N, C)`` of S runs, the class of each unit ``(N,)``, names of the metrics that are asked
    for, of the classes whose own metrics go by them: none of two classes, of the units, ``(N,)``, if they matter, and
    the class decided for, ``(S, N)``: None is the most probable one. Folds, ``(S, N)``, say whose model scored a unit.
    """

    prob: Floats
    target: Labels
    names: Sequence[str]
    classes: Sequence[str] = ()
    units: npt.NDArray[Any] = field(default_factory=lambda: np.empty(0))
    decided: Labels | None = None
    folds: Labels | None = None

    @cached_property
    def sums(self) -> list[tuple[Metrics, Sums]]:
        """Metrics as functions of sums over units, and what each unit adds to these, ``(N, S, …)``."""
        made: list[tuple[Metrics, Sums]] = [(self.asked, unit_sums(self.prob, self.target, self.decided))]
        if not CALIBRATION.isdisjoint(self.names):
            made.append((calibration_metrics, calibration_sums(self.prob, self.target)))
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
            once |= ranking_metrics(self.prob, self.target, every, self.ranked_classes)
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
        return {name: Sample(self.values[name], drawn, carrying(name, counts)) for name, drawn in self.draws().items()}

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


@dataclass(frozen=True, eq=False)
class Scored:
    """The finished runs of an arm by seed, and their scores on each split that is asked for and on validation units.

    Runs are in the same order everywhere.
    """

    arm: Arm
    records: Mapping[int, Record]
    splits: Mapping[str, SplitScores]
    validation: SplitScores | None = None

    @cached_property
    def values(self) -> dict[str, Floats]:
        """``split/metric`` → the metric of each seed, ``(S,)``."""
        return {f"{split}/{name}": one for split, part in self.splits.items() for name, one in part.values.items()}

    def sample(self, name: str) -> Sample:
        """A ``split/metric`` of each seed as it is and on resampled units, which cells and comparisons share."""
        split, _, metric = name.partition("/")
        return self.splits[split].samples[metric]

    def shares(self, name: str) -> Floats:
        """The resamples of runs for a ``split/metric``."""
        return self.splits[name.partition("/")[0]].resampling.seeds

    def permutation_p(self, other: "Scored") -> dict[str, float]:
        """``split/metric`` → the p-value of the difference from another method on the same units."""
        return {
            f"{split}/{name}": p
            for split, part in self.splits.items()
            for name, p in part.permutation_p(other.splits[split]).items()
        }

    def of_seeds(self, seeds: Sequence[int]) -> "Scored":
        """The runs of some of the seeds."""
        if list(seeds) == list(self.records):
            return self
        at = [list(self.records).index(seed) for seed in seeds]
        splits = {name: part.of_runs(at) for name, part in self.splits.items()}
        validation = self.validation and self.validation.of_runs(at)
        return Scored(self.arm, {seed: self.records[seed] for seed in seeds}, splits, validation)


def score(arm: Arm, records: Mapping[int, Record], names: Sequence[str]) -> Scored:
    """Reads the predictions of an arm's runs, by seed, for the ``split/metric`` that are asked for.

    Raises:
        InputError: a run has no such split or metric, runs of the arm were scored on other units, a record's numbers
            are not those of its predictions, or a rule lacks what it needs.
    """
    asked: dict[str, list[str]] = {}
    for name in names:
        asked.setdefault(name.partition("/")[0], []).append(name.partition("/")[2])
    for record in records.values():
        check_asked(record, asked)
    frames = read_predictions(list(records.values()))
    by_run: list[dict[str, Scores]] = []
    if any("@" in split for split in asked):
        by_run = [
            scores_by_split(frame, record.features()) for frame, record in zip(frames, records.values(), strict=True)
        ]
    splits = {}
    for asked_split, wanted in asked.items():
        split, _, rule = asked_split.partition("@")
        prob, target, units = on_split(frames, split, records)
        classes, folds = classes_in(next(iter(records.values())).result[split]), folds_on(frames, split)
        if rule:
            after, decided = of_runs(made_alone(rule), by_run, split, folds, folds_on(frames, VALIDATION))
            splits[asked_split] = SplitScores(after, target, wanted, classes, units, decided, folds)
            continue
        wanted = ["macro_f1", *wanted]  # by which records are checked
        splits[split] = SplitScores(prob, target, wanted, classes, units, folds=folds)
        for record, f1 in zip(records.values(), splits[split].values["macro_f1"], strict=True):
            check_recorded(record, split, float(f1))
    has_validation = all("val" in record.result["units"] for record in records.values())
    validation = None
    if has_validation:
        prob, target, units = on_split(frames, "val", records)
        validation = SplitScores(prob, target, ["macro_f1"], units=units, folds=folds_on(frames, "val"))
    return Scored(arm, records, splits, validation)


def run_lines(scored: Sequence[Scored]) -> pd.DataFrame:
    """A line a run: where it stands in the grid, and every metric of its record."""
    return pd.DataFrame(
        {
            **{name: getattr(one.arm, name) for name in ("protocol", "column", "row", "setting")},
            "seed": seed,
            **{name: record.result[name] for name in ("step", "selection", "simulated")},
            **{
                f"{split}/{name}": value
                for split in ("val", "test")
                for name, value in record.result.get(split, {}).items()
            },
            **{name: record.result[name] for name in ("config_sha256", "record_sha256")},
        }
        for one in scored
        for seed, record in one.records.items()
    )
