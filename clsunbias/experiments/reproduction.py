"""A grid from its file to its table: what is missing is run, what is chosen is chosen, what is done is reported."""

import dataclasses
import json
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path

import pandas as pd
from rich.console import Console

from clsunbias.errors import InputError
from clsunbias.experiments.analysis.comparison import Comparison, results
from clsunbias.experiments.analysis.scores import run_lines
from clsunbias.experiments.grid import Grid
from clsunbias.experiments.plan import Arm, arms, runs_of, trials_of
from clsunbias.experiments.report.build import contrast_section, parts, search_sections
from clsunbias.experiments.report.plots import draw_curves, draw_dots
from clsunbias.experiments.report.sections import Section, write_table
from clsunbias.experiments.running.executor import check, execute_all
from clsunbias.experiments.running.run import Record, Run
from clsunbias.experiments.search import choose, mean_val_macro_f1
from clsunbias.files import atomic, data_root, write_csv


def narrowed(grid: Grid, columns: Sequence[str] | None, protocols: Sequence[str] | None, seeds: int | None) -> Grid:
    """A part of a grid.

    Args:
        grid: the whole.
        columns: names of the columns to keep; None keeps all.
        protocols: names of the protocols to keep; None keeps all.
        seeds: runs of each cell; None keeps each protocol's own number.

    Raises:
        InputError: a name that the grid does not have, or fewer than two seeds.
    """
    for kind, asked, known in (("column", columns, grid.columns), ("protocol", protocols, grid.protocols)):
        for name in asked or ():
            if name not in known:
                raise InputError(f"the grid has no {kind} {name!r}; it has {', '.join(known)}")
    if seeds is not None and seeds < 2:
        raise InputError(f"--seeds must be at least 2, got {seeds}: one seed has no interval")
    kept = {name: one for name, one in grid.protocols.items() if protocols is None or name in protocols}
    if seeds is not None:
        kept = {name: dataclasses.replace(one, seeds=seeds) for name, one in kept.items()}
    shown = {name: one for name, one in grid.columns.items() if columns is None or name in columns}
    return dataclasses.replace(grid, columns=shown, protocols=kept)


@cache
def there(needs: str | None) -> bool:
    """Whether a column's data are there; the official images are fetched first, where that is possible."""
    if needs is None:
        return True
    path = data_root(None) / needs
    if not path.exists() and path.suffix == ".npz":
        from clsunbias.data.medmnist import official_npz

        try:
            official_npz(path.stem, path.parent)
        except InputError as error:
            Console(stderr=True).print(str(error), markup=False)
    return path.exists()


def finish(runs: Sequence[Run], jobs: int, dask: str | None) -> tuple[dict[Run, Record | None], dict[Run, str]]:
    """Does what is missing; gives each run's record, None if it failed, and what went wrong with those."""
    records = {run: run.record() for run in runs}  # first of all: a record of another grid is said before any training
    missing = [run for run, record in records.items() if record is None]
    if not missing:
        return records, {}
    check(missing)
    failures = execute_all(missing, jobs, dask)
    return records | {run: run.record() for run in missing}, failures


def reproduce_grid(
    name: str, path: Path, grid: Grid, out: Path, jobs: int, dask: str | None = None, wandb: bool = False
) -> int:
    """Runs what is missing of a grid and writes its table.

    Args:
        name: of the table.
        path: the grid's file, to which its configs are relative.
        grid: what to run of it.
        out: folder for table, figures and runs.
        jobs: worker processes.
        dask: address of a Dask scheduler whose workers take their place.
        wandb: whether the runs are shown on W&B, too.

    Returns:
        0 if every run is done, else 1. A column without data has no runs.
    """
    there.cache_clear()  # a column's data may have come since the last call
    without = [name for name, column in grid.columns.items() if not there(column.needs)]
    present = [name for name in grid.columns if name not in without]
    planned = arms(grid, present, list(grid.protocols), out / "runs" / name, path.parent, wandb)
    trials = {arm: runs for arm in planned if (runs := trials_of(grid, arm))}
    plain = {arm: runs_of(grid, arm) for arm in planned if arm not in trials}
    first = [run for by_seed in plain.values() for run in by_seed.values()]
    records, failures = finish([*first, *(run for runs in trials.values() for run in runs)], jobs, dask)
    scores = mean_val_macro_f1({arm: [records[run] for run in runs] for arm, runs in trials.items()})
    chosen = {arm: runs_of(grid, arm) for arm in choose(scores)}
    found, failed = finish([run for by_seed in chosen.values() for run in by_seed.values()], jobs, dask)
    records, failures = records | found, failures | failed
    finished = {
        arm: {seed: record for seed, run in by_seed.items() if (record := records[run])}
        for arm, by_seed in (plain | chosen).items()
    }
    searched = search_sections(grid, scores, list(chosen))
    write(name, grid, out, without, {arm: by_seed for arm, by_seed in finished.items() if len(by_seed) > 1}, searched)
    write_records(out, name, records)  # not before each was found to agree with its predictions
    say_failures(failures, len(records))
    if wandb:
        say_offline(out / "runs" / name)
    return int(bool(failures))


def write_records(out: Path, name: str, records: Mapping[Run, Record | None]) -> None:
    """Writes all records, a search's too, as ``<name>_records.jsonl``: a line a run, small enough to be published."""
    root = out / "runs" / name
    lines = [
        json.dumps({"run": str(run.out.relative_to(root)), **record.result})
        for run, record in records.items()
        if record
    ]
    with atomic(out / f"{name}_records.jsonl") as temporary:
        temporary.write_text("".join(f"{line}\n" for line in lines))


def say_offline(runs: Path) -> None:
    """What is to be done with runs that W&B has offline; what the workers said of it was heard by nobody."""
    logs = [log for log in runs.rglob("offline-run-*/*.wandb") if not log.with_name(f"{log.name}.synced").exists()]
    if logs:
        send = f"find {runs} -name 'offline-run-*' -exec wandb sync {{}} +"
        Console(stderr=True).print(
            f"W&B has {len(logs)} runs offline; to send them: {send}", markup=False, soft_wrap=True
        )


def say_failures(failures: Mapping[Run, str], total: int) -> None:
    """Each thing that went wrong, once, with the first run that it happened to."""
    console = Console(stderr=True)
    runs: dict[str, list[Run]] = {}
    for run, error in failures.items():
        runs.setdefault(error.strip().splitlines()[-1], []).append(run)
    for error, failed in runs.items():
        others = f" and {len(failed) - 1} others" if len(failed) > 1 else ""
        console.print(f"failed: {failed[0].out}{others}: {error}", markup=False, soft_wrap=True)
    if failures:
        console.print(f"{len(failures)} of {total} runs failed; error.txt in the folder of each has the whole account")


def write(
    name: str,
    grid: Grid,
    out: Path,
    without: Sequence[str],
    finished: Mapping[Arm, Mapping[int, Record]],
    searched: Sequence[Section],
) -> None:
    """Writes the table, its comparisons and its figures."""
    scored, made, compared = results(name, grid, finished)
    report = [*parts(grid, list(grid.columns), without, made, compared), *contrast_section(grid, scored), *searched]
    write_csv(out / f"{name}_comparisons.csv", pd.DataFrame(compared.values(), columns=Comparison._fields))
    write_table(out, name, grid.title, list(made.values()), run_lines(grid, scored), report)
    if made:
        draw_dots(out / name, grid, grid.metrics[0], made)
    first = next(iter(grid.protocols))
    for figure, curves in grid.curves.items():
        runs = {
            grid.rows[arm.row].label: list(by_seed.values())
            for arm, by_seed in finished.items()
            if (arm.protocol, arm.column) == (first, curves.column) and arm.row in curves.rows
        }
        if runs:
            label = grid.columns[curves.column].label
            draw_curves(out / figure, f"{figure.replace('figure', 'Figure ')}, {label}", runs)
    Console().print(f"{name}.md, .tex, .csv, .png and .svg, {name}_comparisons.csv and {name}_runs.csv in {out}")
