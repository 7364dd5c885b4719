"""Methods over all data sets of a grid: how they rank, and what they gain over the baseline, by its parts."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
from scipy.special import ndtri
from scipy.stats import friedmanchisquare, rankdata

from clsunbias.experiments.analysis.gain import PARTS
from clsunbias.experiments.analysis.gains import SplitGain
from clsunbias.experiments.analysis.intervals import FEWEST, errors
from clsunbias.experiments.analysis.scores import Scored
from clsunbias.experiments.analysis.statistics import Floats, lower_is_better
from clsunbias.experiments.grid import Grid
from clsunbias.experiments.plan import Arm


class OverviewLine(NamedTuple):
    """A method over all data sets that it ran on; its fields are the columns of ``tableN_overview.csv``.

    ``ahead`` is the share of the methods that are better, 0 of the best and 1 of the worst, by the first metric: the
    mean over data sets, and from 2.5 % to 97.5 % of what it is on resampled units and runs. Gains over the baseline are
    means over data sets, with 95 % intervals of these data sets on other units and runs; ``shown_ranking`` counts data
    sets where the interval of the ranking part is above 0, and ``lost_ranking`` where it is below. None where too few
    runs give no interval.
    """

    table: str
    row: str
    datasets: int
    ahead: float
    ahead_low: float
    ahead_high: float
    gain: float | None
    gain_low: float | None
    gain_high: float | None
    ranking: float | None
    ranking_low: float | None
    ranking_high: float | None
    threshold: float | None
    threshold_low: float | None
    threshold_high: float | None
    shown_ranking: int
    lost_ranking: int


class Ranked(NamedTuple):
    """Whether methods differ at all in rank over the data sets that have them all, and by how much one must.

    ``p`` is that of Friedman's test; ``critical`` the difference in the mean share ahead that a method needs from the
    baseline's (Bonferroni and Dunn, 5 %; Demšar, Journal of Machine Learning Research 7, 2006).
    """

    datasets: int
    methods: int
    p: float
    critical: float


def overview(table: str, grid: Grid, scored: Sequence[Scored], split: Mapping[Arm, SplitGain]) -> list[OverviewLine]:
    """A line for each method, the best mean rank first; of settings that no search chose from, none."""
    ahead = shares_ahead(grid, scored)
    made = []
    for row, method in grid.rows.items():
        arms = [arm for arm in ahead if arm.row == row]
        if not arms:
            continue
        observed = float(np.mean([ahead[arm][0] for arm in arms]))
        drawn = np.mean([ahead[arm][1:] for arm in arms], axis=0)
        parts = [split[arm] for arm in arms if arm in split]
        gain, ranking, threshold = (mean_gain(parts, part) for part in PARTS)
        ends = [one.ends("ranking") for one in parts]
        shown, lost = (sum(1 for end in ends if end and sign * end[side] > 0) for sign, side in ((1, 0), (-1, 1)))
        low, high = np.quantile(drawn, [0.025, 0.975])
        of_all = table, method.label, len(arms), observed, float(low), float(high)
        made.append(OverviewLine(*of_all, *gain, *ranking, *threshold, shown, lost))
    return sorted(made, key=lambda line: line.ahead)


def shares_ahead(grid: Grid, scored: Sequence[Scored]) -> dict[Arm, Floats]:
    """Of each arm the share of the other methods that are better on its data set.

    First as observed, then on each resample of units and runs, ``(1 + B,)``; ties count half.
    """
    name = grid.metrics[0]
    sign = 1 if lower_is_better(name.partition("/")[2]) else -1
    made: dict[Arm, Floats] = {}
    for place in dict.fromkeys((one.arm.protocol, one.arm.column) for one in scored):
        rivals = [one for one in scored if (one.arm.protocol, one.arm.column) == place]
        means = []
        for one in rivals:
            sample, shares = one.sample(name), one.shares(name)
            means.append(np.append(sample.values.mean(), (sample.drawn * shares).sum(1)))
        ranks = rankdata(sign * np.stack(means), axis=0)
        made |= {one.arm: (rank - 1) / max(len(rivals) - 1, 1) for one, rank in zip(rivals, ranks, strict=True)}
    return made


def mean_gain(parts: Sequence["SplitGain"], part: str) -> tuple[float | None, float | None, float | None]:
    """The mean of a part over data sets, which are independent of each other, and its 95 % interval."""
    if not parts:
        return None, None, None
    mean = float(np.mean([one.samples[part].values.mean() for one in parts]))
    if any(len(one.samples[part].values) < FEWEST for one in parts):
        return mean, None, None
    squares = sum(sum(np.square(errors(one.samples[part]))) for one in parts)
    half = float(ndtri(0.975) * np.sqrt(squares)) / len(parts)
    return mean, mean - half, mean + half


def ranked(grid: Grid, values: Mapping[Arm, float]) -> Ranked | None:
    """Friedman's test over the data sets that have every method which is for all of them; None of fewer than three.

    Args:
        grid: the grid.
        values: the first metric of each arm.
    """
    by_place: dict[tuple[str, str], dict[str, float]] = {}
    for arm, one in values.items():
        by_place.setdefault((arm.protocol, arm.column), {})[arm.row] = one
    rows = [row for row in grid.rows if all(row in found for found in by_place.values())]
    if len(by_place) < 3 or len(rows) < 3:
        return None
    count, sets = len(rows), len(by_place)
    p = friedmanchisquare(*([found[row] for found in by_place.values()] for row in rows)).pvalue
    critical = float(ndtri(1 - 0.025 / (count - 1)) * np.sqrt(count * (count + 1) / (6 * sets))) / (count - 1)
    return Ranked(sets, count, float(p), critical)
