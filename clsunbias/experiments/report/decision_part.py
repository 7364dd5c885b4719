"""A decision rule's choice and what it changes, as a terminal and a model card show it."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

from clsunbias.experiments.report.labels import OF_CLASS, SIDES, metric_name
from clsunbias.experiments.report.sections import Section, markdown_table

HEADING = "\n## Decision rules\n"
"""The last heading of a card, below which all is made anew with every decision."""

ORDER = (
    "macro_f1",
    *("accuracy", "balanced_accuracy", "worst_recall", "geometric_mean"),
    *("weighted_f1", "dodrans_f1", "entropy_f1"),
    *("f1", "recall", "precision", "auroc", "auprc", "brier", "ece", "calibration_slope", "calibration_intercept"),
    "net_benefit",
    *("loss", "loss_gap"),
)


def shown_metrics(found: Mapping[str, Any], classes: Sequence[str]) -> list[str]:
    """Metrics in the order of a table; those of two classes by name or, where they have none, by side."""
    same = ("auroc/",) if len(classes) == 2 else ()  # for both of two classes
    kept = [name for name in found if not (classes and name in OF_CLASS) and not name.startswith(same)]
    kinds = {name: OF_CLASS.get(name, (name.partition("/")[0], 0))[0] for name in kept}
    return sorted(kept, key=lambda name: ORDER.index(kinds[name]) if kinds[name] in ORDER else len(ORDER))


def value_section(record: Mapping[str, Any]) -> Section:
    """What was chosen, and how much that varies over draws of validation."""
    rows = []
    for name, value in record["value"].items():
        ends = record["spread"].get(name)
        shown = f"{number(ends[0])} to {number(ends[1])}" if ends else "–"
        rows.append([value_name(name, record["class_names"]), number(value), shown])
    title = f"{record['rule']}, chosen on {record['units']['val']} units of validation"
    title += ", SIMULATED data" if record["simulated"] else ""
    return Section(title, ["", "chosen", f"95 % of {record['draws']} draws of them"], rows)


def value_name(name: str, classes: Sequence[str]) -> str:
    """A number of a rule as a table has it, of classes by their names: ``share_1`` is ``share (ill)``."""
    words = name.split("_")
    known = [classes[int(word)] for word in words if word.isdigit() and int(word) < len(classes)]
    plain = " ".join(word for word in words if not (known and word.isdigit()))
    return f"{plain} ({' → '.join(known)})" if known else plain


def split_sections(record: Mapping[str, Any], whole: bool = True) -> list[Section]:
    """Metrics as they were, under the rule, and their difference: a table for each split but training.

    Args:
        record: of the decision.
        whole: whether metrics that the rule leaves as they are have a line, too.
    """
    classes, made = record["class_names"], []
    alone = len([split for split in record["raw"] if split not in {"train", "test"}]) == 1
    for split, raw in record["raw"].items():
        units = record["units"].get(split)
        if split == "train" or (units is None and alone):  # all test splits together, of which there is one
            continue
        rows = []
        for name in shown_metrics(raw, classes):
            before, after = raw[name], record["decided"][split][name]
            gain = None if before is None or after is None else after - before
            same = abs(gain) < 5e-4 if gain is not None else before == after
            if whole or not same:
                difference = "same" if same else number(gain, "+")
                rows.append([metric_name(name, classes or SIDES), number(before), number(after), difference])
        title = f"{split}, {units} units" if units else f"{split}, all test splits together"
        made.append(Section(title, ["", "raw", "under the rule", "difference"], rows))
    return made


def number(value: float | None, sign: str = "") -> str:
    """A value with three decimals; a dash where there is none, and what no probability reaches as > 1."""
    if value is None or not math.isfinite(value):
        return "–"
    if not sign and value == math.nextafter(1, 2):
        return "> 1"
    return f"{round(value, 3) + 0.0:{sign}.3f}" if abs(value) < 1e5 else f"{value:{sign}.3g}"  # no −0.000


def card_with_decisions(card: str, records: Sequence[Mapping[str, Any]]) -> str:
    """A model card with a section on the decisions that there are, in place of the one it may have had."""
    text = card.partition(HEADING)[0].rstrip("\n") + "\n"
    if not records:
        return text
    parts = [
        HEADING,
        "Chosen on validation alone, without retraining: `clsunbias predict --rule NAME` decides by one of them. The "
        "spread says how far the choice is luck of the validation units. Metrics above are without a rule; those "
        "that a rule leaves as they are have no line here.\n",
    ]
    for record in records:
        options = ", ".join(f"{name} {value}" for name, value in record["options"].items() if value is not None)
        parts.append(f"### `{record['rule']}`{f' ({options})' if options else ''}\n")
        for section in (value_section(record), *split_sections(record, whole=False)):
            parts.append(f"{section.title}\n\n{markdown_table(section.header, section.lines)}")
    return text + "\n".join(parts)
