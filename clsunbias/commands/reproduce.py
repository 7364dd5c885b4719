"""``clsunbias reproduce``: a table of the paper, or a grid of one's own, run and set beside the published figures."""

import os
import sys
from pathlib import Path

import joblib

from clsunbias.errors import InputError
from clsunbias.files import CONFIGS
from clsunbias.parser import Parser


def reproduce(options: list[str]) -> int:
    """Runs ``clsunbias reproduce`` with its options; returns the exit status: 0 only if every run is done."""
    parser = Parser(prog="clsunbias reproduce", description="Run a table of the paper and set it beside the published.")
    parser.add_argument("table", help="table1, table2, table3, table4 or the path of a grid")
    parser.add_argument("--out", type=Path, default=Path("results"), help="where table, figures and runs go")
    parser.add_argument("--data-root", type=Path | None, help="where data lie; default $CLSUNBIAS_DATA, else data/")
    parser.add_argument("--jobs", type=int, default=joblib.cpu_count(), help="worker processes, one thread each")
    parser.add_argument("--seeds", type=int | None, help="runs of each cell; default: what the grid says")
    parser.add_argument("--columns", type=str | None, help="data sets to run, of the grid's, separated by commas")
    parser.add_argument("--protocols", type=str | None, help="protocols to run, of the grid's, separated by commas")
    parser.add_argument("--dask", type=str | None, help="address of a Dask scheduler whose workers do the runs")
    parser.add_argument("--simulated", action="store_true", help="closed corpora on made-up recordings, a table apart")
    parser.add_argument("--wandb", type=bool, default=False, help="show the runs on W&B, too")
    chosen = parser.parse_args(options)
    if chosen.jobs < 1:
        raise InputError("--jobs must be at least 1")
    if chosen.data_root:
        os.environ["CLSUNBIAS_DATA"] = str(chosen.data_root.resolve())
    if chosen.table == "table1":
        from clsunbias.experiments.paper.table1 import reproduce_table1

        seeds = 20 if chosen.seeds is None else chosen.seeds
        if seeds < 0 or seeds == 1:
            raise InputError("--seeds must be 0 (no repetition) or at least 2 (one seed has no interval)")
        return reproduce_table1(chosen.out, chosen.jobs, seeds, chosen.wandb)
    from clsunbias.experiments.grid import load_grid
    from clsunbias.experiments.reproduction import narrowed, reproduce_grid
    from clsunbias.experiments.simulation import refuse_simulated, simulated_grid

    shipped = CONFIGS / "tables" / f"{chosen.table}.yaml"
    path = shipped if shipped.is_file() else Path(chosen.table)
    if not path.is_file():
        tables = ", ".join(sorted(one.stem for one in (CONFIGS / "tables").glob("*.yaml")))
        raise InputError(f"there is no table {chosen.table!r} to reproduce; there are {tables}, or the path of a grid")
    if "" not in sys.path:  # a user's own classes, as for fit; worker processes look there too
        sys.path.insert(0, "")
    columns, protocols = (named.split(",") if named else None for named in (chosen.columns, chosen.protocols))
    grid, name = load_grid(path), path.stem
    if chosen.simulated and protocols is None:
        protocols = [next(iter(grid.protocols))]  # a first look
    grid = narrowed(grid, columns, protocols, chosen.seeds)
    if chosen.dask:  # whose workers were started in folders of their own
        path, chosen.out = path.absolute(), chosen.out.absolute()
    if chosen.simulated:
        root = (chosen.out / "simulated").resolve()
        grid, name = simulated_grid(grid, root), f"{name}_simulated"
        os.environ["CLSUNBIAS_DATA"] = str(root)
    else:
        refuse_simulated(grid)
    return reproduce_grid(name, path, grid, chosen.out, chosen.jobs, chosen.dask, chosen.wandb)
