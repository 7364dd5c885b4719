"""How often the audit finds class-feature bias that was planted, and how often some where there is none.

Tables drawn like the paper's toy: f1 tells about both classes alike; f2 is high for all negatives and for a share of
the positives, 1 where nothing is planted, .5 in the paper; a decoy goes with f1; another column is noise. Of each set a
logistic regression is fitted to 1,000 rows, all sets of a strength at once as stacked replicas, and audited on 1,000
others. Beside the audit stand two tests that are in use: permutation importance, which asks whether a column matters at
all, and a probe, which asks whether the label is found in the column.
"""

from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from scipy.special import expit
from scipy.stats import beta, mannwhitneyu

from benchmarks.timing import Row
from clsunbias.audit.balance import fit_balanced
from clsunbias.audit.found import corrected
from clsunbias.audit.information import binned, information
from clsunbias.audit.reliance import Swapped, draw_donors, reliance
from clsunbias.decisions.base import log_prob

Floats = npt.NDArray[np.floating]
Labels = npt.NDArray[np.integer]

SETS, ROWS, DRAWS = 200, 1000, 8
COLUMNS = ("f1", "f2", "decoy", "noise")
PLANTED = 1
STRENGTHS: Mapping[str, float] = {"nothing": 1.0, "half the toy's": 0.75, "the toy's": 0.5}
"""P(f2 high | positive); the negatives' is 1."""

ALPHA = 0.05


class Found(NamedTuple):
    """Which columns ``(4,)`` each test finds."""

    model: Labels
    data: Labels
    importance: Labels
    probe: Labels


def sets(share: float, positives: float, seed: int) -> tuple[Floats, Labels]:
    """Columns ``(S, N, 4)`` and classes ``(S, N)``."""
    random = np.random.default_rng(seed)
    target = (random.random((SETS, ROWS)) < positives).astype(int)
    high1 = random.random(target.shape) < np.where(target == 1, 0.9, 0.1)
    high2 = random.random(target.shape) < np.where(target == 1, share, 1.0)
    f1, f2 = (random.normal(size=target.shape) + 3 * high for high in (high1, high2))
    decoy = f1 + random.normal(size=target.shape)
    return np.stack([f1, f2, decoy, random.normal(size=target.shape)], 2), target


def fitted(x: Floats, target: Labels) -> Floats:
    """Weights and bias ``(S, 5)`` of a logistic regression of each set, by Newton's method on all sets at once."""
    stacked = np.concatenate([x, np.ones((*x.shape[:2], 1))], 2)
    found = np.zeros((len(x), stacked.shape[2]))
    ridge = 1e-3 * np.eye(stacked.shape[2])
    for _ in range(12):
        prob = expit(np.einsum("snd,sd->sn", stacked, found))
        slope = np.einsum("sn,snd->sd", prob - target, stacked) + found @ ridge
        spread = prob * (1 - prob)
        curvature = np.matmul((stacked * spread[..., None]).transpose(0, 2, 1), stacked) + ridge
        found -= np.linalg.solve(curvature, slope[..., None])[..., 0]
    return found


def audited(x: Floats, target: Labels, line: Floats, seed: int) -> Found:
    """What each test says of one set."""
    scores = x @ line[:-1] + line[-1]
    logs = both(scores)
    donors = draw_donors(target, 2, DRAWS, seed)
    balanced = fit_balanced(logs, target)
    used, specific, tells, uneven, probe = [], [], [], [], []
    for at, weight in enumerate(line[:-1]):
        swapped = Swapped(both(scores + weight * (x[donors, at] - x[:, at])), donors)
        found = reliance(logs, target, swapped, balanced)
        used.append(found.rise.positive_p())
        specific.append(found.evidence.equal_p(target))
        told = information(binned(x[:, at], target, 2), target, 2)
        tells.append(told.p)
        uneven.append(told.told.equal_p(target))
        probe.append(float(mannwhitneyu(x[target == 1, at], x[target == 0, at]).pvalue))
    return Found(
        shown(used) & shown(specific), shown(tells) & shown(uneven), shown(used).astype(int), shown(probe).astype(int)
    )


def both(scores: Floats) -> Floats:
    """Log-probabilities of two classes, of log-odds."""
    return log_prob(np.stack([expit(-scores), expit(scores)], axis=-1))


def shown(p_values: Sequence[float]) -> Labels:
    """Which p-values are below .05 after correction for their number."""
    return (np.array(corrected(p_values)) < ALPHA).astype(int)


@cache
def rates(strength: str, positives: float, seed: int = 0) -> dict[str, Floats]:
    """Of each test, how often it finds each column, ``(4,)``."""
    share = STRENGTHS[strength]
    train, tests = (sets(share, positives, 2 * seed + at) for at in (0, 1))
    lines = fitted(*train)
    found = [audited(x, target, line, seed) for x, target, line in zip(*tests, lines, strict=True)]
    return {name: np.mean([getattr(one, name) for one in found], axis=0) for name in Found._fields}


def interval(share: float) -> tuple[float, float]:
    """The 95 % interval of a share of the sets (Clopper and Pearson)."""
    hits = round(share * SETS)
    low = 0.0 if hits == 0 else float(beta.ppf(0.025, hits, SETS - hits + 1))
    return low, 1.0 if hits == SETS else float(beta.ppf(0.975, hits + 1, SETS - hits))


def told(share: float) -> str:
    """A share with its interval."""
    low, high = interval(share)
    return f"{share:.3f} ({low:.3f} to {high:.3f})"


def measure() -> list[Row]:
    """Of each strength and share of positives: power, and false positives of f1, of its decoy and of noise."""
    return list(lines())


def lines() -> Iterator[Row]:
    """The rows of the table."""
    names = {
        "model": "the audit, in the model",
        "data": "the audit, in the data",
        "importance": "permutation importance",
        "probe": "probe of the label",
    }
    for positives in (0.5, 0.1):
        for strength in STRENGTHS:
            found = rates(strength, positives)
            about = f"{strength} planted, {positives:.0%} positives, {SETS} sets"
            for name, test in names.items():
                planted = strength != "nothing"
                target = "at least 0.9" if name in {"model", "data"} and strength == "the toy's" else ""
                if planted:
                    yield Row(f"{test}: f2 found; {about}", told(float(found[name][PLANTED])), target)
                others = [at for at in range(len(COLUMNS)) if at != PLANTED or not planted]
                figure = "; ".join(f"{COLUMNS[at]} {told(float(found[name][at]))}" for at in others)
                limit = "at most 0.05, upper end 0.08" if name in {"model", "data"} else ""
                yield Row(f"{test}: found without cause; {about}", figure, limit)
