"""The split of every method's gain over a grid's first baseline; see ``gain``."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np

from clsunbias.experiments.analysis.cells import row_label
from clsunbias.experiments.analysis.comparison import comparable, on_common_seeds
from clsunbias.experiments.analysis.gain import BESIDE, PARTS, Levels, own_decisions, split_gain
from clsunbias.experiments.analysis.intervals import Sample, interval
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


class SplitGain(NamedTuple):
    """A method and the baseline on the seeds that both have, and the parts of its gain by the names of ``PARTS``."""

    ours: Scored
    theirs: Scored
    split: str
    samples: Mapping[str, Sample]

    def ends(self, part: str) -> tuple[float, float] | None:
        """The 95 % interval of a part; None for too few seeds."""
        return interval(self.samples[part], self.ours.splits[self.split].resampling.seeds, PARTS[part])


def split_gains(grid: Grid, scored: Sequence[Scored]) -> dict[Arm, SplitGain]:
    """The split of each gain over the first baseline on the headline's split; none of runs without validation units."""
    split = grid.metrics[0].partition("/")[0]
    made: dict[Arm, SplitGain] = {}
    for theirs in scored:
        if theirs.arm.row != next(iter(grid.baselines), None):
            continue
        for ours in scored:
            alike = ours.arm.protocol == theirs.arm.protocol and comparable(grid, ours.arm, theirs.arm)
            pair = on_common_seeds(ours, theirs) if alike else None
            levels = [levels_of(one, split) for one in pair] if pair else []
            if pair and levels[0] is not None and levels[1] is not None:
                made[ours.arm] = SplitGain(*pair, split, split_gain(levels[0], levels[1]))
    return made


def gains(table: str, grid: Grid, split: Mapping[Arm, SplitGain]) -> dict[tuple[Arm, str], GainLine]:
    """The lines of each split gain, by arm and part."""
    made: dict[tuple[Arm, str], GainLine] = {}
    for arm, one in split.items():
        labels = table, grid.protocols[arm.protocol].label, grid.columns[arm.column].label, one.split
        rows, n = (row_label(grid, arm), row_label(grid, one.theirs.arm)), len(one.ours.records)
        for part, sample in one.samples.items():
            low, high = one.ends(part) or (None, None)
            made[arm, part] = GainLine(*labels, *rows, part, float(sample.values.mean()), low, high, n)
        pair = [scored.splits[one.split] for scored in (one.ours, one.theirs)]
        ranked = [SplitScores(scores.prob, scores.target, BESIDE).values for scores in pair]
        for name in BESIDE:
            difference = float((ranked[0][name] - ranked[1][name]).mean())
            made[arm, name] = GainLine(*labels, *rows, name, difference, None, None, n)
    return made


def levels_of(scored: Scored, split: str) -> Levels | None:
    """Macro-F1 without and with a threshold of each run's own; None without validation units of every class."""
    validation, test = scored.validation, scored.splits[split]
    if split == "val" or validation is None or len(np.unique(validation.target)) < validation.prob.shape[2]:
        return None
    decided = own_decisions(validation.prob, validation.target, test.prob, None, validation.folds, test.folds)
    own = SplitScores(test.prob, test.target, ["macro_f1"], decided=decided)
    return Levels(test.samples["macro_f1"], own.samples["macro_f1"], test.prob.argmax(2), decided)
