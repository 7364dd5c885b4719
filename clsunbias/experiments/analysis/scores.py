"""Finished runs of an arm, scored on the same units: what cells, comparisons and contrasts are made of."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import pandas as pd

from clsunbias.decisions import Scores
from clsunbias.decisions.rules import made_alone
from clsunbias.experiments.analysis.decided import VALIDATION, of_runs, scores_by_split
from clsunbias.experiments.analysis.intervals import Sample
from clsunbias.experiments.analysis.recorded import check_asked, check_recorded, classes_in, folds_on, on_split
from clsunbias.experiments.analysis.split_scores import SplitScores
from clsunbias.experiments.analysis.statistics import Floats
from clsunbias.experiments.plan import Arm
from clsunbias.experiments.running.run import Record, read_predictions


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
            splits[asked_split] = SplitScores(after, target, wanted, classes, units, decided, folds=folds)
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
