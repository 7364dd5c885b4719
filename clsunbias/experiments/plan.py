"""From a grid to its runs: arms, what a search may compare, and what it chooses."""

import itertools
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from graphlib import CycleError, TopologicalSorter
from pathlib import Path
from typing import Any, NamedTuple

from clsunbias.errors import InputError
from clsunbias.experiments.grid import Grid, Protocol, Row, Search
from clsunbias.experiments.running.config import load_yaml, merge_all
from clsunbias.experiments.running.run import Run
from clsunbias.experiments.settings import crossed, drawn, parameters
from clsunbias.files import CONFIGS

END_EARLY = "clsunbias.callbacks.EndEarly"
"""Ends the runs of a search after a share of their length."""


class Fold(NamedTuple):
    """One of so many parts of the units of a data set that take no part in training, in one of several partings."""

    of: int
    number: int
    repeat: int

    @property
    def plan(self) -> dict[str, Any]:
        """The data set's ``plan``; shares that a config may have give way."""
        return {"val": None, "test": None, "folds": self.of, "fold": self.number, "seed": self.repeat}


@dataclass(frozen=True)
class Arm:
    """A method on a data set with one setting under one protocol: what seeds are runs of.

    Attributes:
        protocol: key into the grid's protocols, as column and row are into its columns and rows.
        setting: name of the setting, nothing when there is only one.
        stands_for: the settings that come to it, since they differ in what does not apply to the method; itself first.
        run: the run with no seed yet.
        per_seed: dotted parameters that take the seed's value.
        after: the arms whose selected weights its runs start from, seed by seed, each with the parameter that takes the
            folder of its run.
    """

    protocol: str = field(compare=False)
    column: str = field(compare=False)
    row: str = field(compare=False)
    setting: str = field(compare=False)
    run: Run
    per_seed: tuple[str, ...] = field(default=(), compare=False)
    after: "tuple[tuple[str, Arm], ...]" = field(default=(), compare=False)
    stands_for: tuple[str, ...] = field(default=(), compare=False)

    @property
    def cell(self) -> tuple[str, str, str]:
        """Protocol, data set and method: the place in the table that the arm's settings compete for."""
        return self.protocol, self.column, self.row

    def seed(self, seed: int, withhold_test: bool = False, fold: Fold | None = None, share: float = 1.0) -> Run:
        """The run with a seed, of one fold if there are any, ended after a share of its length."""
        seeded = dict.fromkeys(("seed_everything", *self.per_seed), seed) | {"withhold_test": withhold_test}
        after = tuple((name, arm.seed(seed, withhold_test, fold, share)) for name, arm in self.after)
        start = {name: str(run.out) for name, run in after}
        part: dict[str, Any] = {"data.init_args.plan": fold.plan} if fold else {}
        if share < 1:
            part |= {"trainer.callbacks+": [{"class_path": END_EARLY, "init_args": {"share": share}}]}
        overrides = (*self.run.overrides, *seeded.items(), *part.items(), *start.items())
        name = f"{seed},repeat={fold.repeat},fold={fold.number}" if fold else str(seed)
        name += f",share={share:g}" if share < 1 else ""
        return replace(self.run, out=self.run.out / name, overrides=overrides, after=after)


def seeds_of(runs: Protocol | Search) -> range:
    """The seeds of a protocol's table, or of a search."""
    return range(runs.first_seed, runs.first_seed + (runs.runs if isinstance(runs, Protocol) else runs.seeds))


def folds_of(protocol: Protocol, repeat: int | None = None) -> list[Fold]:
    """The folds of a repeat, or of all; none of a protocol without."""
    repeats = range(protocol.repeats) if repeat is None else (repeat,)
    return [Fold(protocol.folds, number, one) for one in repeats for number in range(protocol.folds)]


def runs_of(grid: Grid, arm: Arm) -> dict[int, Run]:
    """The runs that an arm's cell is a mean of, by seed; with folds each is made of one run a fold."""
    return folded(grid, dict.fromkeys(folds_of(grid.protocols[arm.protocol]), arm), arm)


def folded(grid: Grid, arms: Mapping[Fold, Arm], whole: Arm) -> dict[int, Run]:
    """The runs of a cell by seed, given the arm that each fold is run with, and the one they count as."""
    protocol = grid.protocols[whole.protocol]
    made = {}
    for place, seed in enumerate(seeds_of(protocol)):
        parts = folds_of(protocol, place // protocol.seeds)
        made[seed] = replace(whole.seed(seed), parts=tuple(arms[fold].seed(seed, fold=fold) for fold in parts))
    return made


def trials_of(grid: Grid, arm: Arm, fold: Fold | None = None) -> list[Run]:
    """The runs that a search may judge an arm by, of a fold or of all; none without a search."""
    protocol = grid.protocols[arm.protocol]
    folds: list[Fold | None] = [fold] if fold else [*folds_of(protocol)] or [None]
    search = protocol.search
    return [arm.seed(seed, True, one, search.share) for one in folds for seed in seeds_of(search)] if search else []


def arms(
    grid: Grid, columns: Sequence[str], protocols: Sequence[str], folder: Path, where: Path, wandb: bool = False
) -> list[Arm]:
    """Every arm of some columns and protocols, each with a folder of its own below ``folder``.

    Configs are looked for in ``where`` first, before the suite's own; W&B shows the runs in a group for every column.

    Raises:
        InputError: a config is not there, rows come after each other in a circle, or a search is unfair.
    """
    planned = [
        arm
        for protocol, column in itertools.product(protocols, columns)
        if protocol in grid.columns[column].configs
        for arm in column_arms(grid, column, protocol, folder, where, wandb)
    ]
    for protocol in protocols:
        check_search(grid, protocol, planned)
    return planned


def column_arms(grid: Grid, column: str, protocol: str, folder: Path, where: Path, wandb: bool) -> list[Arm]:
    """Every arm of a column under a protocol; see :func:`arms`."""
    data, rows = grid.columns[column], {**grid.rows, **grid.stages}
    searched = grid.protocols[protocol].search is not None
    shared = {**grid.protocols[protocol].axes, **(data.axes if searched else {})}
    is_drawn = drawn(protocol, grid.protocols[protocol])
    made: dict[str, list[Arm]] = {}
    first: dict[str, dict[int, Arm]] = {}  # of each row, by the place of what all rows share among its settings
    for row in rows_in_order(rows):
        method = rows[row]
        if not method.is_for(column):
            continue
        if absent := [name for name in method.starts.values() if name not in first]:
            raise InputError(f"row {row!r} is for {column!r}, where there is no {absent[0]!r} for it to come after")
        overlays = [method.config] if isinstance(method.config, str) else method.config
        files = tuple(find(name, where) for name in (data.configs[protocol], *overlays))
        config = merge_all(map(load_yaml, files))
        fixed = {**data.set, **grid.protocols[protocol].set, **method.set}
        about = {"group": f"{folder.name}/{column}", "method": f"{row}, {protocol}", "tags": [protocol, row]}
        fixed |= {"wandb": about} if wandb else {}
        own = method.axes if searched else {}
        check_starts(row, rows, shared if searched else {})
        together = len(crossed(protocol, own))  # that follow each other with one step of what all share
        distinct: dict[str, Arm] = {}
        first[row] = {}
        crossing = crossed(protocol, {**shared, **own})
        for place, (setting, steps) in enumerate(crossing.items()):
            of_all = place // together
            applying = {name: value for name, value in parameters(steps).items() if applies(name, config)}
            overrides = tuple({**fixed, **applying}.items())
            run = Run(folder / protocol / column / row / setting, files, overrides, data.source)
            after = tuple((name, first[start][of_all]) for name, start in method.starts.items())
            arm = Arm(protocol, column, row, setting, run, tuple(data.per_seed), after)
            # Settings that differ in what does not apply are one.
            key = repr((overrides, [start.setting for _, start in after]))
            arm = distinct.get(key, arm)
            arm = distinct[key] = replace(arm, stands_for=(*arm.stands_for, setting))
            first[row].setdefault(of_all, arm)
        # Known by the first of all its settings, drawn or not: so a larger share finds what a smaller one has run.
        made[row] = [arm for arm in distinct.values() if any(is_drawn(crossing[one]) for one in arm.stands_for)]
    return [arm for row in grid.rows for arm in made.get(row, [])]


def check_starts(name: str, rows: Mapping[str, Row], shared: Collection[str]) -> None:
    """Raises InputError if a row starts from another's runs, and one of them has steps of its own on a shared axis.

    It starts from the run of the same steps, which there would not be.
    """
    for row in (name, *rows[name].starts.values()) if rows[name].starts else ():
        if own := [axis for axis in rows[row].axes if axis in shared]:
            raise InputError(
                f"row {name!r} starts from runs of the same steps, and row {row!r} has steps of its own on {own[0]!r}, "
                "an axis of all rows: give that axis another name, or leave it to all"
            )


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


def rows_in_order(rows: Mapping[str, Row]) -> list[str]:
    """Names of rows, each behind the one whose weights it starts from; no circle, or InputError."""
    try:
        graph = {name: [*row.starts.values()] for name, row in rows.items()}
        return list(TopologicalSorter(graph).static_order())
    except CycleError as error:
        raise InputError(f"rows come after each other in a circle: {', '.join(error.args[1])}; mend after") from error


def find(name: str, where: Path) -> Path:
    """A config that a grid names: beside the grid's file, else of the suite; in one of them, or InputError."""
    for path in (where / name, CONFIGS / name):
        if path.is_file():
            return path
    raise InputError(f"there is no config {name!r} in {where} or {CONFIGS}")


def check_search(grid: Grid, protocol: str, planned: Sequence[Arm]) -> None:
    """Raises InputError if a search sees other than validation, or the table's seeds, or favours a method."""
    search = grid.protocols[protocol].search
    if search is None:
        return
    if not search.metric.startswith("val/"):
        raise InputError(
            f"the search of protocol {protocol!r} goes by {search.metric}; it may see val alone: val/METRIC"
        )
    if both := set(seeds_of(search)) & set(seeds_of(grid.protocols[protocol])):
        raise InputError(
            f"protocol {protocol!r} reports seeds that its search has seen (both have {min(both)}): "
            "mend first_seed, or ask for fewer seeds"
        )
    for column in grid.columns:
        counts = Counter(arm.row for arm in planned if (arm.protocol, arm.column) == (protocol, column))
        if len({*counts.values()}) > 1:
            numbers = ", ".join(f"{grid.rows[row].label} {count}" for row, count in counts.items())
            raise InputError(
                f"the search of protocol {protocol!r} is unequal ({numbers} settings on {column}): mend axes"
            )
