"""Grids as their files declare them: what is read, which runs they come to, what a search may do and chooses."""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from clsunbias.errors import InputError
from clsunbias.experiments.grid import Grid, Protocol, Search, load_grid, narrow
from clsunbias.experiments.plan import Arm, arms, choose, search_scores
from clsunbias.experiments.running.executor import check
from clsunbias.experiments.running.run import Record, Run
from clsunbias.experiments.settings import applies, settings
from clsunbias.files import CONFIGS
from tests.fakes import write_grid

SHIPPED = sorted(path for path in (CONFIGS / "tables").glob("*.yaml") if path.stem != "table1")
LR = "model.optimizer.init_args.lr"
SEARCH = {"label": "tuned", "seeds": 2, "first_seed": 10, "search": {"seeds": 2, "first_seed": 0}}


def planned(grid: Grid, *protocols: str) -> list[Arm]:
    """Arms of the data sets whose configs are shipped."""
    shipped = [
        name
        for name, column in grid.columns.items()
        if all((CONFIGS / file).is_file() for file in column.configs.values())
    ]
    return arms(grid, shipped, protocols or list(grid.protocols), Path("runs"), CONFIGS)


def toy_grid(folder: Path, **changes: Any) -> Grid:
    """The toy grid with changes, read from its file."""
    return load_grid(write_grid(folder / "toy.yaml", changes))


@pytest.mark.parametrize(
    ("changes", "parts"),
    [
        ({"colums": {"balanced": 1}}, ["colums"]),
        ({"rows": {"erm": {"labels": "ERM"}}}, ["labels"]),
        ({"rows": {"erm": {"label": ["ERM"]}}}, ["label"]),
        ({"baselines": ["dro"]}, ["row 'dro'", "erm, cls_unbias"]),
        ({"columns": {"balanced": {"published": {"dro": {"test_1/macro_f1": [0.5, 0.1]}}}}}, ["row 'dro'"]),
        ({"columns": {"balanced": {"configs": {"papers": "toy_balanced.yaml"}}}}, ["protocol 'papers'", "paper"]),
        ({"curves": {"figure": {"column": "balance", "rows": ["erm"]}}}, ["column 'balance'", "balanced"]),
        ({"curves": {"figure": {"column": "balanced", "rows": ["dro"]}}}, ["row 'dro'"]),
        ({"metrics": ["test_1/f1"]}, ["metric 'test_1/f1'", "macro_f1"]),
        ({"also": ["loss_gap"]}, ["metric 'loss_gap'", "split/metric"]),
        ({"protocols": {"paper": {"seeds": 1}}}, ["'paper'", "1 seed", "at least 2"]),
        ({"protocols": {"tuned": {**SEARCH, "search": {"seeds": 0, "first_seed": 0}}}}, ["'tuned'", "at least 1"]),
    ],
    ids=lambda value: str(value)[:60],
)
def test_a_wrong_grid_is_named(changes: dict[str, Any], parts: list[str], tmp_path: Path) -> None:
    """Unknown keys, wrong types, names of what is not there, too few seeds: refused, with the file and the name."""
    with pytest.raises(InputError) as raised:
        toy_grid(tmp_path, **changes)
    assert "Traceback" not in str(raised.value)
    for part in (str(tmp_path / "toy.yaml"), *parts):
        assert part in str(raised.value)


def test_no_grid_at_all(tmp_path: Path) -> None:
    """A missing file and one that is no mapping are refused."""
    with pytest.raises(InputError, match="there is no grid"):
        load_grid(tmp_path / "none.yaml")
    (tmp_path / "list.yaml").write_text("- 1\n- 2\n")
    with pytest.raises(InputError, match="is no grid"):
        load_grid(tmp_path / "list.yaml")


def test_settings_cross_the_axes() -> None:
    """Lists and named steps are crossed, the last axis fastest; names tell them apart and can be folders."""
    axes: dict[str, Any] = {LR: [0.1, 0.2], "rest": {"low": {"a.b": 1, "c": 2}, "high": {"a.b": 3}}}
    crossed = settings(Protocol("", 2, axes=axes))
    assert list(crossed) == ["lr=0.1,low", "lr=0.1,high", "lr=0.2,low", "lr=0.2,high"]
    assert crossed["lr=0.2,low"] == {LR: 0.2, "a.b": 1, "c": 2}
    assert settings(Protocol("", 2)) == {"": {}}
    assert list(settings(Protocol("", 2, axes={"data.file": ["a/b"]}))) == ["file=a-b"]


def test_classes_in_parameters_are_left_to_the_command_line(tmp_path: Path) -> None:
    """A grid names a class and its arguments, in a row's parameters or in a named step, and makes none."""
    rule = {"class_path": "clsunbias.selection.Best", "init_args": {"over_last": 2}}
    axes: dict[str, Any] = {"rule": {"best": {"selection": rule}}}
    grid = toy_grid(tmp_path, rows={"erm": {"set": {"selection": rule}}}, protocols={"paper": {"axes": axes}})
    assert grid.rows["erm"].set["selection"] == rule
    assert settings(grid.protocols["paper"]) == {"best": {"selection": rule}}
    check([arm.seed(0) for arm in planned(grid)])
    with pytest.raises(InputError, match="'selection' lists a class"):
        toy_grid(tmp_path, protocols={"paper": {"axes": {"selection": [rule]}}})


def test_what_is_switched_off_takes_no_parameter() -> None:
    """Only below a null; what is not in the config at all is a default that the command line knows."""
    config = {"anneal": {"lam": None, "tau": {"init_args": {"start": 1}}}}
    assert not applies("anneal.lam.init_args.start", config)
    assert applies("anneal.lam", config)
    assert applies("anneal.tau.init_args.start", config)
    assert applies("model.optimizer.init_args.lr", config)


def test_settings_that_do_not_apply_are_one(tmp_path: Path) -> None:
    """ERM has no λ to anneal: of two settings that differ in it, one is left, without it."""
    axes = {"anneal.lam.init_args.end": [1.5, 3.0]}
    grid = toy_grid(tmp_path, protocols={"paper": {"axes": axes}})
    found = {(arm.row, arm.setting): dict(arm.run.overrides) for arm in planned(grid)}
    assert set(found) == {("erm", "end=1.5"), ("cls_unbias", "end=1.5"), ("cls_unbias", "end=3.0")}
    assert "anneal.lam.init_args.end" not in found["erm", "end=1.5"]
    assert found["cls_unbias", "end=3.0"]["anneal.lam.init_args.end"] == 3.0


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


def test_a_config_that_is_not_there(tmp_path: Path) -> None:
    """A grid's own configs are looked for beside it first, then among the suite's."""
    grid = toy_grid(tmp_path, rows={"erm": {"config": "mine.yaml"}})
    with pytest.raises(InputError, match=r"no config 'mine\.yaml'"):
        arms(grid, ["balanced"], ["paper"], tmp_path, tmp_path)
    (tmp_path / "mine.yaml").write_text(
        "model: {objective: clsunbias.objectives.ERM}\nanneal: {lam: null, tau: null}\n"
    )
    mine, theirs = arms(grid, ["balanced"], ["paper"], tmp_path, tmp_path)
    assert mine.run.files == (CONFIGS / "toy_balanced.yaml", tmp_path / "mine.yaml")
    assert theirs.run.files[1] == CONFIGS / "objectives" / "cls_unbias.yaml"


def test_who_wins_among_parameters(tmp_path: Path) -> None:
    """A column's parameters give way to the protocol's, those to the row's, and all to the axes."""
    grid = toy_grid(
        tmp_path,
        rows={"erm": {"set": {"a": "row", "b": "row"}}},
        columns={"balanced": {"set": dict.fromkeys("abcd", "column"), "per_seed": ["data.init_args.train_seed"]}},
        protocols={"paper": {"set": dict.fromkeys("abc", "protocol"), "axes": {"a": ["axis"]}}},
    )
    arm = next(arm for arm in planned(grid) if arm.row == "erm")
    overrides = dict(arm.run.overrides)
    assert [overrides[name] for name in "abcd"] == ["axis", "row", "protocol", "column"]
    seeded = dict(arm.seed(7).overrides)
    assert (seeded["seed_everything"], seeded["data.init_args.train_seed"]) == (7, 7)
    assert arm.seed(7).out == Path("runs/paper/balanced/erm/a=axis/7")
    assert (seeded["withhold_test"], dict(arm.seed(7, True).overrides)["withhold_test"]) == (False, True)


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.stem)
def test_shipped_grids(path: Path) -> None:
    """Every shipped grid is one; what is published are means in [0, 1] with smaller deviations; a search is fair."""
    grid = load_grid(path)
    for column in grid.columns.values():
        assert (column.needs is None) or column.get, "a data set that may be missing says how to get it"
        for published in column.published.values():
            for mean, sd in published.values():
                assert 0 <= mean <= 1
                assert 0 <= sd < mean
    made = planned(grid)
    assert len({arm.run.out for arm in made}) == len(made), "no two arms share a folder"


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.stem)
def test_the_command_line_takes_shipped_grids(path: Path) -> None:
    """The first and the last setting of every method under every protocol, on one data set: parsed, every objective."""
    grid = load_grid(path)
    ends: dict[tuple[str, str], list[Arm]] = {}
    for arm in planned(grid):
        ends.setdefault((arm.protocol, arm.row), []).append(arm)
    check([arm.seed(0) for found in ends.values() for arm in (found[0], found[-1])])


def test_narrow(tmp_path: Path) -> None:
    """Columns, protocols and seeds can be chosen; what is not there, or a single seed, is refused."""
    grid = toy_grid(tmp_path, protocols={"tuned": SEARCH}, columns={"other": {"label": "Other", "configs": {}}})
    part = narrow(grid, ["other"], ["tuned"], 3)
    assert (list(part.columns), list(part.protocols), part.protocols["tuned"].seeds) == (["other"], ["tuned"], 3)
    assert part.protocols["tuned"].search == Search(2, 0), "the search keeps its own number of seeds"
    assert narrow(grid, None, None, None) == grid
    calls: list[tuple[Callable[[], Grid], str]] = [
        (lambda: narrow(grid, ["balance"], None, None), "no column 'balance'; it has balanced, other"),
        (lambda: narrow(grid, None, ["paper", "x"], None), "no protocol 'x'; it has paper, tuned"),
        (lambda: narrow(grid, None, None, 1), "at least 2, got 1"),
    ]
    for call, message in calls:
        with pytest.raises(InputError, match=message):
            call()


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


def test_metrics_of_single_classes(tmp_path: Path) -> None:
    """The split ends at the first slash: names of classes may hold another."""
    metrics = ["test/f1/benign", "test/recall/in/situ", "val/loss/malignant"]
    assert toy_grid(tmp_path, metrics=metrics).metrics == metrics
