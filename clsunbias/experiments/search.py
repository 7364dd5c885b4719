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
from clsunbias.experiments.plan import Arm, folded, folds_of, trials_of
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
        found = {
            fold: search_scores(grid, {arm: [read(run) for run in trials_of(grid, arm, fold)] for arm in arms})
            for fold in folds_of(grid.protocols[arms[0].protocol])
        }
        if not all(found.values()):
            continue
        first = arms[0]
        out = first.run.out.parent if first.setting else first.run.out
        whole = replace(first, setting="", run=replace(first.run, out=out))
        by_fold = {fold: choose(grid, scores)[0] for fold, scores in found.items()}
        means = {arm: float(np.mean([scores[arm] for scores in found.values()])) for arm in arms}
        yield Chosen(whole, folded(grid, by_fold, whole), means)


def choose(grid: Grid, scores: Mapping[Arm, float]) -> list[Arm]:
    """The arm with the best score of each cell, the first of equals; a score that is no number is the worst."""

    def merit(arm: Arm) -> float:
        search = grid.protocols[arm.protocol].search
        score = -scores[arm] if search and search.mode == "min" else scores[arm]
        return -math.inf if math.isnan(score) else score

    # The arms of a cell follow each other.
    return [max(competing, key=merit) for _, competing in itertools.groupby(scores, attrgetter("cell"))]
