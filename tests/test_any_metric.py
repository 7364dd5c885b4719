"""Any metric that runs record can head a table, from made-up records through the command line."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml

from clsunbias.__main__ import main
from clsunbias.experiments.grid import load_grid
from clsunbias.experiments.plan import arms, runs_of
from clsunbias.experiments.report.notes import Classes, legend
from clsunbias.experiments.running.run import read_record
from tests.pages import TOY_COLUMN
from tests.records import SPEAKERS, write_made_up_grid, write_record
from tests.test_errors import fails

ALSO = ["auprc", "brier", "ece", "loss_gap", "pos_recall", "neg_recall", "balanced_accuracy", "loss_pos"]
OF_CLASSES = ["f1/class 2", "recall/class 0", "loss/class 1"]


def write_grid_of(folder: Path, classes: int, metrics: list[str]) -> Path:
    """Writes a grid on test metrics and its runs, five of each method; returns the grid's file."""
    names = [f"test/{name}" for name in metrics]
    protocol = {"paper": {"seeds": 5}}
    folder.mkdir(exist_ok=True)
    grid = write_made_up_grid(folder, {"toy": TOY_COLUMN}, {}, metrics=names[:1], also=names[1:], protocols=protocol)
    loaded = load_grid(grid)
    labels = {split: np.arange(len(label) * classes) % classes for split, label in SPEAKERS.items()}
    for arm in arms(loaded, ["toy"], ["paper"], folder / "out" / "runs" / "toy", folder):
        for run in runs_of(loaded, arm).values():
            skill = 3.0 if arm.row == "cls_unbias" else 0.0
            write_record(
                run.out,
                run.config,
                labels,
                dataset="toy",
                objective=arm.row,
                simulated=True,
                skill=skill,
                classes=classes,
            )
    return grid


@pytest.mark.parametrize(
    ("classes", "metrics"), [(2, ["auroc", *ALSO]), (3, ["brier", "auroc", "auprc", "ece", *OF_CLASSES])]
)
def test_any_metric_heads_a_table(classes: int, metrics: list[str], tmp_path: Path) -> None:
    """Its cells are those of the records, within their intervals; a method that is better is said to be, by each."""
    grid = write_grid_of(tmp_path, classes, metrics)
    assert main(["reproduce", str(grid), "--out", str(tmp_path / "out"), "--jobs", "1"]) == 0
    cells = pd.read_csv(tmp_path / "out" / "toy.csv")
    assert len(cells) == 2 * len(metrics)
    for cell in cells.to_dict("records"):
        row = {"ERM": "erm", "Cls-unbias": "cls_unbias"}[cell["row"]]
        runs = sorted((tmp_path / "out" / "runs" / "toy" / "paper" / "toy" / row).iterdir())
        records = [read_record(run)[0].result for run in runs]
        values = [record["test"][cell["metric"].partition("/")[2]] for record in records]
        assert cell["value"] == pytest.approx(np.mean(values), abs=1e-5)
        assert cell["sd"] == pytest.approx(np.std(values, ddof=1), abs=1e-5)
        assert cell["low"] < cell["value"] < cell["high"]
    comparisons = pd.read_csv(tmp_path / "out" / "toy_comparisons.csv").set_index("metric")
    assert list(comparisons.index) == [f"test/{name}" for name in metrics]
    skill = comparisons[~comparisons.index.isin(["test/ece", "test/loss_gap"])]  # which does not tell in these
    assert (skill["verdict"] == "better").all()
    less = {f"test/{name}" for name in ("brier", "loss_pos", "loss/class 1")}
    assert ((skill["difference"] < 0) == skill.index.isin(less)).all()
    headline = (tmp_path / "out" / "toy.md").read_text().split("\n## ")[1].partition("Here and")[0]
    assert (headline.count("▲"), headline.count("▼")) == (1, 0)


def test_what_a_table_calls_them(tmp_path: Path) -> None:
    """Metrics of a class by its name, others in short; the page's reading takes a lower error for better."""
    grid = write_grid_of(tmp_path, 3, ["brier", "auroc", "f1/class 2"])
    content = yaml.safe_load(grid.read_text())
    published = {"erm": {"test/brier": [0.9, 0.1]}, "cls_unbias": {"test/brier": [0.1, 0.1]}}
    content["columns"]["toy"]["published"] = published
    grid.write_text(yaml.safe_dump(content, sort_keys=False))
    html = tmp_path / "page.html"
    assert main(["report", str(tmp_path / "out"), "--grid", str(grid), "--html", str(html)]) == 0
    text = html.read_text()
    assert all(f"<summary>{name} of the same runs</summary>" in text for name in ("AUROC", "F1 (class 2)"))
    assert "Differences in Brier score: short" in text
    assert "Differences between published means: 1, of which our runs show 1, contradict 0" in text
    assert "Means within one published standard deviation of the published mean: 1 of 2" in text


def test_a_published_mean_without_a_deviation(tmp_path: Path) -> None:
    """It stands alone in the table and is set apart from nothing by a deviation; before any run, too."""
    grid = write_grid_of(tmp_path, 2, ["macro_f1"])
    content = yaml.safe_load(grid.read_text())
    content["columns"]["toy"]["published"] = {"erm": {"test/macro_f1": [0.901, None]}}
    grid.write_text(yaml.safe_dump(content, sort_keys=False))
    html = tmp_path / "page.html"
    assert main(["report", str(tmp_path / "out"), "--grid", str(grid), "--html", str(html)]) == 0
    text = html.read_text()
    assert "0.901" in text
    assert "0.901 ±" not in text
    assert "published standard deviation" not in text
    assert legend(load_grid(grid), {}, Classes({}, {}, {})) == "Published: mean."


def test_a_metric_that_is_not_recorded(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """It is named with those that are, whether it is another class's or of another number of classes."""
    for name in ("f1/class 9", "pos_f1"):
        grid = write_grid_of(tmp_path / name.replace("/", " "), 3, ["macro_f1", name])
        out = grid.parent / "out"
        fails(["report", str(out), "--grid", str(grid)], capfd, f"no test metric {name!r}", "macro_f1", "f1/class 2")
