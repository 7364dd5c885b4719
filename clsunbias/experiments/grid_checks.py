"""What a grid's file may not say: keys that nothing reads, names that are no folder, what it does not have."""

import math
import unicodedata
from collections.abc import Collection, Iterable, Mapping
from dataclasses import MISSING, fields, is_dataclass
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any, get_args, get_origin, get_type_hints

from clsunbias.decisions.rules import made_alone
from clsunbias.errors import InputError, listed, shortened
from clsunbias.experiments.analysis.statistics import METRICS, RECALIBRATION, is_metric

if TYPE_CHECKING:
    from clsunbias.experiments.grid import Grid, Protocol

LONGEST = 100
"""Bytes of a name: a setting joins several, and file systems end at 255."""

MOST_SEEDS = 10_000


def check_keys(kind: type, content: Any, where: str = "") -> None:
    """Raises InputError if YAML has another shape than a dataclass with others in it: which key, where, what is near.

    Args:
        kind: the dataclass.
        content: what the YAML says of it.
        where: keys on the way to it, for messages.
    """
    at = where or "it"
    if not isinstance(content, Mapping):
        raise InputError(f"{at} is {shortened(content)}; give {', '.join(field.name for field in fields(kind))}")
    hints = get_type_hints(kind)
    for name, value in content.items():
        if name not in hints:
            near = get_close_matches(str(name), hints, 1)
            raise InputError(
                f"{at} has no {name!r}" + (f": is it {near[0]}?" if near else f"; it has {', '.join(hints)}")
            )
        check_value(hints[name], value, f"{where}.{name}".removeprefix("."))
    for field in fields(kind):
        if field.name not in content and field.default is MISSING and field.default_factory is MISSING:
            raise InputError(f"{at} lacks {field.name}")


def check_value(hint: Any, value: Any, where: str) -> None:
    """Raises InputError if a value cannot be what a field of a dataclass asks for, as far as its shape goes."""
    wanted = {int: (int, "a whole number"), str: (str, "a text (in quotes)")}
    if hint in wanted and (not isinstance(value, wanted[hint][0]) or isinstance(value, bool)):
        raise InputError(f"{where} is {shortened(value)}; give {wanted[hint][1]}")
    origin = get_origin(hint) or hint
    if origin is list and not isinstance(value, list):
        raise InputError(f"{where} is {shortened(value)}; give a list: [{shortened(value)}]")
    is_dict = isinstance(origin, type) and issubclass(origin, dict)
    if is_dict and not isinstance(value, Mapping):
        raise InputError(f"{where} is {shortened(value)}; give each a name: what it is")
    check_texts(value, where)
    inner = next((part for part in (hint, *get_args(hint)) if is_dataclass(part)), None)
    if inner and is_dict:
        for name, one in value.items():
            check_keys(inner, one, f"{where}.{name}")  # type: ignore[arg-type]
    elif inner and value is not None:
        check_keys(inner, value, where)  # type: ignore[arg-type]


def check_texts(value: Any, where: str) -> None:
    """Raises InputError if a key somewhere in a value is no text: YAML takes 1 for a number, yes for true."""
    if not isinstance(value, Mapping):
        return
    for name, one in value.items():
        if not isinstance(name, str):
            raise InputError(f"{where} has the key {name}, which is no text to YAML; put it in quotes")
        check_texts(one, f"{where}.{name}")


def check_names(kind: str, names: Iterable[str], most: int = LONGEST) -> None:
    """Raises InputError if one of some names cannot be that of a folder or file of its own, wherever it may lie.

    Args:
        kind: what they are names of, for messages.
        names: of things that have their folders, or files, side by side.
        most: bytes of a name.
    """
    seen: dict[str, str] = {}
    for name in names:
        wrong = [
            *(["has a / or a \\ in it"] if {"/", "\\"} & set(name) else []),
            *(["has a sign that is not printed"] if not name.isprintable() else []),
            *(["begins or ends with a dot or a space"] if name.strip(" .") != name else []),
            *(["is empty"] if not name else []),
            *([f"has more than {most} bytes"] if len(name.encode(errors="replace")) > most else []),
        ]
        if wrong:
            raise InputError(
                f"the name of {kind} {shortened(name)} {wrong[0]}: it cannot be that of a folder; give another"
            )
        alike = unicodedata.normalize("NFC", name).casefold()
        if alike in seen:
            raise InputError(
                f"{kind} {name!r} would share its folder with {seen[alike]!r}, where upper and lower case are one; "
                "give another name"
            )
        seen[alike] = name


def check(grid: "Grid") -> None:
    """Raises InputError if a grid names what it does not have, is empty, or has too few seeds or names of no folder."""
    for kind, names in (("row", grid.rows), ("column", grid.columns), ("protocol", grid.protocols)):
        if not names:
            raise InputError(f"it has no {kind}; give at least one in {kind}s")
        check_names(kind, names)
        if commas := [name for name in names if "," in name and kind != "row"]:
            raise InputError(f"the name of {kind} {commas[0]!r} has a comma, which --{kind}s splits at; give another")
    if bare := [name for name, column in grid.columns.items() if not column.configs]:
        raise InputError(f"column {bare[0]!r} has no config for any protocol; give one in configs: PROTOCOL: FILE")
    check_names("figure", grid.curves)
    check_names("row or stage", [*grid.rows, *grid.stages])
    if not grid.metrics:
        raise InputError("it has no metric; give at least one in metrics, such as test/macro_f1")
    check_references(grid)
    check_decisions(grid)
    axes = {f"row {name!r}": row.axes for name, row in (*grid.rows.items(), *grid.stages.items())}
    axes |= {f"column {name!r}": column.axes for name, column in grid.columns.items()}
    for owner, own in (axes | {f"protocol {name!r}": one.axes for name, one in grid.protocols.items()}).items():
        check_axes(owner, own)
    for name, protocol in grid.protocols.items():
        if protocol.seeds < 1 or not 2 <= protocol.runs <= MOST_SEEDS:
            seeds = f"{protocol.seeds} seed{'s' if protocol.seeds != 1 else ''}"
            raise InputError(
                f"protocol {name!r} has {seeds}; a standard deviation needs at least 2, at most {MOST_SEEDS}"
                + (" (with folds: seeds times repeats)" if protocol.folds else "")
            )
        if protocol.repeats < 1 or (protocol.repeats > 1 and not protocol.folds):
            raise InputError(f"protocol {name!r} has {protocol.repeats} repeats; those are of folds, 1 or more")
        if protocol.folds and not 3 <= protocol.folds <= MOST_SEEDS:
            raise InputError(f"protocol {name!r} has {protocol.folds} folds; give 3 or more, to train, select and test")
        check_fraction(name, protocol)
        check_why(name, protocol)
        if protocol.search and not 1 <= protocol.search.seeds <= MOST_SEEDS:
            raise InputError(f"the search of protocol {name!r} has {protocol.search.seeds} seeds; it needs at least 1")
        if protocol.search and not 0 < protocol.search.share <= 1:
            raise InputError(
                f"the search of protocol {name!r} has share {protocol.search.share:g}; it is of a run, above 0 to 1"
            )
        if min(protocol.first_seed, protocol.search.first_seed if protocol.search else 0) < 0:
            raise InputError(f"protocol {name!r} has a negative first_seed; seeds are counted from 0 or above")


def check_axes(owner: str, axes: Mapping[str, Collection[Any]]) -> None:
    """Raises InputError if an axis of a protocol or a row has no step, or steps that no folder can be named after."""
    for axis, steps in axes.items():
        if not steps:
            raise InputError(f"axis {axis!r} of {owner} has no step; give at least one, or leave it out")
        if not all(isinstance(step, str | int | float | list | dict | None) for step in steps):
            raise InputError(f"axis {axis!r} lists a class with arguments; give such steps names instead")


def check_fraction(name: str, protocol: "Protocol") -> None:
    """Raises InputError if a fraction is none, or is of the settings that a search compares."""
    if not 0 < protocol.fraction <= 1 or (protocol.search and protocol.fraction < 1):
        raise InputError(
            f"protocol {name!r} has a fraction of {protocol.fraction}; give a share above 0, at most 1, and 1 with a "
            "search, which tries every setting"
        )


def check_why(name: str, protocol: "Protocol") -> None:
    """Raises InputError if a protocol gives reasons for what it does not have."""
    for axis, reasons in protocol.why.items():
        steps = protocol.axes.get(axis, ())
        if unknown := [step for step in reasons if step not in steps]:
            raise InputError(
                f"protocol {name!r} says why {unknown[0]!r} of axis {axis!r}, which it does not have; its axes with "
                f"named steps are {listed([one for one, given in protocol.axes.items() if isinstance(given, dict)])}"
            )


def check_decisions(grid: "Grid") -> None:
    """Raises InputError if a grid names a rule that there is not, or that needs what no run of a grid has."""
    if twice := [rule for rule in dict.fromkeys(grid.decisions) if grid.decisions.count(rule) > 1]:
        raise InputError(f"its decisions name {twice[0]} twice")
    if ruled := [name for name in (*grid.metrics, *grid.also) if "@" in name.partition("/")[0]]:
        raise InputError(f"it names a metric {ruled[0]!r}; name the rule in decisions, and the metric without it")
    for rule in grid.decisions:
        if lacking := set(made_alone(rule).needs) - {"features"}:
            raise InputError(f"the rule {rule} needs {' and '.join(sorted(lacking))}, which no run of a grid has")
    if grid.metrics[0].partition("/")[2] in RECALIBRATION:
        raise InputError(f"its first metric is what methods are compared by, but {grid.metrics[0]} has no better end")


def check_references(grid: "Grid") -> None:
    """Raises InputError if a grid names a row, column, protocol or metric that is none of its own, or no number."""
    rows, columns, curves = grid.rows.values(), grid.columns.values(), grid.curves.values()
    cells = [cell.partition("/") for weights in grid.contrasts.values() for cell in weights]
    row_names = [*grid.baselines, *(row for figure in curves for row in figure.rows), *(row for _, _, row in cells)]
    row_names += [row for column in columns for row in column.published]
    starts = [name for row in (*rows, *grid.stages.values()) for name in row.starts.values()]
    for kind, known, names in (
        ("protocol", grid.protocols, [protocol for column in columns for protocol in column.configs]),
        ("column", grid.columns, [*(figure.column for figure in curves), *(column for column, _, _ in cells)]),
        ("column", grid.columns, [column for row in rows for column in row.columns]),
        ("row", grid.rows, row_names),
        ("row", {**grid.rows, **grid.stages}, starts),
    ):
        for name in names:
            if name not in known:
                raise InputError(f"it names a {kind} {name!r}; it has {listed(known, 20)}")
    searched = [protocol.search.metric for protocol in grid.protocols.values() if protocol.search]
    published = [column.published[row] for column in columns for row in column.published]
    for name in (*grid.metrics, *grid.also, *searched, *(name for one in published for name in one)):
        split, _, metric = name.partition("/")
        if not split or not is_metric(metric):
            raise InputError(f"it names a metric {name!r}; give split/metric of: {', '.join(sorted(METRICS))}")
    numbers = [number for one in published for figures in one.values() for number in figures if number is not None]
    numbers += [weight for weights in grid.contrasts.values() for weight in weights.values()]
    if not all(map(math.isfinite, numbers)):
        raise InputError("a published figure or the weight of a contrast is no finite number")
