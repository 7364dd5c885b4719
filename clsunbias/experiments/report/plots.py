"""Plots of a grid: training curves with bands over seeds, and the table as dots with intervals."""

import textwrap
from collections.abc import Mapping, Sequence
from pathlib import Path

import matplotlib as mpl
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from clsunbias.experiments.analysis.cells import Cell
from clsunbias.experiments.grid import Grid
from clsunbias.experiments.plan import Arm
from clsunbias.experiments.report.labels import COLOURS, metric_label
from clsunbias.experiments.running.run import Record
from clsunbias.files import atomic

# Figures 3 and 4 of the paper: title of each panel, and its curves with what tells them apart within a method.
PANELS = (
    ("Class-loss inequality |L₊ − L₋|, training", {"train/loss_gap": ("", "-")}),
    ("Class losses, training", {"train/loss_pos": ("L₊", "-"), "train/loss_neg": ("L₋", ":")}),
    ("Validation loss", {"val/loss": ("", "-")}),
    ("Validation MF1", {"val/macro_f1": ("", "-")}),
)


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
    figure = Figure(figsize=(11, 7), layout="constrained")
    panels = figure.subplots(2, 2).ravel()
    for (label, records), colour in zip(runs.items(), COLOURS, strict=False):
        frames = [record.metrics() for record in records]
        for axes, (_, curves) in zip(panels, PANELS, strict=True):
            for column, (part, style) in curves.items():
                if column not in frames[0]:  # of more than two classes, whose losses go by other names
                    continue
                by_seed = pd.concat([frame[column] for frame in frames], axis=1)
                draw_band(axes, by_seed, f"{label} {part}".strip(), colour, style)
    for axes, (name, curves) in zip(panels, PANELS, strict=True):
        axes.set_title(name)
        axes.set_xlabel("training step")
        axes.margins(x=0)
        axes.grid(alpha=0.25)
        if len(curves) > 1 or axes is panels[0]:
            axes.legend(frameon=False)
    count = min(len(records) for records in runs.values())
    figure.suptitle(f"{title}: mean ± sd over {count} seeds")
    save(figure, path)


def draw_band(axes: Axes, by_seed: pd.DataFrame, label: str, colour: str, style: str) -> None:
    """One curve: the mean of its columns, and a standard deviation on either side."""
    mean, sd = by_seed.mean(axis=1), by_seed.std(axis=1)
    axes.plot(mean.index, mean, style, color=colour, linewidth=1.5, label=label)
    axes.fill_between(mean.index, mean - sd, mean + sd, color=colour, alpha=0.15, linewidth=0)


def draw_dots(path: Path, grid: Grid, name: str, cells: Mapping[tuple[Arm, str], Cell]) -> None:
    """A metric as dots: a panel for each data set with results, a line for each method, a colour for each protocol.

    The path has no suffix; PNG and SVG are written.
    """
    shown = [column for column in grid.columns if any(arm.column == column for arm, _ in cells)]
    rows = list(dict.fromkeys(cell.row for row in grid.rows for (arm, _), cell in cells.items() if arm.row == row))
    protocols = [protocol for protocol in grid.protocols if any(arm.protocol == protocol for arm, _ in cells)]
    published = any(cell.published is not None for (_, metric), cell in cells.items() if metric == name)
    lines = len(protocols) + published  # of a method
    offsets = np.linspace(-0.22, 0.22, lines) if lines > 1 else np.zeros(1)
    figure = Figure(figsize=(2.2 + 3.2 * len(shown), 1.6 + 0.55 * len(rows)), layout="constrained")
    for axes, column in zip(figure.subplots(1, len(shown), sharey=True, squeeze=False)[0], shown, strict=True):
        for (arm, metric), cell in cells.items():
            if (arm.column, metric) == (column, name):
                at, protocol = rows.index(cell.row) + offsets, protocols.index(arm.protocol)
                ours, colour = at[protocol + published], COLOURS[protocol]
                if cell.low is not None and cell.high is not None:
                    axes.plot([cell.low, cell.high], [ours, ours], color=colour, linewidth=1.5)
                axes.plot(cell.value, ours, "o", color=colour, markersize=5)
                if cell.published is not None:
                    axes.plot(cell.published, at[0], "D", color="grey", markerfacecolor="none", markersize=5)
        axes.set_title(grid.columns[column].label)
        axes.set_xlabel(f"{metric_label(name)}, mean and 95 % interval")
        axes.set_yticks(range(len(rows)), rows)
        axes.grid(axis="x", alpha=0.25)
    figure.axes[0].set_ylim(len(rows) - 0.5, -0.5)  # shared: the first method comes on top everywhere
    handles = [
        Line2D([], [], color=colour, marker="o", label=grid.protocols[protocol].label)
        for protocol, colour in zip(protocols, COLOURS, strict=False)
    ]
    if published:
        handles.append(
            Line2D([], [], color="grey", marker="D", markerfacecolor="none", linestyle="", label="published")
        )
    figure.legend(handles=handles, loc="outside lower center", ncols=len(handles), frameon=False)
    figure.suptitle(textwrap.fill(grid.title, round(10 * figure.get_figwidth())))
    if any(cell.simulated for cell in cells.values()):
        figure.text(0.5, 0.5, "SIMULATED", fontsize=48, color="grey", alpha=0.25, rotation=20, ha="center", va="center")
    save(figure, path)
