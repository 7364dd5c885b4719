"""Objectives of several runs: those that are alike are evaluated at once, the others each for itself."""

import copy
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from clsunbias.objectives import Objective

Results = dict[str, Tensor]


@dataclass(frozen=True)
class Evaluated:
    """An objective, and the runs that it is evaluated for.

    Attributes:
        objective: theirs.
        runs: int64 ``(K,)``, numbers of the runs.
        at_once: whether it is evaluated under ``vmap``; else there is one run.
    """

    objective: Objective
    runs: Tensor
    at_once: bool

    def results(self, logits: Tensor, batch: Mapping[str, Tensor]) -> Results:
        """What it says of the runs' logits ``(R, B, K)``: each value ``(K, …)``."""
        own = {name: batch[name][self.runs] for name in ("target", *self.objective.needs)}
        if self.at_once:
            made: Results = torch.vmap(lambda rows, more: self.objective(rows, **more))(logits[self.runs], own)
            return made
        one = self.objective(logits[self.runs[0]], **{name: values[0] for name, values in own.items()})
        return {name: value.unsqueeze(0) for name, value in one.items()}


def evaluations(
    objectives: Sequence[Objective], alike: Sequence[str], logits: Tensor, batch: Results
) -> list[Evaluated]:
    """How the objectives of runs are evaluated; see :func:`evaluates_at_once`.

    Args:
        objectives: of each run.
        alike: of each run, what its objective is made of: equal for those that are alike.
        logits: ``(R, B, K)``, to try them on.
        batch: what they need of the rows.
    """
    kinds: dict[str, list[int]] = {}
    for number, kind in enumerate(alike):
        kinds.setdefault(kind, []).append(number)
    made = []
    for numbers in kinds.values():
        several = Evaluated(objectives[numbers[0]], torch.tensor(numbers), at_once=True)
        if evaluates_at_once(several, logits.detach(), batch):
            made.append(several)
        else:
            made += [Evaluated(objectives[one], torch.tensor([one]), at_once=False) for one in numbers]
    return made


def draws_random_numbers(objective: Objective, logits: Tensor, batch: Results) -> bool:
    """Whether an objective does, of a run's logits ``(B, K)``; tried with a copy of it."""
    before = torch.get_rng_state()
    with torch.random.fork_rng(devices=[]):
        copy.deepcopy(objective)(logits, **{name: batch[name] for name in ("target", *objective.needs)})
        return not torch.equal(before, torch.get_rng_state())


def evaluates_at_once(several: Evaluated, logits: Tensor, batch: Results) -> bool:
    """Whether an objective keeps nothing from step to step and says under ``vmap`` what it says alone.

    Tried on a batch, with a copy of it.
    """
    trial = copy.deepcopy(several.objective)
    alone = Evaluated(trial, several.runs[-1:], at_once=False).results(logits, batch)
    before = several.objective.state_dict()
    if trial.watched() or any(not torch.equal(value, before[name]) for name, value in trial.state_dict().items()):
        return False
    try:
        at_once = Evaluated(trial, several.runs, at_once=True).results(logits, batch)
    except (RuntimeError, ValueError, TypeError):  # of vmap, which cannot take what depends on values
        return False
    return all(torch.allclose(at_once[name][-1], value[0], rtol=1e-5, atol=1e-7) for name, value in alone.items())
