"""The published results: every record fits its own hash, and every cell follows from the records."""

import dataclasses
import json
from collections import defaultdict
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from clsunbias.experiments.grid import Grid, load_grid
from clsunbias.experiments.simulation import simulated_column
from clsunbias.files import CONFIGS, check_seal

RESULTS = Path(__file__).parents[1] / "docs" / "results"
TABLES = sorted(path.name.removesuffix("_records.jsonl") for path in RESULTS.glob("*_records.jsonl"))

Record = dict[str, Any]


def records(table: str) -> dict[tuple[str, ...], list[Record]]:
    """Records of the runs that a table shows, by protocol, column and row."""
    found = defaultdict(list)
    shown = set(pd.read_csv(RESULTS / f"{table}_runs.csv")["record_sha256"])
    for line in (RESULTS / f"{table}_records.jsonl").read_text().splitlines():
        record = json.loads(line)
        place = record.pop("run").split("/")
        check_seal(record)
        if record["record_sha256"] in shown:
            found[tuple(place[:3])].append(record)
    assert sum(map(len, found.values())) == len(shown)
    return found


def grid_of(table: str) -> Grid:
    """The grid of a table; the columns of a simulated one are called so and have nothing published."""
    grid = load_grid(CONFIGS / "tables" / f"{table.removesuffix('_simulated')}.yaml")
    if not table.endswith("_simulated"):
        return grid
    columns = {
        name: simulated_column(name, column, column.simulated)
        for name, column in grid.columns.items()
        if column.simulated
    }
    return dataclasses.replace(grid, columns=columns)


def test_there_are_published_results() -> None:
    """The tables on real images and the case study."""
    assert {"table2", "table4"} <= set(TABLES)


@pytest.mark.parametrize("table", TABLES)
def test_cells_follow_from_the_records(table: str) -> None:
    """Mean, standard deviation and number of runs of each cell; what is published is as the grid has it."""
    grid = grid_of(table)
    lines = pd.read_csv(RESULTS / f"{table}.csv").to_dict("records")
    cells = {(line["protocol"], line["column"], line["row"], line["metric"]): line for line in lines}
    found = records(table)
    assert found
    simulated = {record["simulated"] for runs in found.values() for record in runs}
    assert simulated == {table.endswith("_simulated")}
    for (protocol, column, row), runs in found.items():
        for name in (*grid.metrics, *grid.also):
            split, short = name.split("/")
            place = grid.protocols[protocol].label, grid.columns[column].label, grid.rows[row].label, name
            cell = cells[place]
            values = [run[split][short] for run in runs]
            assert cell["n"] == len(values) >= 2
            assert cell["value"] == pytest.approx(np.mean(values), abs=1e-4)
            assert cell["sd"] == pytest.approx(np.std(values, ddof=1), abs=1e-4)
            assert cell["low"] < cell["value"] < cell["high"]
            published = grid.columns[column].published.get(row, {}).get(name)
            assert (cell["published"] == published[0]) if published else np.isnan(cell["published"])
    assert len(cells) == len(found) * len((*grid.metrics, *grid.also))


@pytest.mark.parametrize("table", TABLES)
def test_simulated_results_stand_apart_and_say_so(table: str) -> None:
    """A table is of real data in every line, or of simulated data in every line, with a title that says so."""
    simulated = table.endswith("_simulated")
    for name in (f"{table}.csv", f"{table}_runs.csv"):
        assert (pd.read_csv(RESULTS / name)["simulated"] == simulated).all()
    assert (RESULTS / f"{table}.md").read_text().startswith("# SIMULATED") == simulated
