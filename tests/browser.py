"""A report's page in a browser: opening it, reading it, and what scikit-learn says of the same scores."""

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from sklearn.metrics import accuracy_score, confusion_matrix, f1_score, precision_recall_fscore_support

METHODS = {"ERM": "erm", "Cls-unbias": "cls_unbias"}


Page = Any


Floats = npt.NDArray[np.float32]


def open_page(browser: Any, file: Path, **options: Any) -> tuple[Page, list[str]]:
    """The page in a window of its own, and what it should not have done: console messages, errors, requests."""
    page = browser.new_context(**options).new_page()
    complaints: list[str] = []
    page.on("console", lambda message: complaints.append(message.text))
    page.on("pageerror", lambda error: complaints.append(str(error)))
    own = (file.as_uri(), "data:")  # pictures in the page are requests to a browser, but they do not leave it
    page.on("request", lambda request: None if request.url.startswith(own) else complaints.append(request.url))
    page.goto(file.as_uri())
    return page, complaints


def scores(
    folder: Path, row: str, seed: int, split: str = "test", place: str = "paper/retina"
) -> tuple[Floats, Floats]:
    """Labels, and scores of the positive class, of a run."""
    frame = pd.read_csv(folder / "out" / "runs" / "toy" / place / row / str(seed) / "predictions.csv")
    rows = frame[frame["split"] == split]
    return rows["label"].to_numpy(), rows["prob_1"].to_numpy(np.float32)


def rows_of(page: Page, selector: str) -> dict[str, list[str]]:
    """Rows of a table: label → texts of its cells."""
    script = "all => all.map(row => [...row.cells].map(cell => cell.textContent))"
    return {cells[0]: cells[1:] for cells in page.locator(f"{selector} tbody tr").evaluate_all(script)}


def expected(labels: Floats, prob: Floats, threshold: float, fn: float, fp: float) -> list[float]:
    """What scikit-learn says: macro-F1, accuracy, cost, then precision, recall and F1 of each class."""
    predicted = prob > threshold
    matrix = confusion_matrix(labels, predicted, labels=[0, 1])
    by_class = precision_recall_fscore_support(labels, predicted, labels=[0, 1], zero_division=0)[:3]
    macro = f1_score(labels, predicted, average="macro", labels=[0, 1], zero_division=0)
    cost = fn * matrix[1, 0] + fp * matrix[0, 1]
    return [macro, accuracy_score(labels, predicted), cost, *np.transpose(by_class).ravel()]


def shown(values: list[list[float]]) -> list[str]:
    """Figures as the page shows them; of several runs mean and standard deviation."""
    places = [1 if at == 2 else 3 for at in range(9)]
    if len(values) == 1:
        return [f"{value:.{digits}f}" for value, digits in zip(values[0], places, strict=True)]
    pairs = zip(np.mean(values, 0), np.std(values, 0, ddof=1), places, strict=True)
    return [f"{middle:.{digits}f} ± {sd:.{digits}f}" for middle, sd, digits in pairs]


def close(found: list[str], wanted: list[str]) -> bool:
    """Whether numbers agree to the digits shown; halves may be rounded to either side."""
    ours, theirs = ([part for text in texts for part in text.split(" ± ")] for texts in (found, wanted))
    return all(
        abs(float(one) - float(other)) <= 1.01 * 10.0 ** -len(other.partition(".")[2])
        for one, other in zip(ours, theirs, strict=True)
    )


def worst_first(folder: Path, rows: list[str], seeds: list[int], threshold: float) -> list[int]:
    """Units that at least half of a method's runs put into the wrong class, the least probable true class first."""
    worst: dict[int, float] = {}
    for row in rows:
        runs = [scores(folder, row, seed) for seed in seeds]
        labels = runs[0][0]
        prob = np.stack([prob.astype(float) for _, prob in runs])
        wrong = ((prob > threshold) != labels).mean(0) >= 0.5
        truth = np.where(labels == 1, prob, 1 - prob).mean(0)
        for unit in np.flatnonzero(wrong):
            worst[int(unit)] = min(worst.get(int(unit), 2.0), float(truth[unit]))
    return sorted(worst, key=lambda unit: (worst[unit], unit))


CONTRAST = """() => {
  const context = document.createElement("canvas").getContext("2d", { willReadFrequently: true });
  const light = (colour) => {
    context.fillStyle = colour;
    context.fillRect(0, 0, 1, 1);
    const parts = [...context.getImageData(0, 0, 1, 1).data].slice(0, 3).map((value) => value / 255);
    const linear = parts.map((value) => (value <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4));
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2];
  };
  const behind = (one) => {
    const colour = getComputedStyle(one).backgroundColor;
    return colour === "rgba(0, 0, 0, 0)" && one.parentElement ? behind(one.parentElement) : colour;
  };
  const all = document.querySelectorAll("h1, p, td, a, button, .said, .difference, .better, .worse, .wrong, code, dd");
  return Math.min(...[...all].filter((one) => !one.closest(".confusions")).map((one) => {
    const pair = [light(getComputedStyle(one).color), light(behind(one))].sort((a, b) => a - b);
    return (pair[1] + 0.05) / (pair[0] + 0.05);
  }));
}"""


BACKGROUND = "getComputedStyle(document.body).backgroundColor"
