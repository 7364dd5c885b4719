"""What a run's scores become under a decision rule, which sees its validation split alone."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import NamedTuple

import numpy as np
import pandas as pd

from clsunbias.decisions import Decision, DecisionRule, Scores
from clsunbias.experiments.analysis.statistics import Floats, Labels

VALIDATION = "val"
"""The one split that a rule is chosen on."""


class Outcome(NamedTuple):
    """Probabilities ``(N, C)`` after a rule, and the class that it decides for, ``(N,)``."""

    prob: Floats
    decided: Labels


def scores_by_split(frame: pd.DataFrame, features: Mapping[str, Floats] | None = None) -> dict[str, Scores]:
    """The scores of each split of a run's predictions, with the features of its units if there are any."""
    made = {}
    for split in frame["split"].unique():
        rows = frame[frame["split"] == split]
        prob = rows.filter(regex=r"^prob_\d+$").to_numpy(float)
        target = rows["label"].to_numpy().astype(int)
        made[str(split)] = Scores(prob, target, features=(features or {}).get(str(split)))
    return made


def apply(rule: DecisionRule, splits: Mapping[str, Scores]) -> tuple[Decision, dict[str, Outcome]]:
    """Chooses on validation, and decides on every other split, whose classes the rule is not given.

    Args:
        rule: what chooses.
        splits: scores by split, :data:`VALIDATION` among them.
    """
    decision = rule.choose(splits[VALIDATION])
    unlabelled = {name: replace(one, target=None) for name, one in splits.items() if name != VALIDATION}
    return decision, {
        name: Outcome(decision.probabilities(one), decision.decide(one)) for name, one in unlabelled.items()
    }


def of_runs(
    rule: DecisionRule,
    runs: Sequence[Mapping[str, Scores]],
    split: str,
    folds: Labels | None = None,
    validation_folds: Labels | None = None,
) -> Outcome:
    """What a rule makes of a split of S runs, each having chosen on its own validation: ``(S, N, C)``, ``(S, N)``.

    Args:
        rule: what chooses.
        runs: scores by split of each run.
        split: to decide on.
        folds: of each unit of the split in each run, ``(S, N)``: every fold then chooses on its own validation units,
            and decides about its own units alone.
        validation_folds: of each validation unit, ``(S, M)``.
    """
    found = []
    for number, one in enumerate(runs):
        if folds is None or validation_folds is None:
            found.append(apply(rule, {name: one[name] for name in (VALIDATION, split)})[1][split])
            continue
        prob, decided = np.empty_like(one[split].prob), np.empty(len(one[split].prob), int)
        for fold in np.unique(folds[number]):
            seen, judged = (np.flatnonzero(of == fold) for of in (validation_folds[number], folds[number]))
            scores = {VALIDATION: one[VALIDATION].take(seen), split: one[split].take(judged)}
            prob[judged], decided[judged] = apply(rule, scores)[1][split]
        found.append(Outcome(prob, decided))
    return Outcome(np.stack([one.prob for one in found]), np.stack([one.decided for one in found]))
