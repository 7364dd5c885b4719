"""The audit's error rates as a picture: what is found where it was planted, and what without cause."""

from pathlib import Path

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from clsunbias.experiments.report.labels import COLOURS, MARKERS
from clsunbias.files import atomic

SHOWN = ("the audit, in the model", "permutation importance", "probe of the label")
LIMITS = {"found": 0.9, "without cause": 0.05}
"""What is aimed at: no less, and no more."""


def draw(found: pd.DataFrame, path: Path) -> None:
    """Draws the rates of errors.csv: at the toy's strength, and where nothing is planted."""
    modalities = list(dict.fromkeys(found["modality"]))[::-1]
    figure = Figure(figsize=(10, 1.6 + 0.55 * len(modalities)), layout="constrained")
    left, right = figure.subplots(1, 2, sharey=True)
    panel(left, found[(found["planted"] == "the toy's") & (found["rate"] == "found")], modalities)
    panel(right, found[(found["planted"] == "nothing") & (found["rate"] == "without cause")], modalities)
    left.set(title="found where it was planted, the toy's strength", yticks=range(len(modalities)))
    left.set_yticklabels(modalities)
    right.set(title="found where nothing was planted")
    for axes, limit in zip((left, right), LIMITS.values(), strict=True):
        axes.axvline(limit, color="#777777", linestyle=":", zorder=0)
        axes.set(xlim=(-0.03, 1.03), xlabel="share of the sets, with its 95 % interval")
    left.legend(loc="lower left", fontsize="small")
    with atomic(path) as temporary:
        figure.savefig(temporary, format="png", dpi=150)


def panel(axes: Axes, rates: pd.DataFrame, modalities: list[str]) -> None:
    """A dot for each test and modality."""
    for number, test in enumerate(SHOWN):
        own = rates[rates["test"] == test]
        places = [modalities.index(name) + 0.2 * (1 - number) for name in own["modality"]]
        ends = [own["value"] - own["low"], own["high"] - own["value"]]
        axes.errorbar(
            own["value"], places, xerr=ends, color=COLOURS[number], fmt=MARKERS[number], label=test, capsize=2
        )
