"""Which runs of a grid may be trained together, as far as their configs tell."""

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from clsunbias.experiments.running.run import Run

MOST = 64
"""Runs in a group: more gain little, and what a killed worker was at is done again."""

NETWORKS = {"Linear", "MLP", "Perceptron"}
"""Fully connected: of these a step costs little but calls, which a group shares. Convolutions gain nothing on a CPU."""

DATA = {"Toy", "Tabular"}

TRAINER = {"accelerator", "callbacks", "max_epochs", "max_steps", "check_val_every_n_epoch", "enable_progress_bar"}
"""Options of a trainer that mean the same for a group; a run with others is done alone. Of callbacks EndEarly does."""

ALONE = {"ckpt_path", "freeze", "save_every", "save_features", "wandb"}
"""Options of a run that is done alone where they are given."""


APART = {
    *("APLoss", "LogitVariation", "SelectiveMixup", "SelfSupervised", "ProportionalOdds", "SAM", "ImbSAM"),
    *("SupervisedContrastive", "SubclassContrastive", "OrdinalContrastive", "FacilityLocation", "GraphCut"),
    *("NeuralCollapse", "NormalisedGradients"),
}
"""Classes whose runs are done alone: they need what a network computes on the way, draw, have weights or rows of their
own, or look at a step twice. What else cannot go together is found out when it is tried."""

CLASSES = {"class_path", "selection", "network", "objective", "sample_loss", "optimizer", "sampler", "resample"}
"""Parameters whose value may be the import path of a class."""


def units_of(runs: Sequence[Run], jobs: int) -> list[tuple[Run, ...]]:
    """The runs in the groups that they are tried in, at least one for each of so many workers; others one by one."""
    kinds: dict[str, list[Run]] = {}
    for run in runs:
        kinds.setdefault(kind_of(run), []).append(run)
    units = []
    for kind, alike in kinds.items():
        parts = jobs * -(-len(alike) // (MOST * jobs)) if kind else len(alike)
        size = -(-len(alike) // parts)
        units += [tuple(alike[first : first + size]) for first in range(0, len(alike), size)]
    return units


def kind_of(run: Run) -> str:
    """What the runs of a group have in common; nothing of one that is done alone."""
    config = run.config
    model, data, trainer = (config.get(name) or {} for name in ("model", "data", "trainer"))
    options = data.get("init_args") or {}
    if any(config.get(name) not in (None, False, []) for name in ALONE) or model.get("refit") or options.get("mixup"):
        return ""
    if any(name_of(one) != "EndEarly" for one in trainer.get("callbacks") or ()):
        return ""
    if not trainer.keys() <= TRAINER or trainer.get("accelerator", "auto") not in {"auto", "cpu"}:
        return ""
    if (
        name_of(model.get("network")) not in NETWORKS
        or name_of(data) not in DATA
        or not all(
            is_shipped(path) and path.rpartition(".")[2] not in APART
            for one in (run, *run.also)
            for path in paths(one.config)
        )
    ):
        return ""
    rows = {name: options.get(name) for name in ("path", "batch_size", "plan")}
    return json.dumps([model["network"], trainer, rows, name_of(data)], sort_keys=True, default=str)


def name_of(made: Any) -> str:
    """Name of the class of something in a config."""
    return str(made.get("class_path", "") if isinstance(made, Mapping) else made).rpartition(".")[2]


def paths(config: Any) -> Iterator[str]:
    """Import paths of all classes in a config."""
    if isinstance(config, Mapping):
        yield from (value for name, value in config.items() if name in CLASSES and isinstance(value, str))
        for value in config.values():
            yield from paths(value)


def is_shipped(path: str) -> bool:
    """Whether a class is none of the user's own, of which it is not known what else it does."""
    return path.partition(".")[0] in {"clsunbias", "torch", "torchvision"} or "." not in path


def in_words(units: Sequence[Sequence[Run]]) -> str:
    """How runs are done: ``12 runs as 2 × 6 replicas, 3 one by one``; nothing where each is done alone."""
    together = [len(unit) for unit in units if len(unit) > 1]
    if not together:
        return ""
    sizes = [f"{together.count(size)} × {size}" for size in sorted(set(together), reverse=True)]
    alone = f", {len(units) - len(together)} one by one" if len(units) > len(together) else ""
    kind = "trainings" if any(run.also for unit in units for run in unit) else "runs"
    return f"{sum(together)} {kind} as {' + '.join(sizes)} replicas{alone}"
