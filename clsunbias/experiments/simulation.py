"""Tables of simulated results: made-up recordings in the layouts of corpora that are behind licences."""

import dataclasses
import shutil
from importlib import import_module
from pathlib import Path
from typing import Any

from clsunbias.errors import InputError
from clsunbias.experiments.grid import Grid
from clsunbias.experiments.grid_parts import Parameters, Simulated
from clsunbias.experiments.running.config import difference
from clsunbias.files import read_json, write_json
from clsunbias.terminal import note

SIMULATED = "_simulated"
"""What ``reproduce --simulated`` adds to a table's name."""


def simulated_part(grid: Grid) -> Grid:
    """The part of a grid that has a simulation, as it is run on that; InputError if none has.

    Nothing published stands beside simulated results, and the title and each column say what they are.
    """
    columns = {}
    for name, column in grid.columns.items():
        if column.simulated:
            settings = Parameters({**column.set, "data.init_args.corpus": name, **column.simulated.set})
            label = f"{column.label} (simulated)"
            columns[name] = dataclasses.replace(column, label=label, needs=None, set=settings, published={})
    if not columns:
        raise InputError(f"no column of this grid can be simulated; there are {', '.join(grid.columns)}")
    contrasts = {
        claim: weights
        for claim, weights in grid.contrasts.items()
        if {cell.partition("/")[0] for cell in weights} <= set(columns)
    }
    title = f"SIMULATED, says nothing about patients: {grid.title}"
    return dataclasses.replace(grid, title=title, columns=columns, contrasts=contrasts, curves={})


def make_recordings(simulated: Simulated, home: Path) -> None:
    """Writes a raw tree and, last, its manifest into a folder, unless it is there; InputError if another one is."""
    # Imported here: they take scipy.signal with them, a second and a half of every other call of ``reproduce``.
    from clsunbias.speech.lines import MARKER
    from clsunbias.speech.preparation import prepare
    from clsunbias.speech.simulated import simulate

    recorded, asked = home / "simulation.json", {**dataclasses.asdict(simulated), "set": None}
    if (home / "manifest.csv").exists():
        differing = difference(asked, facts_of(recorded))
        if differing:
            raise InputError(f"{home} holds another simulation ({differing}); delete it, or give another --out")
        return
    if not any((home / "raw").rglob(MARKER)) and any(path.is_file() for path in home.rglob("*")):
        raise InputError(f"{home} holds something else than simulated recordings; move it away, or give another --out")
    note(f"simulating {home.name}: {simulated.hours:g} hours of {simulated.speakers} speakers")
    shutil.rmtree(home, ignore_errors=True)  # what a killed run left
    simulate(simulated.corpus, home / "raw", simulated.speakers, simulated.hours, simulated.seed, simulated.test_cue)
    write_json(recorded, asked)
    note(f"checking the recordings of {home.name}")
    prepare(import_module(f"clsunbias.speech.{simulated.corpus}").read(home / "raw"), home)


def facts_of(path: Path) -> dict[str, Any]:
    """What stands in a file beside recordings; InputError if it cannot be read."""
    try:
        return read_json(path)
    except (OSError, InputError) as error:
        raise InputError(f"{path} cannot be used: {error}; make its folder anew") from error


def refuse_simulated(grid: Grid) -> None:
    """Raises InputError if a column's recordings are simulated: they never stand where real results belong."""
    for column in grid.columns.values():
        if column.source is None or column.source.name != "manifest.csv":
            continue
        summary = column.source.with_name("summary.json")
        if summary.is_file() and facts_of(summary).get("simulated"):
            raise InputError(
                f"{summary.parent} holds simulated recordings, which have no place in a table of real results; "
                "put the corpus there, or run with --simulated"
            )
