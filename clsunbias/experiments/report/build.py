"""A grid's results as they are read: the paper's table with ours beside it, differences, what a search chose."""

import math
from collections.abc import Mapping, Sequence

from clsunbias.experiments.analysis.comparison import Comparison, row_label
from clsunbias.experiments.analysis.statistics import DRAWS
from clsunbias.experiments.grid import Grid
from clsunbias.experiments.plan import Arm
from clsunbias.experiments.report.sections import Cell, Section

Cells = Mapping[tuple[Arm, str], Cell]
Comparisons = Mapping[tuple[Arm, Arm, str], Comparison]

SHORT = {
    "macro_f1": "MF1",
    "neg_f1": "neg-F1",
    "pos_f1": "pos-F1",
    "accuracy": "Acc",
    "balanced_accuracy": "balanced Acc",
    "loss_gap": "loss gap",
}
MARKS = {"better": " ▲", "no difference shown": "", "worse": " ▼"}


def metric_label(name: str) -> str:
    """A metric as headers show it: the test split goes without saying."""
    split, short = name.split("/")
    return f"{'' if split == 'test' else split.replace('_', ' ') + ' '}{SHORT.get(short, short.replace('_', ' '))}"


def parts(
    grid: Grid, columns: Sequence[str], absent: Sequence[str], cells: Cells, comparisons: Comparisons
) -> list[Section | str]:
    """Tables and paragraphs, in order.

    Args:
        grid: the grid.
        columns: names of the columns that were asked for.
        absent: those of them that have no data.
        cells: of the finished runs, by arm and metric.
        comparisons: between them, by arm, baseline and metric.
    """
    made: list[Section | str] = [table(grid, columns, absent, grid.metrics, cells, comparisons), legend(grid, cells)]
    if absent:
        lines = "\n".join(f"- {grid.columns[name].label}: `{grid.columns[name].get}`" for name in absent)
        made.append(f"**No data**, and the command that brings them (DATA is the data root):\n\n{lines}")
    if not cells:
        return made
    present = [name for name in columns if name not in absent]
    made += [table(grid, present, (), [name], cells, comparisons) for name in grid.also]
    for protocol in grid.protocols:
        lines_of = [
            line(one)
            for (arm, _, name), one in comparisons.items()
            if (arm.protocol, name) == (protocol, grid.metrics[0])
        ]
        if lines_of:
            title = f"Differences in {metric_label(grid.metrics[0])}: {grid.protocols[protocol].label}"
            made.append(Section(title, ["", "verdict", "difference", "95 % interval", "p, corrected", "d"], lines_of))
    if comparisons:
        made.append(
            f"Paired on the same test units and seeds. Interval: {DRAWS} bootstrap resamples of units and seeds, "
            "crossed, the seeds' part widened to Student's quantile. p: permutation test, "
            f"{DRAWS} times swapping the two methods unit by unit, corrected (Holm) for all comparisons of the table "
            "under that protocol. d: mean over standard deviation of the seeds' differences. A verdict other than "
            '"no difference shown" needs both an interval without 0 and p < 0.05.'
        )
    return made


def table(
    grid: Grid,
    columns: Sequence[str],
    absent: Sequence[str],
    names: Sequence[str],
    cells: Cells,
    comparisons: Comparisons,
) -> Section:
    """Some metrics, a column each for every data set: of each method what is published, then ours by protocol."""
    places = [(column, name) for column in columns for name in names]
    header = [""]
    for column, name in places:
        label, short = grid.columns[column].label, metric_label(name)
        header.append(label if len(names) == 1 else short if len(columns) == 1 else f"{label} {short}")
    lines = []
    for row in grid.rows:
        published = [grid.columns[column].published.get(row, {}).get(name) for column, name in places]
        if any(published):
            shown = [f"{one[0]:.3f} ± {one[1]:.3f}" if one else "–" for one in published]
            lines.append([f"{grid.rows[row].label}, published", *shown])
        for protocol in grid.protocols:
            ours = [arm for arm, name in cells if (arm.row, arm.protocol, name) == (row, protocol, names[0])]
            for label in dict.fromkeys(row_label(grid, arm) for arm in ours) or [grid.rows[row].label]:
                by_column = {arm.column: arm for arm in ours if row_label(grid, arm) == label}
                shown = [
                    "no data" if column in absent else text(grid, by_column.get(column), name, cells, comparisons)
                    for column, name in places
                ]
                lines.append([f"{label}, {grid.protocols[protocol].label}", *shown])
    return Section(grid.title if names is grid.metrics else f"{metric_label(names[0])} of the same runs", header, lines)


def text(grid: Grid, arm: Arm | None, name: str, cells: Cells, comparisons: Comparisons) -> str:
    """A cell: mean ± standard deviation, the difference from the published figure, a mark of its verdict."""
    if arm is None or (arm, name) not in cells:
        return "–"
    cell = cells[arm, name]
    difference = "" if cell.difference is None else f" ({cell.difference:+.3f})"
    first = [
        one.verdict
        for (ours, baseline, metric), one in comparisons.items()
        if (ours, metric) == (arm, name) and baseline.row == grid.baselines[0]
    ]
    mark = MARKS[first[0]] if first else ""
    sd = "" if cell.sd is None else f" ± {cell.sd:.3f}"
    return f"{cell.value:.3f}{sd}{difference}{mark}{', simulated' if cell.simulated else ''}"


def legend(grid: Grid, cells: Cells) -> str:
    """How to read the table."""
    if not cells:
        return "Published: mean ± standard deviation over five seeds."
    counts: dict[str, set[int]] = {}
    for cell in cells.values():
        counts.setdefault(cell.protocol, set()).add(cell.n)
    seeds = "; ".join(f"{label}: {' or '.join(map(str, sorted(found)))}" for label, found in counts.items())
    published = any(cell.difference is not None for cell in cells.values())
    said = f"Mean ± standard deviation over seeds ({seeds})"
    said += "; in brackets the difference from the published mean." if published else "."
    if grid.baselines:
        said += f" ▲ better, ▼ worse than {grid.rows[grid.baselines[0]].label}; no mark, no difference shown."
    return said


def line(one: Comparison) -> list[str]:
    """A comparison as a line of its table."""
    return [
        f"{one.column}: {one.row} − {one.baseline}",
        one.verdict,
        f"{one.difference:+.3f}",
        f"{one.low:+.3f} to {one.high:+.3f}",
        f"{one.p_corrected:.4f}",
        "–" if math.isnan(one.effect) else f"{one.effect:+.2f}",
    ]


def search_sections(grid: Grid, scores: Mapping[Arm, float], chosen: Sequence[Arm]) -> list[Section]:
    """What each protocol's search saw and chose; see :func:`search_section`."""
    searched = dict.fromkeys(arm.protocol for arm in scores)
    return [
        search_section(grid, name, {arm: score for arm, score in scores.items() if arm.protocol == name}, chosen)
        for name in grid.protocols
        if name in searched
    ]


def search_section(grid: Grid, protocol: str, scores: Mapping[Arm, float], chosen: Sequence[Arm]) -> Section:
    """What a search saw and chose.

    Args:
        grid: the grid.
        protocol: name of the protocol that searches.
        scores: mean validation macro-F1 of each arm over the search's seeds.
        chosen: the arms that went on.
    """
    names = list(dict.fromkeys(arm.setting for arm in scores))
    lines = []
    for column in grid.columns:
        for row in grid.rows:
            cell = {arm.setting: arm for arm in scores if (arm.column, arm.row) == (column, row)}
            if cell:
                shown = [f"{scores[arm]:.3f}{' ◀' if arm in chosen else ''}" for arm in cell.values()]
                lines.append([f"{grid.columns[column].label}, {grid.rows[row].label}", *shown])
    label = grid.protocols[protocol].label
    return Section(
        f"The search ({label}): mean validation MF1 of each setting, the chosen one marked", ["", *names], lines
    )
