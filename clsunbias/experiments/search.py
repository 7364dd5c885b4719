"""A search over settings: what it may go by, and what it chooses, of a cell or anew in each fold."""

import itertools
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from operator import attrgetter
from typing import NamedTuple

import numpy as np

from clsunbias.errors import InputError
from clsunbias.experiments.grid import Grid
from clsunbias.experiments.plan import Arm, Fold, folded, folds_of, trials_of
from clsunbias.experiments.running.run import Record, Run


def search_scores(grid: Grid, trials: Mapping[Arm, Sequence[Record | None]]) -> dict[Arm, float]:
    """What a search goes by: the mean of its metric over each arm's trials.

    A cell with a trial that is not done (None) is left out as a whole: a choice among what is left would not be the
    search that was asked for. InputError, if a record does not have the metric.
    """
    unfinished = {arm.cell for arm, records in trials.items() if not all(records)}
    scores = {}
    for arm, records in trials.items():
        search = grid.protocols[arm.protocol].search
        if search is None or arm.cell in unfinished:
            continue
        split, _, metric = search.metric.partition("/")
        for record in filter(None, records):
            if metric not in record.result[split]:
                raise InputError(
                    f"the search of protocol {arm.protocol!r} goes by {search.metric}, which {record.folder} does not "
                    f"have; it has {', '.join(f'{split}/{name}' for name in record.result[split])}"
                )
        scores[arm] = float(np.mean([record.result[split][metric] for record in records if record]))
    return scores


class Searched(NamedTuple):
    """What a search has found: each arm's score, and of those that ended early after how many seeds."""

    scores: dict[Arm, float]
    ended: dict[Arm, int]

    @property
    def left(self) -> dict[Arm, float]:
        """Scores of the arms that it chooses among."""
        return {arm: score for arm, score in self.scores.items() if arm not in self.ended}


def search(grid: Grid, arms: Sequence[Arm], read: Callable[[Run], Record | None], fold: Fold | None = None) -> Searched:
    """Scores the settings of each cell by their trials, those of a fold or all, and ends the worse half where asked to.

    With halving, a trial is asked for only once all settings have been judged by the seeds before: it is the settings
    that are left which have it. A cell with a trial that is not done is left out.

    Args:
        grid: of the arms.
        arms: of protocols with a search; those of a cell follow each other.
        read: gives the record of a run, None while it is not done.
        fold: whose trials judge.
    """
    scores, ended = dict[Arm, float](), dict[Arm, int]()
    for _, cell in itertools.groupby(arms, attrgetter("cell")):
        left, found, gone = list(cell), dict[Arm, float](), dict[Arm, int]()
        asked = grid.protocols[left[0].protocol].search
        for seeds in asked.rungs if asked else ():
            trials = {arm: [read(run) for run in trials_of(grid, arm, fold)[:seeds]] for arm in left}
            judged = search_scores(grid, trials)
            if not judged:
                found, gone = {}, {}
                break
            found |= judged
            kept = left if asked and seeds == asked.seeds else better_half(grid, judged)
            gone |= {arm: seeds for arm in left if arm not in kept}
            left = kept
        scores |= found
        ended |= gone
    return Searched(scores, ended)


def better_half(grid: Grid, scores: Mapping[Arm, float]) -> list[Arm]:
    """The arms of a cell with the better scores, half of them or, where some are equal, more."""
    merits = {arm: merit(grid, arm, score) for arm, score in scores.items()}
    least = sorted(merits.values(), reverse=True)[(len(merits) - 1) // 2]
    return [arm for arm, value in merits.items() if value >= least]


class Chosen(NamedTuple):
    """What a search in folds comes to in a cell: the arm that it counts as, its runs, and each setting's mean score."""

    arm: Arm
    runs: Mapping[int, Run]
    scores: Mapping[Arm, float]


def search_in_folds(grid: Grid, searched: Sequence[Arm], read: Callable[[Run], Record | None]) -> Iterator[Chosen]:
    """Chooses the setting of each fold by the validation part of that fold alone, whose test units no choice has seen.

    Over all folds validation parts are all units: one choice for all would go by the units that it is judged on.
    A cell with a trial that is not done is left out.
    """
    for _, cell in itertools.groupby(searched, attrgetter("cell")):
        arms = list(cell)
        folds = folds_of(grid.protocols[arms[0].protocol])
        found = {fold: search(grid, arms, read, fold) for fold in folds}
        if not all(one.scores for one in found.values()):
            continue
        first = arms[0]
        out = first.run.out.parent if first.setting else first.run.out
        whole = replace(first, setting="", run=replace(first.run, out=out))
        by_fold = {fold: choose(grid, one.left)[0] for fold, one in found.items()}
        means = {arm: float(np.mean([one.scores[arm] for one in found.values()])) for arm in arms}
        yield Chosen(whole, folded(grid, by_fold, whole), means)


def choose(grid: Grid, scores: Mapping[Arm, float]) -> list[Arm]:
    """The arm with the best score of each cell, the first of equals; a score that is no number is the worst."""
    # The arms of a cell follow each other.
    return [
        max(competing, key=lambda arm: merit(grid, arm, scores[arm]))
        for _, competing in itertools.groupby(scores, attrgetter("cell"))
    ]


def merit(grid: Grid, arm: Arm, score: float) -> float:
    """A score such that the larger is the better; one that is no number is the worst."""
    asked = grid.protocols[arm.protocol].search
    value = -score if asked and asked.mode == "min" else score
    return -math.inf if math.isnan(value) else value
