"""Rules as columns of every table, chosen by each run on its own validation."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import f1_score

from clsunbias.__main__ import main
from clsunbias.decisions import MacroF1, Scores
from clsunbias.experiments.grid import load_grid, under_rules
from tests.pages import TOY_COLUMN, Tables
from tests.records import SPEAKERS, write_made_up_grid
from tests.test_errors import fails

RULES = ["macro_f1", "temperature"]


def write_ruled_grid(folder: Path, **changes: Any) -> Path:
    """Writes a grid with rules and its runs, five of each method."""
    folder.mkdir(exist_ok=True)
    protocol = {"paper": {"seeds": 5}}
    labels = {split: np.arange(2 * len(label)) % 3 // 2 for split, label in SPEAKERS.items()}
    changes = {"decisions": RULES, "protocols": protocol, **changes}
    return write_made_up_grid(folder, {"toy": TOY_COLUMN}, {"toy": labels}, **changes)


def test_every_metric_under_every_rule(tmp_path: Path) -> None:
    """Cells are scikit-learn's of thresholds chosen run by run, with intervals and verdicts; raw ones stay."""
    grid = write_ruled_grid(tmp_path / "ruled")
    assert main(["reproduce", str(grid), "--out", str(tmp_path / "ruled" / "out"), "--jobs", "1"]) == 0
    cells = pd.read_csv(tmp_path / "ruled" / "out" / "toy.csv").set_index(["row", "metric"])
    for row in ("erm", "cls_unbias"):
        values = []
        for run in sorted((tmp_path / "ruled" / "out" / "runs" / "toy" / "paper" / "toy" / row).iterdir()):
            frame = pd.read_csv(run / "predictions.csv")
            val, test = (frame[frame["split"] == split] for split in ("val", "test"))
            cut = MacroF1().choose(Scores(val[["prob_0", "prob_1"]].to_numpy(), val["label"].to_numpy())).value()
            values.append(f1_score(test["label"], test["prob_1"] >= cut["threshold"], average="macro"))
        label = {"erm": "ERM", "cls_unbias": "Cls-unbias"}[row]
        (cell,) = cells.loc[[(label, "test@macro_f1/macro_f1")]].to_dict("records")
        assert cell["value"] == pytest.approx(np.mean(values), abs=1e-6)
        assert cell["low"] < cell["value"] < cell["high"]
    for name in ("macro_f1", "accuracy"):  # temperature moves no decision
        ours = cells.xs(f"test@temperature/{name}", level="metric")["value"]
        assert ours.equals(cells.xs(f"test/{name}", level="metric")["value"])
    compared = pd.read_csv(tmp_path / "ruled" / "out" / "toy_comparisons.csv")
    assert set(under_rules(["test/macro_f1", "test/loss_gap"], RULES)) <= set(compared["metric"])
    shown = (tmp_path / "ruled" / "out" / "toy.md").read_text()
    assert "macro-F1, decided by macro-F1" in shown
    assert "## loss gap, decided by temperature of the same runs" in shown
    assert "Differences in macro-F1, decided by macro-F1: short" in shown
    assert "each chose its rule on its own validation split" in shown
    plain = write_ruled_grid(tmp_path / "plain", decisions=[])
    assert main(["reproduce", str(plain), "--out", str(tmp_path / "plain" / "out"), "--jobs", "1"]) == 0
    without = pd.read_csv(tmp_path / "plain" / "out" / "toy.csv").set_index(["row", "metric"])
    pd.testing.assert_frame_equal(without, cells.loc[without.index])
    judged = pd.read_csv(tmp_path / "plain" / "out" / "toy_comparisons.csv")
    pd.testing.assert_frame_equal(judged, compared[compared["metric"].isin(judged["metric"])].reset_index(drop=True))


def test_a_page_shows_rules(tmp_path: Path) -> None:
    """The page of such a grid has the tables under the rules."""
    grid = write_ruled_grid(tmp_path)
    html = tmp_path / "page.html"
    assert main(["report", str(tmp_path / "out"), "--grid", str(grid), "--html", str(html)]) == 0
    tables = Tables(html.read_text()).tables
    assert "loss gap, decided by macro-F1 of the same runs" in tables


def test_metrics_that_older_records_lack(tmp_path: Path) -> None:
    """Those that follow from predictions can be asked for; a slope is shown, and nobody is said to be better by it."""
    also = ["worst_recall", "calibration_slope", "calibration_intercept", "entropy_f1", "auprc/class 0"]
    grid = write_ruled_grid(tmp_path, decisions=[], also=[f"test/{name}" for name in also])
    assert main(["reproduce", str(grid), "--out", str(tmp_path / "out"), "--jobs", "1"]) == 0
    cells = pd.read_csv(tmp_path / "out" / "toy.csv")
    assert {f"test/{name}" for name in also} <= set(cells["metric"])
    slope = cells[cells["metric"] == "test/calibration_slope"]
    assert (slope["low"] < slope["value"]).all()
    compared = set(pd.read_csv(tmp_path / "out" / "toy_comparisons.csv")["metric"])
    assert "test/worst_recall" in compared
    assert "test/calibration_slope" not in compared


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"decisions": ["macrof1"]}, "no rule 'macrof1'; like it are"),
        ({"decisions": ["stated_prevalence"]}, "must be given prevalence"),
        ({"decisions": ["bayes_ensemble"]}, "needs members, which no run of a grid has"),
        ({"decisions": ["group_thresholds"]}, "needs group, which no run of a grid has"),
        ({"decisions": ["macro_f1", "macro_f1"]}, "name macro_f1 twice"),
        ({"decisions": "macro_f1"}, "give a list"),
        ({"metrics": ["test@macro_f1/macro_f1"], "decisions": []}, "name the rule in decisions"),
        ({"metrics": ["test/calibration_slope"]}, "has no better end"),
    ],
)
def test_rules_that_a_grid_cannot_have(changes: dict[str, Any], said: str, tmp_path: Path) -> None:
    """Told when the grid is read, before any run."""
    with pytest.raises(ValueError, match=said):
        load_grid(write_ruled_grid(tmp_path, **changes))


def test_what_runs_lack_for_a_rule(tmp_path: Path, capfd: Any) -> None:
    """Features that were not saved; a validation that was not scored."""
    grid = write_ruled_grid(tmp_path / "a", decisions=["neighbour_threshold"])
    fails(["report", str(tmp_path / "a" / "out"), "--grid", str(grid)], capfd, "needs features", "--save_features true")
