"""Methods over all data sets of a grid: how they rank, and what they gain over the baseline, by its parts."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

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

Z = float(ndtri(0.975))
"""Standard errors from a mean to an end of its interval."""


class OverviewLine(NamedTuple):
    """A method over all data sets that it ran on; its fields are the columns of ``tableN_overview.csv``.

    ``ahead`` is the share of the methods that are better, 0 of the best and 1 of the worst, by the first metric. It and
    the gains over the baseline are means over data sets, with 95 % intervals for these data sets on other units and
    runs; ``shown_ranking`` counts data sets where the interval of the ranking part is above 0, and ``lost_ranking``
    where it is below. None where too few runs give no interval.
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


def over_all(
    table: str, grid: Grid, scored: Sequence[Scored], split: Mapping[Arm, SplitGain]
) -> tuple[list[OverviewLine], Ranked | None]:
    """A line for each method, and whether methods differ in rank; nothing of a grid that does not rank them."""
    if not grid.ranked:
        return [], None
    first = {one.arm: float(one.values[grid.metrics[0]].mean()) for one in scored}
    return overview(table, grid, scored, split), ranked(grid, first)


def overview(table: str, grid: Grid, scored: Sequence[Scored], split: Mapping[Arm, SplitGain]) -> list[OverviewLine]:
    """A line for each method, the best mean rank first; of settings that no search chose from, none."""
    ahead = shares_ahead(grid, scored)
    by_row: dict[str, list[OverviewLine]] = {}
    for arm, shares in ahead.items():
        line = on_one_set(table, grid.rows[arm.row].label, shares, split.get(arm))
        by_row.setdefault(arm.row, []).append(line)
    return sorted((pooled(by_row[row]) for row in grid.rows if row in by_row), key=lambda line: line.ahead)


def on_one_set(table: str, label: str, shares: Floats, split: SplitGain | None) -> OverviewLine:
    """A method on one data set: its share ahead as observed and resampled, ``(1 + B,)``, and the split of its gain."""
    ahead, half = float(shares[0]), Z * float(shares[1:].std())
    gain, ranking, threshold = (mean_of(split, part) for part in PARTS)
    low, high = (split and split.ends("ranking")) or (0.0, 0.0)
    of_ahead = ahead, ahead - half, ahead + half
    return OverviewLine(table, label, 1, *of_ahead, *gain, *ranking, *threshold, int(low > 0), int(high < 0))


def mean_of(split: SplitGain | None, part: str) -> tuple[float | None, float | None, float | None]:
    """The mean of a part over runs, and its 95 % interval by its standard errors; None of too few runs, or no gain."""
    if split is None:
        return None, None, None
    sample = split.samples[part]
    mean = float(sample.values.mean())
    if len(sample.values) < FEWEST:
        return mean, None, None
    half = Z * float(np.sqrt(np.square(errors(sample)).sum()))
    return mean, mean - half, mean + half


def pooled(lines: Sequence[OverviewLine]) -> OverviewLine:
    """Lines of a method on data sets that are independent of each other as one: means, whose variances add up."""
    made: dict[str, Any] = {}
    for name in ("ahead", *PARTS):
        figures = [(line.datasets, *(getattr(line, f"{name}{end}") for end in ("", "_low", "_high"))) for line in lines]
        known = [(size, value, low, high) for size, value, low, high in figures if value is not None]
        sizes = sum(size for size, *_ in known)
        mean = sum(size * value for size, value, *_ in known) / sizes if known else None
        made |= {name: mean, f"{name}_low": None, f"{name}_high": None}
        if mean is not None and all(low is not None for *_, low, _ in known):
            half = float(np.sqrt(sum((size * (high - low) / 2) ** 2 for size, _, low, high in known))) / sizes
            made |= {f"{name}_low": mean - half, f"{name}_high": mean + half}
    counts = {name: sum(getattr(line, name) for line in lines) for name in ("shown_ranking", "lost_ranking")}
    return lines[0]._replace(datasets=sum(line.datasets for line in lines), **made, **counts)


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
