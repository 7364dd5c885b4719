"""Figures 1 and 2: the toy's data and the decision boundaries of selected models."""

from collections.abc import Mapping
from pathlib import Path
from typing import Literal

import numpy as np
import yaml
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from scipy.stats import gaussian_kde
from torch import Tensor

from clsunbias.data import Split, Toy
from clsunbias.experiments.report.plots import save
from clsunbias.files import CONFIGS

# Okabe and Ito's colours: told apart by colour-blind readers too.
CLASS_COLOURS = ("#0072B2", "#D55E00")
LINES: dict[tuple[str, str], tuple[str, str, Literal["-", ":"]]] = {
    ("erm", "authors"): ("ERM", "#000000", "-"),
    ("erm", "last"): ("ERM, last validation", "#000000", ":"),
    ("cls_unbias", "authors"): ("Cls-unbias", "#009E73", "-"),
    ("cls_unbias", "last"): ("Cls-unbias, last validation", "#009E73", ":"),
}
LIMITS = (-3.5, 6.5)


def draw_density(axes: Axes, split: Split) -> None:
    """Contours of each class's estimated density over its samples, and both marginal densities along the edges."""
    grid = np.linspace(*LIMITS, 80)
    across, up = np.meshgrid(grid, grid)
    for label, colour in enumerate(CLASS_COLOURS):
        points = split.x[split.target == label].numpy().T
        density = gaussian_kde(points)(np.stack([across.ravel(), up.ravel()])).reshape(across.shape)
        axes.plot(*points, ".", color=colour, markersize=2, alpha=0.25)
        axes.contour(across, up, density, levels=5, colors=colour, linewidths=0.8)
        edge = 1.2 / 0.4  # a marginal density of 0.4, a unit normal's peak, stands 1.2 units high
        axes.fill_between(grid, LIMITS[0], LIMITS[0] + edge * gaussian_kde(points[0])(grid), color=colour, alpha=0.2)
        axes.fill_betweenx(grid, LIMITS[0], LIMITS[0] + edge * gaussian_kde(points[1])(grid), color=colour, alpha=0.2)


def draw_boundary(axes: Axes, line: Tensor, colour: str, style: str) -> None:
    """The line w1·f1 + w2·f2 + b = 0, beyond which the positive class is predicted."""
    w1, w2, bias = line.tolist()
    along = np.array(LIMITS)
    if abs(w2) > abs(w1):
        axes.plot(along, -(w1 * along + bias) / w2, style, color=colour, linewidth=1.8)
    else:
        axes.plot(-(w2 * along + bias) / w1, along, style, color=colour, linewidth=1.8)


def draw_toy(path: Path, config: str, lines: Mapping[tuple[str, str], Tensor]) -> None:
    """Figure 1 (balanced) or 2 (imbalanced): class densities and decision boundaries on train, test 1 and test 2.

    Args:
        path: without suffix; PNG and SVG are written.
        config: name of the toy's config, whose data are drawn.
        lines: (w1, w2, b) of the models, by objective and selection rule.
    """
    data = Toy(**yaml.safe_load((CONFIGS / f"{config}.yaml").read_text())["data"]["init_args"])
    splits = data.load()
    figure = Figure(figsize=(12, 4.6), layout="constrained")
    for axes, name in zip(figure.subplots(1, 3, sharey=True), ("train", "test_1", "test_2"), strict=True):
        draw_density(axes, splits[name])
        for which, line in lines.items():
            draw_boundary(axes, line, *LINES[which][1:])
        negative, positive = splits[name].target.bincount().tolist()
        axes.set(xlim=LIMITS, ylim=LIMITS, aspect="equal", xlabel="f1 (shared by both classes)")
        axes.set_title(f"{name.replace('_', ' ')}: {negative} negative, {positive} positive")
        axes.label_outer()
    figure.axes[0].set_ylabel("f2 (specific to the negatives in training)")
    handles = [
        Line2D([], [], color=colour, label=side) for side, colour in zip(data.class_names, CLASS_COLOURS, strict=True)
    ]
    handles += [Line2D([], [], color=colour, linestyle=style, label=text) for text, colour, style in LINES.values()]
    figure.legend(handles=handles, loc="outside lower center", ncols=6, frameon=False)
    figure.suptitle(f"The toy, {config.removeprefix('toy_')} (simulated data)")
    save(figure, path)
