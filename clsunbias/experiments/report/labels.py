"""What every table, plot, card and page calls a metric and a class, and in which colours and shapes methods stand.

The one place that makes a header of a metric's name and the names of the classes: ``metric_label`` of ``split/metric``,
``metric_name`` of a metric alone, ``class_label`` of a class.
"""

from collections.abc import Mapping, Sequence
from typing import Any

# Okabe and Ito's: told apart by colour-blind readers too.
COLOURS = ("#000000", "#009E73", "#D55E00", "#0072B2", "#CC79A7", "#E69F00")

MARKERS = ("o", "s", "^", "v", "P", "X")
"""Told apart in grey, too; one for each colour."""

NAMES = {
    "macro_f1": "macro-F1",
    "f1": "F1",
    "recall": "sensitivity",
    "precision": "PPV",
    "auroc": "AUROC",
    "auprc": "AUPRC",
    "brier": "Brier score",
    "ece": "ECE",
    "weighted_f1": "weighted F1",
    "dodrans_f1": "dodrans F1",
    "entropy_f1": "entropy F1",
    "worst_recall": "lowest sensitivity",
    "geometric_mean": "geometric mean of sensitivities",
}
"""Names of metrics that are not just their own words."""

SIDES = ("negative", "positive")
"""Two classes that nobody has named."""

OF_CLASS = {
    **{f"{side[:3]}_{kind}": (kind, at) for kind in ("f1", "recall", "precision") for at, side in enumerate(SIDES)},
    **{f"loss_{side[:3]}": ("loss", at) for at, side in enumerate(SIDES)},
}
"""Metrics of the first and the second of two classes, by the names that records and CSV files have for them."""


def class_names(result: Mapping[str, Any]) -> tuple[str, ...]:
    """The classes of a record, in order; nothing if it does not name them."""
    return tuple(result.get("class_names", ()))


def class_label(classes: Sequence[str], index: int) -> str:
    """A class by its name; of two the second is said to be the positive one, unless that is its name."""
    name = classes[index]
    return f"{name}, positive" if len(classes) == 2 and index == 1 and name != SIDES[1] else name


def class_metric(metric: str, classes: Sequence[str] = ()) -> tuple[str, int | str | None]:
    """What a metric measures, and of which class: its index, its name if the classes are not known, None if of all.

    Examples:
        ``neg_recall`` is ``("recall", 0)``, ``f1/grade 2`` is ``("f1", "grade 2")``, ``auroc`` is ``("auroc", None)``.
    """
    if metric in OF_CLASS:
        return OF_CLASS[metric]
    kind, _, name = metric.partition("/")
    return kind, classes.index(name) if name in classes else name or None


def metric_name(metric: str, classes: Sequence[str] = ()) -> str:
    """A metric as a header has it, such as ``F1 (malignant)``.

    Args:
        metric: its name in a record, without the split.
        classes: names of the classes in order; without them the sides of two are called negative and positive.
    """
    kind, of = class_metric(metric, classes)
    shown = NAMES.get(kind, kind.replace("_", " "))
    if isinstance(of, int):
        of = class_label(classes or SIDES, of)
    return shown if of is None else f"{shown} ({of})"


def metric_label(name: str, classes: Sequence[str] = ()) -> str:
    """As :func:`metric_name`, of ``split/metric`` or ``split@rule/metric``: the test split goes without saying."""
    split, _, metric = name.partition("/")
    split, _, rule = split.partition("@")
    shown = f"{'' if split == 'test' else split.replace('_', ' ') + ' '}{metric_name(metric, classes)}"
    return f"{shown}, {rule_label(rule)}" if rule else shown


def rule_label(rule: str) -> str:
    """A decision rule as a header has it."""
    return f"decided by {metric_name(rule)}"


def definitions(metrics: Sequence[str], classes: Sequence[str] = ()) -> list[str]:
    """What the metrics of single classes among some are, a sentence each, for a note below a table or a figure."""
    kinds = {class_metric(metric, classes)[0] for metric in metrics if class_metric(metric, classes)[1] is not None}
    one, other, *more = tuple(classes) or SIDES
    said = []
    if "recall" in kinds:
        said.append("Sensitivity of a class: the share of its units that are found (recall).")
        if not more:
            said.append(f"Sensitivity ({one}) is the specificity for {other}, sensitivity ({other}) that for {one}.")
    if "precision" in kinds:
        said.append("PPV of a class: the share of the units called so that are of it (precision).")
        if not more:
            said.append(
                f"PPV ({one}) is the negative predictive value (NPV) for {other}, PPV ({other}) that for {one}."
            )
    return said


def p_label(p: float) -> str:
    """A p-value, to four places or as less than they can show."""
    return f"{p:.4f}" if p >= 0.0001 else "<0.0001"
