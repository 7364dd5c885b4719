"""Plots of a grid: training curves, the table as dots with intervals, and gains by their parts."""

import textwrap
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from clsunbias.experiments.analysis.cells import Cell
from clsunbias.experiments.analysis.gain import PARTS
from clsunbias.experiments.analysis.gains import GainLine
from clsunbias.experiments.grid import Grid
from clsunbias.experiments.plan import Arm
from clsunbias.experiments.report.labels import COLOURS, MARKERS, class_names, metric_label, metric_name
from clsunbias.experiments.report.notes import Classes, counted, varies
from clsunbias.experiments.running.run import Record
from clsunbias.files import atomic

# Figures 3 and 4 of the paper: title of each panel, and its curves with the line that tells them apart in a method.
PANELS = (
    ("Class-loss inequality |L₊ − L₋|, training", {"train/loss_gap": "-"}),
    ("Class losses, training", {"train/loss_pos": "-", "train/loss_neg": ":"}),
    ("Validation loss", {"val/loss": "-"}),
    ("Validation macro-F1", {"val/macro_f1": "-"}),
)

PART_LOOKS = {"gain": ("#777777", "D"), "ranking": (COLOURS[0], MARKERS[0]), "threshold": (COLOURS[1], MARKERS[1])}
GAIN_WORDS = {
    "gain": "gain",
    "ranking": "ranking part: left when both have a threshold of their own",
    "threshold": "threshold part: the baseline has it for nothing",
}


def save(figure: Figure, path: Path) -> None:
    """Writes a plot as PNG and SVG; the same plot gives the same files."""
    for suffix, metadata in (("png", {}), ("svg", {"Date": None})):
        with atomic(path.with_suffix(f".{suffix}")) as temporary, mpl.rc_context({"svg.hashsalt": path.name}):
            figure.savefig(temporary, format=suffix, dpi=150, metadata=metadata)
        figure.set_layout_engine("none")  # done: to arrange it again would take half of the time


def draw_curves(path: Path, title: str, runs: Mapping[str, Sequence[Record]]) -> None:
    """Curves of each method's runs against the training step: mean over seeds, and a standard deviation on either side.

    The path has no suffix; PNG and SVG are written.
    """
    figure = Figure(figsize=(11, 7.2), layout="constrained")
    panels = figure.subplots(2, 2).ravel()
    for (label, records), colour, marker in zip(runs.items(), COLOURS, MARKERS, strict=False):
        frames = [pd.read_csv(record.folder / "metrics.csv").set_index("step") for record in records]
        classes = class_names(records[0].result)
        for axes, (_, curves) in zip(panels, PANELS, strict=True):
            for column, style in curves.items():
                if column not in frames[0]:  # of more than two classes, whose losses go by other names
                    continue
                by_seed = pd.concat([frame[column] for frame in frames], axis=1)
                shown = label if len(curves) == 1 else f"{label}: {metric_name(column.partition('/')[2], classes)}"
                draw_band(axes, by_seed, shown, colour, style, marker)
    for axes, (name, curves) in zip(panels, PANELS, strict=True):
        axes.set_title(name)
        axes.set_xlabel("training step")
        axes.margins(x=0)
        axes.grid(alpha=0.25)
        if "val/macro_f1" not in curves:
            axes.set_ylim(bottom=0)
        if len(curves) > 1 or axes is panels[0]:
            axes.legend(frameon=False)
    seeds = counted(len(records) for records in runs.values())
    figure.suptitle(
        f"{title}\nmean over {seeds} seeds, and a standard deviation on either side (losses are not below 0)"
    )
    save(figure, path)


def draw_band(axes: Axes, by_seed: pd.DataFrame, label: str, colour: str, style: str, marker: str) -> None:
    """One curve: the mean of its columns, and a standard deviation on either side, no lower than 0."""
    mean, sd = by_seed.mean(axis=1), by_seed.std(axis=1)
    every = max(1, len(mean) // 12)
    axes.plot(mean.index, mean, style, color=colour, marker=marker, markevery=every, markersize=4, label=label)
    axes.fill_between(mean.index, (mean - sd).clip(lower=0), mean + sd, color=colour, alpha=0.15, linewidth=0)


def draw_dots(path: Path, grid: Grid, name: str, cells: Mapping[tuple[Arm, str], Cell], classes: Classes) -> None:
    """A metric as dots: a panel for each data set with results, a line for each method, a colour for each protocol.

    The path has no suffix; PNG and SVG are written.
    """
    shown = [column for column in grid.columns if any(arm.column == column for arm, _ in cells)]
    rows = list(dict.fromkeys(cell.row for row in grid.rows for (arm, _), cell in cells.items() if arm.row == row))
    protocols = [protocol for protocol in grid.protocols if any(arm.protocol == protocol for arm, _ in cells)]
    published = any(cell.published is not None for (_, metric), cell in cells.items() if metric == name)
    lines = len(protocols) + published  # of a method
    offsets = np.linspace(-0.27, 0.27, lines) if lines > 1 else np.zeros(1)
    figure = Figure(figsize=(2.2 + 3.2 * len(shown), 1.8 + 0.6 * len(rows)), layout="constrained")
    for axes, column in zip(figure.subplots(1, len(shown), sharey=True, squeeze=False)[0], shown, strict=True):
        ours = {arm: cell for (arm, metric), cell in cells.items() if (arm.column, metric) == (column, name)}
        for arm, cell in ours.items():
            at, index = rows.index(cell.row) + offsets, protocols.index(arm.protocol)
            look: dict[str, Any] = {"color": COLOURS[index], "marker": MARKERS[index]}
            if cell.low is not None and cell.high is not None:
                axes.plot([cell.low, cell.high], [at[index + published]] * 2, color=COLOURS[index], linewidth=1.5)
            axes.plot(cell.value, at[index + published], markersize=5, **look)
            if cell.published is not None:
                axes.plot(cell.published, at[0], "D", color="grey", markerfacecolor="none", markersize=5)
        few = all(cell.low is None for cell in ours.values())
        axes.set_title(grid.columns[column].label)
        label = metric_label(name, classes.names.get(column, ()))
        below = f"{label}: mean over seeds{' (too few for an interval)' if few else ', 95 % interval'}"
        axes.set_xlabel(textwrap.fill(below, 42))  # what fits below a panel
        axes.set_yticks(range(len(rows)), rows)
        axes.grid(axis="x", alpha=0.25)
    figure.axes[0].set_ylim(len(rows) - 0.5, -0.5)  # shared: the first method comes on top everywhere
    but = ", but for what a row says" if any(varies(grid, arm.row) for arm, _ in cells) else ""
    handles = []
    for protocol, colour, marker in zip(protocols, COLOURS, MARKERS, strict=False):
        seeds = counted(cell.n for (arm, _), cell in cells.items() if arm.protocol == protocol)
        said = f"{grid.protocols[protocol].label}{but} ({seeds} seeds)"
        handles.append(Line2D([], [], color=colour, marker=marker, label=said))
    if published:
        said = "published mean"
        handles.append(Line2D([], [], color="grey", marker="D", markerfacecolor="none", linestyle="", label=said))
    columns = max(1, min(len(handles), len(shown) + 1))
    figure.legend(handles=handles, loc="outside lower center", ncols=columns, frameon=False)
    figure.suptitle(textwrap.fill(grid.title, round(10 * figure.get_figwidth())))
    if any(cell.simulated for cell in cells.values()):
        stamp(figure)
    save(figure, path)


def draw_gains(path: Path, grid: Grid, lines: Sequence[GainLine], simulated: bool) -> None:
    """The parts of each gain with their intervals: a panel for each data set and protocol, a line for each method.

    Data sets stand side by side, protocols of one below each other. The path has no suffix; PNG and SVG are written.
    """
    columns, rows = (list(dict.fromkeys(getattr(one, name) for one in lines)) for name in ("column", "row"))
    protocols = {name: list(dict.fromkeys(one.protocol for one in lines if one.column == name)) for name in columns}
    alike = len({one.protocol for one in lines}) == 1
    high = max(map(len, protocols.values()))
    figure = Figure(figsize=(2.2 + 3.2 * len(columns), 1.6 + (0.8 + 0.55 * len(rows)) * high), layout="constrained")
    panels = figure.subplots(high, len(columns), sharex="col", sharey=True, squeeze=False)
    offsets = dict(zip(PARTS, (-0.24, 0.0, 0.24), strict=True))
    for one in lines:
        if one.part not in PARTS:
            continue
        axes = panels[protocols[one.column].index(one.protocol), columns.index(one.column)]
        colour, marker = PART_LOOKS[one.part]
        at = rows.index(one.row) + offsets[one.part]
        if one.low is not None and one.high is not None:
            axes.plot([one.low, one.high], [at, at], color=colour, linewidth=1.5)
        axes.plot(one.value, at, color=colour, marker=marker, markersize=5)
    for (row, place), axes in np.ndenumerate(panels):
        column = columns[place]
        if row >= len(protocols[column]):
            axes.set_visible(False)
            continue
        axes.axvline(0, color="grey", linewidth=0.8, zorder=0)
        axes.set_yticks(range(len(rows)), rows)
        axes.grid(axis="x", alpha=0.25)
        axes.locator_params(axis="x", nbins=5)
        title = column if alike else f"{column}, {protocols[column][row]}"
        axes.set_title(textwrap.fill(title, 36), fontsize=10)
    panels[0, 0].set_ylim(len(rows) - 0.5, -0.5)  # shared: the first method comes on top everywhere
    handles = [
        Line2D([], [], color=colour, marker=marker, label=GAIN_WORDS[part])
        for part, (colour, marker) in PART_LOOKS.items()
    ]
    beside = len(handles) if len(columns) > 2 else 1  # what a narrow figure has room for
    figure.legend(handles=handles, loc="outside lower center", ncols=beside, frameon=False)
    title = f"Gain in macro-F1 over {lines[0].baseline}, mean over seeds and 95 % interval: {grid.title}"
    figure.suptitle(textwrap.fill(title, round(10 * figure.get_figwidth())))
    if simulated:
        stamp(figure)
    save(figure, path)


def stamp(figure: Figure) -> None:
    """Says across a figure that its data are simulated."""
    figure.text(0.5, 0.5, "SIMULATED", fontsize=48, color="grey", alpha=0.25, rotation=20, ha="center", va="center")
