"""A grid's results as they are read: the paper's table with ours beside it, differences, what a search chose."""

import itertools
import math
from collections.abc import Mapping, Sequence

from clsunbias.experiments.analysis.cells import Cell, row_label
from clsunbias.experiments.analysis.comparison import Comparison, compared, contrasts
from clsunbias.experiments.analysis.scores import Scored
from clsunbias.experiments.analysis.statistics import DRAWS
from clsunbias.experiments.grid import Grid
from clsunbias.experiments.plan import Arm
from clsunbias.experiments.report.labels import metric_label
from clsunbias.experiments.report.sections import Entry, Label, Measured, Section

Cells = Mapping[tuple[Arm, str], Cell]
Comparisons = Mapping[tuple[Arm, Arm, str], Comparison]
AllMeasured = Mapping[tuple[Arm, str], Measured]

PUBLISHED = "published"
"""Stands where a row's protocol does."""


def parts(
    grid: Grid, columns: Sequence[str], absent: Sequence[str], cells: Cells, comparisons: Comparisons
) -> list[Section | str]:
    """Tables and paragraphs of the finished runs, in order: of the columns asked for, some perhaps without data."""
    marks = {  # of differences from the first baseline
        (arm, name): one.verdict
        for (arm, baseline, name), one in comparisons.items()
        if baseline.row == grid.baselines[0] and one.verdict != "no difference shown"
    }
    measured = {
        key: Measured(cell.value, cell.sd, cell.difference, marks.get(key), cell.simulated)
        for key, cell in cells.items()
    }
    first = table(grid, grid.title, columns, absent, grid.metrics, measured)
    made: list[Section | str] = [first, legend(grid, cells)]
    if absent:
        lines = "\n".join(f"- {grid.columns[name].label}: `{grid.columns[name].get}`" for name in absent)
        made.append(f"**No data**, and the command that brings them (DATA is the data root):\n\n{lines}")
    if not cells:
        return made
    present = [name for name in columns if name not in absent]
    for name in grid.also:
        made.append(table(grid, f"{metric_label(name)} of the same runs", present, (), [name], measured))
    for protocol in grid.protocols:
        differences = [line(one) for one in headline(grid, protocol, comparisons).values()]
        if differences:
            title = f"Differences in {metric_label(grid.metrics[0])}: {grid.protocols[protocol].label}"
            header = ["", "verdict", "difference", "95 % interval", "p, corrected", "d"]
            made.append(Section(title, header, differences))
    if comparisons:
        made.append(
            f"Paired on the same test units and seeds. Interval: {DRAWS} bootstrap resamples of units and seeds, "
            "crossed, the seeds' part widened to Student's quantile. p: permutation test, "
            f"{DRAWS} times swapping the two methods unit by unit, corrected (Holm) for all comparisons of the table "
            "under that protocol. d: mean over standard deviation of the seeds' differences. A verdict other than "
            '"no difference shown" needs both an interval without 0 and p < 0.05.'
        )
    return made


def headline(grid: Grid, protocol: str, comparisons: Comparisons) -> Comparisons:
    """The comparisons by the first metric under a protocol."""
    wanted = protocol, grid.metrics[0]
    return {key: one for key, one in comparisons.items() if (key[0].protocol, key[2]) == wanted}


def table(
    grid: Grid, title: str, columns: Sequence[str], absent: Sequence[str], names: Sequence[str], measured: AllMeasured
) -> Section:
    """Some metrics, a column each for every data set: of each method what is published, then ours by protocol."""
    places = [(column, name) for column in columns for name in names]
    header = [""]
    for column, name in places:
        label, short = grid.columns[column].label, metric_label(name)
        header.append(label if len(names) == 1 else short if len(columns) == 1 else f"{label} {short}")
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
            for label, ours in (by_label or {grid.rows[row].label: {}}).items():
                entries = ["no data" if place[0] in absent else ours.get(place, "–") for place in places]
                rows.append([Label(label, grid.protocols[protocol].label), *entries])
    return Section(title, header, rows)


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


def contrast_section(grid: Grid, scored: Sequence[Scored]) -> list[Section]:
    """Every contrast of the grid under every protocol that has its cells, of the finished arms: one table, or none."""
    rows: dict[Entry, list[Entry]] = {}
    for one in contrasts(grid, scored):
        label = one.title if len(grid.protocols) == 1 else Label(one.title, grid.protocols[one.protocol].label)
        shown = f"{one.estimate:+.3f} ({one.low:+.3f} to {one.high:+.3f})"
        rows.setdefault(label, [label]).append(shown)
    if not rows:
        return []
    header = ["", *(metric_label(name) for name in compared(grid))]
    return [Section("Contrasts: estimate and 95 % interval, not corrected for their number", header, [*rows.values()])]


def search_sections(grid: Grid, scores: Mapping[Arm, float], chosen: Sequence[Arm]) -> list[Section]:
    """What each protocol's search saw, each arm's score by :func:`search_scores`, and what it chose."""
    sections = []
    for name, protocol in grid.protocols.items():
        tried = [arm for arm in scores if arm.protocol == name]
        if not tried or protocol.search is None:
            continue
        rows: list[list[Entry]] = []
        for column, row in itertools.product(grid.columns, grid.rows):
            arms = [arm for arm in tried if (arm.column, arm.row) == (column, row)]
            if arms:
                shown = [Measured(scores[arm], mark="chosen" if arm in chosen else None) for arm in arms]
                rows.append([f"{grid.columns[column].label}, {grid.rows[row].label}", *shown])
        metric = metric_label(protocol.search.metric.replace("val/", "test/"))  # the split is said in words
        title = f"The search ({protocol.label}): mean validation {metric} of each setting, the chosen one marked"
        sections.append(Section(title, ["", *dict.fromkeys(arm.setting for arm in tried)], rows))
    return sections
