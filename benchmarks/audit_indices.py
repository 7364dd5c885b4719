"""How near the audit's indices come to those of the paper's toy, and how often their intervals hold them.

The truth in the data is in closed form; that of a model, whose weights are given, comes of a set so large that chance
has no part in it. Then 200 sets of 1,000 rows: the mean of each index, and the share of intervals that hold the truth.
"""

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt
from scipy.special import expit

from benchmarks.timing import Row
from clsunbias.audit.balance import fit_balanced
from clsunbias.audit.estimates import ByClass
from clsunbias.audit.information import binned, information
from clsunbias.audit.reliance import Swapped, draw_donors, reliance
from clsunbias.audit.stress import stress
from clsunbias.decisions.base import log_prob

Floats = npt.NDArray[np.floating]
Labels = npt.NDArray[np.integer]

SETS, ROWS, MANY, DRAWS = 200, 1000, 200_000, 16

MODELS = {"ERM": ((1.166, -0.699), -0.057), "Cls-unbias": ((0.758, -0.217), -0.624)}
"""Weights and bias that the paper's settings give on the balanced toy."""


def drawn(rows: int, seed: int) -> tuple[Floats, Labels]:
    """Rows of the balanced toy's training distribution."""
    random = np.random.default_rng(seed)
    target = (random.random(rows) < 0.5).astype(int)
    high = random.random((rows, 2)) < np.where(target[:, None] == 1, [0.9, 0.5], [0.1, 1.0])
    return random.normal(size=(rows, 2)) + 3 * high, target


def logs_of(scores: Floats) -> Floats:
    """Log-probabilities of two classes, of log-odds."""
    return log_prob(np.stack([expit(-scores), expit(scores)], axis=-1))


def figures(x: Floats, target: Labels, model: str, at: int, draws: int) -> dict[str, ByClass]:
    """Of a column: the rise of the loss as it is and without imbalance, the evidence, as read, and in the data."""
    weights, bias = np.array(MODELS[model][0]), MODELS[model][1]
    scores = x @ weights + bias
    donors = draw_donors(target, 2, draws)
    swapped = Swapped(logs_of(scores + weights[at] * (x[donors, at] - x[:, at])), donors)
    found = reliance(logs_of(scores), target, swapped, fit_balanced(logs_of(scores), target))
    return {
        "rise of the loss as it is": stress(logs_of(scores), target, swapped)[0].rise,
        "rise without imbalance": found.rise,
        "evidence": found.evidence,
        "part as read": found.read,
        "data": information(binned(x[:, at], target, 2), target, 2).told,
    }


def measure() -> list[Row]:
    """Means over sets beside the truth, and coverage, of each index."""
    return list(lines())


def lines() -> Iterator[Row]:
    """The rows of the table."""
    many = drawn(MANY, 0)
    for model in MODELS:
        for at, column in enumerate(("f1", "f2")):
            truth = figures(*many, model, at, 4)
            sets = [figures(*drawn(ROWS, 1 + number), model, at, DRAWS) for number in range(SETS)]
            for name, true in truth.items():
                if name == "data" and model != "ERM":
                    continue
                wanted = true.index(1).value
                found = [one[name].index(1) for one in sets]
                held = np.mean([one.low <= wanted <= one.high for one in found])
                mean = np.mean([one.value for one in found])
                classes = "/".join(f"{value:.3f}" for value in true.value[::-1])
                yield Row(
                    f"{model}, {column}, index of the {name}: mean of {SETS} sets of {ROWS} rows, share of intervals",
                    f"{mean:+.3f} (truth {wanted:+.3f}, positives/negatives {classes}), {held:.3f}",
                    "truth within 0.03, about 0.95",
                )
