"""The published specification curves: every difference follows from the records, every curve from its differences."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from clsunbias.experiments.grid import Grid, load_grid
from clsunbias.files import CONFIGS, check_seal
from tests.published import RESULTS, records_of

CURVES = sorted(path.name.partition("_differences.csv")[0] for path in RESULTS.glob("*_differences.csv"))


def test_there_is_one() -> None:
    """Of the paper's claim on its images."""
    assert "specifications" in CURVES


def means_of(grid: Grid, table: str, metric: str) -> dict[tuple[str, str, str], dict[str, float]]:
    """A metric of each run by its seed, by column, row and setting; every record fits its own hash."""
    found: dict[tuple[str, str, str], dict[str, float]] = {}
    for line in records_of(table):
        result = json.loads(line)
        _, column, row, setting, seed = Path(result.pop("run")).parts
        check_seal(result)
        split, _, name = metric.partition("/")
        labels = grid.columns[column].label, grid.rows[row].label, setting
        found.setdefault(labels, {})[seed] = result[split][name]
    return found


@pytest.mark.parametrize("table", CURVES)
def test_differences_follow_from_the_records(table: str) -> None:
    """Means over seeds that both have, of the same setting; of thresholds that no record tells, nothing is known."""
    grid = load_grid(CONFIGS / "tables" / f"{table}.yaml")
    (protocol,) = grid.protocols.values()
    lines = pd.read_csv(RESULTS / f"{table}_differences.csv")
    known = lines[~lines["threshold"].astype(str).str.startswith("chosen")]
    assert len(known) > 100
    for metric, group in known.groupby("metric"):
        means = means_of(grid, table, str(metric))
        by_row: dict[tuple[str, str], list[tuple[dict[str, str], dict[str, float]]]] = {}
        for (column, row, setting), values in means.items():
            steps = dict(zip(protocol.axes, setting.split(","), strict=True))
            by_row.setdefault((column, row), []).append((steps, values))
        for line in group.to_dict("records"):
            asked = {axis: step for axis in protocol.axes if not pd.isna(step := line[axis])}
            ours = runs_with(by_row[line["data set"], line["row"]], asked)
            theirs = runs_with(by_row[line["data set"], line["baseline"]], asked)
            assert len({*ours} & {*theirs}) >= 4
            gained = [ours[seed] - theirs[seed] for seed in {*ours} & {*theirs}]
            assert line["difference"] == pytest.approx(np.mean(gained), abs=2e-5)
            assert line["low"] <= line["difference"] <= line["high"]


def runs_with(runs: list[tuple[dict[str, str], dict[str, float]]], asked: dict[str, Any]) -> dict[str, float]:
    """The runs of a method with the steps asked for, of the axes that it has a use for: on the others it has one."""
    used = {axis for axis in asked if len({steps[axis] for steps, _ in runs}) > 1}
    (found,) = [values for steps, values in runs if all(steps[axis] == asked[axis] for axis in used)]
    return found


@pytest.mark.parametrize("table", CURVES)
def test_curves_follow_from_their_differences(table: str) -> None:
    """Numbers of specifications and trainings, medians and shares; and the page says them."""
    lines, page = pd.read_csv(RESULTS / f"{table}_differences.csv"), (RESULTS / f"{table}.md").read_text()
    for one in pd.read_csv(RESULTS / f"{table}_curves.csv").to_dict("records"):
        curve = lines
        for name in ("row", "baseline", "metric"):
            curve = curve[curve[name] == one[name]]
        assert (len(curve), curve["training"].nunique()) == (one["specifications"], one["trainings"])
        assert one["median"] == pytest.approx(curve["difference"].median())
        assert one["positive"] == pytest.approx((curve["difference"] > 0).mean())
        assert one["above"] == pytest.approx((curve["low"] > 0).mean())
        assert one["below"] == pytest.approx((curve["high"] < 0).mean())
        assert 0 < one["p"] <= 1
        assert f"| {one['specifications']} ({one['trainings']}) | {one['median']:+.3f} |" in page
