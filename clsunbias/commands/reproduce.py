"""``clsunbias reproduce``: a table of the paper, or a grid of one's own, run and set beside the published figures."""

import os
import shlex
from collections.abc import Iterable, Mapping
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from clsunbias.data_paths import data_root
from clsunbias.errors import InputError
from clsunbias.files import check_out, writing
from clsunbias.parser import Parser
from clsunbias.terminal import note

if TYPE_CHECKING:
    from clsunbias.experiments.grid import Grid
    from clsunbias.experiments.running.run import Run


def reproduce(options: list[str]) -> int:
    """Runs ``clsunbias reproduce`` with its options; returns the exit status: 0 only if every run is done."""
    about = "Run a table of the paper and set it beside the published, or another grid of methods and data sets."
    parser = Parser(prog="clsunbias reproduce", description=about)
    parser.add_argument("table", help="table1 … table4, another of configs/tables by its name, or the path of a grid")
    parser.add_argument("--out", type=Path, default=Path("results"), help="where table, figures and runs go")
    parser.add_argument("--data-root", type=Path | None, help="where data lie; default $CLSUNBIAS_DATA, else data/")
    parser.add_argument("--jobs", type=int | None, help="worker processes, one thread each; default: one for each core")
    parser.add_argument("--seeds", type=int | None, help="runs of each cell; default: what the grid says")
    parser.add_argument("--columns", type=str | None, help="data sets to run, of the grid's, separated by commas")
    parser.add_argument("--protocols", type=str | None, help="protocols to run, of the grid's, separated by commas")
    parser.add_argument("--fraction", type=float | None, help="share of the crossed settings; default: the grid's")
    parser.add_argument("--dask", type=str | None, help="address of a Dask scheduler whose workers do the runs")
    parser.add_argument("--simulated", action="store_true", help="closed corpora on made-up recordings, a table apart")
    parser.add_argument("--wandb", type=bool, default=False, help="show the runs on W&B, too")
    chosen = parser.parse_args(options)
    if chosen.jobs is not None and chosen.jobs < 1:
        raise InputError("--jobs must be at least 1")
    check_out(chosen.out)
    if chosen.data_root:
        os.environ["CLSUNBIAS_DATA"] = str(chosen.data_root.resolve())
    if chosen.table == "table1":
        from clsunbias.experiments.paper.table1 import reproduce_table1

        seeds = 20 if chosen.seeds is None else chosen.seeds
        if seeds < 0 or seeds == 1:
            raise InputError("--seeds must be 0 (no repetition) or at least 2 (one seed has no interval)")
        return reproduce_table1(chosen.out, chosen.jobs, seeds, chosen.wandb)
    from clsunbias.experiments.grid import load_grid, narrow
    from clsunbias.experiments.grid_runs import begun, shipped_tables
    from clsunbias.experiments.outputs import write_study
    from clsunbias.experiments.plan import arms
    from clsunbias.experiments.simulation import SIMULATED, make_recordings, refuse_simulated, simulated_part
    from clsunbias.experiments.study import complete, read_study

    path = shipped_tables().get(chosen.table, Path(chosen.table))
    if not path.is_file():
        tables = ", ".join(shipped_tables())
        raise InputError(f"there is no table {chosen.table!r} to reproduce; there are {tables}, or the path of a grid")
    columns, protocols = (named.split(",") if named else None for named in (chosen.columns, chosen.protocols))
    grid, name = load_grid(path), path.stem
    if chosen.simulated and protocols is None:
        protocols = [next(iter(grid.protocols))]  # a first look
    grid = narrow(grid, columns, protocols, chosen.seeds, chosen.fraction)
    if chosen.dask:  # whose workers were started in folders of their own
        path, chosen.out = path.absolute(), chosen.out.absolute()
    if chosen.simulated:
        recordings = (chosen.out / "simulated").resolve()
        for key, column in grid.columns.items():
            if column.simulated:
                make_recordings(column.simulated, recordings / key)
        grid, name = simulated_part(grid), f"{name}{SIMULATED}"
        os.environ["CLSUNBIAS_DATA"] = str(recordings)
    else:
        refuse_simulated(grid)
    fetch_images(column.source for column in grid.columns.values())
    root = chosen.out / "runs" / name
    present = [key for key, column in grid.columns.items() if column.has_data or begun(root, grid, key)]
    absent = [key for key in grid.columns if key not in present]
    if not present:
        raise InputError(
            f"{chosen.table} has no data in {data_root(None)} (DATA below), so nothing is run or written; what brings "
            f"them:\n{brings(grid, absent)}"
        )
    planned = arms(grid, present, list(grid.protocols), root, path.parent, chosen.wandb)
    study, failures = complete(partial(read_study, name, grid, planned, root, absent), chosen.jobs, chosen.dask)
    if study.finished:
        with writing(chosen.out, "the runs that have ended stand: mend that, and the same command goes on"):
            write_study(study, chosen.out)
    else:
        note("no cell has two finished runs: no table is written, and one that is there stays as it is")
    if lacking := [column.label for column in grid.columns.values() if not column.has_data]:
        undone = sum(not run.has_data for run in study.to_do)
        note(f"no data: {', '.join(lacking)}{f'; {undone} of their runs are not done' if undone else ''}")
    say_failures(failures, len(study.records))
    if chosen.wandb:
        say_offline(root)
    return int(bool(study.to_do or set(columns or ()) & set(absent)))


def brings(grid: "Grid", columns: Iterable[str]) -> str:
    """The commands that bring the data of some columns, each once; nothing where none is known."""
    commands = dict.fromkeys(grid.columns[name].get for name in columns)
    return "\n".join(f"  {command}" for command in commands if command)


def fetch_images(sources: Iterable[Path | None]) -> None:
    """Fetches the official images that are not there, where that is possible."""
    for path in dict.fromkeys(sources):
        if path and path.suffix == ".npz" and not path.exists():
            from clsunbias.data.official import official_npz

            try:
                official_npz(path.stem, path.parent)
            except InputError as error:
                note(str(error))


def say_failures(failures: "Mapping[Run, str]", total: int) -> None:
    """Each thing that went wrong, once, with the first run that it happened to."""
    by_error: dict[str, list[Run]] = {}
    for run, error in failures.items():
        by_error.setdefault(error.strip().splitlines()[-1], []).append(run)
    for error, runs in by_error.items():
        others = f" and {len(runs) - 1} more" if len(runs) > 1 else ""
        note(f"failed: {runs[0].out}{others}: {error}")
    if failures:
        note(f"{len(failures)} of {total} runs failed; error.txt in the folder of each has the whole account")


def say_offline(root: Path) -> None:
    """What is to be done with runs that W&B has offline; what the workers said of it was heard by nobody."""
    logs = [log for log in root.rglob("offline-run-*/*.wandb") if not log.with_name(f"{log.name}.synced").exists()]
    if logs:
        send = f"WANDB_PROGRAM=clsunbias find {shlex.quote(str(root))} -name 'offline-run-*' -exec wandb sync {{}} +"
        note(f"W&B has {len(logs)} runs offline; to send them: {send}")
