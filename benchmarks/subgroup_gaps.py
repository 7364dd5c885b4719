"""How often a table of groups shows a gap where there is none: the share of draws with any gap shown, at most .05."""

import numpy as np
import pandas as pd

from benchmarks.timing import Row
from clsunbias.experiments.analysis import subgroups
from clsunbias.experiments.analysis.split_scores import SplitScores
from clsunbias.experiments.analysis.verdicts import holm

CLASSES = ("well", "ill")


def shown_by_chance(draws: int = 500, permutations: int = 1000, seed: int = 0) -> float:
    """The share of draws in which any gap of two attributes is shown.

    150 units, a third of them ill, are scored with some skill. Groups tell nothing of a score within a class, but the
    ill are more frequent in some of them.

    Args:
        draws: of units, scores and groups.
        permutations: of a test.
        seed: of the draws.
    """
    random, shown = np.random.default_rng(seed), 0
    for _ in range(draws):
        target = (random.random(150) < 1 / 3).astype(int)
        positive = 1 / (1 + np.exp(-(2 * target - 1 + random.normal(size=150))))
        scores = SplitScores(np.stack([1 - positive, positive], 1)[np.newaxis], target, [])
        two = (random.random(150) < 0.3 + 0.3 * target).astype(int)
        several = {"two": two, "three": random.integers(0, 3, 150)}
        p_values = [
            p
            for codes in several.values()
            for _, p in subgroups.gaps(scores, pd.Categorical(codes).codes, CLASSES, permutations).values()
        ]
        shown += min(holm(p_values), default=1.0) < subgroups.ALPHA
    return shown / draws


def measure() -> list[Row]:
    """The share of 500 draws."""
    share = shown_by_chance()
    return [Row("any gap between groups shown where there is none, of 500 draws", f"{share:.3f}", "at most 0.05")]
