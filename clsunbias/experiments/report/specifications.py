"""A specification curve as it is read: its summary, what each choice does, and the figure."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from clsunbias.experiments.analysis.specifications import (
    DATA,
    NULLS,
    Curve,
    Summary,
    choices,
    explained,
    noise,
)
from clsunbias.experiments.analysis.statistics import lower_is_better
from clsunbias.experiments.grid import Grid
from clsunbias.experiments.report.labels import COLOURS, metric_label
from clsunbias.experiments.report.plots import save
from clsunbias.experiments.report.sections import Section

SHARE = 100.0

Order = npt.NDArray[np.intp]


def claim(curve: Curve) -> str:
    """What is compared."""
    return f"{curve.row} − {curve.baseline}"


def curve_sections(grid: Grid, found: Sequence[Curve], summaries: Sequence[Summary]) -> list[Section | str]:
    """Summary, what choices explain, and the answers by choice, of the headline's metric; and how to read them."""
    if not found:
        return ["No setting has a method and its baseline with enough seeds for an interval yet."]
    taken = choices(grid, found)
    first = [curve for curve in found if curve.metric == grid.metrics[0]]
    made: list[Section | str] = [grid.note] if grid.note else []
    made += [summary_section(summaries), how_read(grid)]
    made.append(explained_section(first, taken))
    made += [choice_section(grid, curve, taken) for curve in first]
    return made


def summary_section(summaries: Sequence[Summary]) -> Section:
    """A line for each claim and metric."""
    header = [
        *("", "metric", "specifications (trainings)", "median difference", "positive", "interval above 0"),
        *("below 0", "p"),
    ]
    rows = [
        [
            f"{one.row} − {one.baseline}",
            metric_label(one.metric) + (" (less is better)" if less(one.metric) else ""),
            f"{one.specifications} ({one.trainings})",
            f"{one.median:+.3f}",
            *(f"{SHARE * share:.0f} %" for share in (one.positive, one.above, one.below)),
            f"{one.p:.3f}",
        ]
        for one in summaries
    ]
    return Section("The curve in a few numbers", header, rows)


def less(metric: str) -> bool:
    """Whether less of a ``split/metric`` is better."""
    return lower_is_better(metric.partition("/")[2])


def how_read(grid: Grid) -> str:
    """How the numbers are come by."""
    (seeds,) = {protocol.seeds for protocol in grid.protocols.values()} or {0}
    return (
        f"Each specification is the mean over {seeds} seeds, the same for both methods, with its 95 % interval over "
        f"test units and seeds, not corrected for their number. p: how often {NULLS} curves of luck alone have a "
        "median as far from 0: the two methods' names swapped at random, for all that rests on one training and seed "
        "together, and the test units drawn anew. Where settings differ in what the baseline has no use for (λ of "
        "ERM), they share its runs."
    )


def explained_section(found: Sequence[Curve], taken: Mapping[str, Sequence[str]]) -> Section:
    """What share of the differences' variance goes with each choice."""
    shares = [explained(curve, taken) for curve in found]
    rows = [
        [choice, *(f"{SHARE * max(one[choice], 0):.0f} %" if choice in one else "–" for one in shares)]
        for choice in taken
        if any(choice in one for one in shares)
    ]
    rows.append(["as much as runs and patients bring by luck", *(f"{SHARE * noise(curve):.0f} %" for curve in found)])
    return Section("Variance of the differences that goes with each choice", ["", *map(claim, found)], rows)


def choice_section(grid: Grid, curve: Curve, taken: Mapping[str, Sequence[str]]) -> Section:
    """The answers under each step of each choice, and why somebody may choose so."""
    why = {choice: dict(steps) for protocol in grid.protocols.values() for choice, steps in protocol.why.items()}
    rows = []
    for choice, steps in taken.items():
        for step in steps:
            at = curve.where(choice, step)
            if not at.any():
                continue
            shown = np.array([one.shown for one in curve.specifications])[at]
            differences = curve.differences[at]
            rows.append(
                [
                    f"{choice}: {step}",
                    str(int(at.sum())),
                    f"{np.median(differences):+.3f}",
                    *(f"{SHARE * share:.0f} %" for share in ((differences > 0).mean(), (shown > 0).mean())),
                    f"{SHARE * (shown < 0).mean():.0f} %",
                    why.get(choice, {}).get(step, ""),
                ]
            )
    header = ["", "specifications", "median", "positive", "interval above 0", "below 0", "why"]
    return Section(f"{claim(curve)} by choice, {metric_label(curve.metric)}", header, rows)


def draw_specifications(path: Path, grid: Grid, found: Sequence[Curve]) -> None:
    """Sorted differences with intervals above, the steps that each has taken below: a column for each claim.

    The path has no suffix; PNG and SVG are written.
    """
    taken = choices(grid, found)
    lines = sum(len(steps) + 0.7 for steps in taken.values())
    figure = Figure(figsize=(4.5 + 5.5 * len(found), 4 + 0.19 * lines), layout="constrained")
    panels = figure.subplots(2, len(found), sharex="col", sharey="row", squeeze=False, height_ratios=(4, 0.21 * lines))
    for (above, below), curve in zip(panels.T, found, strict=True):
        order = np.argsort(curve.differences, kind="stable")
        draw_differences(above, curve, order, taken.get(DATA, []))
        draw_choices(below, curve, order, taken)
        above.set_title(f"{claim(curve)}\n{len(order)} specifications of {len(curve.trainings)} trainings", fontsize=10)
        below.set_xlabel("specifications, by their difference", fontsize=9)
    panels[0][0].set_ylabel(f"difference in {metric_label(found[0].metric)}\n95 % interval")
    handles = [
        Line2D([], [], color=COLOURS[at % len(COLOURS)], marker="o", linestyle="", markersize=4, label=name)
        for at, name in enumerate(taken.get(DATA, []))
    ]
    if handles:
        figure.legend(handles=handles, loc="outside lower center", ncols=len(handles), frameon=False)
    figure.suptitle(grid.title)
    save(figure, path)


def draw_differences(axes: Axes, curve: Curve, order: Order, sets: Sequence[str]) -> None:
    """Each difference with its interval, a colour for each data set; the interval pale where it holds 0."""
    lines = [curve.specifications[at] for at in order]
    places, shown = np.arange(len(lines)), np.array([bool(one.shown) for one in lines])
    low, high, value = (np.array([getattr(one, name) for one in lines]) for name in ("low", "high", "difference"))
    numbers = [sets.index(one.choices[DATA]) % len(COLOURS) if one.choices[DATA] in sets else -1 for one in lines]
    colours = np.array(["#555555" if number < 0 else COLOURS[number] for number in numbers])
    for these, alpha in ((shown, 0.9), (~shown, 0.18)):
        axes.vlines(places[these], low[these], high[these], list(colours[these]), linewidth=0.8, alpha=alpha)
    axes.scatter(places, value, s=2.2, c=list(colours), zorder=3)
    axes.axhline(0, color="black", linewidth=0.8)
    axes.axhline(float(np.median(curve.differences)), color="black", linewidth=0.8, linestyle=":")
    axes.grid(axis="y", alpha=0.25)


def draw_choices(axes: Axes, curve: Curve, order: Order, taken: Mapping[str, Sequence[str]]) -> None:
    """A line for each step of each choice, marked where a specification takes it."""
    labels, places, at = list[str](), list[float](), 0.0
    for choice, steps in taken.items():
        for step in steps:
            there = np.nonzero(curve.where(choice, step)[order])[0]
            axes.plot(
                there, [at] * len(there), "|", color="#333333", markersize=5, markeredgewidth=0.5, rasterized=True
            )
            labels.append(step)
            places.append(at)
            at += 1
        axes.axhline(at - 0.15, color="#bbbbbb", linewidth=0.6)
        at += 0.7
    axes.set_yticks(places, labels, fontsize=8)
    axes.set_ylim(at - 0.5, -0.7)
    axes.tick_params(axis="x", labelbottom=False, bottom=False)
