"""What a reader comes for: is anything learnt, which class suffers, which method helps, since when, how sure is it."""

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median

from clsunbias.errors import listed
from clsunbias.experiments.analysis.cells import row_label
from clsunbias.experiments.analysis.comparison import Comparison
from clsunbias.experiments.analysis.intervals import FEWEST
from clsunbias.experiments.plan import Arm
from clsunbias.experiments.report.build import headline
from clsunbias.experiments.report.html.curves import Parting
from clsunbias.experiments.report.html.misses import (
    Misses,
    classes_apart,
    judge,
    lost_classes,
    missed,
    missed_difference,
    recalls,
    split_of,
)
from clsunbias.experiments.report.html.pack import Shown
from clsunbias.experiments.report.labels import metric_label
from clsunbias.experiments.report.notes import better_than_chance


@dataclass(frozen=True)
class Line:
    """A method: of each class what it misses and the difference from the first method, and where its losses part."""

    method: str
    missed: list[tuple[str, str]]
    loss: tuple[str, str]


@dataclass(frozen=True)
class Summary:
    """Questions and answers on a data set under a protocol; the first method, the classes, a line for each method."""

    title: str
    simulated: bool
    answers: list[tuple[str, str]]
    base: str
    classes: list[str]
    lines: list[Line]
    warnings: list[str]


def summaries(shown: Sequence[Shown]) -> list[Summary]:
    """What is to be said of each data set under each protocol that has finished runs of it."""
    made = []
    for part in {id(one.part): one.part for one in shown}.values():
        ours = [one for one in shown if one.part is part]
        misses = judge(ours)
        made += [
            summary(one, protocol, misses)
            for one in ours
            for protocol in part.study.grid.protocols
            if any(arm.protocol == protocol for arm in one.frames)
        ]
    return made


def summary(one: Shown, protocol: str, misses: Misses) -> Summary:
    """A data set under a protocol; the class that suffers is the one that the first method misses most of."""
    grid = one.part.study.grid
    arms = [arm for arm in one.frames if arm.protocol == protocol]
    base = next((arm for arm in arms if arm.row in grid.baselines[:1]), arms[0])
    names = dict(zip(recalls(one), one.card.classes, strict=True))
    worst, *rest = sorted(names, key=lambda name: misses.cells[base, name].value)
    others = ", ".join(f"{missed(misses.cells[base, name])} of {names[name]}" for name in rest)
    suffers = f"{row_label(grid, base)} misses {missed(misses.cells[base, worst])} of {names[worst]}, {others}."
    suffers += classes_apart(misses.scored[base], worst, rest[-1], names)
    label = f"{grid.columns[one.column].label}{', simulated' if one.card.simulated else ''}"
    title = label if len(grid.protocols) == 1 else f"{label}: {grid.protocols[protocol].label}"
    answers = [
        *learnt(one, arms),
        ("Which class suffers", suffers),
        ("Which method helps", which_method(one, arms, base, [worst, *rest], misses)),
        ("Since when", since_when(one, base)),
        ("How sure", how_sure(one, arms)),
    ]
    warnings = [f"{title}: {text}" for arm in arms for text in lost_classes(one, arm)]
    lines = [line(one, arm, base, misses) for arm in arms]
    return Summary(title, one.card.simulated, answers, row_label(grid, base), one.card.classes, lines, warnings)


def learnt(one: Shown, arms: Sequence[Arm]) -> list[tuple[str, str]]:
    """Whether methods rank units better than chance, where the study has AUROC with its interval.

    If none does, all that methods can differ in is which class they miss.
    """
    name = f"{split_of(one)}/auroc"
    found = [cell for arm in arms if (cell := one.part.cells.get((arm, name))) and cell.low is not None]
    if not found:
        return []
    above = [cell for cell in found if better_than_chance(cell)]
    highest = max(above or found, key=lambda cell: cell.value)
    at = f"AUROC {highest.value:.2f} ({highest.low:.2f} to {highest.high:.2f}) of {highest.row}; chance is 0.50"
    if not above:
        moved = "What methods miss less of one class they miss more of another."
        return [("Is anything learnt", f"Not shown: no method is better than chance. At most {at}. {moved}")]
    less = [cell.row for cell in found if cell not in above]
    rest = f" Not shown of {listed(less)}." if less else ""
    return [("Is anything learnt", f"Yes: {at}.{rest}")]


def which_method(one: Shown, arms: Sequence[Arm], base: Arm, names: Sequence[str], misses: Misses) -> str:
    """The method that misses the fewest of the class that suffers, what that costs the others, and the headline."""
    grid, classes = one.part.study.grid, dict(zip(recalls(one), one.card.classes, strict=True))
    _, cells, comparisons = misses
    best = max(arms, key=lambda arm: cells[arm, names[0]].value)
    if cells[best, names[0]].value <= cells[base, names[0]].value:
        said = f"No other method here misses fewer of {classes[names[0]]}."
    else:
        found = {name: comparisons[best, base, name] for name in names if (best, base, name) in comparisons}
        changes = [f"{classes[name]} {missed_difference(change, ' points')}" for name, change in found.items()]
        said = f"{row_label(grid, best)} misses the fewest of {classes[names[0]]}: {missed(cells[best, names[0]])}."
        if changes:
            said += f" Difference from {row_label(grid, base)}: {'; '.join(changes)}."
    compared = [
        comparison
        for (ours, theirs, _), comparison in headline(grid, base.protocol, one.part.comparisons).items()
        if ours.column == one.column and theirs == base
    ]
    return said + by_headline(compared, metric_label(grid.metrics[0], one.card.classes))


def by_headline(compared: Sequence[Comparison], metric: str) -> str:
    """Which methods the headline metric tells from the first."""
    told = [
        f"{one.row} is {one.verdict} ({one.difference:+.3f}, {one.low:+.3f} to {one.high:+.3f})"
        for one in compared
        if one.verdict in {"better", "worse"}
    ]
    judged = [one for one in compared if one.verdict]
    if told:
        others = " Of the others no difference is shown." if len(told) < len(judged) else ""
        return f" By {metric} {'; '.join(told)}.{others}"
    return f" No difference in {metric} is shown, which is no proof that there is none." if judged else ""


def since_when(one: Shown, base: Arm) -> str:
    """Where the validation losses of the classes part under the first method."""
    parted = one.parted[base].get("val")
    if parted is None:
        return "The runs logged no class losses."
    label, name = row_label(one.part.study.grid, base), one.card.classes[parted.label]
    higher = "higher one" if len(one.card.classes) == 2 else "highest"
    return f"Under {label} the validation loss of {name} is the {higher} {since(parted)}."


def since(parting: Parting) -> str:
    """From which step on, over runs."""
    steps, runs = [step for step in parting.steps if step is not None], len(parting.steps)
    if not steps:
        return "in no run"
    shown = f"from step {median(steps):.0f} of {parting.last} on"
    if runs == 1:
        return shown
    spread = f"; {min(steps)} to {max(steps)}" if max(steps) > min(steps) else ""
    return f"{shown} (in {len(steps)} of {runs} runs{spread})"


def since_briefly(parting: Parting) -> str:
    """As :func:`since`, for a narrow column."""
    steps = [step for step in parting.steps if step is not None]
    return f"from {median(steps):.0f} ({len(steps)}/{len(parting.steps)})" if steps else "in no run"


def how_sure(one: Shown, arms: Sequence[Arm]) -> str:
    """Of how many runs and units the figures are, and whether there are intervals."""
    split = split_of(one)
    runs = sorted({len(one.frames[arm]) for arm in arms})
    record = next(iter(one.part.study.finished[arms[0]].values())).result
    counts = one.card.counts[split]
    units = ", ".join(f"{count} {name}" for count, name in zip(counts, one.card.classes, strict=True))
    number = f"{runs[0]} runs" if len(runs) == 1 else f"{runs[0]} to {runs[-1]} runs"
    said = (
        f"{number} of each method on {sum(counts)} {split.replace('_', ' ')} {record.get('unit', 'unit')}s ({units})."
    )
    few = f"Of fewer than {FEWEST} runs there is no saying how others would come out: no interval, no verdict."
    return f"{said} {few if runs[0] < FEWEST else 'In brackets: 95 % intervals.'}"


def line(one: Shown, arm: Arm, base: Arm, misses: Misses) -> Line:
    """A method in the table of what each misses."""
    changes = [misses.comparisons.get((arm, base, name)) for name in recalls(one)]
    parted = one.parted[arm].get("val")
    return Line(
        row_label(one.part.study.grid, arm),
        [
            (missed(misses.cells[arm, name]), missed_difference(change) if change else "")
            for name, change in zip(recalls(one), changes, strict=True)
        ],
        (one.card.classes[parted.label], since_briefly(parted)) if parted else ("–", ""),
    )
