"""Charts and tables of a finished run, as W&B takes them."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    import pandas as pd

BINS = 20
POINTS = 51

Positive = npt.NDArray[np.bool_]
Score = npt.NDArray[np.floating]
Curve = tuple[npt.NDArray[np.floating], npt.NDArray[np.floating]]


def figures(frame: "pd.DataFrame", class_names: Sequence[str], unit_names: bool) -> dict[str, Any]:
    """Of predictions: themselves, and confusion matrix, PR and ROC curves and histograms of scores of each split."""
    import wandb

    frame = frame.reset_index(drop=True).query("split != 'train'")  # whose rows tell little, and are the most
    columns, rows = prediction_rows(frame, class_names, unit_names)
    made: dict[str, Any] = {"predictions": wandb.Table(columns=columns, data=rows)}
    for split, part in frame.groupby("split", sort=False):
        target = part["label"].to_numpy()
        prob = part[[f"prob_{index}" for index in range(len(class_names))]].to_numpy()
        made[f"{split}/confusion"] = wandb.plot.confusion_matrix(
            y_true=target.tolist(), preds=prob.argmax(1).tolist(), class_names=list(class_names), title=f"{split}"
        )
        for name, curve, x, y in (
            ("pr", precision_recall, "recall", "precision"),
            ("roc", receiver_operating, "false positive rate", "true positive rate"),
        ):
            lines = {label: curve(target == index, prob[:, index]) for index, label in enumerate(class_names)}
            table: list[Any] = [
                [label, *map(float, point)] for label, xy in lines.items() for point in np.stack(xy, 1).round(4)
            ]
            made[f"{split}/{name}"] = wandb.plot_table(
                "wandb/area-under-curve/v0",
                wandb.Table(columns=["class", x, y], data=table),
                {"x": x, "y": y, "class": "class"},
                {"title": f"{split} {name.upper()}", "x-axis-title": x, "y-axis-title": y},
            )
        for index, label in enumerate(class_names):
            # With two classes both show the positive one's score; with more, each its own.
            score = prob[target == index, 1 if len(class_names) == 2 else index]
            made[f"{split}/score of {label}"] = wandb.Histogram(np_histogram=np.histogram(score, BINS, (0, 1)))
    return made


def prediction_rows(frame: "pd.DataFrame", class_names: Sequence[str], unit_names: bool) -> tuple[list[Any], list[Any]]:
    """Predictions as a table with the classes by their names; a unit goes by its own name only where that is asked."""
    names = np.array([str(name) for name in class_names], object)
    prob = frame[[f"prob_{index}" for index in range(len(names))]]
    columns = {
        "split": frame["split"],
        "unit" if unit_names else "row of predictions.csv": frame["unit"] if unit_names else frame.index,
        "class": names[frame["label"]],
        "predicted": names[prob.to_numpy().argmax(1)],
        **{f"probability of {name}": prob[column] for name, column in zip(names, prob, strict=True)},
    }
    # Lists, for a frame as it is takes W&B three times as long.
    return list(columns), [list(row) for row in zip(*(list(column) for column in columns.values()), strict=True)]


def precision_recall(positive: Positive, score: Score) -> Curve:
    """Recall and the best precision at least at that recall, at POINTS recalls."""
    from sklearn.metrics import precision_recall_curve  # takes a second, which a run without W&B saves

    precision, recall, _ = precision_recall_curve(positive, score)
    precision, recall = precision[:-1], recall[:-1]  # less the point at recall 0, which no threshold has
    best = np.maximum.accumulate(precision)  # from recall 1 down, as interpolated precision is defined
    at = np.linspace(0, 1, POINTS)
    return at, best[::-1][np.searchsorted(recall[::-1], at)]


def receiver_operating(positive: Positive, score: Score) -> Curve:
    """False positive rate and true positive rate, at POINTS false positive rates."""
    from sklearn.metrics import roc_curve

    false_rate, true_rate, _ = roc_curve(positive, score)
    at = np.linspace(0, 1, POINTS)
    return at, np.interp(at, false_rate, true_rate)


def summary(result: Mapping[str, Any]) -> dict[str, Any]:
    """A result as a run's summary: ``selected/test/macro_f1`` of ``{"test": {"macro_f1": …}}``.

    The metrics are of the selected checkpoint, and say so: W&B keeps the last value of each curve beside them, under
    the curve's own name.
    """
    about = {"units", "versions"}
    flat: dict[str, Any] = {}
    for name, value in result.items():
        if isinstance(value, Mapping):
            flat |= flattened(name if name in about else f"selected/{name}", value)
        else:
            flat["selected/step" if name == "step" else name] = value
    return flat


def flattened(prefix: str, values: Mapping[str, Any]) -> dict[str, Any]:
    """Nested values by their paths."""
    flat: dict[str, Any] = {}
    for name, value in values.items():
        path = f"{prefix}/{name}"
        flat |= flattened(path, value) if isinstance(value, Mapping) else {path: value}
    return flat
