"""Grids: runs over data sets × objectives × settings × seeds, as the files in ``configs/tables`` declare them."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from jsonargparse.typing import register_type

from clsunbias.errors import InputError
from clsunbias.experiments.analysis.statistics import METRICS, is_metric
from clsunbias.experiments.running.run import load_yaml
from clsunbias.parser import Parser


class Parameters(dict[str, Any]):
    """Dotted parameters of the command line and their values, which it checks; classes in them are not made here."""

    __slots__ = ()  # jsonargparse copies what has attributes by these alone


register_type(Parameters, dict, Parameters)


@dataclass(frozen=True)
class Row:
    """A method.

    Attributes:
        label: as tables show it.
        config: overlay on a column's config.
        set: dotted parameters on top of it.
    """

    label: str
    config: str
    set: Parameters = field(default_factory=Parameters)


@dataclass(frozen=True)
class Simulated:
    """Made-up recordings in place of a corpus, for ``--simulated``.

    Attributes:
        corpus: whose raw layout.
        speakers: number of speakers.
        hours: of their speech.
        seed: of the recordings.
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
        per_seed: dotted parameters that take the value of the run's seed.
        published: row → metric → the paper's (mean, standard deviation).
        simulated: what takes its place in a table of simulated results.
    """

    label: str
    configs: dict[str, str]
    needs: str | None = None
    get: str = ""
    set: Parameters = field(default_factory=Parameters)
    per_seed: list[str] = field(default_factory=list)
    published: dict[str, dict[str, tuple[float, float]]] = field(default_factory=dict)
    simulated: Simulated | None = None


@dataclass(frozen=True)
class Search:
    """Chooses each method's setting by its mean validation macro-F1, on seeds that nothing else uses.

    Attributes:
        seeds: runs of each setting, their test splits left unread.
        first_seed: the seeds are counted from here.
    """

    seeds: int
    first_seed: int


@dataclass(frozen=True)
class Protocol:
    """Whose settings.

    Attributes:
        label: as tables show it.
        seeds: runs of each cell, at least two.
        first_seed: the seeds are counted from here.
        axes: settings to cross. An axis named by a dotted parameter lists its values; any other axis maps the name of
            each of its steps to parameters that change together. A parameter of something that a row's overlay
            switches off (``anneal: {lam: null}``) does not apply to that row.
        set: dotted parameters on top of every config.
        search: chooses one setting a cell; without it each setting is a row of its own.
    """

    label: str
    seeds: int
    first_seed: int = 0
    set: Parameters = field(default_factory=Parameters)
    axes: dict[str, list[Any] | dict[str, Parameters]] = field(default_factory=dict)
    search: Search | None = None


@dataclass(frozen=True)
class Curves:
    """A figure of training curves.

    Attributes:
        column: whose runs.
        rows: methods to compare.
    """

    column: str
    rows: list[str]


@dataclass(frozen=True)
class Grid:
    """A table of results to be.

    Attributes:
        title: of the table.
        rows: methods, by name.
        columns: data sets, by name.
        protocols: by name.
        metrics: ``split/metric`` of the headline; the first is compared between methods and drawn.
        also: further metrics, each in a table of its own, compared too.
        baselines: rows that each row is compared with.
        curves: figures of training curves, by file name, drawn from the first protocol.
        contrasts: claims about several cells, by name: ``column/row`` → its weight in a sum.
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


def load_grid(path: Path) -> Grid:
    """Reads a grid.

    Raises:
        InputError: the file is missing, is no grid, has a protocol of one seed or a search of none, or names a row,
            column, protocol or metric that is not there.
    """
    if not path.is_file():
        raise InputError(f"there is no grid {path}")
    parser = Parser()
    parser.add_class_arguments(Grid, "grid", instantiate=True)
    try:
        grid: Grid = parser.instantiate_classes(parser.parse_object({"grid": load_yaml(path)})).grid
    except (InputError, TypeError, ValueError) as error:
        raise InputError(f"{path} is no grid: {str(error).strip()}") from error
    for kind, known, named in (
        ("protocol", grid.protocols, [name for column in grid.columns.values() for name in column.configs]),
        ("row", grid.rows, [*grid.baselines, *(row for one in grid.curves.values() for row in one.rows)]),
        ("row", grid.rows, [row for column in grid.columns.values() for row in column.published]),
        ("column", grid.columns, [one.column for one in grid.curves.values()]),
        ("column", grid.columns, [cell.partition("/")[0] for one in grid.contrasts.values() for cell in one]),
        ("row", grid.rows, [cell.partition("/")[2] for one in grid.contrasts.values() for cell in one]),
    ):
        for name in named:
            if name not in known:
                raise InputError(f"{path} names a {kind} {name!r}; it has {', '.join(known)}")
    for name in (*grid.metrics, *grid.also):
        if not is_metric(name.partition("/")[2]):
            raise InputError(f"{path} names a metric {name!r}; give split/metric of: {', '.join(sorted(METRICS))}")
    for name, protocol in grid.protocols.items():
        if protocol.seeds < 2:
            raise InputError(f"{path}: protocol {name!r} has {protocol.seeds} seed; an interval needs at least 2")
        for axis, steps in protocol.axes.items():
            if not all(isinstance(step, str | int | float | list | dict | None) for step in steps):
                raise InputError(f"{path}: axis {axis!r} lists a class with arguments; give such steps names instead")
        if protocol.search and protocol.search.seeds < 1:
            raise InputError(f"{path}: the search of protocol {name!r} has no seed; it needs at least 1")
    return grid
