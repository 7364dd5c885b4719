"""Figures 1 and 2: the toy's data and the decision boundaries of selected models."""

from collections.abc import Mapping
from pathlib import Path
from typing import Literal, NamedTuple

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from scipy.stats import gaussian_kde
from torch import Tensor

from clsunbias.data import Split, Toy
from clsunbias.experiments.report.plots import save
from clsunbias.experiments.running.config import load_yaml
from clsunbias.files import CONFIGS


class Line(NamedTuple):
    """How a model's decision boundary is drawn."""

    label: str
    colour: str
    style: Literal["-", ":"] = "-"


# Okabe and Ito's colours: told apart by colour-blind readers too.
CLASS_COLOURS = ("#0072B2", "#D55E00")
ERM_LINE, CLS_UNBIAS_LINE = Line("ERM", "#000000"), Line("Cls-unbias", "#009E73")
LINES = {
    ("erm", "authors"): ERM_LINE,
    ("erm", "last"): Line("ERM, last validation", ERM_LINE.colour, ":"),
    ("cls_unbias", "authors"): CLS_UNBIAS_LINE,
    ("cls_unbias", "last"): Line("Cls-unbias, last validation", CLS_UNBIAS_LINE.colour, ":"),
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


def draw_boundary(axes: Axes, line: Line, model: Tensor) -> None:
    """The line w1·f1 + w2·f2 + b = 0, beyond which the positive class is predicted."""
    w1, w2, bias = model.tolist()
    x = y = np.array(LIMITS)
    if abs(w2) > abs(w1):
        y = -(w1 * x + bias) / w2
    else:
        x = -(w2 * y + bias) / w1
    axes.plot(x, y, line.style, color=line.colour, linewidth=1.8)


def draw_splits(figure: Figure, splits: Mapping[str, Split], models: Mapping[Line, Tensor]) -> None:
    """Class densities and the decision boundaries of models (w1, w2, b), a panel for each split."""
    panels = figure.subplots(1, len(splits), sharey=True, squeeze=False)[0]
    for axes, (name, split) in zip(panels, splits.items(), strict=True):
        draw_density(axes, split)
        for line, model in models.items():
            draw_boundary(axes, line, model)
        negative, positive = split.target.bincount().tolist()
        axes.set(xlim=LIMITS, ylim=LIMITS, aspect="equal", xlabel="f1 (shared by both classes)")
        axes.set_title(f"{name.replace('_', ' ')}: {negative} negative, {positive} positive")
        axes.label_outer()
    panels[0].set_ylabel("f2 (specific to the negatives in training)")
    lines = [*(Line(*side) for side in zip(Toy.class_names, CLASS_COLOURS, strict=True)), *models]
    handles = [Line2D([], [], color=line.colour, linestyle=line.style, label=line.label) for line in lines]
    figure.legend(handles=handles, loc="outside lower center", ncols=len(handles), frameon=False)


def draw_toy(path: Path, config: str, models: Mapping[tuple[str, str], Tensor]) -> None:
    """Writes Figure 1 (balanced) or 2 (imbalanced): a config's train, test 1 and test 2, and models by LINES' keys."""
    splits = Toy(**load_yaml(CONFIGS / f"{config}.yaml")["data"]["init_args"]).load()
    figure = Figure(figsize=(12, 4.6), layout="constrained")
    shown = {name: splits[name] for name in ("train", "test_1", "test_2")}
    draw_splits(figure, shown, {LINES[which]: model for which, model in models.items()})
    figure.suptitle(f"The toy, {config.removeprefix('toy_')} (simulated data)")
    save(figure, path)
