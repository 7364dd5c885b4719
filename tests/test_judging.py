"""From finished runs to comparisons and contrasts: which there are, and that they are what the records say."""

import dataclasses
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest

from clsunbias.errors import InputError
from clsunbias.experiments.analysis import comparison
from clsunbias.experiments.analysis.comparison import Comparison, contrasts, results
from clsunbias.experiments.analysis.verdicts import holm
from clsunbias.experiments.grid import Grid, load_grid
from clsunbias.experiments.plan import Arm, arms, runs_of
from clsunbias.experiments.running.run import Record
from tests.fakes import SHORT
from tests.pages import TOY_COLUMN
from tests.records import Labels, write_made_up_grid, write_record

Finished = dict[Arm, dict[int, Record]]

UNITS: Labels = {name: np.arange(size) % 2 for name, size in (("train", 40), ("val", 20), ("test", 200))}
THIRD = {"label": "Third", "config": "objectives/group_dro.yaml", "set": SHORT}
GRID = {
    "metrics": ["test/macro_f1", "test/accuracy"],
    "also": ["test/loss"],
    "rows": {"third": THIRD},
    "baselines": ["erm", "third"],
    "protocols": {"paper": {"seeds": 4}, "longer": {"label": "longer", "seeds": 5, "first_seed": 1}},
    "contrasts": {"gain": {"a/cls_unbias": 1, "a/erm": -1}, "twice": {"a/cls_unbias": 2, "a/erm": -2}},
}


@pytest.fixture(scope="module")
def judged(tmp_path_factory: pytest.TempPathFactory) -> tuple[Grid, Finished]:
    """A grid of three methods, two of them baselines, on two data sets under two protocols, and all its runs."""
    folder = tmp_path_factory.mktemp("judged")
    column = {**TOY_COLUMN, "configs": dict.fromkeys(("paper", "longer"), "toy_balanced.yaml")}
    published = {"erm": {"test/macro_f1": [0.4, 0.1]}}
    columns = {
        "a": {**column, "label": "a", "published": published},
        "b": {**column, "label": "b", "set": {"data.init_args.train_seed": 7}},
    }
    grid = load_grid(write_made_up_grid(folder, columns, dict.fromkeys("ab", UNITS), **GRID))
    planned = arms(grid, list("ab"), list(grid.protocols), folder / "out" / "runs" / "toy", folder)
    found = {arm: {seed: run.record() for seed, run in runs_of(grid, arm).items()} for arm in planned}
    return grid, {arm: {seed: one for seed, one in by_seed.items() if one} for arm, by_seed in found.items()}


def recorded(records: Mapping[int, Record], name: str) -> dict[int, float]:
    """A test metric of each run."""
    return {seed: record.result["test"][name.removeprefix("test/")] for seed, record in records.items()}


def test_each_method_is_compared_with_each_baseline_once(judged: tuple[Grid, Finished]) -> None:
    """On the same data under the same protocol, by the first metric and those below; the numbers are the records'."""
    grid, finished = judged
    _, cells, comparisons = results("toy", grid, finished)
    assert len(cells) == 2 * 2 * 3 * 3, "data sets × protocols × methods × metrics"
    pairs = {(ours.row, theirs.row) for ours, theirs, _ in comparisons}
    assert pairs == {("cls_unbias", "erm"), ("cls_unbias", "third"), ("third", "erm")}
    assert len(comparisons) == 2 * 2 * 3 * 2, "data sets × protocols × pairs × metrics"
    for (ours, theirs, name), one in comparisons.items():
        assert (ours.protocol, ours.column) == (theirs.protocol, theirs.column)
        gains = [
            recorded(finished[ours], name)[seed] - other for seed, other in recorded(finished[theirs], name).items()
        ]
        assert one.difference == pytest.approx(np.mean(gains), abs=1e-6)
        assert one.n == len(gains) == (4 if ours.protocol == "paper" else 5)
        assert one.effect == pytest.approx(np.mean(gains) / np.std(gains, ddof=1), abs=1e-3)
        assert one.low is not None
        assert one.high is not None
        assert one.low <= one.difference <= one.high
        assert (one.row, one.baseline) == (grid.rows[ours.row].label, grid.rows[theirs.row].label)
    assert {one.verdict for one in comparisons.values()} == {"no difference shown", "better"}


def test_cells_beside_what_is_published(judged: tuple[Grid, Finished]) -> None:
    """The difference is ours less theirs; where nothing is published there is none; a single run has no deviation."""
    grid, finished = judged
    _, cells, _ = results("toy", grid, finished)
    for (arm, name), cell in cells.items():
        said = 0.4 if (arm.column, arm.row, name) == ("a", "erm", "test/macro_f1") else None
        assert cell.published == said
        assert cell.difference == (None if said is None else pytest.approx(cell.value - said))
    single = {arm: {seed: found[seed] for seed in list(found)[:1]} for arm, found in finished.items()}
    _, cells, comparisons = results("toy", grid, single)
    assert {(cell.n, cell.sd, cell.low, cell.high) for cell in cells.values()} == {(1, None, None, None)}
    assert comparisons == {}


def test_too_few_seeds_are_not_judged(judged: tuple[Grid, Finished]) -> None:
    """Three runs have a mean and a standard deviation; no interval, p-value, effect size or verdict; nor contrasts."""
    grid, finished = judged
    few = {
        arm: {seed: found[seed] for seed in list(found)[: 3 if arm.protocol == "longer" else 4]}
        for arm, found in finished.items()
    }
    scored, cells, comparisons = results("toy", grid, few)
    for (arm, _), cell in cells.items():
        assert cell.sd is not None
        assert (cell.low is None, cell.high is None) == ((True, True) if arm.protocol == "longer" else (False, False))
    for (ours, _, _), one in comparisons.items():
        known = [one.low, one.high, one.p, one.p_corrected, one.verdict]
        assert [value is None for value in known] == [ours.protocol == "longer"] * 5
        assert one.effect is None or ours.protocol == "paper"
    assert {(one.protocol, one.low is None) for one in contrasts(grid, scored)} == {("paper", False), ("longer", True)}
    family = [one for one in comparisons.values() if (one.protocol, one.metric) == ("paper's settings", "test/loss")]
    assert [one.p_corrected for one in family] == holm([one.p for one in family if one.p is not None])


def test_p_values_are_corrected_within_a_protocol_and_a_metric(
    judged: tuple[Grid, Finished], monkeypatch: pytest.MonkeyPatch
) -> None:
    """All its comparisons at once; a verdict goes by the corrected one."""
    grid, finished = judged
    _, _, comparisons = results("toy", grid, finished)
    families: dict[tuple[str, str], list[Comparison]] = {}
    for one in comparisons.values():
        families.setdefault((one.protocol, one.metric), []).append(one)
    assert [len(family) for family in families.values()] == [6] * 4
    for family in families.values():
        assert [one.p_corrected for one in family] == holm([one.p for one in family if one.p is not None])
        assert len({one.p for one in family}) > 2
    monkeypatch.setattr(comparison, "holm", lambda p_values: [0.05 for _ in p_values])
    assert {one.verdict for one in results("toy", grid, finished)[2].values()} == {"no difference shown"}


def test_a_setting_is_a_row_of_its_own_unless_it_was_searched(judged: tuple[Grid, Finished]) -> None:
    """Its name stands behind the method's, and it is compared with the same setting of a baseline."""
    grid, finished = judged
    named = {
        dataclasses.replace(arm, setting=setting): records
        for setting, protocol in (("fast", "paper"), ("slow", "longer"))
        for arm, records in finished.items()
        if (arm.column, arm.protocol) == ("a", protocol)
    }
    same = {dataclasses.replace(arm, protocol="paper"): records for arm, records in named.items()}
    _, cells, comparisons = results("toy", grid, same)
    assert {cell.row for cell in cells.values()} >= {"ERM, fast", "ERM, slow", "Cls-unbias, fast"}
    assert {(ours.setting, theirs.setting) for ours, theirs, _ in comparisons} == {("fast", "fast"), ("slow", "slow")}


def test_only_common_seeds_are_compared(judged: tuple[Grid, Finished]) -> None:
    """Each seed with the same of the other method; with fewer than two in common there is nothing to say."""
    grid, finished = judged
    ours, theirs = (
        next(arm for arm in finished if (arm.row, arm.column, arm.protocol) == (row, "a", "paper"))
        for row in ("cls_unbias", "erm")
    )
    fewer = {ours: {seed: finished[ours][seed] for seed in (0, 2, 3)}}
    some = {theirs: {seed: finished[theirs][seed] for seed in (1, 3, 2)}}
    _, cells, comparisons = results("toy", grid, fewer | some)
    assert cells[ours, "test/loss"].n == 3
    one = comparisons[ours, theirs, "test/loss"]
    gains = [recorded(fewer[ours], "loss")[seed] - recorded(some[theirs], "loss")[seed] for seed in (2, 3)]
    assert one.n == 2
    assert one.difference == pytest.approx(np.mean(gains), abs=1e-6)
    none = {theirs: {seed: finished[theirs][seed] for seed in (1, 2)}}
    assert results("toy", grid, fewer | none)[2] == {}


def test_other_units_are_not_compared(judged: tuple[Grid, Finished], tmp_path: Path) -> None:
    """Neither runs of a method nor methods."""
    grid, finished = judged
    column = {**TOY_COLUMN, "label": "a"}
    other = {split: 1 - label for split, label in UNITS.items()}
    rest = {"contrasts": {}, "protocols": {"paper": {"seeds": 4}}}
    path = write_made_up_grid(tmp_path, {"a": column}, {"a": other}, **{**GRID, **rest})
    turned = arms(load_grid(path), ["a"], ["paper"], tmp_path / "out" / "runs" / "toy", tmp_path)
    strange = next(arm for arm in turned if arm.row == "cls_unbias")
    records = {seed: record for seed, run in runs_of(grid, strange).items() if (record := run.record())}
    baseline = {arm: found for arm, found in finished.items() if (arm.row, arm.column) == ("erm", "a")}
    with pytest.raises(InputError, match="were scored on different test data"):
        results("toy", grid, {**baseline, strange: records})
    with pytest.raises(InputError, match="on other test data than the other runs of its row"):
        results("toy", grid, {strange: {**next(iter(baseline.values())), 3: records[3]}})


def test_a_contrast_of_two_cells_is_their_difference(judged: tuple[Grid, Finished]) -> None:
    """With that interval but for the bounds, since both are paired; twice the weights, twice the numbers."""
    grid, finished = judged
    scored, _, comparisons = results("toy", grid, finished)
    found = {(one.title, one.protocol, one.metric): one for one in contrasts(grid, scored)}
    assert len(found) == 2 * 2 * 2, "contrasts × protocols × metrics"
    for (ours, theirs, name), one in comparisons.items():
        if (ours.row, theirs.row, ours.column) == ("cls_unbias", "erm", "a"):
            gain, twice = (np.array(found[title, ours.protocol, name][3:]) for title in ("gain", "twice"))
            assert gain[0] == pytest.approx(one.difference, abs=1e-6)
            assert gain == pytest.approx([one.difference, one.low, one.high], abs=0.005)
            assert twice == pytest.approx(2 * gain, abs=1e-6)
    part = [one for one in scored if one.arm.row != "erm"]
    assert contrasts(grid, part) == []


def test_units_of_other_names_are_not_compared(tmp_path: Path) -> None:
    """As many of each class in the same order are still others; predictions are paired by unit."""
    grid = load_grid(write_made_up_grid(tmp_path, {"a": {**TOY_COLUMN, "label": "a"}}, {"a": UNITS}))
    root = tmp_path / "out" / "runs" / "toy"
    found: dict[Arm, dict[int, Record]] = {}
    for arm in arms(grid, ["a"], ["paper"], root, tmp_path):
        unit = "patient " if arm.row == "erm" else ""
        for run in runs_of(grid, arm).values():
            write_record(run.out, run.config, UNITS, dataset="toy", objective=arm.row, simulated=True, unit=unit)
        found[arm] = {seed: record for seed, run in runs_of(grid, arm).items() if (record := run.record())}
    with pytest.raises(InputError, match="were scored on different test data"):
        results("toy", grid, found)
