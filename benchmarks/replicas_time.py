"""Wall time of runs trained together, over the same runs one by one, each in two warm workers."""

import tempfile
import time
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from pathlib import Path
from unittest import mock

from sklearn.datasets import load_breast_cancer

from benchmarks.timing import Row
from clsunbias.data_paths import data_root
from clsunbias.experiments.grid import load_grid
from clsunbias.experiments.paper.table1 import toy_runs
from clsunbias.experiments.plan import arms, trials_of
from clsunbias.experiments.running.config import load_yaml
from clsunbias.experiments.running.executor import execute_all
from clsunbias.experiments.running.run import Run
from clsunbias.files import CONFIGS

TARGET = 4.0
JOBS = 2
SEEDS = 20
"""Of Table 1's repetition."""


def table1(out: Path) -> list[Run]:
    """All runs of Table 1 with its repetition."""
    rows = load_yaml(CONFIGS / "tables" / "table1.yaml")["rows"]
    return [one.run for one in toy_runs(rows, out, SEEDS)]


def methods(out: Path) -> list[Run]:
    """The search of the remedies on a table, of the rows that start from no other run."""
    path = CONFIGS / "tables" / "methods.yaml"
    grid = load_grid(path)
    planned = arms(grid, ["breast_cancer"], ["tuned"], out, path.parent)
    return [run for arm in planned for run in trials_of(grid, arm) if not run.after]


def alone(runs: Sequence[Run], jobs: int) -> list[tuple[Run, ...]]:
    """Every run by itself."""
    return [(run,) for run in runs]


def seconds(runs: Sequence[Run], together: bool) -> float:
    """Of doing all runs, in workers that have done one before."""
    one_by_one = mock.patch("clsunbias.experiments.running.executor.units_of", alone)
    began = time.perf_counter()
    with nullcontext() if together else one_by_one:
        failures = execute_all(runs, JOBS)
    if failures:
        raise RuntimeError(f"{len(failures)} runs failed; one of them: {next(iter(failures.values()))}")
    return time.perf_counter() - began


def ratio(what: str, runs_in: Callable[[Path], list[Run]]) -> Row:
    """The runs of a grid one by one, then together."""
    with tempfile.TemporaryDirectory() as out:
        for warm in ("warm", "too"):  # workers, which import the suite once
            seconds(runs_in(Path(out, warm))[:JOBS], together=False)
        runs = [runs_in(Path(out, name)) for name in ("alone", "together")]
        apart, together = seconds(runs[0], together=False), seconds(runs[1], together=True)
    figure = f"{apart / together:.2f} ({apart:.0f} s over {together:.0f} s)"
    target = f"≥ {TARGET:g}, {'met' if apart / together >= TARGET else 'missed'}"
    return Row(f"replicas_time: {what}, {len(runs[0])} runs, {JOBS} workers", figure, target)


def measure() -> Sequence[Row]:
    """Table 1 with its repetition, and a search over remedies on a table."""
    made = ratio("Table 1 with its repetition one by one, over together", table1)
    with tempfile.TemporaryDirectory() as data, mock.patch.dict("os.environ", {"CLSUNBIAS_DATA": data}):
        frame = load_breast_cancer(as_frame=True).frame
        frame.drop(frame.query("target == 0").index[36:]).to_csv(data_root(None) / "breast_cancer.csv", index=False)
        return [made, ratio("remedies on a table one by one, over together", methods)]
