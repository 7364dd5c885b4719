"""How often the permutation test of AUROC and average precision is wrong, and how often right, of scores on two scales.

Simulated studies of two methods whose probabilities lie on scales of their own, as a weighted loss and a plain one have
them: the second method's logits are halved and lowered by 2. Units are easier or harder for both.
"""

from collections.abc import Sequence

import numpy as np
from scipy.special import expit

from benchmarks.timing import Row
from clsunbias.experiments.analysis.split_scores import SplitScores

UNITS, RUNS, POSITIVES = 150, 5, 0.3
STUDIES = 400
EASE = 0.8
"""Of the standard deviation of a unit's logit, what it has in every run of both methods."""

METRICS = ("auroc", "auprc")


def p_values(random: np.random.Generator, better: float) -> dict[str, float]:
    """Of a study whose second method has positives that much farther from the negatives, where the first has 1."""
    target = (random.random(UNITS) < POSITIVES).astype(int)
    ease = EASE * random.normal(size=UNITS)
    noise = (1 - EASE**2) ** 0.5
    scored = []
    for skill, scale, shift in ((1.0, 1.0, 0.0), (1.0 + better, 0.5, -2.0)):
        logits = target * skill + ease + noise * random.normal(size=(RUNS, UNITS))
        prob = expit(scale * logits + shift)
        scored.append(SplitScores(np.stack([1 - prob, prob], 2), target, METRICS))
    return scored[1].permutation_p(scored[0])


def shown(better: float, studies: int, seed: int = 1) -> dict[str, float]:
    """The share of studies with a p-value below 0.05, by metric."""
    random = np.random.default_rng(seed)
    found = [p_values(random, better) for _ in range(studies)]
    return {name: float(np.mean([one[name] < 0.05 for one in found])) for name in METRICS}


def measure() -> Sequence[Row]:
    """Equal methods, and one with AUROC .76 against one with .81."""
    equal, apart = (", ".join(f"{of} {100 * one:.1f} %" for of, one in shown(b, STUDIES).items()) for b in (0.0, 0.25))
    what = f"{UNITS} units, {100 * POSITIVES:.0f} % positive, {RUNS} runs"
    return [
        Row(f"ranking_tests: {what}: p < .05 of equal methods", equal, "5 %"),
        Row(f"ranking_tests: {what}: p < .05 where the second's AUROC is .81, the first's .76", apart),
    ]
