"""Specification curves: one claim tested under many defensible choices, and what luck alone would make of it.

Source: Simonsohn, Simmons and Nelson, Specification curve analysis, Nature Human Behaviour 4, 2020.
"""

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd

from clsunbias.experiments.analysis.comparison import comparable, compared, on_common_seeds
from clsunbias.experiments.analysis.intervals import interval, of_difference
from clsunbias.experiments.analysis.scores import Scored
from clsunbias.experiments.analysis.statistics import RANKING, Floats, lower_is_better
from clsunbias.experiments.grid import Grid, under_rules
from clsunbias.experiments.plan import Arm
from clsunbias.experiments.settings import crossed, is_free, steps_of

DATA, THRESHOLD = "data set", "threshold"
"""Choices that are no axis of a protocol."""

NULLS = 1000
"""Curves drawn without a difference between methods."""


class Specification(NamedTuple):
    """One way to test the claim: the step of each choice, method − baseline, its 95 % interval over units and runs.

    What rests on one training, whichever rule and threshold it is judged by, is no independent evidence.
    """

    choices: Mapping[str, str]
    difference: float
    low: float
    high: float
    training: str

    @property
    def shown(self) -> int:
        """1 or −1 where the interval lies above or below 0."""
        return int(self.low > 0) - int(self.high < 0)


@dataclass(frozen=True)
class Curve:
    """All answers to one claim by one metric.

    Attributes:
        row: label of the method.
        baseline: label of what it is compared with.
        metric: ``split/metric``.
        specifications: P of them.
        gained: difference of each seed, ``(S, P)``.
        drawn: mean difference on resampled units less their mean, ``(B, P)``.
    """

    row: str
    baseline: str
    metric: str
    specifications: Sequence[Specification]
    gained: Floats
    drawn: Floats

    @property
    def differences(self) -> Floats:
        """Mean difference of each specification, ``(P,)``."""
        return np.array([one.difference for one in self.specifications])

    @property
    def trainings(self) -> list[str]:
        """The trainings that there are, each once."""
        return list(dict.fromkeys(one.training for one in self.specifications))

    def where(self, choice: str, step: str) -> npt.NDArray[np.bool_]:
        """Which specifications take a step of a choice, ``(P,)``."""
        return np.array([one.choices.get(choice) == step for one in self.specifications])


class Summary(NamedTuple):
    """A curve in a few numbers; its fields are the columns of ``tableN_curves.csv``.

    Specifications, and the trainings behind them; the median difference; the share of positive differences; the shares
    whose interval lies above and below 0; and how often luck alone gives a median as far from 0 (:func:`null`).
    """

    table: str
    row: str
    baseline: str
    metric: str
    specifications: int
    trainings: int
    median: float
    positive: float
    above: float
    below: float
    p: float


def curves(grid: Grid, scored: Sequence[Scored]) -> list[Curve]:
    """The curve of each method against each baseline, by each metric that methods are compared by."""
    taken, claims = steps(grid), dict[tuple[str, str], list[tuple[Scored, Scored]]]()
    for ours, theirs in itertools.product(scored, scored):
        same = ours.arm.protocol == theirs.arm.protocol
        if same and comparable(grid, ours.arm, theirs.arm) and (pair := on_common_seeds(ours, theirs)):
            claims.setdefault((ours.arm.row, theirs.arm.row), []).append(pair)
    made = []
    for (row, baseline), pairs in claims.items():
        for metric in (name for name in compared(grid) if "@" not in name):
            found, gained, drawn = list[Specification](), list[Floats](), list[Floats]()
            for ours, theirs in pairs:
                for threshold, name in variants(grid, metric).items():
                    sample = ours.sample(name).less(theirs.sample(name))
                    ends = interval(sample, ours.shares(name), of_difference(name.partition("/")[2]))
                    if ends is None:
                        continue
                    column = grid.columns[ours.arm.column].label
                    choices = {DATA: column, **steps_taken(ours.arm, taken), THRESHOLD: threshold}
                    came_from = training(grid, theirs.arm, taken[theirs.arm.protocol, theirs.arm.setting])
                    found.append(Specification(choices, float(sample.values.mean()), *ends, came_from))
                    gained.append(sample.values)
                    drawn.append(np.nan_to_num(sample.drawn.mean(1) - np.nanmean(sample.drawn)).astype(np.float32))
            if found:
                labels = grid.rows[row].label, grid.rows[baseline].label
                made.append(Curve(*labels, metric, found, np.stack(gained, 1), np.stack(drawn, 1)))
    return made


def variants(grid: Grid, metric: str) -> dict[str, str]:
    """A metric under each threshold, by its name; of those that no threshold changes, one."""
    name = metric.partition("/")[2]
    if name in RANKING or lower_is_better(name) or not grid.decisions:
        return {"": metric}
    thresholds = ["at 0.5", *(f"chosen by {rule}" for rule in grid.decisions)]
    return dict(zip(thresholds, [metric, *under_rules([metric], grid.decisions)], strict=True))


def steps(grid: Grid) -> dict[tuple[str, str], dict[str, str]]:
    """The step that each setting of each protocol takes of each axis."""
    return {
        (name, setting): {axis: step.name for axis, step in taken.items()}
        for name, protocol in grid.protocols.items()
        for setting, taken in crossed(name, protocol.axes).items()
    }


def steps_taken(arm: Arm, taken: Mapping[tuple[str, str], Mapping[str, str]]) -> dict[str, str]:
    """The steps that an arm takes, of the axes that apply to it: the settings that come to it differ in the others."""
    settings = [taken[arm.protocol, setting] for setting in arm.stands_for]
    return {axis: step for axis, step in settings[0].items() if len({one[axis] for one in settings}) == 1}


def training(grid: Grid, arm: Arm, taken: Mapping[str, str]) -> str:
    """What the weights of an arm come from, whichever rule has selected them, by the steps that its setting takes."""
    axes = grid.protocols[arm.protocol].axes
    return ",".join(
        (arm.protocol, arm.column, *(step for axis, step in taken.items() if not is_free(axis, axes[axis])))
    )


def choices(grid: Grid, found: Sequence[Curve]) -> dict[str, list[str]]:
    """The choices of some curves and the steps taken, as the grid has them; those of one step are left out."""
    declared = {DATA: dict.fromkeys(column.label for column in grid.columns.values())}
    for protocol in grid.protocols.values():
        for axis, given in protocol.axes.items():
            declared.setdefault(axis, {}).update(dict.fromkeys(step.name for step in steps_of(axis, given)))
    declared[THRESHOLD] = dict.fromkeys(threshold for curve in found for threshold in variants(grid, curve.metric))
    taken = {pair for curve in found for one in curve.specifications for pair in one.choices.items() if pair[1]}
    several = {choice: [step for step in steps if (choice, step) in taken] for choice, steps in declared.items()}
    return {choice: steps for choice, steps in several.items() if len(steps) > 1}


def specification_lines(table: str, found: Sequence[Curve]) -> pd.DataFrame:
    """A line for each specification of each curve: claim, metric, the step of each choice, difference and interval."""
    return pd.DataFrame(
        {
            **{"table": table, "row": curve.row, "baseline": curve.baseline, "metric": curve.metric},
            **one.choices,
            **{name: getattr(one, name) for name in ("difference", "low", "high", "training")},
        }
        for curve in found
        for one in curve.specifications
    )


def summary(table: str, curve: Curve) -> Summary:
    """A curve in a few numbers."""
    differences, shown = curve.differences, np.array([one.shown for one in curve.specifications])
    lucky = np.abs(np.median(null(curve), axis=1)) >= abs(np.median(differences)) - 1e-9
    return Summary(
        table,
        curve.row,
        curve.baseline,
        curve.metric,
        len(differences),
        len(curve.trainings),
        float(np.median(differences)),
        float((differences > 0).mean()),
        float((shown > 0).mean()),
        float((shown < 0).mean()),
        float((1 + lucky.sum()) / (1 + len(lucky))),
    )


def null(curve: Curve, seed: int = 0) -> Floats:
    """Curves as luck alone would draw them, ``(NULLS, P)``: no method is better than the other.

    The names of the two methods are swapped at random, for each training and seed at once in all specifications that
    rest on it; and the test units are drawn anew, the same for all. Swaps alone would take these very patients for all
    patients, draws alone these very runs for all runs: how often a curve of equal methods is called different by each,
    and by both, is measured by ``python -m benchmarks specification_null``.
    """
    random = np.random.default_rng(seed)
    place = {name: at for at, name in enumerate(curve.trainings)}
    of = np.array([place[one.training] for one in curve.specifications])
    signs = random.integers(0, 2, (NULLS, len(curve.gained), len(place))) * 2.0 - 1
    swapped = (signs[:, :, of] * curve.gained).mean(1)
    return np.asarray(swapped + curve.drawn[random.integers(0, len(curve.drawn), NULLS)])


def explained(curve: Curve, taken: Mapping[str, Sequence[str]]) -> dict[str, float]:
    """Share of the differences' variance that goes with each choice: what a linear fit of all loses without it.

    Args:
        curve: the differences.
        taken: choices and their steps.
    """
    columns = {
        choice: np.stack([curve.where(choice, step) for step in several[1:]], 1).astype(float)
        for choice, several in taken.items()
        if sum(curve.where(choice, step).any() for step in several) > 1
    }
    whole = fitted(curve.differences, list(columns.values()))
    return {
        choice: whole - fitted(curve.differences, [one for name, one in columns.items() if name != choice])
        for choice in columns
    }


def fitted(values: Floats, columns: Sequence[Floats]) -> float:
    """Share of variance that a linear fit of some columns explains."""
    design = np.concatenate([np.ones((len(values), 1)), *columns], axis=1)
    left = values - design @ np.linalg.lstsq(design, values, rcond=None)[0]
    spread = float(((values - values.mean()) ** 2).sum())
    return 1 - float((left**2).sum()) / spread if spread else 0.0


def noise(curve: Curve) -> float:
    """Share of the differences' variance that is no more than what patients and runs would change, by the intervals."""
    widths = np.array([one.high - one.low for one in curve.specifications]) / (2 * 1.96)
    spread = float(curve.differences.var())
    return min(1.0, float((widths**2).mean()) / spread) if spread else 1.0
