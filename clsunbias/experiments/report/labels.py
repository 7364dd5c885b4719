"""What a report calls a metric, and in which colours it shows methods."""

# Okabe and Ito's: told apart by colour-blind readers too.
COLOURS = ("#000000", "#009E73", "#D55E00", "#0072B2", "#CC79A7", "#E69F00")

SHORT = {
    "macro_f1": "MF1",
    "neg_f1": "neg-F1",
    "pos_f1": "pos-F1",
    "accuracy": "Acc",
    "balanced_accuracy": "balanced Acc",
    "loss_gap": "loss gap",
    "auroc": "AUROC",
    "auprc": "AUPRC",
    "brier": "Brier score",
    "ece": "ECE",
    "f1": "F1",
}


def metric_label(name: str) -> str:
    """A metric, ``split/metric``, as headers show it: the test split goes without saying."""
    split, _, metric = name.partition("/")
    kind, _, label = metric.partition("/")
    shown = SHORT.get(kind, kind.replace("_", " "))
    return f"{'' if split == 'test' else split.replace('_', ' ') + ' '}{shown}{f' of {label}' if label else ''}"
