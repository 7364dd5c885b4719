"""A folder of runs that ``clsunbias reproduce`` made, as a study; nothing is run."""

import dataclasses
from collections.abc import Sequence
from itertools import product
from pathlib import Path

from clsunbias.errors import InputError
from clsunbias.experiments.grid import Grid, load_grid, narrow
from clsunbias.experiments.plan import Arm, arms, runs_of, trials_of
from clsunbias.experiments.simulation import SIMULATED, simulated_part
from clsunbias.experiments.study import Study, read_study
from clsunbias.files import CONFIGS


def shipped_tables() -> dict[str, Path]:
    """Name of each shipped table → its file."""
    return {path.stem: path for path in sorted((CONFIGS / "tables").glob("*.yaml"))}


def locate(folder: Path, asked: str | None) -> tuple[Path, Path] | None:
    """The grid's file that a folder's runs were made from, and the folder of the runs; None for runs of ``fit``.

    Args:
        folder: the ``--out`` of ``reproduce``, or its ``runs/TABLE``, or any folder of runs.
        asked: a table's name or a grid's file; None: the shipped table that the folder is named after.

    Raises:
        InputError: there is no such folder or grid, or the folder holds the runs of several grids, or of one's own.
    """
    if not folder.is_dir():
        raise InputError(f"there is no folder {folder}")
    shipped = shipped_tables()
    if asked is not None:
        grid = shipped.get(asked, Path(asked))
        names = (grid.stem, f"{grid.stem}{SIMULATED}")
        inside = [parent / name for name in names for parent in (folder / "runs", folder)]
        return grid, next((path for path in inside if path.is_dir()), folder)
    shipped |= {f"{name}{SIMULATED}": path for name, path in shipped.items()}
    name = folder.resolve().name
    if name in shipped and folder.resolve().parent.name == "runs":  # though a protocol may be named after a table
        return shipped[name], folder
    parent = folder / "runs" if (folder / "runs").is_dir() else folder
    several = sorted(path.name for path in parent.iterdir() if path.is_dir())
    known = [name for name in several if name in shipped]
    if known and len(several) > 1:
        raise InputError(
            f"{parent} holds the runs of several grids ({', '.join(several)}); ask for one of them: {parent / known[0]}"
        )
    if known:
        return shipped[known[0]], parent / known[0]
    if own := [name for name in several if (folder / f"{name}_records.jsonl").is_file()]:
        raise InputError(f"{parent / own[0]} holds the runs of a grid of your own: name its file with --grid")
    return (shipped[name], folder) if name in shipped else None


def is_simulated(path: Path, root: Path) -> bool:
    """Whether a folder holds the runs of a grid on simulated recordings, as ``reproduce --simulated`` makes them."""
    return root.resolve().name == f"{path.stem}{SIMULATED}"


def grid_study(
    path: Path,
    root: Path,
    columns: Sequence[str] | None = None,
    protocols: Sequence[str] | None = None,
    seeds: int | None = None,
) -> Study:
    """A grid's runs below ``OUT/runs/TABLE``, by the same rules as ``clsunbias reproduce``.

    None judges the columns and the protocols that were begun, and as many seeds as the grid says; a column without data
    is shown, too.

    Raises:
        InputError: there is nothing to report, a run that is none of the grid, or one that cannot be trusted.
    """
    shipped, simulated = path in shipped_tables().values(), is_simulated(path, root)
    typed = path.stem if shipped else path.name
    whole = simulated_part(load_grid(path)) if simulated else load_grid(path)
    judged = [name for name in whole.protocols if (root / name).is_dir()] if protocols is None else protocols
    part = narrow(whole, columns, judged, seeds)
    shown = [name for name, column in part.columns.items() if begun(root, part, name) or not column.has_data]
    grid = part if columns or not shown else narrow(part, shown, None, None)
    there = [name for name in grid.columns if begun(root, grid, name)]
    absent = [name for name, column in grid.columns.items() if name not in there and not column.has_data]
    planned = arms(grid, there, list(grid.protocols), root, path.parent)
    extra = left_out(root, path, whole, grid, planned)
    study = read_study(f"{path.stem}{SIMULATED if simulated else ''}", grid, planned, root, absent)
    if not study.finished:
        lacking = "two finished runs of one cell" if any(study.records.values()) else "finished run"
        listed = "".join(f"\n  missing: {line}" for line in study.missing)
        again = f"make them with: clsunbias reproduce {typed} --out DIR"
        raise InputError(f"{root} holds no {lacking} of {path.name}, nothing to report{listed}\n{again}")
    not_begun = [name for name in grid.columns if name not in there and name not in absent]
    asked = options(columns=columns, protocols=protocols, seeds=seeds)
    named = "" if shipped else f" --grid {typed}"
    return dataclasses.replace(
        study,
        missing=[*study.missing, *(f"{grid.columns[name].label}: not begun" for name in not_begun)],
        extra=extra,
        commands=commands(typed, whole, grid, there, simulated, seeds),
        report=f"clsunbias report results/runs/{study.name}{named}{asked}",
    )


def begun(root: Path, grid: Grid, column: str) -> bool:
    """Whether there are runs of a column, under some protocol of the grid."""
    return any((root / protocol / column).is_dir() for protocol in grid.protocols)


def commands(
    typed: str, whole: Grid, grid: Grid, columns: Sequence[str], simulated: bool, seeds: int | None
) -> list[str]:
    """The commands that bring the data of some columns and make their runs again."""
    gets = [] if simulated else [get for name in columns if (get := grid.columns[name].get)]
    part = options(
        columns=None if columns == list(whole.columns) else columns,
        protocols=None if list(grid.protocols) == list(whole.protocols) else list(grid.protocols),
        simulated=simulated,
        seeds=seeds,
    )
    return [*gets, f"clsunbias reproduce {typed} --out results{part}"]


def options(**values: object) -> str:
    """Options of a command as they are typed; those without a value are left out."""
    texts = {name: ",".join(value) if isinstance(value, list) else value for name, value in values.items() if value}
    return "".join(f" --{name}" if text is True else f" --{name} {text}" for name, text in texts.items())


def left_out(root: Path, path: Path, whole: Grid, grid: Grid, planned: Sequence[Arm]) -> list[str]:
    """Finished runs of the arms of a part of a grid with seeds that were not asked for, a line for each arm.

    Raises:
        InputError: a finished run is of no arm of that part, nor of the whole grid's other columns and protocols.
    """
    needed = [run for arm in planned for run in (*trials_of(grid, arm), *runs_of(grid, arm).values())]
    known = {part.out for run in needed for part in run.parts or (run,)}
    elsewhere = {*product(whole.protocols, whole.columns)} - {*product(grid.protocols, grid.columns)}
    seeds: dict[Path, list[str]] = {arm.run.out: [] for arm in planned}
    strangers = []
    for out in sorted({result.parent for result in root.rglob("result.json")} - known):
        if out.parent in seeds:
            seeds[out.parent].append(out.name)
        elif out.relative_to(root).parts[:2] not in elsewhere:
            strangers.append(out)
    if strangers:
        raise InputError(
            f"{strangers[0]}{f' and {len(strangers) - 1} others' if strangers[1:] else ''} hold finished runs that are "
            f"none of {path}: runs of different grids are not mixed; move them away, or give their --grid"
        )
    return [f"{arm.relative_to(root)}: seeds {', '.join(names)}" for arm, names in sorted(seeds.items()) if names]
