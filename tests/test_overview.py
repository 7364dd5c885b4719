"""Methods over all data sets of a grid: ranks, mean gains, and what is written of them."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy.stats import friedmanchisquare, norm

from clsunbias.__main__ import main
from clsunbias.experiments.analysis.comparison import results
from clsunbias.experiments.analysis.gains import split_gains
from clsunbias.experiments.analysis.overview import on_one_set, overview, pooled, ranked, shares_ahead
from clsunbias.experiments.grid import load_grid
from clsunbias.experiments.plan import arms, runs_of
from tests.pages import TOY_COLUMN
from tests.records import SPEAKERS, write_made_up_grid

COLUMNS = {name: {**TOY_COLUMN, "label": name} for name in ("one", "two", "three")}
ROWS = {"also_erm": {"label": "Also ERM", "config": "objectives/per_class_erm.yaml"}}


@pytest.fixture
def made_up(tmp_path: Path) -> Path:
    """A grid of three methods on three data sets, five runs each; Cls-unbias is the most skilful."""
    protocols = {"paper": {"seeds": 5}}
    labels = dict.fromkeys(COLUMNS, SPEAKERS)
    return write_made_up_grid(tmp_path, COLUMNS, labels, rows=ROWS, protocols=protocols, ranked=True)


def test_ranks_by_hand(made_up: Path) -> None:
    """Shares of methods ahead are ranks of the means; gains are means over data sets of what each has."""
    grid = load_grid(made_up)
    planned = arms(grid, list(COLUMNS), ["paper"], made_up.parent / "out" / "runs" / "toy", made_up.parent)
    finished = {arm: {seed: run.record() for seed, run in runs_of(grid, arm).items()} for arm in planned}
    scored, _, _ = results("toy", grid, finished)  # type: ignore[arg-type]
    split = split_gains(grid, scored)
    ahead = shares_ahead(grid, scored)
    for column in COLUMNS:
        means = {one.arm.row: one.values["test/macro_f1"].mean() for one in scored if one.arm.column == column}
        for arm in (arm for arm in ahead if arm.column == column):
            better = sum(mean > means[arm.row] for mean in means.values())
            ties = sum(mean == means[arm.row] for mean in means.values()) - 1
            assert ahead[arm][0] == pytest.approx((better + ties / 2) / 2)
            assert ahead[arm].min() >= 0
            assert ahead[arm].max() <= 1
    lines = overview("toy", grid, scored, split)
    assert [line.ahead for line in lines] == sorted(line.ahead for line in lines)
    ours = next(line for line in lines if line.row == "Cls-unbias")
    parts = [one.samples["ranking"].values.mean() for arm, one in split.items() if arm.row == "cls_unbias"]
    assert ours.ranking == pytest.approx(np.mean(parts))
    assert ours.ranking_low is not None
    assert ours.ranking_high is not None
    assert ours.ranking is not None
    assert ours.ranking_low < ours.ranking < ours.ranking_high
    alone = [on_one_set("toy", "Cls-unbias", ahead[arm], one) for arm, one in split.items() if arm.row == "cls_unbias"]
    assert pooled([pooled(alone[:2]), alone[2]]) == pytest.approx(ours)
    # Variances of independent means add up.
    lows, highs = (np.array([getattr(line, f"ranking_{end}") for line in alone]) for end in ("low", "high"))
    assert ours.ranking_high - ours.ranking_low == pytest.approx(np.linalg.norm(highs - lows) / 3)
    erm = next(line for line in lines if line.row == "ERM")
    assert (erm.gain, erm.shown_ranking) == (None, 0)
    found = ranked(grid, {one.arm: float(one.values["test/macro_f1"].mean()) for one in scored})
    assert found is not None
    table = [[ahead[arm][0] for arm in ahead if arm.row == row] for row in grid.rows]
    assert found.p == pytest.approx(friedmanchisquare(*table).pvalue)
    # Bonferroni and Dunn's critical difference of mean ranks of 3 methods on 3 sets, as a share of the 2 steps.
    assert found.critical == pytest.approx(norm.ppf(1 - 0.05 / 4) * (3 * 4 / 18) ** 0.5 / 2)


def test_what_is_written_of_ranks(made_up: Path) -> None:
    """The table first, a file of its lines, a picture; only of a grid that asks for it."""
    out = made_up.parent / "out"
    assert main(["reproduce", str(made_up), "--out", str(out), "--jobs", "1"]) == 0
    text = (out / "toy.md").read_text()
    assert text.index("Methods over all data sets") < text.index("A toy grid", 50)
    assert "Friedman's test of the 3 methods that all 3 data sets have" in text
    lines = pd.read_csv(out / "toy_overview.csv")
    assert sorted(lines["row"]) == ["Also ERM", "Cls-unbias", "ERM"]
    assert (lines["datasets"] == 3).all()
    assert (out / "toy_overview.png").stat().st_size > 10_000
    page, told = out / "toy.html", ["report", str(out / "runs" / "toy"), "--grid", str(made_up)]
    assert main([*told, "--html", str(page)]) == 0
    assert "Methods over all data sets" in page.read_text()
    made_up.write_text(made_up.read_text().replace("ranked: true", "ranked: false"))
    (out / "toy_overview.csv").unlink()
    assert main(["reproduce", str(made_up), "--out", str(out), "--jobs", "1"]) == 0
    assert "Methods over all" not in (out / "toy.md").read_text()
    assert not (out / "toy_overview.csv").exists()
