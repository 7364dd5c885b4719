"""The published results: every record fits its own hash, and every table follows from the records, byte for byte.

Intervals and p-values came from predictions that are not kept: they are read off the published files, and go the same
way from there as when they are fresh. Contrasts need the draws themselves, and are left out.
"""

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import pytest

from clsunbias.experiments.analysis.cells import Cell
from clsunbias.experiments.analysis.comparison import Comparison
from clsunbias.experiments.analysis.scores import Scored, run_lines
from clsunbias.experiments.grid import Grid, load_grid
from clsunbias.experiments.plan import Arm, choose, search_scores
from clsunbias.experiments.report.build import parts, search_sections
from clsunbias.experiments.report.sections import write_table
from clsunbias.experiments.running.run import Record, Run
from clsunbias.experiments.simulation import simulated_part
from clsunbias.files import CONFIGS, check_seal, write_csv

RESULTS = Path(__file__).parents[1] / "docs" / "results"
TABLES = sorted(path.name.removesuffix("_records.jsonl") for path in RESULTS.glob("*_records.jsonl"))

CONTRASTS = re.compile(r"\n## Contrasts.*?(?=\n## |\Z)", re.DOTALL)


class Published(NamedTuple):
    """A published table: its grid, its finished runs and a search's, in the order in which they were reported."""

    grid: Grid
    finished: Mapping[Arm, Mapping[int, Record]]
    searched: Mapping[Arm, list[Record | None]]


def published(table: str) -> Published:
    """Reads the records of a table."""
    grid = load_grid(CONFIGS / "tables" / f"{table.removesuffix('_simulated')}.yaml")
    grid = simulated_part(grid) if table.endswith("_simulated") else grid
    finished: dict[Arm, dict[int, Record]] = {}
    searched: dict[Arm, list[Record | None]] = {}
    for line in (RESULTS / f"{table}_records.jsonl").read_text().splitlines():
        result = json.loads(line)
        folder = Path(result.pop("run"))
        check_seal(result)
        protocol, column, row, *setting, seed = folder.parts
        arm = Arm(protocol, column, row, "".join(setting), Run(folder.parent, ()))
        if "test" in result:
            finished.setdefault(arm, {})[int(seed)] = Record(folder, result)
        else:
            searched.setdefault(arm, []).append(Record(folder, result))
    return Published(grid, finished, searched)


def lines_of(name: str) -> list[dict[str, Any]]:
    """Lines of a published CSV file, as they were written; None where there is nothing."""
    frame = pd.read_csv(RESULTS / name, float_precision="round_trip")
    found = frame.astype(object).where(frame.notna(), None).to_dict("records")
    return [{str(field): value for field, value in line.items()} for line in found]


def test_there_are_published_results() -> None:
    """The tables on real images and the case study."""
    assert {"table2", "table4"} <= set(TABLES)


@pytest.mark.parametrize("table", TABLES)
def test_a_table_is_made_of_its_records(table: str, tmp_path: Path) -> None:
    """Cells, comparisons, runs and page, the same bytes; of the page all but the contrasts, which need draws."""
    grid, finished, searched = published(table)
    arms = {
        (grid.protocols[arm.protocol].label, grid.columns[arm.column].label, grid.rows[arm.row].label): arm
        for arm in finished
    }
    assert len(arms) == len(finished)
    cells = {
        (arms[line["protocol"], line["column"], line["row"]], line["metric"]): Cell(**line)
        for line in lines_of(f"{table}.csv")
    }
    comparisons = {
        (
            arms[line["protocol"], line["column"], line["row"]],
            arms[line["protocol"], line["column"], line["baseline"]],
            line["metric"],
        ): Comparison(**{**line, "effect": np.nan if line["effect"] is None else line["effect"]})
        for line in lines_of(f"{table}_comparisons.csv")
    }
    scores = search_scores(grid, searched)
    assert set(choose(grid, scores)) <= set(finished)
    absent = [name for name in grid.columns if not any(arm.column == name for arm in finished)]
    made = [
        *parts(grid, list(grid.columns), absent, cells, comparisons),
        *search_sections(grid, scores, choose(grid, scores)),
    ]
    runs = run_lines([Scored(arm, records, {}) for arm, records in finished.items()])
    write_table(tmp_path, table, grid.title, list(cells.values()), runs, made)
    write_csv(tmp_path / f"{table}_comparisons.csv", pd.DataFrame(comparisons.values(), columns=Comparison._fields))
    for name in (f"{table}.csv", f"{table}_runs.csv", f"{table}_comparisons.csv"):
        assert (tmp_path / name).read_bytes() == (RESULTS / name).read_bytes(), name
    page, contrasts = CONTRASTS.subn("", (RESULTS / f"{table}.md").read_text())
    assert contrasts == bool(grid.contrasts)
    assert (tmp_path / f"{table}.md").read_text() == page


@pytest.mark.parametrize("table", TABLES)
def test_cells_follow_from_the_records(table: str) -> None:
    """Mean, standard deviation and number of runs of each cell; what is published is as the grid has it."""
    grid, finished, _ = published(table)
    cells = {(one["protocol"], one["column"], one["row"], one["metric"]): one for one in lines_of(f"{table}.csv")}
    assert len(cells) == len(finished) * len((*grid.metrics, *grid.also))
    for arm, records in finished.items():
        assert {record.result["simulated"] for record in records.values()} == {table.endswith("_simulated")}
        place = grid.protocols[arm.protocol].label, grid.columns[arm.column].label, grid.rows[arm.row].label
        for name in (*grid.metrics, *grid.also):
            split, _, metric = name.partition("/")
            cell, values = cells[(*place, name)], [record.result[split][metric] for record in records.values()]
            assert cell["n"] == len(values) >= 2
            assert cell["value"] == pytest.approx(np.mean(values), abs=1e-6)  # sums over units are in float32
            assert cell["sd"] == pytest.approx(np.std(values, ddof=1), abs=1e-6)
            assert cell["low"] < cell["value"] < cell["high"]
            said = grid.columns[arm.column].published.get(arm.row, {}).get(name)
            assert cell["published"] == (said[0] if said else None)
            assert cell["difference"] == (pytest.approx(cell["value"] - said[0], abs=1e-9) if said else None)


@pytest.mark.parametrize("table", TABLES)
def test_simulated_results_stand_apart_and_say_so(table: str) -> None:
    """A table is of real data in every line, or of simulated data in every line, with a title that says so."""
    simulated = table.endswith("_simulated")
    for name in (f"{table}.csv", f"{table}_runs.csv"):
        assert (pd.read_csv(RESULTS / name)["simulated"] == simulated).all()
    assert (RESULTS / f"{table}.md").read_text().startswith("# SIMULATED") == simulated
