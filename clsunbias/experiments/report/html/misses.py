"""How much of each class methods miss, judged as a table's other metrics are, and classes that are lost altogether."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import NamedTuple

from clsunbias.experiments.analysis.cells import Cell, row_label
from clsunbias.experiments.analysis.comparison import Comparison, results
from clsunbias.experiments.analysis.intervals import interval, of_difference
from clsunbias.experiments.analysis.scores import Scored
from clsunbias.experiments.plan import Arm
from clsunbias.experiments.report.html.pack import Shown, probabilities


def recalls(one: Shown) -> list[str]:
    """Names of the shares of each class that are found, on the headline's split, as records have them."""
    classes = one.card.classes
    names = ["neg_recall", "pos_recall"] if len(classes) == 2 else [f"recall/{name}" for name in classes]
    return [f"{split_of(one)}/{name}" for name in names]


def split_of(one: Shown) -> str:
    """The split that the headline is of."""
    return one.part.study.grid.metrics[0].partition("/")[0]


class Misses(NamedTuple):
    """How much of each class methods find: their scores, and the cells and comparisons of these shares."""

    scored: dict[Arm, Scored]
    cells: dict[tuple[Arm, str], Cell]
    comparisons: dict[tuple[Arm, Arm, str], Comparison]


def judge(shown: Sequence[Shown]) -> Misses:
    """How much of each class the methods of a study find, with intervals and verdicts made as those of its tables are.

    Data sets whose classes go by the same names are judged together, as the columns of one table.
    """
    made = Misses({}, {}, {})
    by_names: dict[tuple[str, ...], list[Shown]] = {}
    for one in shown:
        by_names.setdefault(tuple(recalls(one)), []).append(one)
    for (first, *others), several in by_names.items():
        study = several[0].part.study
        finished = {arm: study.finished[arm] for one in several for arm in one.frames}
        scored, cells, comparisons = results(study.name, replace(study.grid, metrics=[first], also=others), finished)
        made.scored.update({one.arm: one for one in scored})
        made.cells.update(cells)
        made.comparisons.update(comparisons)
    return made


def missed(cell: Cell) -> str:
    """The share of a class that is missed, of the share that is found, with its interval if there is one."""
    return f"{percent(1 - cell.value)} %{span(cell.low, cell.high, lambda found: percent(1 - found), ' %')}"


def missed_difference(one: Comparison, unit: str = "") -> str:
    """A difference in what is missed, in percentage points, and whether it is shown; of few runs it is not judged."""
    interval = span(one.low, one.high, lambda found: signed(-found), "")
    verdict = {"no difference shown": "not shown", None: "not judged"}.get(one.verdict, "shown")
    return f"{signed(-one.difference)}{unit}{interval}, {verdict}"


def classes_apart(scored: Scored, worst: str, least: str, names: Mapping[str, str]) -> str:
    """How far apart the shares of two classes that a method misses are, and whether that is shown, if it may be said.

    Args:
        scored: of the method.
        worst: metric of the class that is missed most; its name in records.
        least: that of the class that is missed least.
        names: of the classes, by those of the metrics.
    """
    sample = scored.sample(least).less(scored.sample(worst))
    ends = interval(sample, scored.shares(worst), of_difference("recall"))
    if ends is None:
        return ""
    verdict = "shown" if ends[0] > 0 else "not shown"
    middle, (low, high) = percent(float(sample.values.mean())), map(percent, ends)
    return f" Between {names[worst]} and {names[least]}: {middle} points ({low} to {high}), {verdict}."


def percent(share: float) -> str:
    """A share of 100."""
    return f"{round(100 * share)}".replace("-", "−")


def signed(share: float) -> str:
    """A difference of shares of 100 with its sign, none at 0."""
    return f"{round(100 * share):+d}".replace("-", "−") if round(100 * share) else "0"


def span(low: float | None, high: float | None, shown: Callable[[float], str], unit: str) -> str:
    """An interval of what is found as one of what is missed, in brackets; nothing if there is none."""
    return "" if low is None or high is None else f" ({shown(high)} to {shown(low)}{unit})"


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
    for counts, verb in ((never, "never predicts"), (missing, "finds no unit of")):
        said += [f"{method} {verb} {name} in {n} of {len(frames)} runs" for name, n in counts.items() if n]
    return said
