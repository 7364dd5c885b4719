"""Charts and tables of a finished run, as W&B takes them."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    import pandas as pd

BINS = 20
POINTS = 51


def figures(frame: "pd.DataFrame", class_names: Sequence[str]) -> dict[str, Any]:
    """Confusion matrix, PR and ROC curves and histograms of scores of each split but training, and the predictions.

    Args:
        frame: predictions, as ``predictions.csv`` has them.
        class_names: C names.
    """
    import wandb

    frame = frame[frame["split"] != "train"]  # whose rows tell little, and are the most
    units: list[Any] = frame.to_numpy().tolist()  # a frame as it is takes three times as long
    made: dict[str, Any] = {"predictions": wandb.Table(columns=[str(name) for name in frame], data=units)}
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
            lines = {label: curve(prob[:, index], target == index) for index, label in enumerate(class_names)}
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


def precision_recall(
    score: npt.NDArray[np.floating[Any]], positive: npt.NDArray[np.bool_]
) -> tuple[npt.NDArray[np.floating[Any]], npt.NDArray[np.floating[Any]]]:
    """Recall and the best precision at least at that recall, at POINTS recalls."""
    true, predicted = counts(score, positive)
    recall, precision = true / positive.sum(), true / predicted
    at = np.linspace(0, 1, POINTS)
    best = np.maximum.accumulate(precision[::-1])[::-1]  # as interpolated precision is defined
    return at, best[np.searchsorted(recall, at).clip(max=len(recall) - 1)]


def receiver_operating(
    score: npt.NDArray[np.floating[Any]], positive: npt.NDArray[np.bool_]
) -> tuple[npt.NDArray[np.floating[Any]], npt.NDArray[np.floating[Any]]]:
    """False positive rate and true positive rate, at POINTS false positive rates."""
    true, predicted = counts(score, positive)
    false_rate = np.concatenate([[0], (predicted - true) / (~positive).sum()])
    at = np.linspace(0, 1, POINTS)
    return at, np.interp(at, false_rate, np.concatenate([[0], true / positive.sum()]))


def counts(
    score: npt.NDArray[np.floating[Any]], positive: npt.NDArray[np.bool_]
) -> tuple[npt.NDArray[np.intp], npt.NDArray[np.intp]]:
    """True positives and predicted positives at each distinct score as threshold, from the highest."""
    order = np.argsort(-score, kind="stable")
    last = np.concatenate([np.diff(score[order]) != 0, [True]])  # of equal scores
    return np.cumsum(positive[order])[last], np.arange(1, len(score) + 1)[last]


def summary(result: Mapping[str, Any]) -> dict[str, Any]:
    """A result as figures with plain names, ``test/macro_f1`` of ``{"test": {"macro_f1": …}}``."""
    flat: dict[str, Any] = {}
    for name, value in result.items():
        if isinstance(value, Mapping):
            flat |= {f"{name}/{inner}": one for inner, one in value.items()}
        else:
            flat[name] = value
    return flat
