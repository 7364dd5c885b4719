"""Grids of specifications: which settings are run, what the curve says, and what is written."""

import json
import re
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from benchmarks.specification_null import simulated
from clsunbias.__main__ import main
from clsunbias.errors import InputError
from clsunbias.experiments.analysis.comparison import results
from clsunbias.experiments.analysis.specifications import Curve, choices, curves, explained, null, summary
from clsunbias.experiments.grid import load_grid, narrow
from clsunbias.experiments.grid_runs import locate
from clsunbias.experiments.plan import arms, runs_of
from clsunbias.experiments.settings import balanced, crossed, drawn
from clsunbias.files import CONFIGS
from tests.fakes import write_grid
from tests.pages import TOY_COLUMN
from tests.records import SPEAKERS, write_made_up_grid

RATE, LAM = "model.optimizer.init_args.lr", "anneal.lam.init_args.end"
AXES: dict[str, Any] = {
    "rate": {"lr 0.1": {RATE: 0.1}, "lr 0.2": {RATE: 0.2}},
    "lambda": {"short": {LAM: 0.5}, "long": {LAM: 1.0}},
    "rule": {
        "last": {"selection": {"class_path": "clsunbias.selection.LastStep"}},
        "best": {"selection": {"class_path": "clsunbias.selection.Best"}},
    },
}
PROTOCOL = {"seeds": 4, "axes": AXES, "why": {"rate": {"lr 0.1": "a common choice"}}}


@pytest.fixture
def made_up(tmp_path: Path) -> Path:
    """ERM and Cls-unbias under eight settings on two data sets, four runs each; Cls-unbias is the more skilful."""
    columns = {name: {**TOY_COLUMN, "label": name} for name in ("one", "two")}
    return write_made_up_grid(
        tmp_path,
        columns,
        dict.fromkeys(columns, SPEAKERS),
        protocols={"paper": PROTOCOL},
        specifications=True,
        rows={"weighted": {"label": "Weighted", "config": "objectives/class_weighted_erm.yaml"}},
        decisions=["macro_f1"],
        also=["test/auroc"],
    )


def read(path: Path) -> tuple[Any, list[Any]]:
    """The grid and its scored runs."""
    grid = load_grid(path)
    planned = arms(grid, list(grid.columns), ["paper"], path.parent / "out" / "runs" / "toy", path.parent)
    finished = {arm: {seed: run.record() for seed, run in runs_of(grid, arm).items()} for arm in planned}
    return grid, results("toy", grid, finished)[0]  # type: ignore[arg-type]


def test_a_fraction_is_balanced_and_grows(tmp_path: Path) -> None:
    """Steps come about equally often, a larger share holds a smaller one, and selection rules are all taken."""
    grid = load_grid(CONFIGS / "tables" / "specifications.yaml")
    protocol = grid.protocols["choices"]
    crossing = crossed("choices", {name: axis for name, axis in protocol.axes.items() if name != "selection"})
    few, more = balanced(crossing, 27), balanced(crossing, 54)
    assert few == more[:27]
    for axis, steps in protocol.axes.items():
        if axis != "selection":
            counts = Counter(crossing[name][axis].name for name in more)
            assert max(counts.values()) - min(counts.values()) <= 2, axis
            assert len(counts) == len(steps)
    taken = [name for name, steps in crossed("", protocol.axes).items() if drawn("", protocol)(steps)]
    assert len(taken) == 27 * 4
    assert Counter(name.rpartition(",")[2] for name in taken) == dict.fromkeys(protocol.axes["selection"], 27)
    planned = arms(grid, ["breast"], ["choices"], tmp_path, CONFIGS / "tables")
    assert Counter(arm.row for arm in planned)["cls_unbias"] == 108


@pytest.mark.slow
def test_the_whole_crossing_is_planned(tmp_path: Path) -> None:
    """Every setting; of methods that some choices do not apply to, one arm for all that differ in these alone."""
    grid = narrow(load_grid(CONFIGS / "tables" / "specifications.yaml"), None, None, None, fraction=1)
    assert len(arms(grid, ["breast"], ["choices"], tmp_path, CONFIGS / "tables")) == 2 * 432 / 3 * 4 + 432 * 4


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"fraction": 0.0}, "a fraction of 0.0; give a share above 0"),
        ({"fraction": 0.5, "search": {"seeds": 1, "first_seed": 9}}, "1 with a search"),
        ({"why": {"rate": {"lr 0.3": "none"}}}, "says why 'lr 0.3' of axis 'rate', which it does not have"),
        ({"why": {"pace": {"lr 0.1": "none"}}}, "of axis 'pace'"),
    ],
)
def test_what_a_protocol_may_not_say(change: dict[str, Any], message: str, tmp_path: Path) -> None:
    """No share, a search that does not try all, reasons for what it does not have."""
    with pytest.raises(InputError, match=re.escape(message)):
        load_grid(write_grid(tmp_path / "toy.yaml", {"protocols": {"paper": {**PROTOCOL, **change}}}))


def test_each_specification_is_paired_with_its_baseline(made_up: Path) -> None:
    """By hand: the same setting and seeds; of settings that differ in λ alone, ERM's runs are the same."""
    grid, scored = read(made_up)
    made = curves(grid, scored)
    assert {(curve.row, curve.baseline) for curve in made} == {("Cls-unbias", "ERM"), ("Weighted", "ERM")}
    weighted = next(curve for curve in made if curve.row == "Weighted")
    assert set(choices(grid, [weighted])) == {"data set", "rate", "rule", "threshold"}, "neither has a use for λ"
    found = {curve.metric: curve for curve in made if curve.row == "Cls-unbias"}
    f1, auroc = found["test/macro_f1"], found["test/auroc"]
    assert len(f1.specifications) == 2 * 8 * 2, "data sets, settings, thresholds"
    assert len(auroc.specifications) == 2 * 8, "no threshold changes a ranking"
    assert len(f1.trainings) == 2 * 2, "two rates on two data sets: ERM has no use for λ"
    means = {(one.arm.column, one.arm.row, one.arm.setting): one.values for one in scored}
    for one in f1.specifications:
        setting = ",".join(one.choices[axis] for axis in AXES)
        baseline = ",".join((one.choices["rate"], "short", one.choices["rule"]))
        name = "test/macro_f1" if one.choices["threshold"] == "at 0.5" else "test@macro_f1/macro_f1"
        ours, theirs = (
            means[one.choices["data set"], row, which][name].mean()
            for row, which in (("cls_unbias", setting), ("erm", baseline))
        )
        assert one.difference == pytest.approx(ours - theirs)
        assert one.low < one.difference < one.high
    assert set(choices(grid, [f1])) == {"data set", *AXES, "threshold"}
    assert set(choices(grid, [auroc])) == {"data set", *AXES}


def test_variance_goes_with_the_choice_that_makes_it(made_up: Path) -> None:
    """Differences that follow one choice alone are explained by it, and by no other."""
    grid, scored = read(made_up)
    curve = next(one for one in curves(grid, scored) if (one.row, one.metric) == ("Cls-unbias", "test/macro_f1"))
    rigged = [one._replace(difference=0.1 if one.choices["rate"] == "lr 0.1" else -0.1) for one in curve.specifications]
    shares = explained(Curve("", "", "test/macro_f1", rigged, curve.gained, curve.drawn), choices(grid, [curve]))
    assert shares.pop("rate") == pytest.approx(1)
    assert all(share == pytest.approx(0, abs=1e-9) for share in shares.values())


def test_luck_alone_is_rarely_called_a_difference() -> None:
    """Of equal methods about one curve in twenty; of methods that differ by much, all (the rate: a benchmark)."""
    random = np.random.default_rng(0)
    equal = [summary("", simulated(0.05, 0.1, 0.0, random)) for _ in range(60)]
    assert sum(one.p <= 0.05 for one in equal) <= 9, "more of 60 than one in a thousand sees"
    apart = summary("", simulated(0.05, 0.1, 0.1, random))
    assert apart.p < 0.01
    assert apart.positive > 0.95
    assert apart.below == 0
    curve = simulated(0.05, 0.1, 0.1, random)
    assert abs(float(np.median(null(curve)))) < 0.01, "whatever the methods' difference, luck has none"


def test_what_is_written(made_up: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """Every specification with its choices, the curve in numbers, figure, page and records; the report alike."""
    out = made_up.parent / "out"
    assert main(["reproduce", str(made_up), "--out", str(out)]) == 0
    lines, summaries = pd.read_csv(out / "toy_differences.csv"), pd.read_csv(out / "toy_curves.csv")
    assert len(lines.query("row == 'Cls-unbias'")) == 2 * 8 * 2 + 2 * 8
    assert {"row", "baseline", "data set", *AXES, "threshold", "difference", "low", "high"} <= {*lines}
    first = summaries.query("row == 'Cls-unbias'").iloc[0]
    of_f1 = lines.query("row == 'Cls-unbias' and metric == 'test/macro_f1'")["difference"]
    assert first["median"] == pytest.approx(of_f1.median())
    assert first["positive"] == pytest.approx((of_f1 > 0).mean())
    text = (out / "toy.md").read_text()
    assert "a common choice" in text
    assert "Variance of the differences that goes with each choice" in text
    for name in ("toy.png", "toy.svg", "toy_records.jsonl", "toy_runs.csv"):
        assert (out / name).stat().st_size > 0
    page = (out / "toy.html").read_text()
    embedded = re.search(r'<script id="records" type="application/json">(.*?)</script>', page, re.DOTALL)
    assert embedded
    records = json.loads(embedded[1])
    assert [len(claim["rows"]) for claim in records["claims"]] == [32, 16, 16, 8]
    assert records["why"]["rate"]["lr 0.1"] == "a common choice"
    assert not re.search(r"https?://(?!www\.w3\.org)", page), "nothing is fetched"
    capfd.readouterr()
    assert main(["report", str(out / "runs" / "toy"), "--grid", str(made_up)]) == 0
    assert "The curve in a few numbers" in capfd.readouterr().out
    assert main(["report", str(out / "runs" / "toy"), "--grid", str(made_up), "--html", str(out / "again.html")]) == 0
    assert "The curve" in (out / "again.html").read_text()


def test_a_share_on_the_command_line(made_up: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """--fraction takes the place of the grid's own; one that is none is refused."""
    out = made_up.parent / "out"
    assert main(["reproduce", str(made_up), "--out", str(out), "--fraction", "0.5"]) == 0
    lines = pd.read_csv(out / "toy_differences.csv").query("metric == 'test/auroc' and row == 'Cls-unbias'")
    assert len(lines) == 2 * 2 * 2
    assert len(lines.groupby(["rate", "lambda"])) == 2
    assert main(["reproduce", str(made_up), "--out", str(out), "--fraction", "1.5"]) == 2
    assert "give a share above 0" in capfd.readouterr().err


def test_a_protocol_may_be_named_after_a_table(tmp_path: Path) -> None:
    """Its folder is then none of that table's runs."""
    (tmp_path / "runs" / "why" / "table2").mkdir(parents=True)
    for folder in (tmp_path / "runs" / "why", tmp_path / "runs", tmp_path):
        grid, root = locate(folder, None) or (None, None)
        assert grid == CONFIGS / "tables" / "why.yaml"
        assert root == tmp_path / "runs" / "why"
