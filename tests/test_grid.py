"""Grids as their files declare them: what is read, which runs they come to, what a search may do and chooses."""

import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from clsunbias.__main__ import stop
from clsunbias.errors import InputError
from clsunbias.experiments.grid import Grid, load_grid, narrow
from clsunbias.experiments.grid_parts import Search
from clsunbias.experiments.plan import Arm, applies, arms
from clsunbias.experiments.running.executor import check
from clsunbias.experiments.settings import crossed, parameters
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
        ({"colums": {"balanced": 1}}, ["colums", "is it columns?"]),
        ({"rows": {"erm": {"labels": "ERM"}}}, ["rows.erm has no 'labels'", "is it label?"]),
        ({"rows": {"erm": {"label": ["ERM"]}}}, ["rows.erm.label", "a text"]),
        ({"rows": {"erm": "objectives/erm.yaml"}}, ["rows.erm is 'objectives/erm.yaml'", "label, config"]),
        ({"rows": {"mine": {"label": "Mine"}}}, ["rows.mine lacks config"]),
        ({"rows": {1: {"label": "Mine", "config": "objectives/erm.yaml"}}}, ["rows has the key 1", "in quotes"]),
        ({"rows": {"erm": {"set": {True: 1}}}}, ["rows.erm.set has the key True", "in quotes"]),
        ({"rows": {"erm": {"set": "lr"}}}, ["rows.erm.set is 'lr'"]),
        ({"columns": ["balanced"]}, ["columns is ['balanced']", "a name"]),
        ({"metrics": "test_1/macro_f1"}, ["metrics is", "['test_1/macro_f1']"]),
        ({"metrics": []}, ["no metric"]),
        ({"protocols": {"paper": {"seeds": "two"}}}, ["protocols.paper.seeds is 'two'", "a whole number"]),
        ({"protocols": {"paper": {"seeds": True}}}, ["protocols.paper.seeds is True"]),
        ({"protocols": {"paper": {"seeds": 10**9}}}, ["'paper'", "at most 10000"]),
        ({"protocols": {"paper": {"first_seed": -1}}}, ["'paper'", "negative"]),
        ({"protocols": {"paper": {"axes": [1]}}}, ["protocols.paper.axes is [1]"]),
        ({"protocols": {"paper": {"axes": {"lr": []}}}}, ["axis 'lr'", "no step"]),
        ({"protocols": {"paper": {"search": {"seed": 1}}}}, ["protocols.paper.search has no 'seed'", "seeds?"]),
        ({"columns": {"balanced": {"simulated": {"corpus": "adress", "hour": 1}}}}, ["no 'hour'", "hours?"]),
        ({"columns": {"balanced": {"published": {"erm": {"test/f2": [1, 0]}}}}}, ["metric 'test/f2'"]),
        ({"columns": {"balanced": {"published": {"erm": {"test/loss": [float("nan"), 0]}}}}}, ["no finite number"]),
        ({"contrasts": {"gain": {"balanced/erm": float("inf")}}}, ["no finite number"]),
        ({"curves": {"toy": {"column": "balanced", "rows": ["erm"]}}}, ["figure 'toy'", "overwrite"]),
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


@pytest.mark.parametrize(
    "name", ["../../outside", "..", ".hidden", "a/b", "a\\b", "new\nline", "\x1b[31m", " a", "a.", "", "ä" * 51]
)
@pytest.mark.parametrize("kind", ["rows", "columns", "protocols", "curves", "step"])
def test_names_that_are_no_folder(kind: str, name: str, tmp_path: Path) -> None:
    """Whatever has a folder or a file of its own is refused by name, before any of it is written or deleted."""
    made: dict[str, Any] = {
        "rows": {"label": "X", "config": "objectives/erm.yaml"},
        "columns": {"label": "X", "configs": {"paper": "toy_balanced.yaml"}},
        "protocols": {"label": "X", "seeds": 2},
        "curves": {"column": "balanced", "rows": ["erm"]},
    }
    changes = {kind: {name: made[kind]}} if kind in made else {"protocols": {"paper": {"axes": {"x": {name * 2: {}}}}}}
    with pytest.raises(InputError, match="cannot be that of a folder") as raised:
        planned(toy_grid(tmp_path, **changes))
    assert "the name of " in str(raised.value)
    assert raised.value.args[0].isprintable()


def test_names_that_share_a_folder(tmp_path: Path) -> None:
    """Names that differ in case alone, steps that come to one name, a comma that an option splits at."""
    erm = {"label": "X", "config": "objectives/erm.yaml"}
    with pytest.raises(InputError, match="row 'ERM' would share its folder with 'erm'"):
        toy_grid(tmp_path, rows={"ERM": erm})
    with pytest.raises(InputError, match="has a comma, which --columns splits at"):
        toy_grid(tmp_path, columns={"a,b": {"label": "X", "configs": {}}})
    unfit: list[dict[str, Any]] = [
        {LR: [0.1, 0.1]},
        {"x": ["a/b", "a-b"]},
        {"x": {"a,b": {}, "a": {}}, "y": {"b,c": {}, "c": {}}},
    ]
    for axes in unfit:
        with pytest.raises(InputError, match="would share its folder"):
            crossed("mine", axes)
    with pytest.raises(InputError, match="more than 10000 settings"):
        crossed("mine", {name: [*range(30)] for name in "abc"})
    with pytest.raises(InputError, match="the name of table"):
        load_grid(write_grid(tmp_path / ".yaml"))


def test_no_grid_at_all(tmp_path: Path) -> None:
    """A missing file and one that is no mapping are refused."""
    with pytest.raises(InputError, match="there is no grid"):
        load_grid(tmp_path / "none.yaml")
    twice = write_grid(tmp_path / "toy.yaml").read_bytes() + b"title: again\n"
    for content in (b"- 1\n- 2\n", b"", b"title: [", b"title: \xe9", b"null", b"title: " + b"[" * 1000, twice, b"{}"):
        (tmp_path / "wrong.yaml").write_bytes(content)
        with pytest.raises(InputError, match=r"wrong\.yaml (is|holds|nests|gives) ") as raised:
            load_grid(tmp_path / "wrong.yaml")
        assert "\n" not in str(raised.value)


def test_settings_cross_the_axes() -> None:
    """Lists and named steps are crossed, the last axis fastest; names tell them apart and can be folders."""
    axes: dict[str, Any] = {LR: [0.1, 0.2], "rest": {"low": {"a.b": 1, "c": 2}, "high": {"a.b": 3}}}
    made = crossed("mine", axes)
    assert list(made) == ["lr=0.1,low", "lr=0.1,high", "lr=0.2,low", "lr=0.2,high"]
    assert parameters(made["lr=0.2,low"]) == {LR: 0.2, "a.b": 1, "c": 2}
    assert crossed("mine", {}) == {"": {}}
    assert list(crossed("mine", {"data.file": ["a/b"]})) == ["file=a-b"]


def test_classes_in_parameters_are_left_to_the_command_line(tmp_path: Path) -> None:
    """A grid names a class and its arguments, in a row's parameters or in a named step, and makes none."""
    rule = {"class_path": "clsunbias.selection.Best", "init_args": {"over_last": 2}}
    axes: dict[str, Any] = {"rule": {"best": {"selection": rule}}}
    grid = toy_grid(tmp_path, rows={"erm": {"set": {"selection": rule}}}, protocols={"paper": {"axes": axes}})
    assert grid.rows["erm"].set["selection"] == rule
    assert parameters(crossed("paper", grid.protocols["paper"].axes)["best"]) == {"selection": rule}
    check([arm.seed(0) for arm in planned(grid)])
    with pytest.raises(InputError, match="'selection' lists a class"):
        toy_grid(tmp_path, protocols={"paper": {"axes": {"selection": [rule]}}})


def test_a_signal_ends_the_check_of_a_grid(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever stops a large grid that has not begun is not told of a config, nor goes the grid on."""
    (arm, *_) = planned(toy_grid(tmp_path))
    monkeypatch.setattr("clsunbias.commands.fit.run", lambda options: stop(signal.SIGTERM, None))
    with pytest.raises(SystemExit) as ended:
        check([arm.seed(0)])
    assert ended.value.code == 128 + signal.SIGTERM


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
    (tmp_path / "toy_balanced.yaml").write_bytes(mine.run.files[0].read_bytes())
    mine, _ = arms(grid, ["balanced"], ["paper"], tmp_path, tmp_path)
    assert mine.run.files[0] == tmp_path / "toy_balanced.yaml", "one's own goes before a shipped one of the same name"


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
                assert sd is None or 0 <= sd < mean
    made = planned(grid)
    assert len({arm.run.out for arm in made}) == len(made), "no two arms share a folder"


LARGE = {"methods"}
"""Grids whose check takes a minute or two."""


@pytest.mark.parametrize(
    "path",
    [pytest.param(path, marks=[pytest.mark.slow] if path.stem in LARGE else [], id=path.stem) for path in SHIPPED],
)
def test_the_command_line_takes_shipped_grids(path: Path) -> None:
    """The first and the last setting of every method under every protocol, on one data set: parsed, every objective."""
    grid = load_grid(path)
    ends: dict[tuple[str, str], list[Arm]] = {}
    for arm in planned(grid):
        ends.setdefault((arm.protocol, arm.row), []).append(arm)
    check([arm.seed(0) for found in ends.values() for arm in (found[0], found[-1])])


def test_narrow(tmp_path: Path) -> None:
    """Columns, protocols and seeds can be chosen; what is not there, or a single seed, is refused."""
    grid = toy_grid(
        tmp_path,
        protocols={"tuned": SEARCH},
        columns={"other": {"label": "Other", "configs": {"paper": "toy_balanced.yaml"}}},
    )
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


def test_metrics_of_single_classes(tmp_path: Path) -> None:
    """The split ends at the first slash: names of classes may hold another."""
    metrics = ["test/f1/benign", "test/recall/in/situ", "val/loss/malignant"]
    assert toy_grid(tmp_path, metrics=metrics).metrics == metrics


def test_a_column_without_a_config(tmp_path: Path) -> None:
    """Nothing of it would be run."""
    path = write_grid(tmp_path / "toy.yaml")
    content = yaml.safe_load(path.read_text())
    content["columns"]["balanced"]["configs"] = {}
    path.write_text(yaml.safe_dump(content))
    with pytest.raises(InputError, match="column 'balanced' has no config for any protocol"):
        load_grid(path)


def test_rows_with_axes_of_their_own(tmp_path: Path) -> None:
    """A search crosses the axes of protocol, column and row; each method must come to as many settings."""
    decay, rate = "model.optimizer.init_args.weight_decay", {LR: [0.1, 0.2]}
    own = {"erm": {"axes": {decay: [0.0, 0.1]}}, "cls_unbias": {"axes": {"ends": {"a": {}, "b": {decay: 0.5}}}}}
    column = {"balanced": {"axes": rate, "configs": {"tuned": "toy_balanced.yaml"}}}
    grid = toy_grid(tmp_path, rows=own, columns=column, protocols={"tuned": SEARCH})
    found = {(arm.protocol, arm.row, arm.setting): arm for arm in planned(grid)}
    assert {key[2] for key in found if key[0] == "paper"} == {""}, "without a search they are not used"
    assert [key[2] for key in found if key[:2] == ("tuned", "erm")] == [
        *("lr=0.1,weight_decay=0.0", "lr=0.1,weight_decay=0.1"),
        *("lr=0.2,weight_decay=0.0", "lr=0.2,weight_decay=0.1"),
    ]
    assert dict(found["tuned", "cls_unbias", "lr=0.2,b"].run.overrides)[decay] == 0.5
    uneven = toy_grid(tmp_path, rows={**own, "erm": {}}, columns=column, protocols={"tuned": SEARCH})
    with pytest.raises(InputError, match=r"unequal \(ERM 2, Cls-unbias 4 settings on balanced\)"):
        planned(uneven)
    with pytest.raises(InputError, match="axis 'lr' of row 'erm' has no step"):
        toy_grid(tmp_path, rows={"erm": {"axes": {"lr": []}}})


def test_several_overlays_and_rows_for_some_data(tmp_path: Path) -> None:
    """Overlays in turn, lists that go on; a row that is for some data sets is not run on others."""
    row = {"label": "EMA", "config": ["objectives/erm.yaml", "remedies/ema.yaml", "remedies/swa.yaml"]}
    other = {"label": "Other", "configs": {"paper": "toy_imbalanced.yaml"}}
    grid = toy_grid(tmp_path, rows={"ema": {**row, "columns": ["other"]}}, columns={"other": other})
    found = {(arm.column, arm.row): arm for arm in planned(grid)}
    assert ("balanced", "ema") not in found
    callbacks = found["other", "ema"].run.config["trainer"]["callbacks"]
    assert [one["class_path"].rpartition(".")[2] for one in callbacks] == ["EMAWeightAveraging", "LateAverage"]
    check([found["other", "ema"].seed(0)])
    with pytest.raises(InputError, match="column 'none'"):
        toy_grid(tmp_path, rows={"ema": {**row, "columns": ["none"]}})
    with pytest.raises(InputError, match="there is no 'ema' for it to come after"):
        planned(
            toy_grid(
                tmp_path, rows={"ema": {**row, "columns": ["other"]}, "erm": {"after": "ema"}}, columns={"other": other}
            )
        )
