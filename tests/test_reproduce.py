"""``clsunbias reproduce`` with a grid: what it writes, and that it runs what is missing and nothing else."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import yaml

from clsunbias.__main__ import main
from clsunbias.experiments.running.config import merge
from clsunbias.files import sealed
from tests.fakes import ONE_BY_ONE, write_grid
from tests.test_errors import fails
from tests.test_table1 import COLUMNS

LR = "model.optimizer.init_args.lr"
TUNED = {"label": "tuned", "seeds": 2, "first_seed": 20, "search": {"seeds": 1, "first_seed": 10}}
GET = "clsunbias prepare nothing --raw DIR --out DATA/nothing"
WHOLE: dict[str, Any] = {
    "protocols": {"tuned": {**TUNED, "axes": {LR: [0.01, 0.1]}}},
    "columns": {
        "balanced": {
            "configs": {"tuned": "toy_balanced.yaml"},
            "per_seed": ["data.init_args.train_seed"],
            "published": {"erm": {"test_1/macro_f1": [0.8, 0.01]}},
        },
        "nothing": {
            "label": "Not there",
            "configs": {"paper": "nothing.yaml"},
            "needs": "nothing/manifest.csv",
            "get": GET,
        },
    },
    "curves": {"figure3": {"column": "balanced", "rows": ["erm", "cls_unbias"]}},
}


def reproduce(grid: Path, out: Path, *options: str) -> int:
    """Runs the grid with one worker process, which the tests share."""
    return main(["reproduce", str(grid), "--out", str(out), "--jobs", "1", *options])


def state(folder: Path) -> dict[Path, tuple[int, bytes]]:
    """When every file was written, and what it holds."""
    return {path: (path.stat().st_mtime_ns, path.read_bytes()) for path in folder.rglob("*") if path.is_file()}


def results(folder: Path) -> dict[str, Any]:
    """Content of every result.json below, by folder."""
    found = sorted(folder.rglob("result.json"))
    return {str(path.parent.relative_to(folder)): json.loads(path.read_text()) for path in found}


@pytest.fixture(scope="module")
def grid(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A grid with a search, a data set that is not there, published figures and curves."""
    return write_grid(tmp_path_factory.mktemp("grid") / "toy.yaml", merge(WHOLE, {"rows": ONE_BY_ONE}))


@pytest.fixture(scope="module")
def out(grid: Path) -> Path:
    """Its table."""
    folder = grid.parent / "out"
    assert reproduce(grid, folder) == 0
    return folder


@pytest.mark.slow
def test_files_of_a_grid(out: Path) -> None:
    """Table, cells, runs, records, comparisons, gains, dots and curves, and nothing else; none is empty."""
    names = {"toy.md", "toy.tex", "toy.csv", "toy_records.jsonl", "runs"}
    names |= {f"toy_{part}.csv" for part in ("runs", "comparisons", "gains")}
    names |= {f"{stem}.{suffix}" for stem in ("toy", "toy_gains", "figure3") for suffix in ("png", "svg")}
    assert {path.name for path in out.iterdir()} == names
    assert all(path.stat().st_size > 100 for path in out.iterdir())
    tex = (out / "toy.tex").read_text()
    assert tex.count(r"\begin{tabular}") == tex.count(r"\end{tabular}") >= 4


@pytest.mark.slow
def test_cells_are_means_over_the_runs(out: Path) -> None:
    """A line a cell in the columns of the contract, each the mean and deviation of its runs' result.json."""
    cells, found = pd.read_csv(out / "toy.csv"), results(out / "runs" / "toy")
    assert list(cells) == COLUMNS
    assert len(cells) == 2 * 2 * 3, "methods × protocols × metrics"
    assert not cells.duplicated(["row", "column", "metric", "protocol"]).any()
    for cell in cells.to_dict("records"):
        row, protocol = (
            {"ERM": "erm", "Cls-unbias": "cls_unbias"}[cell["row"]],
            {"short": "paper"}.get(cell["protocol"], "tuned"),
        )
        split, metric = cell["metric"].split("/")
        values = [
            result[split][metric]
            for name, result in found.items()
            if name.startswith(f"{protocol}/balanced/{row}/") and split in result
        ]
        assert len(values) == cell["n"] == 2
        assert cell["value"] == pytest.approx(np.mean(values), abs=1e-5)
        assert cell["sd"] == pytest.approx(np.std(values, ddof=1), abs=1e-5)
        assert np.isnan([cell["low"], cell["high"]]).all(), "two seeds are too few for an interval"
    assert (cells["column"] == "Balanced").all()
    assert (cells["selection"] == "LastStep()").all()
    published = cells[cells["published"].notna()]
    assert set(zip(published["row"], published["metric"], strict=True)) == {("ERM", "test_1/macro_f1")}
    assert (published["published"] == 0.8).all()
    assert published["difference"].to_numpy() == pytest.approx(published["value"] - 0.8)
    assert cells.loc[cells["published"].isna(), "difference"].isna().all()


@pytest.mark.slow
def test_a_line_a_run_and_a_line_a_record(out: Path) -> None:
    """Reported runs with all their figures; records of the search's runs, too, without the seal's being broken."""
    runs, found = pd.read_csv(out / "toy_runs.csv"), results(out / "runs" / "toy")
    named = [
        "/".join(str(r[name]) for name in ("protocol", "column", "row", "setting", "seed") if not pd.isna(r[name]))
        for r in runs.to_dict("records")
    ]
    assert len(set(named)) == len(runs) == 2 * 2 * 2
    for name, line in zip(named, runs.to_dict("records"), strict=True):
        assert line["record_sha256"] == found[name]["record_sha256"]
        assert (line["step"], line["simulated"]) == (found[name]["step"], True)
        for split in ("val", "test"):
            assert line[f"{split}/macro_f1"] == pytest.approx(found[name][split]["macro_f1"])
    records = [json.loads(line) for line in (out / "toy_records.jsonl").read_text().splitlines()]
    assert {record.pop("run"): record for record in records} == found
    assert all(sealed(record)["record_sha256"] == record["record_sha256"] for record in records)


@pytest.mark.slow
def test_the_report(out: Path) -> None:
    """Every cell of simulated data says so; what has no data says how to get them; comparisons name both methods."""
    text = (out / "toy.md").read_text()
    first = text.split("##")[1]
    assert first.count(", simulated") == 2 * 2 * 2
    assert first.count("no data") == 2 * 2 * 2
    assert "| ERM, published | 0.800 ± 0.010 | – |" in first
    assert f"- Not there: `{GET}`" in text
    cells, comparisons = pd.read_csv(out / "toy.csv"), pd.read_csv(out / "toy_comparisons.csv")
    assert cells["simulated"].all()
    assert len(comparisons) == 2 * 2, "protocols × metrics, Cls-unbias against ERM"
    assert (comparisons["baseline"] == "ERM").all()
    means = cells.set_index(["protocol", "metric", "row"])["value"]
    for one in comparisons.to_dict("records"):
        gain = means[one["protocol"], one["metric"], "Cls-unbias"] - means[one["protocol"], one["metric"], "ERM"]
        assert one["difference"] == pytest.approx(gain, abs=1e-6)
        assert np.isnan([one["p"], one["p_corrected"]]).all(), "nor for a verdict"


@pytest.mark.slow
def test_the_search_sees_validation_only_and_other_seeds(out: Path) -> None:
    """Trials hold no test figures; the setting with the best validation MF1 goes on, with seeds that are new."""
    found = results(out / "runs" / "toy" / "tuned" / "balanced")
    for row in ("erm", "cls_unbias"):
        trials = {name: found[name] for name in found if name.startswith(row) and name.endswith("/10")}
        assert set(trials) == {f"{row}/lr=0.01/10", f"{row}/lr=0.1/10"}
        for name, result in trials.items():
            assert not [split for split in result if split.startswith("test")]
            predictions = pd.read_csv(out / "runs" / "toy" / "tuned" / "balanced" / name / "predictions.csv")
            assert set(predictions["split"]) == {"train", "val"}
        best = max(trials, key=lambda name: trials[name]["val"]["macro_f1"])
        fresh = {name for name in found if name.startswith(row)} - set(trials)
        assert fresh == {best.replace("/10", f"/{seed}") for seed in (20, 21)}
        assert all("test_1" in found[name] for name in fresh)
        setting = best.split("/")[1]
        assert f"{trials[best]['val']['macro_f1']:.3f} ◀" in (out / "toy.md").read_text(), setting


@pytest.mark.slow
def test_parameters_per_seed(out: Path) -> None:
    """Each run drew its training set with its own seed."""
    for path in (out / "runs").rglob("config.yaml"):
        config = yaml.safe_load(path.read_text())
        assert config["seed_everything"] == config["data"]["init_args"]["train_seed"] == int(path.parent.name)


@pytest.mark.slow
def test_only_what_is_missing_is_run(grid: Path, out: Path) -> None:
    """A second call touches no run and writes the same bytes; of a removed result, that run alone, with the same."""
    before = state(out)
    assert reproduce(grid, out) == 0
    after = state(out)
    assert {path: content for path, (_, content) in after.items()} == {p: content for p, (_, content) in before.items()}
    assert [path for path in after if "runs" in path.parts and after[path] != before[path]] == []

    removed = out / "runs" / "toy" / "paper" / "balanced" / "erm" / "1" / "result.json"
    removed.unlink()
    assert reproduce(grid, out) == 0
    again = state(out)
    assert again[removed][1] == before[removed][1]
    written = {path.parent for path in again if "runs" in path.parts and again[path][0] != before[path][0]}
    assert written <= {removed.parent, removed.parent / "checkpoints"}
    assert (again[out / "toy.csv"][1], again[out / "toy.md"][1]) == (
        before[out / "toy.csv"][1],
        before[out / "toy.md"][1],
    )


@pytest.mark.slow
def test_edited_records_stop_the_grid(grid: Path, out: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """Status 2 and nothing is written, whether or not the forger sealed the figure anew."""
    path, missing = (out / "runs" / "toy" / "paper" / "balanced" / "erm" / seed / "result.json" for seed in "01")
    honest, other = path.read_text(), missing.read_text()
    forged = json.loads(honest)
    forged["test_1"]["macro_f1"] += 0.1
    missing.unlink()  # there is something to run, which must wait
    path.write_text(json.dumps(forged))
    before = state(out)
    fails(["reproduce", str(grid), "--out", str(out)], capfd, str(path.parent), "changed after the run", "delete")
    assert state(out) == before
    missing.write_text(other)
    path.write_text(json.dumps(sealed(forged)))
    before = state(out)
    fails(["reproduce", str(grid), "--out", str(out)], capfd, str(path.parent), "predictions give", "delete")
    assert state(out) == before
    path.write_text(honest)
