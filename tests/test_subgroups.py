"""Groups within the classes: their metrics, which gaps are shown, and where they are to be read."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import f1_score, recall_score

from benchmarks.subgroup_gaps import shown_by_chance
from clsunbias.__main__ import main
from clsunbias.experiments.analysis.split_scores import SplitScores
from clsunbias.experiments.analysis.subgroups import GAP, SubgroupLine, gaps, subgroups
from clsunbias.experiments.attributes import Grouping, cut
from tests.fakes import table_of
from tests.speech_trees import fails

PLACE = ("clinic", "", "erm", "test")
CLASSES = ("well", "ill")


def made_up(gap: float, units: int = 400, runs: int = 1) -> tuple[SplitScores, "pd.Categorical"]:
    """Scores of two classes, of which the second group's ill are scored lower."""
    random = np.random.default_rng(0)
    target, group = np.arange(units) % 2, np.arange(units) // 2 % 2
    logit = 2.0 * target - 1 - gap * group * target + random.normal(size=(runs, units))
    positive = 1 / (1 + np.exp(-logit))
    prob = np.stack([1 - positive, positive], 2)
    return SplitScores(prob, target, []), pd.Categorical(np.array(["f", "m"], object)[group])


@pytest.mark.parametrize("runs", [1, 5])
def test_metrics_of_groups_are_those_of_their_units(runs: int) -> None:
    """As scikit-learn has them, within their intervals; a mean over runs."""
    scores, sex = made_up(1.0, runs=runs)
    lines = {(line.group, line.metric): line for line in subgroups(PLACE, scores, CLASSES, {"sex": sex})}
    for code, group in enumerate("fm"):
        inside = sex.codes == code
        decided = scores.prob.argmax(2)[:, inside]
        recall = np.mean([recall_score(scores.target[inside], one) for one in decided])
        f1 = np.mean([f1_score(scores.target[inside], one, pos_label=0) for one in decided])
        line = lines[group, "recall/ill"]
        assert line.value == pytest.approx(recall, abs=1e-6)
        assert lines[group, "f1/well"].value == pytest.approx(f1, abs=1e-6)
        assert line.low is not None
        assert line.high is not None
        assert line.low < recall < line.high
        assert (line.units, lines[group, "loss_gap"].units) == (100, 200)
    gap, women, men = (lines[group, "recall/ill"] for group in (GAP, "f", "m"))
    assert gap.value is not None
    assert women.value is not None
    assert men.value is not None
    assert gap.value == pytest.approx(women.value - men.value)
    assert gap.shown
    assert not lines[GAP, "recall/well"].shown


def test_no_gap_is_shown_where_there_is_none() -> None:
    """Of tables with shuffled groups at most one in twenty shows any gap, whatever the mix of classes in a group."""
    assert shown_by_chance(draws=60, permutations=200) <= 0.05 + 2 * (0.05 * 0.95 / 60) ** 0.5


def test_small_groups_say_how_many_more_they_need() -> None:
    """Without interval and test; units without an entry are a group of their own that is in no test."""
    scores, _ = made_up(0.0, units=60)
    site = pd.Categorical(np.array(["a"] * 24 + ["b"] * 24 + ["c"] * 8 + [None] * 4, object))
    lines = subgroups(PLACE, scores, CLASSES, {"site": site})
    small = {line.metric: line for line in lines if line.group == "c"}
    assert (small["recall/ill"].needed, small["recall/ill"].low, small["recall/ill"].units) == (6, None, 4)
    assert [line.units for line in lines if line.group == "(not known)"][-1] == 4
    assert {line.units for line in lines if line.group == GAP} == {56}
    only = pd.Categorical(np.array(["a"] * 60, object))
    assert GAP not in {line.group for line in subgroups(PLACE, scores, CLASSES, {"site": only})}
    assert gaps(scores, np.full(60, -1), CLASSES) == {}


def test_numbers_are_cut_in_thirds() -> None:
    """At stated ends; fewer groups where many are the same."""
    names, codes = cut(np.arange(1, 31).astype(float))
    assert (names, np.bincount(codes).tolist()) == (["to 10", "over 10 to 20", "over 20"], [10, 10, 10])
    assert cut(np.array([1.0] * 20 + [2, 3, 4, 5, 6, 7, 8]))[0] == ["to 1", "over 1"]
    assert cut(np.array([1.0, 2, 3, 4, 5, 6, 7] + [8] * 30))[0] == ["to 7", "over 7"]


@pytest.mark.parametrize(
    ("said", "message"),
    [
        (["f"] * 30, "a.csv: sex is f for all units: there is nothing to compare"),
        (["f"] * 20 + [""] * 10, "a.csv: sex is f for all units"),
        ([""] * 30, "a.csv: sex is empty for all units"),
        ([f"name {at}" for at in range(30)], "a.csv: sex has 30 different entries, such as 'name 0'"),
    ],
)
def test_attributes_that_make_no_groups(said: list[str], message: str) -> None:
    """Constant, missing everywhere, or names."""
    table = pd.DataFrame({"unit": [str(at) for at in range(30)], "sex": said})
    fails(lambda: Grouping(table, ["sex"], "a.csv").groups, message)


def write_clinic(folder: Path, **more: Any) -> list[str]:
    """Options of ``fit`` on a table of 120 patients with sex and age."""
    table = table_of(120, 3).assign(sex=["f", "m", "m"] * 40, age=np.random.default_rng(0).permutation(120) / 2, **more)
    table.assign(label=table["label"].astype(int)).to_csv(folder / "clinic.csv", index=False)
    data = ["--data.path", str(folder / "clinic.csv"), "--data.attributes", "[sex, age]"]
    short = ["--model.network.in_features", str(3 + len(more)), "--trainer.max_epochs", "2"]
    return ["fit", "--config", "configs/tabular.yaml", *data, *short, "--out", str(folder / "run")]


def test_a_run_tells_of_its_groups(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """In subgroups.csv and in its card; ``report`` shows them again, by other attributes, too, and on a page."""
    run = tmp_path / "run"
    assert main(write_clinic(tmp_path)) == 0
    lines = pd.read_csv(run / "subgroups.csv")
    assert list(lines) == list(SubgroupLine._fields)
    assert set(lines["attribute"]) == {"sex", "age"}
    assert set(lines["group"]) >= {"f", "m"}
    card = (run / "MODEL_CARD.md").read_text()
    assert "## Groups within the classes" in card
    assert "were not looked at" not in card
    assert json.loads((run / "result.json").read_text())["units"]["test"] == 24
    assert set(pd.read_csv(run / "attributes.csv")) == {"unit", "sex", "age"}
    capfd.readouterr()
    assert main(["report", str(run), "--by", "sex"]) == 0
    assert "sex: f" in capfd.readouterr().out
    assert set(pd.read_csv(run / "subgroups.csv")["attribute"]) == {"sex"}
    assert (run / "MODEL_CARD.md").read_text().count("## Groups within the classes") == 1
    units = pd.read_csv(run / "predictions.csv", dtype=str)["unit"]
    pd.DataFrame({"unit": units, "site": ["a", "b"] * 60}).to_csv(tmp_path / "site.csv", index=False)
    page = tmp_path / "page.html"
    options = ["--attributes", str(tmp_path / "site.csv"), "--by", "site", "--html", str(page)]
    assert main(["report", str(run), *options]) == 0
    assert "site: b" in page.read_text()
    assert main(["decide", str(run), "--rule", "macro_f1"]) == 0
    assert main(["report", str(run), "--by", "sex"]) == 0
    card = (run / "MODEL_CARD.md").read_text()
    assert card.index("## Groups within the classes") < card.index("## Decision rules")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--attributes", "site.csv"], "--attributes site.csv needs --by COLUMN"),
        (["--by", "sex"], "--by sex needs attributes: give --attributes FILE"),
        (["--by", "sex", "--attributes", "nowhere.csv"], "the attributes nowhere.csv cannot be read"),
    ],
)
def test_half_of_what_groups_need(
    options: list[str], message: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """Said before anything is read of the runs."""
    assert main(["report", str(tmp_path), *options]) == 2
    assert message in capfd.readouterr().err


def test_an_attribute_that_is_empty_everywhere_stops_a_run(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """Before training, as does one that is the same everywhere."""
    options = write_clinic(tmp_path, site="")
    assert main([*options, "--data.attributes", "[site]", "--data.ignore", "[sex, age]"]) == 2
    assert "the attributes site are empty in all rows" in capfd.readouterr().err
    options = write_clinic(tmp_path, site="a")
    assert main([*options, "--data.attributes", "[site]", "--data.ignore", "[sex, age]"]) == 2
    assert "site is a for all units" in capfd.readouterr().err
    assert not (tmp_path / "run").exists()
