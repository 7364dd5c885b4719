"""Grids: runs over data sets × objectives × settings × seeds, as the files in ``configs/tables`` declare them."""

from collections.abc import Sequence
from copy import deepcopy
from dataclasses import dataclass, field, replace
from pathlib import Path

from clsunbias.errors import InputError
from clsunbias.experiments.grid_checks import MOST_SEEDS, check, check_fraction, check_keys, check_names
from clsunbias.experiments.grid_parts import Column, Curves, Protocol, Row
from clsunbias.experiments.running.config import load_yaml
from clsunbias.parser import Parser


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
