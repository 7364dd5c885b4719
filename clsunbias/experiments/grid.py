"""Grids: runs over data sets × objectives × settings × seeds, as the files in ``configs/tables`` declare them."""

from collections.abc import Sequence
from copy import deepcopy
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

from jsonargparse.typing import register_type

from clsunbias.data_paths import data_root
from clsunbias.errors import InputError
from clsunbias.experiments.grid_checks import MOST_SEEDS, check, check_fraction, check_keys, check_names
from clsunbias.experiments.running.config import load_yaml
from clsunbias.parser import Parser


class Parameters(dict[str, Any]):
    """Dotted parameters of the command line and their values, which it checks; classes in them are not made here."""

    __slots__ = ()  # jsonargparse copies what has attributes by these alone


register_type(Parameters, dict, Parameters)


@dataclass(frozen=True)
class Simulated:
    """Made-up recordings in place of a corpus, for ``--simulated``: in its raw layout, of some speakers and hours.

    Attributes:
        test_cue: who of the test has the planted cue that informs about one class only.
        set: dotted parameters on top of the column's.
    """

    corpus: Literal["daic_woz", "modma", "adress"]
    speakers: int
    hours: float
    seed: int = 0
    test_cue: Literal["as_in_train", "none", "all"] = "as_in_train"
    set: Parameters = field(default_factory=Parameters)


@dataclass(frozen=True)
class Column:
    """A data set.

    Attributes:
        label: as tables show it.
        configs: its config under each protocol; a protocol that is not named is not run.
        needs: file below the data root without which there are no data; None when nothing is needed.
        get: the command that brings it.
        set: dotted parameters on top of the config.
        axes: that a search crosses with the protocol's on these data; without a search they are not used.
        per_seed: dotted parameters that take the value of the run's seed.
        published: row → metric → the printed (mean, standard deviation); null where no deviation is printed.
        simulated: what takes its place in a table of simulated results.
    """

    label: str
    configs: dict[str, str]
    needs: str | None = None
    get: str = ""
    set: Parameters = field(default_factory=Parameters)
    axes: dict[str, list[Any] | dict[str, Parameters]] = field(default_factory=dict)
    per_seed: list[str] = field(default_factory=list)
    published: dict[str, dict[str, tuple[float, float | None]]] = field(default_factory=dict)
    simulated: Simulated | None = None

    @property
    def source(self) -> Path | None:
        """The file without which there are no data."""
        return data_root(None) / self.needs if self.needs else None

    @property
    def has_data(self) -> bool:
        """Whether the data are there, as far as can be seen without loading them."""
        return self.source is None or self.source.exists()


@dataclass(frozen=True)
class Row:
    """A method.

    Attributes:
        label: as tables show it.
        config: overlay on a column's config, or several, later wins.
        set: dotted parameters on top of it.
        axes: of its own, that a search crosses with the protocol's; without a search they are not used.
        after: row, or stage, whose selected weights its runs start from: those of the same steps of the axes that all
            rows share, and of the first of its own. Or several, by the dotted parameter that takes the folder of the
            run: ``{init_from: erm, model.refit.init_args.other: cls_unbias}``.
        columns: the data sets that it is for; all, unless given.
    """

    label: str
    config: str | list[str]
    set: Parameters = field(default_factory=Parameters)
    axes: dict[str, list[Any] | dict[str, Parameters]] = field(default_factory=dict)
    after: str | dict[str, str] | None = None
    columns: list[str] = field(default_factory=list)

    @property
    def starts(self) -> dict[str, str]:
        """The rows or stages that its runs need, by the parameter that takes the folder of their run."""
        return {"init_from": self.after} if isinstance(self.after, str) else self.after or {}

    def is_for(self, column: str) -> bool:
        """Whether it makes sense on a data set."""
        return not self.columns or column in self.columns


@dataclass(frozen=True)
class Search:
    """Chooses each method's setting by the mean of a validation metric, on seeds that nothing else uses.

    Attributes:
        seeds: runs of each setting, their test splits left unread.
        first_seed: the seeds are counted from here.
        metric: ``val/NAME`` of what a run records.
        mode: whether the largest or the smallest mean is chosen.
        halving: whether the worse half of a cell's settings ends after one seed, that of the rest after two, four …;
            equals stay.
        share: of each run's length after which it ends, its schedules those of the whole.
    """

    seeds: int
    first_seed: int
    metric: str = "val/macro_f1"
    mode: Literal["max", "min"] = "max"
    halving: bool = False
    share: float = 1.0

    @property
    def rungs(self) -> list[int]:
        """Seeds after which the settings of a cell are judged, all of them last."""
        return [2**power for power in range(self.seeds) if 2**power < self.seeds and self.halving] + [self.seeds]


@dataclass(frozen=True)
class Protocol:
    """Whose settings.

    Attributes:
        label: as tables show it.
        seeds: runs of each cell, at least two; with folds, of each repeat.
        first_seed: the seeds are counted from here.
        axes: settings to cross. An axis named by a dotted parameter lists its values; any other axis maps the name of
            each of its steps to parameters that change together. A parameter of something that a row's overlay
            switches off (``anneal: {lam: null}``) does not apply to that row.
        set: dotted parameters on top of every config.
        search: chooses one setting a cell; without it each setting is a row of its own. With folds it chooses anew
            inside the training part of each.
        folds: if any, patients (or rows that stand alone) are parted in so many, by class, and each part is the test
            once: a run is then the models of all folds, which together score every unit once.
        repeats: partings, each drawn anew.
        fraction: share of the crossed settings that are run, drawn once for all rows and columns; a larger share holds
            a smaller one. Selection rules are not drawn from: one training serves them all.
        why: of an axis and its step, why somebody may choose so; the page says it.
    """

    label: str
    seeds: int
    first_seed: int = 0
    set: Parameters = field(default_factory=Parameters)
    axes: dict[str, list[Any] | dict[str, Parameters]] = field(default_factory=dict)
    search: Search | None = None
    folds: int = 0
    repeats: int = 1
    fraction: float = 1.0
    why: dict[str, dict[str, str]] = field(default_factory=dict)

    @property
    def runs(self) -> int:
        """Runs of each cell, over all repeats."""
        return self.seeds * self.repeats


@dataclass(frozen=True)
class Curves:
    """A figure of training curves: of a column's runs, to compare some rows."""

    column: str
    rows: list[str]


@dataclass(frozen=True)
class Grid:
    """A table of results to be.

    Attributes:
        title: of the table.
        note: what a reader has to know beside it.
        rows: methods, by name.
        columns: data sets, by name.
        protocols: by name.
        metrics: ``split/metric`` of the headline; the first is compared between methods and drawn.
        also: further metrics, each in a table of its own, compared too.
        baselines: rows that each row is compared with.
        curves: figures of training curves, by file name, drawn from the first protocol.
        contrasts: claims about several cells, by name: ``column/row`` → its weight in a sum.
        ranked: whether methods are ranked over all data sets, too, in a table and a figure of their own.
        specifications: whether each setting is a way to test the same claim, that a row beats the baselines: then the
            curve of all differences takes the place of a table of cells.
        stages: what rows start from that is no method of its own, by name: a first stage, which no table shows.
        decisions: rules, each chosen anew on validation by every run, that all metrics are shown under, too.
    """

    title: str
    rows: dict[str, Row]
    columns: dict[str, Column]
    protocols: dict[str, Protocol]
    metrics: list[str]
    also: list[str] = field(default_factory=list)
    baselines: list[str] = field(default_factory=list)
    curves: dict[str, Curves] = field(default_factory=dict)
    contrasts: dict[str, dict[str, float]] = field(default_factory=dict)
    note: str = ""
    decisions: list[str] = field(default_factory=list)
    stages: dict[str, Row] = field(default_factory=dict)
    ranked: bool = False
    specifications: bool = False


def under_rules(names: Sequence[str], rules: Sequence[str]) -> list[str]:
    """Each ``split/metric`` under each rule, ``split@rule/metric``."""
    parted = [name.partition("/") for name in names]
    return [f"{split}@{rule}/{metric}" for rule in rules for split, _, metric in parted]


def load_grid(path: Path) -> Grid:
    """Reads a grid; InputError if there is none, it names what it does not have, or it has too few seeds."""
    if not path.is_file():
        raise InputError(f"there is no grid {path}")
    parser = Parser()
    parser.add_class_arguments(Grid, "grid", instantiate=True)
    content = load_yaml(path)  # the parser would put its own objects into it
    try:
        check_names("table", [path.stem])
        check_keys(Grid, content)
        grid: Grid = parser.instantiate_classes(parser.parse_object({"grid": deepcopy(content)})).grid
        check(grid)
        grid = replace(
            grid,
            metrics=[*grid.metrics, *under_rules(grid.metrics, grid.decisions)],
            also=[*grid.also, *under_rules(grid.also, grid.decisions)],
        )
        if path.stem in grid.curves:
            raise InputError(f"figure {path.stem!r} would overwrite the table's own; give it another name")
    except (TypeError, ValueError) as error:
        raise InputError(f"{path} is no grid: {' '.join(str(error).split())}") from error
    return grid


def narrow(
    grid: Grid,
    columns: Sequence[str] | None,
    protocols: Sequence[str] | None,
    seeds: int | None,
    fraction: float | None = None,
) -> Grid:
    """Some columns, protocols and settings of a grid, with so many runs of each cell; None keeps what the grid says."""
    for kind, names, known in (("column", columns, grid.columns), ("protocol", protocols, grid.protocols)):
        for name in names or ():
            if name not in known:
                raise InputError(f"the grid has no {kind} {name!r}; it has {', '.join(known)}")
    least = max(2 // protocol.repeats for name, protocol in grid.protocols.items() if name in (protocols or [name]))
    if seeds is not None and seeds < max(least, 1):
        raise InputError(f"--seeds must be at least {max(least, 1)}, got {seeds}: one run has no interval")
    if seeds is not None and seeds > MOST_SEEDS:
        raise InputError(f"--seeds must be at most {MOST_SEEDS}, got {seeds}")
    kept_columns = {name: column for name, column in grid.columns.items() if columns is None or name in columns}
    kept_protocols = {name: one for name, one in grid.protocols.items() if protocols is None or name in protocols}
    if fraction is not None:
        kept_protocols = {name: replace(protocol, fraction=fraction) for name, protocol in kept_protocols.items()}
        for name, protocol in kept_protocols.items():
            check_fraction(name, protocol)
    if seeds is not None:
        kept_protocols = {name: replace(protocol, seeds=seeds) for name, protocol in kept_protocols.items()}
    return replace(grid, columns=kept_columns, protocols=kept_protocols)
