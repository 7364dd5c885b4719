"""The objects of a run, made ready for training together; what is like another run's is not worked out again."""

import copy
import json
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

from lightning.pytorch.cli import ArgsType, LightningArgumentParser

from clsunbias.commands.fit import ExperimentCLI
from clsunbias.commands.fit import run as run_command
from clsunbias.commands.train import Ready, get_ready
from clsunbias.data.base import DataModule
from clsunbias.experiments.running.run import Run

NUMBERS = (bool, int, float)


class Replica(ExperimentCLI):
    """A run that is made, and trained by others.

    Args:
        asked: the run.
        like: one that is made already and differs in numbers alone: what it said need not be parsed again.
        arguments: of :class:`ExperimentCLI`.
    """

    rows_in_memory = 10**9

    def __init__(self, *arguments: Any, asked: Run, like: "Replica | None", **named: Any) -> None:
        self.asked, self.like = asked, like
        super().__init__(*arguments, **named)

    def parse_arguments(self, parser: LightningArgumentParser, args: ArgsType) -> None:
        if self.like is None or not (changed := changes(self.like, self.asked, self.like.config["fit"])):
            super().parse_arguments(parser, args)
            return
        self.config = self.like.config.clone()
        rules = self.like.config["fit"]["also"].values()
        also = {str(one.out): rule for one, rule in zip(self.asked.also, rules, strict=True)}
        write(self.config["fit"], {**changed, "out": self.asked.out, "also": also})

    def saved_configs(self) -> dict[Path, dict[str, Any]]:
        if self._saved is None and self.like:
            saved = self.like.saved_configs()
            if changed := changes(self.like, self.asked, config_of(self.like)):
                outs = [self.asked.out, *(one.out for one in self.asked.also)]
                self._saved = dict(zip(outs, copy.deepcopy([*saved.values()]), strict=True))
                for config in self._saved.values():
                    write(config, changed)
        return super().saved_configs()

    def fit(self, **_: Any) -> None:
        """Leaves it to those that train it together with others."""


def config_of(cli: ExperimentCLI) -> dict[str, Any]:
    """The whole config of a run, as it is saved."""
    return cli.saved_configs()[cli.out]


def differs_in_numbers(run: Run, other: Run) -> bool:
    """Whether two runs ask for the same but for numbers of one type."""
    if run.files != other.files or [name for name, _ in run.overrides] != [name for name, _ in other.overrides]:
        return False
    if [one.config.get("selection") for one in run.also] != [one.config.get("selection") for one in other.also]:
        return False
    pairs = zip(dict(run.overrides).values(), dict(other.overrides).values(), strict=True)
    return all(one == two or (type(one) is type(two) and isinstance(one, NUMBERS)) for one, two in pairs)


def changes(like: Replica, run: Run, config: Any) -> dict[str, Any]:
    """What a run's config has otherwise than that of one like it; nothing if one of that is not where its name says."""
    before = dict(like.asked.overrides)
    changed = {name: value for name, value in run.overrides if value != before[name]}
    for name in changed:
        found = section(config, name)
        last = name.rpartition(".")[2]
        if found is None or last not in found or (type(found[last]), found[last]) != (type(before[name]), before[name]):
            return {}
    return changed


def section(config: Any, name: str) -> Any:
    """The section of a config that a dotted parameter is in; None where there is none."""
    for part in name.split(".")[:-1]:
        config = config[part] if hasattr(config, "keys") and part in config else None
    return config if hasattr(config, "keys") else None


def write(config: Any, values: Mapping[str, Any]) -> None:
    """Sets dotted parameters of a config."""
    for name, value in values.items():
        section(config, name)[name.rpartition(".")[2]] = value


class Maker:
    """Makes runs ready for training, one after the other."""

    def __init__(self) -> None:
        self._made: list[Replica] = []
        self._data: dict[str, DataModule] = {}

    def make(self, run: Run) -> tuple[ExperimentCLI, Ready | None]:
        """A run's objects as it has them when its training starts; nothing is ready of a run that is done.

        Data of the same config are loaded once.
        """
        like = next((one for one in self._made if differs_in_numbers(run, one.asked)), None)
        options = ["fit", *run.options, "--trainer.enable_progress_bar", "false"]
        made = run_command(options, kind=partial(Replica, asked=run, like=like))
        assert isinstance(made, Replica)
        if like is None:
            self._made.append(made)
        data = json.dumps(config_of(made)["data"], sort_keys=True)
        if data in self._data:
            made.datamodule = copy.copy(self._data[data])
            made.datamodule.trainer = None
            vars(made.datamodule).pop("class_counts", None)  # which may depend on the seed
        ready = get_ready(made)
        if ready:
            self._data.setdefault(data, made.datamodule)
        return made, ready
