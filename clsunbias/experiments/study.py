"""What a folder of runs holds, read and checked: a grid's finished runs and what is missing of them."""

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from clsunbias.errors import InputError
from clsunbias.experiments.grid import Grid, load_grid
from clsunbias.experiments.plan import Arm, arms, runs_of, trials_of
from clsunbias.experiments.reproduction import narrowed
from clsunbias.experiments.running.run import Record, Run
from clsunbias.experiments.search import choose, mean_val_macro_f1
from clsunbias.experiments.simulation import simulated_part
from clsunbias.files import CONFIGS, data_root

SIMULATED = "_simulated"
"""What ``reproduce --simulated`` adds to a table's name."""


@dataclass(frozen=True)
class Study:
    """A grid and its runs, as they lie in a folder.

    Attributes:
        name: of the table.
        grid: rows, columns and protocols.
        columns: names of the columns to show.
        absent: those of them that have no data.
        finished: arm → seed → its record.
        scores: what a search went by.
        missing: what is not there: a line for each arm with runs to be done, and for each column that was not begun.
        extra: finished runs that take no part, for their seeds are not those asked for: a line for each arm.
        commands: that make the runs again.
        report: the command that reports them then.
    """

    name: str
    grid: Grid
    columns: Sequence[str]
    absent: Sequence[str]
    finished: Mapping[Arm, Mapping[int, Record]]
    scores: Mapping[Arm, float]
    missing: Sequence[str]
    extra: Sequence[str]
    commands: Sequence[str]
    report: str


def locate(folder: Path, asked: str | None) -> tuple[Path, Path] | None:
    """The grid's file that a folder's runs were made from, and the folder of the runs; None for runs of ``fit``.

    Args:
        folder: the ``--out`` of ``reproduce``, or its ``runs/TABLE``, or any folder of runs.
        asked: a table's name or a grid's file; None: the shipped table that the folder is named after.

    Raises:
        InputError: there is no such folder or grid, or the folder holds the runs of several grids.
    """
    if not folder.is_dir():
        raise InputError(f"there is no folder {folder}")
    shipped = {path.stem: path for path in (CONFIGS / "tables").glob("*.yaml")}
    if asked is not None:
        grid = shipped.get(asked, Path(asked))
        names = (grid.stem, f"{grid.stem}{SIMULATED}")
        inside = [parent / name for name in names for parent in (folder / "runs", folder)]
        return grid, next((path for path in inside if path.is_dir()), folder)
    shipped |= {f"{name}{SIMULATED}": path for name, path in shipped.items()}
    parent = folder / "runs" if (folder / "runs").is_dir() else folder
    several = sorted(path.name for path in parent.iterdir() if path.is_dir())
    known = [name for name in several if name in shipped]
    if known and len(several) > 1:
        raise InputError(
            f"{parent} holds the runs of several grids ({', '.join(several)}); ask for one of them: {parent / known[0]}"
        )
    if known:
        return shipped[known[0]], parent / known[0]
    name = folder.resolve().name
    return (shipped[name], folder) if name in shipped else None


def is_simulated(path: Path, root: Path) -> bool:
    """Whether a folder holds the runs of a grid on simulated recordings, as ``reproduce --simulated`` makes them."""
    return root.resolve().name == f"{path.stem}{SIMULATED}"


def grid_study(path: Path, root: Path, seeds: int | None) -> Study:
    """A grid's runs below a folder, by the same rules as ``clsunbias reproduce``, but nothing is run.

    Args:
        path: the grid's file.
        root: ``OUT/runs/TABLE``.
        seeds: runs of each cell that were asked for; None: what the grid says.

    Raises:
        InputError: there is no finished run, one that is no run of the grid, or one that cannot be trusted.
    """
    simulated = is_simulated(path, root)
    whole = simulated_part(load_grid(path)) if simulated else load_grid(path)
    begun = [name for name in whole.protocols if (root / name).is_dir()]
    grid = narrowed(whole, None, begun, seeds)
    present = [name for name in grid.columns if any((root / protocol / name).is_dir() for protocol in begun)]
    planned = arms(grid, present, begun, root, path.parent)
    trials = {arm: runs for arm in planned if (runs := trials_of(grid, arm))}
    extra = left_out(root, path, [*trials.values(), *(list(runs_of(grid, arm).values()) for arm in planned)])
    tried = {arm: [run.record() for run in runs] for arm, runs in trials.items()}
    scores = mean_val_macro_f1(tried)
    wanted = {arm: runs_of(grid, arm) for arm in planned if arm not in trials}
    wanted |= {arm: runs_of(grid, arm) for arm in choose(scores)}
    records = {arm: {seed: run.record() for seed, run in runs.items()} for arm, runs in wanted.items()}
    finished = {arm: {seed: record for seed, record in by_seed.items() if record} for arm, by_seed in records.items()}
    unfinished = [
        *(undone(root, runs, tried[arm]) for arm, runs in trials.items()),
        *(undone(root, list(wanted[arm].values()), list(records[arm].values())) for arm in wanted),
    ]
    shipped = path.parent == CONFIGS / "tables"
    reproduce = f"clsunbias reproduce {path.stem if shipped else path.name}"
    if not any(finished.values()):
        raise InputError(
            f"{root} holds no finished run of {path.name}, nothing to report"
            + "".join(f"\n  missing: {line}" for line in unfinished if line)
            + f"\nmake them with: {reproduce} --out DIR"
        )
    without = [name for name in grid.columns if name not in present]
    absent = [name for name in without if not has_data(grid, name)]
    not_begun = [f"{grid.columns[name].label}: not begun" for name in without if name not in absent]
    parts = "" if present == list(whole.columns) else f" --columns {','.join(present)}"
    parts += "" if begun == list(whole.protocols) else f" --protocols {','.join(begun)}"
    parts += " --simulated" if simulated else ""
    fewer = "" if seeds is None else f" --seeds {seeds}"
    gets = dict.fromkeys(grid.columns[name].get for name in present if grid.columns[name].get and not simulated)
    name = f"{path.stem}{SIMULATED if simulated else ''}"
    return Study(
        name,
        grid,
        list(grid.columns),
        absent,
        {arm: by_seed for arm, by_seed in finished.items() if len(by_seed) > 1},
        scores,
        [*filter(None, unfinished), *not_begun],
        extra,
        [*gets, f"{reproduce} --out results{parts}{fewer}"],
        f"clsunbias report results/runs/{name}{'' if shipped else f' --grid {path.name}'}{fewer}",
    )


def has_data(grid: Grid, column: str) -> bool:
    """Whether a column's data are there, as far as can be seen without fetching them."""
    needs = grid.columns[column].needs
    return needs is None or (data_root(None) / needs).exists()


def left_out(root: Path, grid: Path, planned: Sequence[Sequence[Run]]) -> list[str]:
    """Finished runs of a grid's arms with seeds that were not asked for, a line for each arm.

    Raises:
        InputError: a finished run below the folder is of no arm of the grid.
    """
    known = {run.out for runs in planned for run in runs}
    others = sorted({path.parent for path in root.rglob("result.json")} - known)
    arms_there = {out.parent for out in known}
    strangers = [out for out in others if out.parent not in arms_there]
    if strangers:
        raise InputError(
            f"{strangers[0]}{f' and {len(strangers) - 1} others' if strangers[1:] else ''} hold finished runs that are "
            f"none of {grid}: runs of different grids are not mixed; move them away, or give their --grid"
        )
    seeds = {arm: [out.name for out in others if out.parent == arm] for arm in arms_there}
    return [
        f"{arm.relative_to(root)}: seeds {', '.join(sorted(found))}" for arm, found in sorted(seeds.items()) if found
    ]


def undone(root: Path, runs: Sequence[Run], records: Sequence[Record | None]) -> str:
    """The runs of an arm that are to be done, as a line; nothing if there are none."""
    left = [run.out for run, record in zip(runs, records, strict=True) if record is None]
    failed = [out.name for out in left if (out / "error.txt").exists()]
    if not left:
        return ""
    said = f"{left[0].parent.relative_to(root)}: seeds {', '.join(out.name for out in left)}"
    return f"{said} (failed, see error.txt: {', '.join(failed)})" if failed else said


def shown(study: Study, simulated: bool) -> Study:
    """The part of a study whose data are simulated, or are not; columns without a run go with those that are not."""
    kinds = {
        arm.column: bool(record.result["simulated"])
        for arm, by_seed in study.finished.items()
        for record in by_seed.values()
    }
    columns = [name for name in study.columns if kinds.get(name, False) == simulated]
    return dataclasses.replace(
        study,
        columns=columns,
        absent=[name for name in study.absent if name in columns],
        finished={arm: by_seed for arm, by_seed in study.finished.items() if arm.column in columns},
        scores={arm: score for arm, score in study.scores.items() if arm.column in columns},
    )
