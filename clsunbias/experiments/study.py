"""A study: the runs of a grid as they lie in a folder, read and checked, and what is missing of them."""

import dataclasses
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from clsunbias.errors import InputError
from clsunbias.experiments.analysis.folds import pool
from clsunbias.experiments.attributes import Grouping
from clsunbias.experiments.grid import Grid
from clsunbias.experiments.plan import Arm, runs_of
from clsunbias.experiments.running.run import Record, Run
from clsunbias.experiments.search import choose, search, search_in_folds
from clsunbias.terminal import console, note


@dataclass(frozen=True)
class Study:
    """A grid and its runs, as they lie in a folder.

    Attributes:
        name: of the table.
        grid: rows, columns and protocols.
        columns: names of the columns to show, those without data last.
        absent: those of them that have no data.
        finished: arm → seed → its record.
        scores: what a search went by.
        ended: the settings that a search ended early, and after how many seeds.
        missing: what is not there: a line for each arm with runs to be done, and for each column that was not begun.
        extra: finished runs that take no part, for their seeds are not those asked for: a line for each arm.
        commands: that make the runs again.
        report: the command that reports them then.
        grouping: by what results are shown apart, if by anything.
        records: of every run that the study needs (the table's, a search's, and those whose weights others start from),
            None while it is not done.
    """

    name: str
    grid: Grid
    columns: Sequence[str]
    absent: Sequence[str]
    finished: Mapping[Arm, Mapping[int, Record]]
    scores: Mapping[Arm, float]
    missing: Sequence[str]
    extra: Sequence[str] = ()
    commands: Sequence[str] = ()
    report: str = ""
    records: Mapping[Run, Record | None] = field(default_factory=dict)
    grouping: Grouping | None = None
    ended: Mapping[Arm, int] = field(default_factory=dict)

    @property
    def to_do(self) -> list[Run]:
        """The runs that are not done."""
        return [run for run, record in self.records.items() if record is None]


def read_study(name: str, grid: Grid, planned: Sequence[Arm], root: Path, absent: Sequence[str]) -> Study:
    """Reads how far the planned runs below a folder are; InputError if a record is not of what is asked for."""
    records = dict[Run, Record | None]()

    def read(run: Run) -> Record | None:
        if run not in records:
            records[run] = run.record()
        return records[run]

    def read_all(runs: Mapping[int, Run]) -> dict[int, Record]:
        found = {seed: [read(part) for part in run.parts or (run,)] for seed, run in runs.items()}
        done = {seed: [part for part in parts if part] for seed, parts in found.items() if all(parts)}
        return {seed: pool(seed, parts) if runs[seed].parts else parts[0] for seed, parts in done.items()}

    searched = [arm for arm in planned if grid.protocols[arm.protocol].search]
    finished = {arm: read_all(runs_of(grid, arm)) for arm in planned if arm not in searched}
    whole = [arm for arm in searched if not grid.protocols[arm.protocol].folds]
    found = search(grid, whole, read)
    scores = found.scores
    finished |= {arm: read_all(runs_of(grid, arm)) for arm in choose(grid, found.left)}
    for chosen in search_in_folds(grid, [arm for arm in searched if arm not in whole], read):
        finished[chosen.arm] = read_all(chosen.runs)
        scores |= chosen.scores
    for run in list(records):  # first stages, which the table need not show
        for first in reversed(run.prerequisites):
            if records[run] is None or first.is_done:
                read(first)
    return Study(
        name,
        grid,
        columns=[*(name for name in grid.columns if name not in absent), *absent],
        absent=absent,
        finished={arm: by_seed for arm, by_seed in finished.items() if len(by_seed) > 1},
        scores=scores,
        ended=found.ended,
        missing=missing_lines(root, [run for run, record in records.items() if record is None]),
        records=records,
    )


def missing_lines(root: Path, runs: Sequence[Run]) -> list[str]:
    """Runs that are not done, a line for each arm."""
    folders = defaultdict[Path, list[Path]](list)
    for run in runs:
        folders[run.out.parent].append(run.out)
    lines = []
    for arm, outs in folders.items():
        failed = ", ".join(out.name for out in outs if (out / "error.txt").exists())
        seeds = f"{arm.relative_to(root)}: seeds {', '.join(out.name for out in outs)}"
        lines.append(f"{seeds} (failed, see error.txt: {failed})" if failed else seeds)
    return lines


def complete(read: Callable[[], Study], jobs: int | None, dask: str | None) -> tuple[Study, dict[Run, str]]:
    """Runs what is missing of a study and has its data; a search's choice first, then the runs of what it chose.

    ``read`` says how far it is; jobs and dask are those of ``execute_all``.

    Returns:
        The study then, and the runs that failed with what went wrong.

    Raises:
        InputError: a record cannot be trusted, a run cannot be started, or its options are wrong; before any training.
    """
    study, failures = read(), dict[Run, str]()  # a record of another grid is said before any training
    while to_do := [run for run in study.to_do if run not in failures and run.has_data]:
        # Imported here: a table that is complete needs no worker.
        from clsunbias.experiments.running.executor import check, execute_all

        check_weights(study)
        with console(stderr=True).status(f"checking what {len(to_do)} runs ask for"):
            check(to_do)
        note(f"{len(to_do)} runs to do, {len(study.records) - len(study.to_do)} done")
        failures |= execute_all(to_do, jobs, dask)
        study = read()
        failures |= dict.fromkeys(set(study.to_do) & set(to_do) - set(failures), "it has left no result")
    return study, failures


def check_weights(study: Study) -> None:
    """Raises InputError if a run is to start from the weights of a finished run that has them no more."""
    for run in study.to_do:
        for _, start in run.after:
            if study.records[start] and not start.weights.is_file():
                raise InputError(
                    f"{run.out} is to start from {start.weights}, which is not there though its run is finished; "
                    f"delete {start.out} to have it run again"
                )


def shown(study: Study, simulated: bool) -> Study:
    """The part of a study whose data are simulated, or are not; columns without a run go with those that are not."""
    kinds = {arm.column: run.result["simulated"] for arm, runs in study.finished.items() for run in runs.values()}
    columns = [name for name in study.columns if kinds.get(name, False) == simulated]
    return dataclasses.replace(
        study,
        columns=columns,
        absent=[name for name in study.absent if name in columns],
        finished={arm: by_seed for arm, by_seed in study.finished.items() if arm.column in columns},
        scores={arm: score for arm, score in study.scores.items() if arm.column in columns},
    )
