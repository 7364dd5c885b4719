"""A fair comparison that suits a data set and the time there is: a grid, written as a file to edit."""

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import yaml

from clsunbias.errors import InputError
from clsunbias.experiments.own_data.understanding import Understood

FEWEST_FOLDS, MOST_FOLDS = 3, 5

METHODS = {
    "erm": "ERM",
    "class_weighted_erm": "ERM (cls-w)",
    "per_class_erm": "ERM (per-cls)",
    "group_dro": "G-DRO",
    "cls_unbias": "Cls-unbias",
}

RATES = {"table": (0.003, 0.03), "recordings": (0.003, 0.01), "images": (0.0003, 0.001)}
"""Learning rates that are searched; without a search the second."""

STEPS = {"table": 1500, "recordings": 200, "images": 1500}
"""Training steps of a run, if there is time; half of them or less if not."""

PER_CLASS = 4
"""Rows of the rarest class that a batch holds on average, so that every class loss can be told in most."""


class Size(NamedTuple):
    """How much is run: partings of the patients, learning rates to search, training steps of a run, folds at most."""

    repeats: int
    rates: int
    steps: int
    folds: int = MOST_FOLDS


@dataclass(frozen=True)
class Design:
    """A grid to be.

    Attributes:
        folds: parts of the patients, each the test once.
        size: how much is run.
        epochs: of a run.
        seconds: of a run, as far as a trial told.
    """

    folds: int
    size: Size
    epochs: int
    seconds: float

    @property
    def runs(self) -> int:
        """In all."""
        trials = self.size.rates if self.size.rates > 1 else 0
        return len(METHODS) * self.folds * self.size.repeats * (1 + trials)

    def minutes(self, jobs: int) -> float:
        """That it takes."""
        return self.runs * self.seconds / jobs / 60


class Trial(NamedTuple):
    """What two short runs told: seconds that every run takes, seconds of an epoch, and steps in one."""

    fixed: float
    epoch: float
    steps: int


def folds_of(understood: Understood) -> int:
    """As many as the smallest class has patients for, at most five; InputError if there are too few for any."""
    name, count = understood.smallest
    if count < FEWEST_FOLDS:
        raise InputError(
            f"{understood.asked.path}: class {name!r} has {count} {understood.whose}, and {FEWEST_FOLDS} are needed to "
            "part them into training, validation and test; collect more, join classes, or leave that one out"
        )
    return min(MOST_FOLDS, count)


def batch_of(understood: Understood) -> int | None:
    """Rows in a batch; None where the data set's own sampler says."""
    if understood.kind == "recordings":
        return None
    rarest = min(understood.counts().values()) / len(understood.labels)
    return min(512, max(64, 1 << math.ceil(math.log2(PER_CLASS / rarest))))


def sizes(kind: str) -> list[Size]:
    """What may be run, from the most that makes sense to the least that gives intervals."""
    full = STEPS[kind]
    searched = [Size(4, 2, full), Size(4, 2, full // 2)]
    return [*searched, *(Size(4, 1, full // part) for part in (1, 2, 4, 8)), Size(4, 1, full // 8, FEWEST_FOLDS)]


def choose(understood: Understood, trial: Trial, minutes: float, jobs: int) -> Design:
    """The largest design that is done in so many minutes, or the smallest there is."""
    folds = folds_of(understood)
    made = []
    for size in sizes(understood.kind):
        epochs = max(5, round(size.steps / trial.steps))
        made.append(Design(min(folds, size.folds), size, epochs, trial.fixed + epochs * trial.epoch))
    return next((one for one in made if one.minutes(jobs) <= minutes), made[-1])


def settings_of(understood: Understood) -> dict[str, Any]:
    """Dotted parameters of every run, those that say something."""
    leaks = True if understood.asked.allow_leaks else None
    more = {"data.init_args.batch_size": batch_of(understood), "data.init_args.allow_leaks": leaks}
    return {name: value for name, value in {**understood.settings, **more}.items() if value not in (None, [])}


def grid(understood: Understood, design: Design) -> dict[str, Any]:
    """The grid as ``reproduce`` reads it."""
    settings = {**settings_of(understood), "trainer.max_epochs": design.epochs}
    settings["trainer.check_val_every_n_epoch"] = max(1, design.epochs // 40)
    name = understood.asked.path.stem
    rate = "model.optimizer.init_args.lr"
    protocol: dict[str, Any] = {
        "label": "searched" if design.size.rates > 1 else "as configured",
        "seeds": 1,
        "folds": design.folds,
        "repeats": design.size.repeats,
    }
    if design.size.rates > 1:
        protocol |= {"axes": {rate: list(RATES[understood.kind])}, "search": {"seeds": 1, "first_seed": 100}}
    else:
        protocol["set"] = {rate: RATES[understood.kind][1]}
    return {
        "title": f"{name}: test macro-F1",
        "metrics": ["test/macro_f1"],
        "also": [
            "test/loss_gap",
            "test/auroc",
            "test/brier",
            *(f"test/recall/{label}" for label in understood.classes),
        ],
        "baselines": ["erm"],
        "rows": {row: {"label": label, "config": f"objectives/{row}.yaml"} for row, label in METHODS.items()},
        "protocols": {"folds": protocol},
        "columns": {
            "data": {"label": name, "configs": {"folds": understood.config}, "set": settings},
        },
    }


HEAD = """\
# What `clsunbias study` made of {path}: edit it and run the same command again, or
#   clsunbias reproduce {file} --out {out}
# The methods share splits, seeds, network and search; each is tested once on every patient, by models that never saw
# them. Of two classes the second is positive. What a parameter may be: clsunbias fit --help all, docs/grids.md.
"""


def as_yaml(understood: Understood, design: Design, file: Path, out: Path) -> str:
    """The grid as a file, with what a reader should look at above it."""
    head = HEAD.format(path=understood.asked.path, file=file, out=out)
    head += "".join(f"# Note: {' '.join(remark.split())}\n" for remark in understood.remarks)
    return head + yaml.safe_dump(grid(understood, design), sort_keys=False, allow_unicode=True, width=110)
