"""What a terminal, or whoever reads a log, sees of many runs while they are under way."""

import contextlib
import json
import time
from collections.abc import Callable, Iterator
from datetime import timedelta

from rich.progress import BarColumn, MofNCompleteColumn, Progress, ProgressColumn, Task, TimeElapsedColumn
from rich.text import Text

from clsunbias.experiments.running.run import Run
from clsunbias.terminal import console, note


class TimeLeft(ProgressColumn):
    """Time until the moment at which the last run that ended lets one expect the end of all."""

    def render(self, task: Task) -> Text:
        end = task.fields["end"]
        return Text("?" if end is None else clock(max(0.0, end - time.monotonic())))


@contextlib.contextmanager
def display(total: int, jobs: int) -> Iterator[Callable[[Run, str], None]]:
    """One line of progress on a terminal, elsewhere a line for each run that ends; gives what counts an outcome.

    The line of progress: done of all, running, failed, time passed and left.
    """
    counts = "{task.fields[running]} running, {task.fields[failed]} failed,"
    columns = ("runs", BarColumn(bar_width=24), MofNCompleteColumn(), counts, TimeElapsedColumn(), "passed,")
    terminal, begun = console(stderr=True), time.monotonic()
    with Progress(
        *columns, TimeLeft(), "left", console=terminal, disable=not (total and terminal.is_terminal)
    ) as progress:
        task = progress.add_task("runs", total=total, running=min(jobs, total), failed=0, end=None)
        done = failed = 0

        def advance(run: Run, error: str) -> None:
            nonlocal done, failed
            done, failed = done + 1, failed + bool(error)
            passed = time.monotonic() - begun
            left = time_left(passed, done, total, jobs)
            end = time.monotonic() + left
            progress.update(task, completed=done, running=min(jobs, total - done), failed=failed, end=end)
            if not terminal.is_terminal:
                note(f"{done} of {total}: {run.out} {outcome(run, error)}; {clock(passed)} passed, {clock(left)} left")

        yield advance


def time_left(passed: float, done: int, total: int, jobs: int) -> float:
    """Seconds that the other runs take, if each takes as long as those that are done took on average.

    While fewer are done than there are workers, each of them has taken all the time that has passed.
    """
    return passed * (total - done) / max(done, min(jobs, total))


def clock(seconds: float) -> str:
    """Hours, minutes and seconds."""
    return str(timedelta(seconds=round(seconds)))


def outcome(run: Run, error: str) -> str:
    """What became of a run: its macro-F1, on the test if it was not withheld, or the end of what went wrong."""
    if error:
        return f"failed ({error.strip().splitlines()[-1]})"
    result = json.loads((run.out / "result.json").read_text())
    split = "test" if "test" in result else "val"
    return f"done, {split} macro-F1 {result[split]['macro_f1']:.3f}"
