"""``clsunbias reproduce``: a table of the paper, run and set beside the published one."""

from pathlib import Path

from jsonargparse import ArgumentParser

from clsunbias.errors import InputError, RaisesInputError


class Parser(RaisesInputError, ArgumentParser):
    """The command's parser."""


def reproduce(options: list[str]) -> int:
    """Runs ``clsunbias reproduce`` with its options; returns the exit status: 0 only if every run is done."""
    parser = Parser(prog="clsunbias reproduce", description="Run a table of the paper and set it beside the published.")
    parser.add_argument("table", help="table1")
    parser.add_argument("--out", type=Path, default=Path("results"), help="where table, figures and runs go")
    parser.add_argument("--jobs", type=int, default=1, help="worker processes, one thread each")
    parser.add_argument("--seeds", type=int, default=20, help="seeds of the repetition; 0 leaves it out")
    chosen = parser.parse_args(options)
    if chosen.table != "table1":
        raise InputError(f"there is no table {chosen.table!r} to reproduce; there is: table1")
    if chosen.jobs < 1 or chosen.seeds < 0 or chosen.seeds == 1:
        raise InputError("--jobs must be at least 1, --seeds 0 or at least 2 (one seed has no interval)")
    from clsunbias.experiments.table1 import reproduce_table1

    return reproduce_table1(chosen.out, chosen.jobs, chosen.seeds)
