"""Arms: a method on a data set with one setting under one protocol, which a grid is a list of."""

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from clsunbias.errors import InputError
from clsunbias.experiments.grid import Grid, Protocol
from clsunbias.experiments.running.run import Run, load_yaml, merge
from clsunbias.files import CONFIGS, data_root


@dataclass(frozen=True)
class Arm:
    """A method on a data set with one setting under one protocol: what seeds are runs of.

    Attributes:
        protocol: key into the grid's protocols.
        column: key into its columns.
        row: key into its rows.
        setting: name of the setting, nothing when there is only one.
        run: the run with no seed yet.
        per_seed: dotted parameters that take the seed's value.
    """

    protocol: str = field(compare=False)
    column: str = field(compare=False)
    row: str = field(compare=False)
    setting: str = field(compare=False)
    run: Run
    per_seed: tuple[str, ...] = field(default=(), compare=False)

    def seed(self, seed: int, withhold_test: bool = False) -> Run:
        """The run with a seed."""
        overrides = {name: seed for name in ("seed_everything", *self.per_seed)} | {"withhold_test": withhold_test}
        out, all_overrides = self.run.out / str(seed), (*self.run.overrides, *overrides.items())
        return Run(out, self.run.files, all_overrides, self.run.source)


def runs_of(grid: Grid, arm: Arm) -> dict[int, Run]:
    """The runs that an arm's cell is a mean of, by seed."""
    protocol = grid.protocols[arm.protocol]
    return {seed: arm.seed(seed) for seed in range(protocol.first_seed, protocol.first_seed + protocol.seeds)}


def trials_of(grid: Grid, arm: Arm) -> list[Run]:
    """The runs that a search judges an arm by; none without a search."""
    search = grid.protocols[arm.protocol].search
    if search is None:
        return []
    return [arm.seed(seed, withhold_test=True) for seed in range(search.first_seed, search.first_seed + search.seeds)]


def settings(protocol: Protocol) -> dict[str, dict[str, Any]]:
    """Every combination of the axes: its name, and the dotted parameters it sets."""
    axes: list[list[tuple[str, dict[str, Any]]]] = []
    for axis, steps in protocol.axes.items():
        if isinstance(steps, Mapping):
            axes.append([(name, dict(parameters)) for name, parameters in steps.items()])
        else:
            short = axis.rsplit(".", 1)[-1]
            axes.append([(f"{short}={value}".replace("/", "-"), {axis: value}) for value in steps])
    combined = itertools.product(*axes)
    return {
        ",".join(name for name, _ in steps): {name: value for _, step in steps for name, value in step.items()}
        for steps in combined
    }


def applies(dotted: str, config: Mapping[str, Any]) -> bool:
    """Whether a parameter belongs to something that a config has not switched off with null."""
    below: Any = config
    for name in dotted.split(".")[:-1]:
        if not isinstance(below, Mapping) or name not in below:
            return True  # a default; the command line knows
        below = below[name]
        if below is None:
            return False
    return True


def arms(
    grid: Grid, columns: Sequence[str], protocols: Sequence[str], folder: Path, where: Path, wandb: bool = False
) -> list[Arm]:
    """Every arm of some columns and protocols.

    Args:
        grid: the grid.
        columns: names of the columns to run.
        protocols: names of the protocols to run.
        folder: below which the arms' folders are.
        where: folder that the grid's configs are looked for in first, before the suite's own.
        wandb: whether the runs are shown on W&B, too: a group for every column.

    Raises:
        InputError: a config is not there, or a search is unfair (see :func:`check_search`).
    """
    made: dict[tuple[str, str, str, str], Arm] = {}
    for protocol, column, row in itertools.product(protocols, columns, grid.rows):
        if protocol not in grid.columns[column].configs:
            continue
        needs = grid.columns[column].needs
        source = data_root(None) / needs if needs else None
        files = tuple(find(name, where) for name in (grid.columns[column].configs[protocol], grid.rows[row].config))
        fixed = {**grid.columns[column].set, **grid.protocols[protocol].set, **grid.rows[row].set}
        fixed |= {"wandb": {"group": f"{folder.name}/{column}", "tags": [protocol, row]}} if wandb else {}
        config = merge(merge({}, load_yaml(files[0])), load_yaml(files[1]))
        for setting, parameters in settings(grid.protocols[protocol]).items():
            applying = {name: value for name, value in parameters.items() if applies(name, config)}
            overrides = tuple({**fixed, **applying}.items())
            out = folder / protocol / column / row / setting
            run = Run(out, files, overrides, source)
            arm = Arm(protocol, column, row, setting, run, tuple(grid.columns[column].per_seed))
            # Settings that differ in what does not apply are one.
            made.setdefault((protocol, column, row, repr(overrides)), arm)
    for protocol in protocols:
        check_search(grid, protocol, list(made.values()))
    return list(made.values())


def check_search(grid: Grid, protocol: str, made: Sequence[Arm]) -> None:
    """Raises InputError if a search gives one method more settings than another, or looks at the seeds of the table."""
    search = grid.protocols[protocol].search
    if search is None:
        return
    tried, fresh = (range(one.first_seed, one.first_seed + one.seeds) for one in (search, grid.protocols[protocol]))
    if set(tried) & set(fresh):
        raise InputError(
            f"protocol {protocol!r} reports seeds that its search has seen (both have {max(tried[0], fresh[0])}): "
            "mend first_seed, or ask for fewer seeds"
        )
    budgets = {
        grid.rows[row].label: sum(arm.row == row and arm.protocol == protocol for arm in made) for row in grid.rows
    }
    if len(set(budgets.values())) > 1:
        shown = ", ".join(f"{label} {count}" for label, count in budgets.items())
        raise InputError(f"the search of protocol {protocol!r} is unequal ({shown} settings in all): mend axes")


def find(name: str, where: Path) -> Path:
    """A config that a grid names: beside the grid's file, else of the suite.

    Raises:
        InputError: it is in neither place.
    """
    for folder in (where, CONFIGS):
        if (folder / name).is_file():
            return folder / name
    raise InputError(f"there is no config {name!r} in {where} or {CONFIGS}")
