"""A table whose data sets were run apart and joined is that of one run."""

import json
import shutil
from pathlib import Path

import pandas as pd

from clsunbias.__main__ import main
from clsunbias.experiments.grid import load_grid
from tests.joining import corrected, join
from tests.published import RESULTS, records_of
from tests.records import SPEAKERS, write_made_up_grid
from tests.test_overview import COLUMNS, ROWS


def test_joined_is_as_run_at_once(tmp_path: Path) -> None:
    """Cells, comparisons with their corrected p-values, gains, and means over data sets."""
    protocols = {"paper": {"seeds": 5}}
    grid = write_made_up_grid(
        tmp_path, COLUMNS, dict.fromkeys(COLUMNS, SPEAKERS), rows=ROWS, protocols=protocols, ranked=True
    )
    folders = {"one,two,three": tmp_path / "out", "two": tmp_path / "part", "one,three": tmp_path / "rest"}
    for columns, out in folders.items():
        if out.name != "out":
            shutil.copytree(tmp_path / "out" / "runs", out / "runs")
        assert main(["reproduce", str(grid), "--out", str(out), "--jobs", "1", "--columns", columns]) == 0
    part, rest, whole = tmp_path / "part", tmp_path / "rest", tmp_path / "out"
    join(load_grid(grid), "toy", part, rest)
    for name in ("toy.csv", "toy_comparisons.csv", "toy_gains.csv", "toy_overview.csv"):
        frames = [pd.read_csv(folder / name) for folder in (rest, whole)]
        labels = [label for label in ("column", "row", "metric", "part") if label in frames[0]]
        ours, theirs = (frame.sort_values(labels, ignore_index=True) for frame in frames)
        pd.testing.assert_frame_equal(ours, theirs, rtol=1e-6)
    runs = [[json.loads(line)["run"] for line in records_of("toy", folder)] for folder in (rest, whole)]
    assert sorted(runs[0]) == sorted(runs[1])


def test_published_p_values_are_corrected_so() -> None:
    """Of the published comparisons, too, as they were reported."""
    published = pd.read_csv(RESULTS / "methods_comparisons.csv")
    pd.testing.assert_frame_equal(corrected(published.assign(p_corrected=1.0, verdict="")), published, rtol=1e-6)
