"""Figures 1 and 2: the toy's data and the decision boundaries of selected models."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Literal, NamedTuple

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine
from matplotlib.lines import Line2D
from scipy.stats import gaussian_kde
from torch import Tensor

from clsunbias.data import Split, Toy
from clsunbias.experiments.report.plots import save
from clsunbias.experiments.running.config import load_yaml
from clsunbias.files import CONFIGS


class Line(NamedTuple):
    """How a model's decision boundary is drawn: methods by colour and dashes, selection rules by width."""

    label: str
    colour: str
    style: Literal["-", "--", "-."] = "-"
    width: float = 1.5
    alpha: float = 1.0


# Okabe and Ito's colours: told apart by colour-blind readers too; in grey by the points' shapes and the lines' dashes.
CLASS_COLOURS, CLASS_MARKERS = ("#0072B2", "#D55E00"), (".", "x")
CLASS_STYLES: Sequence[Literal["solid", "dotted"]] = ("solid", "dotted")
ERM_LINE, CLS_UNBIAS_LINE = Line("ERM", "#000000"), Line("Cls-unbias", "#009E73", "--")
LINES = {  # wide and pale below narrow, so that both are seen where they are one
    ("erm", "authors"): ERM_LINE._replace(label="ERM, authors' rule", width=6, alpha=0.35),
    ("cls_unbias", "authors"): CLS_UNBIAS_LINE._replace(label="Cls-unbias, authors' rule", width=6, alpha=0.45),
    ("erm", "last"): ERM_LINE._replace(label="ERM, last validation"),
    ("cls_unbias", "last"): CLS_UNBIAS_LINE._replace(label="Cls-unbias, last validation"),
}
IDEAL_LINE, IDEAL = Line("the best by f1 alone (f1 = 1.5)", "#CC79A7", "-."), (1.0, 0.0, -1.5)
LIMITS = (-3.5, 6.5)


def draw_density(axes: Axes, split: Split) -> None:
    """Contours of each class's estimated density over its samples, and both marginal densities along the edges."""
    grid = np.linspace(*LIMITS, 80)
    across, up = np.meshgrid(grid, grid)
    for label, (colour, marker) in enumerate(zip(CLASS_COLOURS, CLASS_MARKERS, strict=True)):
        points = split.x[split.target == label].numpy().T
        density = gaussian_kde(points)(np.stack([across.ravel(), up.ravel()])).reshape(across.shape)
        axes.plot(*points, marker, color=colour, markersize=2.5, alpha=0.3)
        axes.contour(
            across, up, density, levels=5, colors=colour, linewidths=0.8, linestyles=("solid", "dotted")[label]
        )
        edge = 1.2 / 0.4  # a marginal density of 0.4, a unit normal's peak, stands 1.2 units high
        axes.fill_between(grid, LIMITS[0], LIMITS[0] + edge * gaussian_kde(points[0])(grid), color=colour, alpha=0.2)
        axes.fill_betweenx(grid, LIMITS[0], LIMITS[0] + edge * gaussian_kde(points[1])(grid), color=colour, alpha=0.2)


def draw_boundary(axes: Axes, line: Line, model: Sequence[float]) -> None:
    """The line w1·f1 + w2·f2 + b = 0, beyond which the positive class is predicted."""
    w1, w2, bias = model
    x = y = np.array(LIMITS)
    if abs(w2) > abs(w1):
        y = -(w1 * x + bias) / w2
    else:
        x = -(w2 * y + bias) / w1
    axes.plot(x, y, line.style, color=line.colour, linewidth=line.width, alpha=line.alpha)


def draw_splits(figure: Figure, splits: Mapping[str, Split], models: Mapping[Line, Tensor]) -> None:
    """Class densities and the decision boundaries of models (w1, w2, b), a panel for each split."""
    panels = figure.subplots(1, len(splits), sharey=True, squeeze=False)[0]
    for axes, (name, split) in zip(panels, splits.items(), strict=True):
        draw_density(axes, split)
        draw_boundary(axes, IDEAL_LINE, IDEAL)
        for line, model in models.items():
            draw_boundary(axes, line, model.tolist())
        negative, positive = split.target.bincount().tolist()
        axes.set(xlim=LIMITS, ylim=LIMITS, aspect="equal", xlabel="f1 (shared by both classes)")
        axes.set_title(f"{name.replace('_', ' ')}: {negative} negative, {positive} positive")
        axes.label_outer()
    panels[0].set_ylabel("f2 (specific to the negatives in training)")
    handles = [
        Line2D([], [], color=colour, marker=marker, linestyle=style, linewidth=0.8, label=name)
        for name, colour, marker, style in zip(Toy.class_names, CLASS_COLOURS, CLASS_MARKERS, CLASS_STYLES, strict=True)
    ]
    handles += [
        Line2D([], [], color=one.colour, linestyle=one.style, linewidth=one.width, alpha=one.alpha, label=one.label)
        for one in (*models, IDEAL_LINE)
    ]
    figure.legend(handles=handles, loc="outside lower center", ncols=(len(handles) + 1) // 2, frameon=False)


def draw_toy(path: Path, config: str, models: Mapping[tuple[str, str], Tensor]) -> None:
    """Writes Figure 1 (balanced) or 2 (imbalanced): a config's train, test 1 and test 2, and models by LINES' keys."""
    splits = Toy(**load_yaml(CONFIGS / f"{config}.yaml")["data"]["init_args"]).load()
    figure = Figure(figsize=(12, 5.4), layout=ConstrainedLayoutEngine(h_pad=0.12))
    shown = {name: splits[name] for name in ("train", "test_1", "test_2")}
    draw_splits(figure, shown, {line: models[which] for which, line in LINES.items() if which in models})
    figure.suptitle(f"The toy, {config.removeprefix('toy_')} (simulated data): decision boundaries, the paper's seeds")
    save(figure, path)
