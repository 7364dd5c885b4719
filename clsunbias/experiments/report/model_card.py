"""A model card: what a finished run is for, how well it does, and how far that is known."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from clsunbias.experiments.analysis.statistics import Floats, interval, metrics, resamples, totals, unit_sums
from clsunbias.experiments.report.sections import markdown_table

DRAWS = 1000
BINS = 5
CELLS = 1_000_000
"""Draws × units that are resampled at once, which bounds the memory."""

CARD = """\
# Model card: {objective} on {dataset}{simulated}

**Not for clinical use.** This model is the outcome of one training run of a research suite. It is no medical device,
was validated on no other site, and must not take part in decisions about patients.{simulated_line}

## Intended use

Research into class-unbiased training: comparison of training objectives on the same data. `clsunbias predict` and
`clsunbias export` score new inputs for that purpose.

## Data

{data}
## How it was made

- Objective: `{objective}`, seed {seed}; the whole config is `config.yaml` (sha256 `{config_sha256}`).{start}
- Selection rule: `{selection}` chose the checkpoint of step {step}. A rule sees training and validation data alone.
- Decision: the most probable class{threshold}.

## Metrics
{measured}
Intervals: 95 % percentiles of {draws} bootstrap resamples of the units of the split. They say how far this very model
is known, not how far another seed would come out differently: for that, compare runs with `clsunbias reproduce`.

## Limits

- One run, one seed, one data set; no site, device or population but its own was seen.
- Small classes have wide intervals; where one was hardly met, its metrics may be of a few units.
- The probabilities are not calibrated after training; see the tables above before one is read as a risk.
- Groups within the classes (age, sex, site) were not looked at.

## Versions

{versions}
"""


def model_card(result: Mapping[str, Any], frame: pd.DataFrame, class_names: Sequence[str]) -> str:
    """The card, in Markdown, from a run's ``result.json`` and predictions; of validation if its tests were withheld."""
    simulated, started = bool(result["simulated"]), result.get("init_sha256")
    splits = {str(name): part for name, part in frame.groupby("split", sort=False)}
    shown = {name: part for name, part in splits.items() if name not in {"train", "val"}} or {"val": splits["val"]}
    counts = [
        [name, str(len(part)), *(str(int((part["label"] == index).sum())) for index in range(len(class_names)))]
        for name, part in splits.items()
    ]
    withheld = "\n**The test split was withheld from this run; these metrics are of validation.**\n"
    measured = "".join(section(name, part, result[name], class_names) for name, part in shown.items())
    return CARD.format(
        **{name: result[name] for name in ("objective", "dataset", "seed", "config_sha256", "selection", "step")},
        simulated=", SIMULATED data" if simulated else "",
        start=f"\n- It started from the weights of another run (sha256 `{started}`)." if started else "",
        simulated_line="\n\n**The data are SIMULATED**: the metrics say nothing about patients." if simulated else "",
        data=markdown_table(["split", "units", *class_names], counts),
        threshold=f", `{class_names[1]}` above a probability of 0.5" if len(class_names) == 2 else "",
        measured=(withheld if "val" in shown else "") + measured,
        draws=DRAWS,
        versions=", ".join(f"{name} {version}" for name, version in result["versions"].items()),
    )


def section(split: str, part: pd.DataFrame, result: Mapping[str, float], class_names: Sequence[str]) -> str:
    """Metrics of a split: of each class and of all with intervals, calibration, and a table of reliability."""
    prob = part[[f"prob_{index}" for index in range(len(class_names))]].to_numpy(np.float64)
    target = part["label"].to_numpy()
    found = intervals(prob, target, class_names)
    by_class = [
        [label, *(with_interval(*found[f"{name}/{label}"]) for name in ("f1", "recall", "loss"))]
        for label in class_names
    ]
    overall = [
        ["macro-F1", with_interval(*found["macro_f1"])],
        ["accuracy", with_interval(*found["accuracy"])],
        ["gap of the class losses", with_interval(*found["loss_gap"])],
        *([name, f"{result[key]:.3f}"] for name, key in (("AUROC", "auroc"), ("AUPRC", "auprc"))),
        *([name, f"{result[key]:.3f}"] for name, key in (("Brier score", "brier"), ("ECE, 15 bins", "ece"))),
    ]
    header = ["probability of the chosen class", "units", "mean probability", "right"]
    return f"""
### {split}, {len(part)} units

{markdown_table(["class", "F1", "recall", "loss"], by_class)}
{markdown_table(["all classes", ""], overall)}
Calibration: how often the model is right, by how sure it is.

{markdown_table(header, reliability(prob, target))}"""


def intervals(
    prob: Floats, target: npt.NDArray[np.integer[Any]], class_names: Sequence[str]
) -> dict[str, tuple[float, float, float]]:
    """Metrics of class probabilities ``(N, C)`` with the ends of their intervals, by name.

    Resamples without a class are left out of its own.
    """
    sums, units = unit_sums(prob[np.newaxis], target), len(target)
    at_once = min(DRAWS, 1 + CELLS // units)
    drawn = [totals(resamples(units, at_once, start), sums) for start in range(0, DRAWS, at_once)]
    found = metrics(np.concatenate([sums.sum(0)[np.newaxis], *drawn])[: DRAWS + 1, 0], class_names)
    return {name: (float(values[0]), *interval(values[1:])) for name, values in found.items()}


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


def with_interval(value: float, low: float, high: float) -> str:
    """A metric with its interval."""
    return f"{value:.3f} ({low:.3f} to {high:.3f})"
