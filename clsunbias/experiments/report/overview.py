"""Methods over all data sets, as a table and as a picture."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import TwoSlopeNorm
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from clsunbias.experiments.analysis.gains import GainLine
from clsunbias.experiments.analysis.overview import OverviewLine, Ranked
from clsunbias.experiments.grid import Grid
from clsunbias.experiments.report.gains import shown
from clsunbias.experiments.report.labels import metric_name
from clsunbias.experiments.report.plots import GAIN_WORDS, PART_LOOKS, save
from clsunbias.experiments.report.sections import Section

HEADER = ("", "share of methods ahead", "gain", "ranking part", "threshold part", "ranking shown", "data sets")


def overview_sections(grid: Grid, lines: Sequence[OverviewLine], ranked: Ranked | None) -> list[Section | str]:
    """The table, the best mean rank first, then how to read it; nothing without lines."""
    if not lines:
        return []
    rows = [
        [
            line.row,
            shares(line),
            *(parts(line, part) for part in ("gain", "ranking", "threshold")),
            "baseline" if line.gain is None else f"{line.shown_ranking} up, {line.lost_ranking} down",
            str(line.datasets),
        ]
        for line in lines
    ]
    metric = metric_name(grid.metrics[0].partition("/")[2])
    test = (
        f" Friedman's test of the {ranked.methods} methods that all {ranked.datasets} data sets have: "
        f"p = {ranked.p:.2g}; a share ahead must differ from that of {baseline(grid)} by {ranked.critical:.2f} to be "
        "another (Bonferroni and Dunn, 5 %)."
        if ranked
        else ""
    )
    return [
        Section(f"Methods over all data sets, by {metric}", HEADER, rows),
        "Share ahead: of the other methods, those that are better; 0 is the best, 1 the worst. It, gains over "
        f"{baseline(grid)} and their parts are means over data sets, with 95 % intervals for these data sets. Ranking "
        "shown: on how many data sets the interval of the ranking part is above 0, and below; not corrected for their "
        f"number.{test}",
    ]


def baseline(grid: Grid) -> str:
    """What gains are over."""
    return grid.rows[grid.baselines[0]].label


def shares(line: OverviewLine) -> str:
    """The share of methods ahead, and its interval, cut to what is possible."""
    low, high = max(line.ahead_low, 0), min(line.ahead_high, 1)
    written = [f"{one:.2f}".removeprefix("0") for one in (line.ahead, low, high)]
    return f"{written[0]} ({written[1]} to {written[2]})"


def parts(line: OverviewLine, part: str) -> str:
    """A part of the mean gain, with its interval."""
    value, low, high = (getattr(line, f"{part}{end}") for end in ("", "_low", "_high"))
    return "–" if value is None else shown(value, low, high)


def draw_overview(
    path: Path, grid: Grid, lines: Sequence[OverviewLine], found: Ranked | None, split: Sequence[GainLine]
) -> None:
    """All at a glance: ranks, mean gains by their parts, and the ranking part on each data set.

    A line for each method, the best mean rank on top; by rank those in the band, the critical difference to both sides
    of the baseline, are not told from it. The path has no suffix; PNG and SVG are written.
    """
    rows = [line.row for line in lines]
    columns = list(dict.fromkeys(line.column for line in split))
    figure = Figure(figsize=(10.5 + 0.42 * len(columns), 1.8 + 0.2 * len(rows)), layout="constrained")
    ranks, gains, sets = figure.subplots(1, 3, sharey=True, width_ratios=(2.2, 3, 0.42 * len(columns) + 0.6))
    at = {row: place for place, row in enumerate(rows)}
    for line in lines:
        look = {"color": "black" if line.row == baseline(grid) else "#555555", "linewidth": 1.2}
        ranks.plot([max(line.ahead_low, 0), min(line.ahead_high, 1)], [at[line.row]] * 2, **look)
        ranks.plot(line.ahead, at[line.row], "o", color=look["color"], markersize=4)
        for part, offset in (("ranking", -0.16), ("threshold", 0.16)):
            value, low, high = (getattr(line, f"{part}{end}") for end in ("", "_low", "_high"))
            if value is None:
                continue
            colour, marker = PART_LOOKS[part]
            if low is not None:
                gains.plot([low, high], [at[line.row] + offset] * 2, color=colour, linewidth=1.2)
            gains.plot(value, at[line.row] + offset, marker, color=colour, markersize=4)
    ours = next((line.ahead for line in lines if line.row == baseline(grid)), None)
    if ours is not None:
        ranks.axvline(ours, color="grey", linewidth=0.8, zorder=0)
        if found:
            ranks.axvspan(ours - found.critical, ours + found.critical, color="#eeeeee", zorder=-1)
        ranks.axhspan(at[baseline(grid)] - 0.5, at[baseline(grid)] + 0.5, color="#dddddd", zorder=0)
    draw_sets(sets, at, columns, split)
    gains.axvline(0, color="grey", linewidth=0.8, zorder=0)
    most = max(line.datasets for line in lines)
    names = [line.row if line.datasets == most else f"{line.row} ({line.datasets} of {most} sets)" for line in lines]
    ranks.set_yticks(range(len(rows)), names, fontsize=8)
    ranks.set_ylim(len(rows) - 0.4, -0.6)
    ranks.set_xlim(-0.03, 1.03)
    band = f"\nband: not told from {baseline(grid)} by rank" if found else ""
    ranks.set_title(f"share of methods ahead{band}", fontsize=9)
    gains.set_title(f"mean gain in macro-F1 over {baseline(grid)}, 95 % interval", fontsize=9)
    handles = [
        Line2D([], [], color=PART_LOOKS[part][0], marker=PART_LOOKS[part][1], label=GAIN_WORDS[part])
        for part in ("ranking", "threshold")
    ]
    figure.legend(handles=handles, loc="outside lower center", ncols=2, frameon=False)
    lines_of_gains = [value for line in lines for value in (line.ranking, line.threshold) if value is not None]
    if lines_of_gains:  # a method that fails must not make the others' differences invisible
        widest = 2.5 * float(np.quantile(np.abs(lines_of_gains), 0.9)) + 0.05
        gains.set_xlim(-widest, widest)
    for axes in (ranks, gains):
        axes.grid(axis="x", alpha=0.25)
    figure.suptitle(grid.title)
    save(figure, path)


def draw_sets(axes: Axes, at: Mapping[str, int], columns: Sequence[str], split: Sequence[GainLine]) -> None:
    """The ranking part of each method on each data set as a colour, with a sign where its interval leaves out 0.

    Grey where a method has none: it did not run there, or is the baseline.
    """
    values = np.full((len(at), len(columns)), np.nan)
    for line in split:
        if line.part != "ranking":
            continue
        place = at[line.row], columns.index(line.column)
        values[place] = line.value
        if line.low is not None and line.high is not None and (line.low > 0 or line.high < 0):
            axes.text(place[1], place[0], "▲" if line.low > 0 else "▼", ha="center", va="center", fontsize=6)
    limit = max(0.05, float(np.nanquantile(np.abs(values), 0.95)))
    axes.set_facecolor("#bbbbbb")
    image = axes.imshow(values, cmap="RdBu", norm=TwoSlopeNorm(0, -limit, limit), aspect="auto")
    axes.set_xticks(range(len(columns)), columns, rotation=90, fontsize=8)
    axes.set_title("ranking part by data set\n(▲ ▼ interval without 0; grey: none)", fontsize=9)
    axes.figure.colorbar(image, ax=axes, fraction=0.08, extend="both")
