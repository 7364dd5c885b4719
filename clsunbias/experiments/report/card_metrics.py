"""The metrics of a model card: of each class and of all with intervals, decisions counted, and calibration."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from clsunbias.experiments.analysis.statistics import Floats, interval, metrics, resamples, totals, unit_sums
from clsunbias.experiments.report.markdown import escaped
from clsunbias.experiments.report.sections import markdown_table

DRAWS = 1000
BINS = 5
CELLS = 1_000_000
"""Draws × units that are resampled at once, which bounds the memory."""

SELECTED_BY = """
The checkpoint was selected on this split, which flatters its metrics.
"""

OF_CLASS = {
    "sensitivity (recall)": "recall",
    "specificity": "specificity",
    "PPV (precision)": "precision",
    "NPV": "npv",
    "F1": "f1",
    "loss": "loss",
}
"""Metrics of each class against the rest, as the card calls them."""


def section(split: str, part: pd.DataFrame, result: Mapping[str, float], class_names: Sequence[str], unit: str) -> str:
    """Metrics of a split, the decisions counted, and a table of reliability."""
    names = [escaped(name) for name in class_names]
    prob = part[[f"prob_{index}" for index in range(len(names))]].to_numpy(np.float64)
    target = part["label"].to_numpy()
    found = intervals(prob, target, class_names)
    by_class = [
        [name, str(int((target == index).sum())), *(found[f"{key}/{label}"] for key in OF_CLASS.values())]
        for index, (name, label) in enumerate(zip(names, class_names, strict=True))
    ]
    ranked = f" of {names[1]}" if len(names) == 2 else ", mean over classes"
    overall = [
        ["macro-F1", found["macro_f1"]],
        ["accuracy", found["accuracy"]],
        ["balanced accuracy", found["balanced_accuracy"]],
        ["gap of the class losses", found["loss_gap"]],
        *([f"{name}{ranked}", f"{result[key]:.3f}"] for name, key in (("AUROC", "auroc"), ("AP", "auprc"))),
        *([name, f"{result[key]:.3f}"] for name, key in (("Brier score", "brier"), ("ECE, 15 bins", "ece"))),
    ]
    header = ["probability of the chosen class", "units", "mean probability", "right"]
    return f"""
### {escaped(split)}, {len(part)} units{"" if unit == "unit" else f" (by {escaped(unit)})"}
{SELECTED_BY if split == "val" else ""}
{markdown_table(["class", "units", *OF_CLASS], by_class)}
{markdown_table(["all classes", ""], overall)}
Decisions: rows are the classes that units have, columns those that the model gave them.

{markdown_table(["class", *(f"as {name}" for name in names)], confusion(prob, target, names))}
Calibration: how often the model is right, by how sure it is.

{markdown_table(header, reliability(prob, target))}"""


def intervals(prob: Floats, target: npt.NDArray[np.integer[Any]], class_names: Sequence[str]) -> dict[str, str]:
    """Metrics of class probabilities ``(N, C)`` with the ends of their intervals, by name.

    Resamples in which one is not defined are left out of its own.
    """
    sums, units = unit_sums(prob[np.newaxis], target), len(target)
    at_once = min(DRAWS, 1 + CELLS // units)
    drawn = [totals(resamples(units, at_once, start), sums) for start in range(0, DRAWS, at_once)]
    every = np.concatenate([sums.sum(0)[np.newaxis], *drawn])[: DRAWS + 1, 0]
    found = metrics(every, class_names) | against_the_rest(every, class_names)
    return {name: with_interval(values) for name, values in found.items()}


def against_the_rest(sums: Floats, class_names: Sequence[str]) -> dict[str, Floats]:
    """Of each class ``specificity/<class>``, ``precision/<class>`` and ``npv/<class>``, from sums ``(…, 4, C)``.

    NaN where nothing is to be divided by, such as the precision of a class that was never predicted.
    """
    hit, predicted, support, _ = np.moveaxis(sums, (-2, -1), (0, 1))
    units = support.sum(0)
    passed_over = units - support - predicted + hit
    with np.errstate(invalid="ignore", divide="ignore"):
        found = {
            "specificity": passed_over / (units - support),
            "precision": hit / predicted,
            "npv": passed_over / (units - predicted),
        }
    return {f"{name}/{label}": values[at] for name, values in found.items() for at, label in enumerate(class_names)}


def with_interval(values: Floats) -> str:
    """A metric and, from its resamples behind it, its interval; a dash if it is not defined."""
    if np.isnan(values[0]):
        return "–"
    low, high = interval(values[1:])
    return f"{values[0]:.3f} ({low:.3f} to {high:.3f})"


def confusion(prob: Floats, target: npt.NDArray[np.integer[Any]], names: Sequence[str]) -> list[list[str]]:
    """A line for each class: as which the units of it were decided."""
    decided = prob.argmax(1)
    classes = range(len(names))
    return [
        [name, *(str(int(((target == true) & (decided == chosen)).sum())) for chosen in classes)]
        for true, name in enumerate(names)
    ]


def reliability(prob: Floats, target: npt.NDArray[np.integer[Any]]) -> list[list[str]]:
    """Units, mean probability and share of right decisions in equal bins of the largest probability."""
    classes = prob.shape[1]
    sure, right = prob.max(1), prob.argmax(1) == target
    edges = np.linspace(1 / classes, 1, BINS + 1)
    index = np.clip(np.searchsorted(edges, sure) - 1, 0, BINS - 1)
    lines = []
    for at in range(BINS):
        inside = index == at
        means = [f"{sure[inside].mean():.3f}", f"{right[inside].mean():.3f}"] if inside.any() else ["–", "–"]
        lines.append([f"{edges[at]:.2f} to {edges[at + 1]:.2f}", str(int(inside.sum())), *means])
    return lines
