"""The split of every method's gain over a grid's first baseline; see ``gain``."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from clsunbias.experiments.analysis.cells import row_label
from clsunbias.experiments.analysis.comparison import comparable, on_common_seeds
from clsunbias.experiments.analysis.gain import BESIDE, PARTS, Levels, own_decisions, split_gain
from clsunbias.experiments.analysis.intervals import interval
from clsunbias.experiments.analysis.scores import Scored
from clsunbias.experiments.analysis.split_scores import SplitScores
from clsunbias.experiments.grid import Grid
from clsunbias.experiments.plan import Arm


class GainLine(NamedTuple):
    """A part of a method's gain over the baseline on a data set; its fields are the columns of ``tableN_gains.csv``.

    A part is one of ``gain.PARTS``, whose values are means over n seeds with a 95 % interval over test units and seeds
    (None for too few seeds), or a metric that no threshold moves, of which the difference stands beside them.
    """

    table: str
    protocol: str
    column: str
    split: str
    row: str
    baseline: str
    part: str
    value: float
    low: float | None
    high: float | None
    n: int


def gains(table: str, grid: Grid, scored: Sequence[Scored]) -> dict[tuple[Arm, str], GainLine]:
    """The split of each gain on the headline's split, by arm and part; none of runs without validation units."""
    split = grid.metrics[0].partition("/")[0]
    made: dict[tuple[Arm, str], GainLine] = {}
    for theirs in scored:
        if theirs.arm.row != next(iter(grid.baselines), None):
            continue
        for ours in scored:
            alike = ours.arm.protocol == theirs.arm.protocol and comparable(grid, ours.arm, theirs.arm)
            pair = on_common_seeds(ours, theirs) if alike else None
            levels = [levels_of(one, split) for one in pair] if pair else []
            if not pair or levels[0] is None or levels[1] is None:
                continue
            labels = table, grid.protocols[ours.arm.protocol].label, grid.columns[ours.arm.column].label, split
            rows = row_label(grid, ours.arm), row_label(grid, theirs.arm)
            shares, n = pair[0].splits[split].resampling.seeds, len(pair[0].records)
            for part, sample in split_gain(levels[0], levels[1]).items():
                low, high = interval(sample, shares, PARTS[part]) or (None, None)
                made[ours.arm, part] = GainLine(*labels, *rows, part, float(sample.values.mean()), low, high, n)
            ranked = [SplitScores(one.splits[split].prob, one.splits[split].target, BESIDE).values for one in pair]
            for name in BESIDE:
                difference = float((ranked[0][name] - ranked[1][name]).mean())
                made[ours.arm, name] = GainLine(*labels, *rows, name, difference, None, None, n)
    return made


def levels_of(scored: Scored, split: str) -> Levels | None:
    """Macro-F1 without and with a threshold of each run's own; None without validation units of every class."""
    validation, test = scored.validation, scored.splits[split]
    if split == "val" or validation is None or len(np.unique(validation.target)) < validation.prob.shape[2]:
        return None
    decided = own_decisions(validation.prob, validation.target, test.prob, None, validation.folds, test.folds)
    own = SplitScores(test.prob, test.target, ["macro_f1"], decided=decided)
    return Levels(test.samples["macro_f1"], own.samples["macro_f1"], test.prob.argmax(2), decided)
