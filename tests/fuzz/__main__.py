"""``python -m tests.fuzz``: tries inputs and faults, prints what came of them, and keeps what went wrong."""

import os

os.environ["OMP_NUM_THREADS"] = "1"  # before torch is imported: children are forked, which threads would not survive

import argparse
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from functools import partial
from multiprocessing import get_context
from pathlib import Path
from random import Random

from rich.console import Console
from rich.progress import track
from rich.table import Table

from tests.fuzz.disturbances import can_mount
from tests.fuzz.faults import FAULTS, NEED_MOUNTS
from tests.fuzz.kinds import KINDS
from tests.fuzz.trying import Found, try_again, try_fault, try_inputs, warm_up
from tests.fuzz.works import WORKS

BATCH = 25
"""Inputs of a kind that a process tries in one go."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Tries so many inputs and faults; returns 1 if anything went wrong."""
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    parser.add_argument("--inputs", type=int, default=2000, help="how many, of all kinds")
    parser.add_argument("--faults", type=int, default=200, help="how many, of all kinds")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--jobs", type=int, default=os.cpu_count(), help="processes")
    parser.add_argument("--kinds", default=",".join([*KINDS, *FAULTS]), help="of inputs and faults, commas between")
    parser.add_argument("--works", default=",".join(WORKS), help="commands to disturb, commas between")
    parser.add_argument("--out", type=Path, default=Path(tempfile.gettempdir()) / "clsunbias-fuzz")
    parser.add_argument("--replay", type=Path, help="folder of what went wrong, to be tried again")
    asked = parser.parse_args(arguments)
    console = Console(stderr=True)
    if asked.replay:
        outcome = try_again(asked.replay, asked.out)
        print(f"{outcome.how}: {outcome.said}")
        return int(outcome.how == "wrong")
    kinds = asked.kinds.split(",")
    if NEED_MOUNTS & set(kinds) and not can_mount():
        console.print(f"not tried, for no disk may be mounted here: {', '.join(sorted(NEED_MOUNTS))}")
        kinds = [kind for kind in kinds if kind not in NEED_MOUNTS]
    disturbed = [(work, fault) for fault in kinds if fault in FAULTS for work in asked.works.split(",")]
    tasks = [
        *inputs(kinds, asked.inputs, asked.seed, asked.out),
        *faults(disturbed, asked.faults, asked.seed, asked.out),
    ]
    warm_up({work for work, _ in disturbed} if asked.faults else ())
    counts, wrong = Counter[tuple[str, str]](), 0
    with ProcessPoolExecutor(asked.jobs, get_context("fork")) as pool:
        futures = [pool.submit(task) for task in tasks]
        for future in track(as_completed(futures), "fuzzing", total=len(futures), console=console, transient=True):
            found = future.result()
            counts += found.counts
            wrong += len(found.failures)
            for failure in found.failures:
                console.print(f"{failure.kind}: {failure.said[-400:]}", markup=False, highlight=False)
                console.print(f"  python -m tests.fuzz --replay {failure.folder}\n", markup=False, soft_wrap=True)
    show(counts)
    return int(wrong > 0)


def inputs(kinds: Sequence[str], count: int, seed: int, out: Path) -> Iterator[partial[Found]]:
    """Of each kind its share of the inputs, in batches with seeds of their own."""
    asked = [kind for kind in kinds if kind in KINDS]
    whole = sum(KINDS[kind].share for kind in asked)
    for kind in asked:
        own = round(count * KINDS[kind].share / whole)
        for first in range(0, own, BATCH):
            yield partial(try_inputs, kind, min(BATCH, own - first), seed * 1_000_000 + first, out)


def faults(pairs: Sequence[tuple[str, str]], count: int, seed: int, out: Path) -> Iterator[partial[Found]]:
    """Faults of commands, each pair as often as the others."""
    draw = Random(seed)
    for number in range(count if pairs else 0):
        if number % len(pairs) == 0:
            pairs = draw.sample(pairs, len(pairs))
        work, fault = pairs[number % len(pairs)]
        yield partial(try_fault, work, fault, seed * 1_000_000 + number, out)


def show(counts: Counter[tuple[str, str]]) -> None:
    """Prints how many of each kind came out how."""
    table = Table("", "tried", "right", "refused", "wrong")
    for kind in dict.fromkeys(kind for kind, _ in counts):
        found = [counts[kind, how] for how in ("right", "refused", "wrong")]
        table.add_row(kind, *map(str, [sum(found), *found]))
    Console().print(table)


if __name__ == "__main__":
    sys.exit(main())
