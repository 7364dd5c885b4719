"""How much of each class methods miss, judged as a table's other metrics are, and classes that are lost altogether."""

import math
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import replace

from clsunbias.experiments.analysis.cells import Cell, row_label
from clsunbias.experiments.analysis.comparison import Comparison, results
from clsunbias.experiments.plan import Arm
from clsunbias.experiments.report.build import Cells, Comparisons
from clsunbias.experiments.report.html.pack import Shown, probabilities


def recalls(one: Shown) -> list[str]:
    """Names of the shares of each class that are found, on the headline's split, as records have them."""
    classes = one.card.classes
    names = ["neg_recall", "pos_recall"] if len(classes) == 2 else [f"recall/{name}" for name in classes]
    return [f"{split_of(one)}/{name}" for name in names]


def split_of(one: Shown) -> str:
    """The split that the headline is of."""
    return one.part.study.grid.metrics[0].partition("/")[0]


def judge(shown: Sequence[Shown]) -> tuple[Cells, Comparisons]:
    """How much of each class the methods of a study find, with intervals and verdicts made as those of its tables are.

    Data sets whose classes go by the same names are judged together, as the columns of one table.
    """
    cells: dict[tuple[Arm, str], Cell] = {}
    comparisons: dict[tuple[Arm, Arm, str], Comparison] = {}
    by_names: dict[tuple[str, ...], list[Shown]] = {}
    for one in shown:
        by_names.setdefault(tuple(recalls(one)), []).append(one)
    for (first, *others), several in by_names.items():
        study = several[0].part.study
        finished = {arm: study.finished[arm] for one in several for arm in one.frames}
        _, made, compared = results(study.name, replace(study.grid, metrics=[first], also=others), finished)
        cells |= made
        comparisons |= compared
    return cells, comparisons


def missed(cell: Cell) -> str:
    """The share of a class that is missed, of the share that is found, with its interval if there is one."""
    return f"{100 * (1 - cell.value):.0f} %{span(cell.low, cell.high, percent, ' %')}"


def percent(found: float) -> str:
    """The share that is missed, between 0 and 100: a widened interval of a share may reach beyond."""
    return f"{100 * min(max(1 - found, 0), 1):.0f}"


def missed_difference(one: Comparison, unit: str = "") -> str:
    """A difference in what is missed, in percentage points, and whether it is shown; of few runs it is not judged."""
    interval = span(one.low, one.high, lambda value: signed(-100 * value), "")
    verdict = ("not shown" if one.verdict == "no difference shown" else "shown") if interval else "not judged"
    return f"{signed(-100 * one.difference)}{unit}{interval}, {verdict}"


def signed(value: float) -> str:
    """A whole number with its sign, none at 0."""
    return f"{round(value):+d}".replace("-", "−") if round(value) else "0"


def span(low: float | None, high: float | None, shown: Callable[[float], str], unit: str) -> str:
    """An interval of what is found as one of what is missed, in brackets; nothing if there is none."""
    if low is None or high is None or math.isnan(low):
        return ""
    return f" ({shown(high)} to {shown(low)}{unit})"


def lost_classes(one: Shown, arm: Arm) -> list[str]:
    """Classes that an arm's runs never decide for, or never find, in some run at 0.5 or by the most probable class."""
    method, frames, said = row_label(one.part.study.grid, arm), one.frames[arm], []
    never, missing = Counter[str](), Counter[str]()
    for frame in frames:
        rows = frame[frame["split"] == split_of(one)]
        decided, label = probabilities(rows).argmax(1), rows["label"].to_numpy()
        for index, name in enumerate(one.card.classes):
            never[name] += not (decided == index).any()
            missing[name] += bool((decided == index).any()) and not (decided[label == index] == index).any()
    for counts, verb in ((never, "never decides for"), (missing, "finds no unit of")):
        said += [f"{method} {verb} {name} in {n} of {len(frames)} runs" for name, n in counts.items() if n]
    return said
