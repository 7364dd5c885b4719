"""Searches: what they may see and compare, and what they choose."""

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from clsunbias.__main__ import main
from clsunbias.errors import InputError
from clsunbias.experiments.grid import Grid
from clsunbias.experiments.plan import Arm, runs_of, trials_of
from clsunbias.experiments.running.run import Record, Run
from clsunbias.experiments.search import Searched, choose, search, search_scores
from tests.fakes import SHORT, write_grid
from tests.test_grid import LR, SEARCH, planned, toy_grid


@pytest.mark.parametrize(
    ("search", "parts"),
    [
        ({"axes": {"anneal.lam.init_args.end": [1.5, 3.0]}}, ["'tuned'", "unequal", "ERM 1", "Cls-unbias 2"]),
        ({"axes": {LR: [0.1, 0.2]}, "first_seed": 1}, ["'tuned'", "seeds that its search has seen", "have 1)"]),
    ],
    ids=["budget", "seeds"],
)
def test_an_unfair_search_is_refused(search: dict[str, Any], parts: list[str], tmp_path: Path) -> None:
    """One method may not have more settings to choose from, and the table's seeds must be new."""
    column = {"configs": {"tuned": "toy_balanced.yaml"}}
    grid = toy_grid(tmp_path, protocols={"tuned": {**SEARCH, **search}}, columns={"balanced": column})
    with pytest.raises(InputError) as raised:
        planned(grid)
    assert all(part in str(raised.value) for part in parts), raised.value
    assert planned(grid, "paper"), "the other protocol can still be run"


def test_trials_leave_the_test_split_unread(tmp_path: Path) -> None:
    """Every run of a search, and none of those that the table shows."""
    column = {"configs": {"tuned": "toy_balanced.yaml"}}
    grid = toy_grid(tmp_path, protocols={"tuned": {**SEARCH, "axes": {LR: [0.1, 0.2]}}}, columns={"balanced": column})
    for arm in planned(grid, "tuned"):
        trials = trials_of(grid, arm)
        assert trials
        assert all(run.config["withhold_test"] for run in trials)
        assert not any(run.config["withhold_test"] for run in runs_of(grid, arm).values())


def trial(folder: Path, row: str, setting: str) -> Arm:
    """An arm of the tuned protocol."""
    return Arm("tuned", "balanced", row, setting, Run(folder / row / setting, ()))


def trial_records(folder: Path, *figures: float | None) -> list[Record | None]:
    """Records of trials with these figures; None for one that failed."""
    return [
        None if figure is None else Record(folder, {"val": {"macro_f1": figure, "loss": figure}}) for figure in figures
    ]


def searched_grid(folder: Path, **search: Any) -> Grid:
    """The toy grid with a search."""
    return toy_grid(folder, protocols={"tuned": {**SEARCH, "search": {"seeds": 2, "first_seed": 0, **search}}})


def test_a_search_chooses_by_validation(tmp_path: Path) -> None:
    """The highest mean of each cell, the first of equals; a cell that lacks a run has no choice."""
    grid = searched_grid(tmp_path)
    a, b, c = (trial(tmp_path, "erm", setting) for setting in "abc")
    d, e = (trial(tmp_path, "dro", setting) for setting in "de")
    figures: dict[Arm, tuple[float | None, ...]] = {a: (0.5, 0.7), b: (0.9, 0.5), c: (0.7, 0.7)}
    figures |= {d: (1, None), e: (0, 0)}
    scores = search_scores(grid, {arm: trial_records(tmp_path, *values) for arm, values in figures.items()})
    assert scores == pytest.approx({a: 0.6, b: 0.7, c: 0.7})
    assert choose(grid, {**scores, d: 0.1, e: 0.2}) == [b, e]
    assert choose(grid, {**scores, a: float("nan")}) == [b], "what is no number is never chosen"


def test_a_search_goes_by_the_metric_it_names(tmp_path: Path) -> None:
    """The smallest mean where smaller is better; what the records do not have is named, with what they have."""
    a, b = (trial(tmp_path, "erm", setting) for setting in "ab")
    trials = {a: trial_records(tmp_path, 0.5, 0.7), b: trial_records(tmp_path, 0.9, 0.5)}
    grid = searched_grid(tmp_path, metric="val/loss", mode="min")
    assert choose(grid, search_scores(grid, trials)) == [a]
    other = searched_grid(tmp_path, metric="val/f1/benign")
    with pytest.raises(InputError, match=r"goes by val/f1/benign, which .*; it has val/macro_f1, val/loss"):
        search_scores(other, trials)


@pytest.mark.parametrize("metric", ["macro_f1", "test/macro_f1", "train/loss", "val/f_one"])
def test_a_search_by_other_than_validation_is_refused(metric: str, tmp_path: Path) -> None:
    """Test data must not be seen by a search; a metric that no run has is named when the grid is read."""
    column = {"configs": {"tuned": "toy_balanced.yaml"}}
    search = {**SEARCH, "search": {"seeds": 2, "first_seed": 0, "metric": metric}}
    with pytest.raises(InputError, match=re.escape(metric)):
        planned(toy_grid(tmp_path, protocols={"tuned": search}, columns={"balanced": column}))


HALVED: dict[str, tuple[float, ...]] = {"a": (0.9, 0.5, 0.6, 0.6), "b": (0.8, 0.8, 0.7, 0.7), "c": (0.7,), "d": (0.1,)}
"""What the trials of four settings come to, seed by seed."""


def halved(folder: Path, figures: Mapping[str, tuple[float, ...]], **asked: Any) -> tuple[Searched, list[str]]:
    """What a search of four seeds with halving finds, and the runs that it lacks."""
    grid = searched_grid(folder, seeds=4, halving=True, **asked)
    planned = [trial(folder, "erm", setting) for setting in figures]
    lacking = list[str]()

    def read(run: Run) -> Record | None:
        setting, seed = run.out.parts[-2:]
        if int(seed) < len(figures[setting]):
            return trial_records(folder, figures[setting][int(seed)])[0]
        lacking.append(f"{setting}/{seed}")
        return None

    return search(grid, planned, read), lacking


def test_the_worse_half_ends_early(tmp_path: Path) -> None:
    """After one seed, then after two: those that are left have all seeds, and of them one is chosen."""
    found, lacking = halved(tmp_path, HALVED)
    assert not lacking
    scores = {arm.setting: score for arm, score in found.scores.items()}
    assert scores == pytest.approx({"a": 0.7, "b": 0.75, "c": 0.7, "d": 0.1})
    assert {arm.setting: seeds for arm, seeds in found.ended.items()} == {"c": 1, "d": 1, "a": 2}
    assert [arm.setting for arm in found.left] == ["b"]
    best = {**HALVED, "b": (0.8, 0.6)}
    assert [arm.setting for arm in halved(tmp_path, {**best, "b": (0.8, 0.6, 0.0, 0.0)})[0].left] == ["a", "b"], "equal"
    found, _ = halved(tmp_path, {**HALVED, "d": (0.7,)})
    assert {arm.setting for arm in found.ended} == {"a", "c", "d"}
    found, lacking = halved(tmp_path, {name: values[:1] for name, values in HALVED.items()})
    assert (found.scores, lacking) == ({}, ["a/1", "b/1"]), "what is asked for then"
    found, lacking = halved(tmp_path, dict.fromkeys("abcd", ()))
    assert lacking == ["a/0", "b/0", "c/0", "d/0"]


def test_the_worse_half_of_a_loss_is_the_larger(tmp_path: Path) -> None:
    """And what is no number is worst."""
    figures = {"a": (0.9, 0.9), "b": (0.2, 0.2, 0.2, 0.2), "c": (float("nan"),), "d": (0.3, 0.3)}
    found, _ = halved(tmp_path, {**figures, "a": (0.9,)}, metric="val/loss", mode="min")
    assert {arm.setting: seeds for arm, seeds in found.ended.items()} == {"a": 1, "c": 1, "d": 2}


@pytest.mark.parametrize("share", [0.0, 1.5])
def test_a_share_that_is_none(share: float, tmp_path: Path) -> None:
    """It is said when the grid is read."""
    with pytest.raises(InputError, match=r"share .*of a run, above 0 to 1"):
        searched_grid(tmp_path, share=share)


def test_a_search_that_ends_early(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """Trials end at their share with the schedules of the whole, the worse half after one seed; the table says so."""
    search = {"seeds": 2, "first_seed": 0, "halving": True, "share": 0.5}
    tuned = {**SEARCH, "axes": {LR: [0.1, 0.01]}, "search": search}
    steps = {**SHORT, "trainer.max_epochs": -1, "trainer.max_steps": 41}
    changes = {
        "rows": {name: {"set": steps} for name in ("erm", "cls_unbias")},
        "protocols": {"tuned": tuned},
        "columns": {"balanced": {"configs": {"tuned": "toy_balanced.yaml"}}},
    }
    grid, out = write_grid(tmp_path / "toy.yaml", changes), tmp_path / "out"
    assert main(["reproduce", str(grid), "--out", str(out), "--protocols", "tuned", "--jobs", "1"]) == 0
    lines = [json.loads(line) for line in (out / "toy_records.jsonl").read_text().splitlines()]
    trials = [line for line in lines if "share=0.5" in line["run"]]
    assert len(trials) == 2 * (2 + 1)
    assert len([line for line in trials if line.get("ended_after_seeds") == 1]) == 2
    assert {line["share"] for line in trials} == {0.5}
    assert not any("share" in line for line in lines if line not in trials)
    early, whole = (pd.read_csv(out / "runs" / "toy" / line["run"] / "metrics.csv") for line in (trials[-1], lines[-1]))
    assert early["step"].tolist() == [1, 6, 11, 16, 21], "half of 41 steps, to the end of the epoch"
    assert whole["step"].tolist()[-1] == 41
    assert early["tau"].tolist() == whole["tau"].tolist()[:5], "schedules are those of the whole"
    assert "ended after 1 of 2 seeds" in (out / "toy.md").read_text()
    assert main(["report", str(out / "runs" / "toy"), "--grid", str(grid)]) == 0
    assert "ended after 1 of 2 seeds" in " ".join(capfd.readouterr().out.split())
