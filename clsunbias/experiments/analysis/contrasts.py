"""Claims about several cells at once, such as "the gain is larger under imbalance", as weighted sums of cells."""

from collections.abc import Mapping, Sequence

import numpy as np

from clsunbias.experiments.analysis.scores import Scored
from clsunbias.experiments.analysis.statistics import interval
from clsunbias.experiments.grid import Grid
from clsunbias.experiments.report.build import metric_label
from clsunbias.experiments.report.sections import Section


def contrast_section(grid: Grid, scored: Sequence[Scored]) -> list[Section]:
    """Every contrast of the grid under every protocol that has its cells: one table, or none.

    Args:
        grid: the grid.
        scored: the finished arms, one for each cell of a protocol.
    """
    names = [grid.metrics[0], *grid.also]
    lines = []
    for protocol in grid.protocols:
        cells = {f"{one.arm.column}/{one.arm.row}": one for one in scored if one.arm.protocol == protocol}
        for title, weights in grid.contrasts.items():
            if all(cell in cells for cell in weights):
                label = title if len(grid.protocols) == 1 else f"{title}, {grid.protocols[protocol].label}"
                lines.append([label, *(contrast(cells, weights, name) for name in names)])
    if not lines:
        return []
    header = ["", *(metric_label(name) for name in names)]
    return [Section("Contrasts: estimate and 95 % interval, not corrected for their number", header, lines)]


def contrast(cells: Mapping[str, Scored], weights: Mapping[str, float], name: str) -> str:
    """A weighted sum of cells with its interval.

    Cells that were tested on the same units with as many seeds share their resamples: they are paired.

    Args:
        cells: by ``column/row``.
        weights: of some of them.
        name: ``split/metric``.
    """
    split, short = name.split("/")
    estimate = sum(weight * float(cells[cell].values(name).mean()) for cell, weight in weights.items())
    draws = np.sum([weight * cells[cell].draws[split][short] for cell, weight in weights.items()], axis=0)
    low, high = interval(draws)
    return f"{estimate:+.3f} ({low:+.3f} to {high:+.3f})"
