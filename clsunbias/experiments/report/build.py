"""A grid's results as they are read: the paper's table with ours beside it, differences, what a search chose."""

import itertools
from collections.abc import Mapping, Sequence

from clsunbias.experiments.analysis.cells import row_label
from clsunbias.experiments.analysis.comparison import Comparison, compared, contrasts
from clsunbias.experiments.analysis.intervals import FEWEST
from clsunbias.experiments.analysis.scores import Scored
from clsunbias.experiments.grid import Grid, under_rules
from clsunbias.experiments.plan import Arm
from clsunbias.experiments.report.labels import class_label, class_metric, metric_label, metric_name, p_label
from clsunbias.experiments.report.notes import Cells, Classes, Comparisons, classes_of, legend, method, varies
from clsunbias.experiments.report.sections import NO_DATA, Entry, Label, Measured, Section
from clsunbias.experiments.search import choose

AllMeasured = Mapping[tuple[Arm, str], Measured]

PUBLISHED = "published"
"""Stands where a row's protocol does."""

CONTRASTS_TITLE = f"Contrasts: estimate and 95 % interval (of {FEWEST} seeds or more), not corrected for their number"


def parts(
    grid: Grid,
    columns: Sequence[str],
    absent: Sequence[str],
    cells: Cells,
    comparisons: Comparisons,
    classes: Classes,
) -> list[Section | str]:
    """Tables and paragraphs of the finished runs, in order: of the columns asked for, some perhaps without data."""
    marks = {  # of differences from the first baseline
        (arm, name): one.verdict
        for (arm, baseline, name), one in comparisons.items()
        if baseline.row == grid.baselines[0] and one.verdict in ("better", "worse")
    }
    measured = {
        (arm, name): Measured(
            cell.value,
            cell.sd,
            cell.difference,
            marks.get((arm, name)),
            cell.simulated,
            any(classes.unpredicted.get((arm, name.partition("/")[0]), ())),
        )
        for (arm, name), cell in cells.items()
    }
    first = table(grid, grid.title, columns, absent, grid.metrics, measured, classes)
    made: list[Section | str] = [first, legend(grid, cells, classes)]
    if absent:
        lines = "\n".join(f"- {grid.columns[name].label}: `{grid.columns[name].get}`" for name in absent)
        made.append(f"**No data**, and the command that brings them (DATA is the data root):\n\n{lines}")
    if not cells:
        return made
    present = [name for name in columns if name not in absent]
    shared = classes.shared(present)
    for name in grid.also:
        title = f"{metric_label(name, shared)} of the same runs"
        made.append(table(grid, title, present, (), [name], measured, classes))
    headlines = (grid.metrics[0], *under_rules(grid.metrics[:1], grid.decisions))
    for protocol, name in itertools.product(grid.protocols, headlines):
        differences = [line(one) for one in compared_by(name, protocol, comparisons).values()]
        if differences:
            title = f"Differences in {metric_label(name, shared)}: {grid.protocols[protocol].label}"
            header = ["", "verdict", "difference", "95 % interval", "p, corrected", "d"]
            made.append(Section(title, header, differences))
    if comparisons:
        made.append(method(comparisons))
    return made


def headline(grid: Grid, protocol: str, comparisons: Comparisons) -> Comparisons:
    """The comparisons by the first metric under a protocol."""
    return compared_by(grid.metrics[0], protocol, comparisons)


def compared_by(name: str, protocol: str, comparisons: Comparisons) -> Comparisons:
    """The comparisons by a metric under a protocol."""
    return {key: one for key, one in comparisons.items() if (key[0].protocol, key[2]) == (protocol, name)}


def table(
    grid: Grid,
    title: str,
    columns: Sequence[str],
    absent: Sequence[str],
    names: Sequence[str],
    measured: AllMeasured,
    classes: Classes,
) -> Section:
    """Some metrics, a column each for every data set: of each method what is published, then ours by protocol."""
    places = [(column, name) for column in columns for name in names]
    header = ["", *headings(grid, columns, names, classes)]
    rows: list[list[Entry]] = []
    for row in grid.rows:
        published = [grid.columns[column].published.get(row, {}).get(name) for column, name in places]
        if any(published):
            theirs = [Measured(*one) if one else "–" for one in published]
            rows.append([Label(grid.rows[row].label, PUBLISHED), *theirs])
        for protocol in grid.protocols:
            by_label: dict[str, dict[tuple[str, str], Measured]] = {}
            for (arm, name), one in measured.items():
                if (arm.row, arm.protocol) == (row, protocol):
                    by_label.setdefault(row_label(grid, arm), {})[arm.column, name] = one
            if not by_label and any(arm.row == row for arm, _ in measured):
                continue  # it has results, under other protocols
            settings = grid.protocols[protocol].label
            if varies(grid, row):  # the label says in what
                settings = f"otherwise {settings}"
            for label, ours in (by_label or {grid.rows[row].label: {}}).items():
                entries = [NO_DATA if place[0] in absent else ours.get(place, "–") for place in places]
                rows.append([Label(label, settings), *entries])
    return Section(title, header, rows)


def headings(grid: Grid, columns: Sequence[str], names: Sequence[str], classes: Classes) -> list[str]:
    """Of each column and metric: the data set, the metric, or both; of one metric its class, where these differ."""
    shared = classes.shared(columns)
    made = []
    for column, name in itertools.product(columns, names):
        label, ours = grid.columns[column].label, classes.names.get(column, ())
        if len(names) > 1:
            made.append(metric_label(name, ours) if len(columns) == 1 else f"{label} {metric_label(name, ours)}")
            continue
        _, of = class_metric(name.partition("/")[2], ours)
        apart = isinstance(of, int) and ours and ours != shared
        made.append(f"{label}: {class_label(ours, of)}" if apart and isinstance(of, int) else label)
    return made


def line(one: Comparison) -> list[str]:
    """A comparison as a line of its table."""
    known = one.low is not None and one.high is not None
    return [
        f"{one.column}: {one.row} − {one.baseline}",
        one.verdict or "too few seeds",
        f"{one.difference:+.3f}",
        f"{one.low:+.3f} to {one.high:+.3f}" if known else "–",
        "–" if one.p_corrected is None else p_label(one.p_corrected),
        "–" if one.effect is None else f"{one.effect:+.2f}",
    ]


def contrast_section(grid: Grid, scored: Sequence[Scored]) -> list[Section]:
    """Every contrast of the grid under every protocol that has its cells, of the finished arms: one table, or none."""
    rows: dict[Entry, list[Entry]] = {}
    for one in contrasts(grid, scored):
        label = one.title if len(grid.protocols) == 1 else Label(one.title, grid.protocols[one.protocol].label)
        known = one.low is not None and one.high is not None
        shown = f"{one.estimate:+.3f} ({one.low:+.3f} to {one.high:+.3f})" if known else f"{one.estimate:+.3f}"
        rows.setdefault(label, [label]).append(shown)
    if not rows:
        return []
    shared = classes_of(scored).shared([one.arm.column for one in scored])
    header = ["", *(metric_label(name, shared) for name in compared(grid))]
    return [Section(CONTRASTS_TITLE, header, [*rows.values()])]


def search_sections(grid: Grid, scores: Mapping[Arm, float], ended: Mapping[Arm, int]) -> list[Section]:
    """What each protocol's search saw: each arm's score, after how many seeds it ended early, and what was chosen."""
    chosen = choose(grid, {arm: score for arm, score in scores.items() if arm not in ended})
    sections = []
    for name, protocol in grid.protocols.items():
        tried = [arm for arm in scores if arm.protocol == name]
        if not tried or protocol.search is None:
            continue
        settings = list(dict.fromkeys(arm.setting for arm in tried))
        by_cell: dict[tuple[str, str], list[Arm]] = {}
        for arm in tried:
            by_cell.setdefault((arm.column, arm.row), []).append(arm)
        metric = metric_name(protocol.search.metric.partition("/")[2])
        how = "over folds, each of which chose by its own" if protocol.folds else "the chosen one marked"
        title = f"The search ({protocol.label}): mean validation {metric} of each setting, {how}"
        if all([arm.setting for arm in arms] == settings for arms in by_cell.values()):
            marked = [] if protocol.folds else chosen
            rows: list[list[Entry]] = [
                [
                    f"{grid.columns[column].label}, {grid.rows[row].label}",
                    *(
                        f"{scores[arm]:.3f}, ended after {ended[arm]} of {protocol.search.seeds} seeds"
                        if arm in ended
                        else Measured(scores[arm], mark="chosen" if arm in marked else None)
                        for arm in arms
                    ),
                ]
                for (column, row), arms in sorted(by_cell.items(), key=lambda item: place(grid, item[0]))
            ]
            sections.append(Section(title, ["", *settings], rows))
        elif not protocol.folds:  # each method with settings of its own: what was chosen, for there is no common header
            title = f"The search ({protocol.label}): what it chose, and its mean validation {metric}"
            sections.append(Section(title, *chosen_table(grid, scores, [arm for arm in chosen if arm in tried])))
    return sections


def place(grid: Grid, cell: tuple[str, str]) -> tuple[int, int]:
    """Where a column and a row stand in the grid."""
    return [*grid.columns].index(cell[0]), [*grid.rows].index(cell[1])


def chosen_table(grid: Grid, scores: Mapping[Arm, float], chosen: Sequence[Arm]) -> tuple[list[str], list[list[Entry]]]:
    """Header and rows: of each method, the setting that a search chose on each data set and how it scored."""
    columns = [column for column in grid.columns if any(arm.column == column for arm in chosen)]
    found = {(arm.row, arm.column): f"{arm.setting.replace(',', ', ')}: {scores[arm]:.3f}" for arm in chosen}
    rows: list[list[Entry]] = [
        [method.label, *(found.get((row, column), "–") for column in columns)]
        for row, method in grid.rows.items()
        if any((row, column) in found for column in columns)
    ]
    return ["", *(grid.columns[column].label for column in columns)], rows
