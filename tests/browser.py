"""A report's page in a browser: opening it, reading it, and what scikit-learn says of the same scores."""

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from sklearn.metrics import (
    accuracy_score,
    average_precision_score,
    confusion_matrix,
    precision_recall_fscore_support,
    roc_auc_score,
)

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


def points_of(panel: Page, line: str) -> tuple[Floats, Floats]:
    """Where a line of a chart passes, as shares of the chart's width and height."""
    text = panel.locator(f"polyline[data-line='{line}']").get_attribute("points")
    x, y = np.array([pair.split(",") for pair in text.split()], float).T
    return (x - 44) / 306, 1 - (y - 18) / 150


def expected(labels: Floats, prob: Floats, threshold: float, fn: float, fp: float) -> tuple[list[float], list[float]]:
    """What scikit-learn says: macro-F1, AUROC, accuracy and cost; then of each class F1, recall, precision and AP."""
    predicted = prob > threshold
    matrix = confusion_matrix(labels, predicted, labels=[0, 1])
    by_class = precision_recall_fscore_support(labels, predicted, labels=[0, 1], zero_division=np.nan)[:3]
    precision, recall, f1 = by_class[0], by_class[1], np.nan_to_num(by_class[2])
    scores = prob.astype(float)
    aps = average_precision_score(1 - labels, 1 - scores), average_precision_score(labels, scores)
    cost = fn * matrix[1, 0] + fp * matrix[0, 1]
    overall = [f1.mean(), roc_auc_score(labels, scores), accuracy_score(labels, predicted), cost]
    return overall, [value for at in (0, 1) for value in (f1[at], recall[at], precision[at], aps[at])]


def shown(values: list[list[float]]) -> list[str]:
    """Figures as the page shows them; of several runs mean and standard deviation, of no number a dash."""
    rows = np.array(values)
    places = [1 if rows.shape[1] == 4 and at == 3 else 3 for at in range(rows.shape[1])]
    made = []
    for column, digits in zip(rows.T, places, strict=True):
        spread = f" ± {column.std(ddof=1):.{digits}f}" if len(rows) > 1 else ""
        made.append("–" if np.isnan(column).any() else f"{column.mean():.{digits}f}{spread}")
    return made


def close(found: list[str], wanted: list[str]) -> bool:
    """Whether numbers agree to the digits shown; halves may be rounded to either side."""
    ours, theirs = ([part for text in texts for part in text.split(" ± ")] for texts in (found, wanted))
    return all(
        one == other == "–" or abs(float(one) - float(other)) <= 1.01 * 10.0 ** -len(other.partition(".")[2])
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
  const all = document.querySelectorAll(
    "h1, h2, h3, h4, p, td, th, a, button, select, label, legend, summary, li, dt, dd, code, span, figcaption"
  );
  const ratio = (colour, other) => {
    const pair = [light(colour), light(other)].sort((a, b) => a - b);
    return (pair[1] + 0.05) / (pair[0] + 0.05);
  };
  const texts = [...all].filter((one) => one.textContent.trim() && !one.closest(".confusions"));
  const signs = document.querySelectorAll("figure text, figure polyline, figure .selected, figure line:not(.axis)");
  const style = (one) => getComputedStyle(one);
  const methods = PAGE.colours.map((_, at) => {
    const probe = document.body.appendChild(document.createElement("i"));
    probe.style.color = methodColour(at);
    const colour = style(probe).color;
    probe.remove();
    return colour;
  });
  const paint = (one) => (style(one).stroke === "none" ? style(one).fill : style(one).stroke);
  return {
    texts: Math.min(...texts.map((one) => ratio(style(one).color, behind(one)))),
    drawn: Math.min(...[...signs].map((one) => ratio(paint(one), behind(one.closest("figure"))))),
    methods: Math.min(...methods.map((colour) => ratio(colour, behind(document.body)))),
  };
}"""


STRUCTURE = """() => {
  const all = (selector) => [...document.querySelectorAll(selector)];
  const ids = all("[id]").map((one) => one.id);
  const levels = all("h1, h2, h3, h4").map((one) => Number(one.tagName[1]));
  const wordless = (one) => !(one.textContent.trim() || one.getAttribute("aria-label"));
  const named = "[aria-labelledby], [aria-describedby], label[for], a[href^='#']";
  const targets = all(named).flatMap((one) => (
    ["aria-labelledby", "aria-describedby", "for", "href"].map((name) => one.getAttribute(name)?.replace("#", ""))
  ));
  return {
    "ids twice": ids.filter((id, at) => ids.indexOf(id) !== at),
    "targets that are not there": targets.filter((id) => id && !ids.includes(id)),
    "headings that skip a level": levels.filter((level, at) => at && level > levels[at - 1] + 1),
    "not one main and one h1": [all("main"), all("h1")].filter((found) => found.length !== 1).length,
    "fields without a label": all("select, input, textarea").filter((one) => !one.labels.length).map((one) => one.id),
    "buttons and links without words": all("button, a, summary").filter(wordless).length,
    "pictures without words": all("img:not([alt]), svg:not([aria-hidden]):not([aria-label])").length,
    "header cells without a scope": all("th:not([scope])").length,
    "regions without a name or a tab stop": all(".scroll:not([tabindex='0'][role='region'][aria-label])").length,
    "lists with other things": all("ul > :not(li), dl > :not(dt, dd)").length,
    "without a language or a title": Number(!document.documentElement.lang) + Number(!document.title),
  };
}"""
"""What an accessibility check finds wrong, by what it is: nothing should be."""


BACKGROUND = "getComputedStyle(document.body).backgroundColor"
