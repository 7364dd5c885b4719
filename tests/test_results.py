"""The published results: every record fits its own hash, and every table follows from the records, byte for byte."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from tests.published import CONTRASTS, RESULTS, TABLES, derive, lines_of, published


def test_there_are_published_results() -> None:
    """The tables on real images and the case study."""
    assert {"table2", "table4"} <= set(TABLES)


LARGEST = {True: 1.5, False: 0.5}
"""Class losses above it, of two classes or of more, may hold units whose probability is below single precision's normal
numbers. Records have their loss from logits, tables from probabilities: coarsely, within log 2 at the smallest, and cut
at −log 2^−149 (older ones at −log 1e-12)."""

CUT = 149 * np.log(2)
"""A gap may grow by a cut only where the smaller of the class losses can hold a unit whose loss is above it."""


@pytest.mark.parametrize("table", TABLES)
def test_a_table_is_made_of_its_records(table: str, tmp_path: Path) -> None:
    """Cells, comparisons, runs and page, the same bytes; of the page all but the contrasts, which need draws."""
    derive(table, tmp_path)
    for name in (f"{table}.csv", f"{table}_runs.csv", f"{table}_comparisons.csv"):
        assert (tmp_path / name).read_bytes() == (RESULTS / name).read_bytes(), name
    page, contrasts = CONTRASTS.subn("", (RESULTS / f"{table}.md").read_text())
    assert contrasts == bool(published(table).grid.contrasts)
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
            cell = cells[(*place, name)]
            assert cell["n"] == len(records) >= 2
            if "@" in split:  # what a rule decides is in no record
                assert cell["low"] < cell["value"] < cell["high"]
                continue
            values = [record.result[split][metric] for record in records.values()]
            results = [record.result[split] for record in records.values()]
            names = ("loss/", "loss_neg", "loss_pos")  # of classes
            losses = [[value for key, value in one.items() if key.startswith(names)] for one in results]
            if metric.startswith("loss") and max(map(max, losses)) > LARGEST["loss_pos" in results[0]]:
                if metric == "loss_gap":
                    least, most = zip(*((min(one), max(one)) for one in losses), strict=True)
                    units = [record.result["units"][split] for record in records.values()]
                    values = list(np.where(np.array(least) * units > CUT, most, values))
                assert cell["value"] <= np.mean(values) * (1 + 1e-4) + 1e-6
                continue
            assert cell["value"] == pytest.approx(np.mean(values), rel=1e-6, abs=1e-6)  # sums over units are in float32
            assert cell["sd"] == pytest.approx(np.std(values, ddof=1), rel=1e-5, abs=1e-6)
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
