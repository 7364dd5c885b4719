"""What stands beside a grid's tables: how to read them, how differences were judged, which classes nobody predicts."""

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from clsunbias.experiments.analysis.cells import Cell
from clsunbias.experiments.analysis.comparison import Comparison
from clsunbias.experiments.analysis.intervals import FEWEST
from clsunbias.experiments.analysis.scores import Scored
from clsunbias.experiments.analysis.statistics import DRAWS
from clsunbias.experiments.analysis.verdicts import LEAST
from clsunbias.experiments.grid import Grid
from clsunbias.experiments.plan import Arm
from clsunbias.experiments.report.labels import SIDES, class_names, definitions, rule_label

Cells = Mapping[tuple[Arm, str], Cell]
Comparisons = Mapping[tuple[Arm, Arm, str], Comparison]


class Classes(NamedTuple):
    """What is known of the classes behind some cells.

    Their names by column, where records have them; by arm and split, of each class how many runs never predict it;
    by arm, how many of a run's training rows are made up, where any are.
    """

    names: Mapping[str, Sequence[str]]
    unpredicted: Mapping[tuple[Arm, str], Sequence[int]]
    synthetic: Mapping[Arm, int]

    def shared(self, columns: Sequence[str]) -> Sequence[str]:
        """The names, if all of some columns have the same."""
        found = {tuple(self.names.get(column, ())) for column in columns}
        return next(iter(found)) if len(found) == 1 else ()


def classes_of(scored: Sequence[Scored]) -> Classes:
    """The classes of some scored runs."""
    return Classes(
        {one.arm.column: class_names(next(iter(one.records.values())).result) for one in scored},
        {(one.arm, split): part.unpredicted for one in scored for split, part in one.splits.items()},
        {one.arm: made for one in scored if (made := synthetic_rows(one))},
    )


def synthetic_rows(scored: Scored) -> int:
    """How many of a run's training rows are made up, at most, over the seeds."""
    return max(int(record.result.get("synthetic_training_rows", 0)) for record in scored.records.values())


def counted(counts: Iterable[int]) -> str:
    """Numbers of seeds, as in ``5 or 10``."""
    return " or ".join(map(str, sorted(set(counts))))


def legend(grid: Grid, cells: Cells, classes: Classes) -> str:
    """How to read the table."""
    note = f" {grid.note}" if grid.note else ""
    if not cells:
        printed = [figures for column in grid.columns.values() for figures in column.published.values()]
        deviations = any(sd is not None for figures in printed for _, sd in figures.values())
        return f"Published: mean{' ± standard deviation over five seeds' if deviations else ''}.{note}"
    counts: dict[str, set[int]] = {}
    for cell in cells.values():
        counts.setdefault(cell.protocol, set()).add(cell.n)
    seeds = "; ".join(f"{label}: {counted(found)}" for label, found in counts.items())
    published = any(cell.difference is not None for cell in cells.values())
    said = f"Here and in every table below: mean ± standard deviation over seeds ({seeds})"
    said += "; in brackets the difference from the published mean." if published else "."
    if grid.baselines:
        said += f" ▲ better, ▼ worse than {grid.rows[grid.baselines[0]].label}; no mark, no difference shown."
    if grid.decisions:
        rules = ", ".join(rule_label(rule) for rule in grid.decisions)
        said += (
            f" The same runs are shown {rules}: each chose its rule on its own validation split, without retraining."
        )
    said += note
    shown = [name.partition("/")[2] for name in (*grid.metrics, *grid.also)]
    of_columns = dict.fromkeys(tuple(classes.names.get(arm.column, ())) for arm, _ in cells)
    for sentence in dict.fromkeys(one for names in of_columns for one in definitions(shown, names)):
        said += f" {sentence}"
    made_up = {
        f"{cell.column}, {cell.row}, {cell.protocol} ({classes.synthetic[arm]})": None
        for (arm, _), cell in cells.items()
        if arm in classes.synthetic
    }
    if made_up:
        said += f"\n\n‡ Training rows that are SYNTHETIC, made up rather than measured: {'; '.join(made_up)}."
    if never := unpredicted(grid, cells, classes):
        said += f"\n\n† A class is never predicted in some runs: {'; '.join(never)}."
    if lost := at_chance(cells):
        said += f"\n\n§ Not shown to be better than chance (the interval of AUROC holds 0.5): {'; '.join(lost)}."
    return said


def better_than_chance(cell: Cell) -> bool:
    """Whether a method's AUROC is shown to be above 0.5, which guessing has, of two classes or on average of more."""
    return cell.low is not None and cell.low > 0.5


def at_chance(cells: Cells) -> list[str]:
    """On which data sets, under which protocol, which methods are not better than chance, where this can be said."""
    found: dict[tuple[str, str], list[Cell]] = {}
    for cell in cells.values():
        if cell.metric == "test/auroc" and cell.low is not None:
            found.setdefault((cell.column, cell.protocol), []).append(cell)
    said = []
    for (column, protocol), several in found.items():
        lost = [cell.row for cell in several if not better_than_chance(cell)]
        if lost:
            who = "every method" if len(lost) == len(several) > 1 else ", ".join(lost)
            said.append(f"{column}, {protocol}: {who}")
    return said


def unpredicted(grid: Grid, cells: Cells, classes: Classes) -> list[str]:
    """Which arms never predict which class, in how many of their runs."""
    said = []
    for (arm, split), counts in classes.unpredicted.items():
        for index, count in enumerate(counts):
            cell = next((one for (other, _), one in cells.items() if other == arm), None)
            if not count or cell is None:
                continue
            default = SIDES if len(counts) == 2 else [f"class {at}" for at in range(len(counts))]
            name = (classes.names.get(arm.column) or default)[index]
            plain, _, rule = split.partition("@")
            of = ", ".join([*([plain] if plain != "test" else []), *([rule_label(rule)] if rule else [])])
            where = f"{cell.column}, {cell.row}, {cell.protocol}{f' ({of})' if of else ''}"
            said.append(f"{where} never predicts {name} in {count} of {cell.n} runs")
    return said


def method(comparisons: Comparisons) -> str:
    """How differences were judged."""
    said = (
        "Paired on the same test units and seeds. Interval: 95 %, from "
        f"{DRAWS} bootstrap resamples of units and seeds; it stays within what the difference can be. p: the larger of "
        f"that of a permutation test, {DRAWS} times swapping the two methods unit by unit, which takes runs as they "
        "are, and of the interval, which knows that others come out differently; corrected (Holm) for all comparisons "
        'of the table by that metric under that protocol. A verdict other than "no difference shown" needs p < 0.05. '
        f"Below 1 in {DRAWS + 1} a p is the tail of a normal distribution, believed down to {LEAST:g} before it is "
        "corrected. d: mean over standard deviation of the seeds' differences."
    )
    if few := {one.n for one in comparisons.values() if one.n < FEWEST}:
        said += f" {too_few(few)}"
    return said


def too_few(counts: Iterable[int]) -> str:
    """Why some comparisons have neither interval nor verdict."""
    return (
        f'"Too few seeds": of {counted(counts)} paired runs there is no saying how others would come out; an interval, '
        f"a verdict and d take {FEWEST} seeds or more."
    )


def varies(grid: Grid, row: str) -> bool:
    """Whether a row is another with something changed."""
    ours = grid.rows[row]
    return bool(ours.set) and any(one.config == ours.config and not one.set for one in grid.rows.values())
