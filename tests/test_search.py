"""Searches: what they may see and compare, and what they choose."""

import re
from pathlib import Path
from typing import Any

import pytest

from clsunbias.errors import InputError
from clsunbias.experiments.grid import Grid
from clsunbias.experiments.plan import Arm, runs_of, trials_of
from clsunbias.experiments.running.run import Record, Run
from clsunbias.experiments.search import choose, search_scores
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
