"""Folds as an axis of a grid: every patient is tested once in each repeat, by models that never saw it."""

import itertools
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import yaml
from sklearn.metrics import f1_score

from clsunbias.__main__ import main
from clsunbias.commands import fit
from clsunbias.commands.reproduce import reproduce
from clsunbias.decisions import MacroF1, Scores
from clsunbias.experiments.analysis.decided import of_runs
from clsunbias.experiments.analysis.folds import pool
from clsunbias.experiments.analysis.gain import own_decisions
from clsunbias.experiments.grid import load_grid, narrow
from clsunbias.experiments.plan import arms, folds_of, runs_of, trials_of
from clsunbias.experiments.running.run import Record, Run, read_record
from clsunbias.experiments.study import Study, read_study
from tests.fakes import SHORT, table_of
from tests.records import write_record
from tests.speech_trees import fails


def write_folds(folder: Path, data: dict[str, Any] | None = None, **protocol: Any) -> Path:
    """A grid of one method with three folds, twice, on a table of 24 patients who have two rows each."""
    rows = table_of(24, 3)
    table = pd.concat([rows, rows + 0.01]).assign(patient=[f"p{at:02d}" for at in [*range(24)] * 2])
    table.assign(label=table["label"].round().astype(int)).to_csv(folder / "clinic.csv", index=False)
    of_table = {
        "data.init_args.path": str(folder / "clinic.csv"),
        "data.init_args.label": "label",
        "data.init_args.group": "patient",
        "model.network.init_args.in_features": 3,
    }
    grid = {
        "title": "Clinic",
        "metrics": ["test/macro_f1"],
        "also": ["test/loss_gap"],
        "decisions": ["macro_f1"],
        "rows": {"erm": {"label": "ERM", "config": "objectives/erm.yaml", "set": SHORT}},
        "protocols": {"folds": {"label": "3 folds, twice", "seeds": 1, "folds": 3, "repeats": 2, **protocol}},
        "columns": {"clinic": {"label": "Clinic", "configs": {"folds": "tabular.yaml"}, "set": data or of_table}},
    }
    path = folder / "clinic.yaml"
    path.write_text(yaml.safe_dump(grid, sort_keys=False))
    return path


def test_a_grid_with_folds_judges_every_patient(tmp_path: Path) -> None:
    """Runs by fold, no patient in two parts of one, all patients in the test parts; figures are of all of them."""
    grid, out = write_folds(tmp_path), tmp_path / "out"
    assert main(["reproduce", str(grid), "--out", str(out), "--jobs", "1"]) == 0
    runs = sorted((out / "runs" / "clinic" / "folds" / "clinic" / "erm").iterdir())
    assert [run.name for run in runs] == [f"{k},repeat={k},fold={r}" for k in range(2) for r in range(3)]
    tested: dict[str, list[pd.DataFrame]] = {"0": [], "1": []}
    for run in runs:
        frame = pd.read_csv(run / "predictions.csv")
        assert (frame.groupby("unit")["split"].nunique() == 1).all()
        tested[run.name[0]].append(frame[frame["split"] == "test"])
    lines = pd.read_csv(out / "clinic_runs.csv")
    for parts, shown in zip(tested.values(), lines["test/macro_f1"], strict=True):
        whole = pd.concat(parts)
        assert sorted(whole["unit"]) == [f"p{at:02d}" for at in range(24)]
        assert shown == pytest.approx(f1_score(whole["label"], whole["prob_1"] > 0.5, average="macro"), abs=1e-6)
    assert set(pd.concat(tested["0"][:1])["unit"]) != set(pd.concat(tested["1"][:1])["unit"])
    cells = pd.read_csv(out / "clinic.csv")
    assert set(cells["n"]) == {2}
    assert set(cells["metric"]) == {
        "test/macro_f1",
        "test@macro_f1/macro_f1",
        "test/loss_gap",
        "test@macro_f1/loss_gap",
    }
    page = tmp_path / "page.html"
    options = ["--grid", str(grid), "--html", str(page)]
    assert main(["report", str(out), *options]) == 0
    assert "p23" in page.read_text()


def test_thresholds_are_of_a_fold() -> None:
    """Each fold's rule is chosen on its own validation units, and decides about its own test units alone."""
    random = np.random.default_rng(0)
    target = np.arange(60) % 2
    fold, of_validation = np.arange(60) // 20, (np.arange(60) // 20 - 1) % 3
    positive = 1 / (1 + np.exp(-(2 * target - 1 + random.normal(size=60) + 3 * fold)))  # a scale of its own each
    prob = np.stack([1 - positive, positive], 1)[np.newaxis]
    found = own_decisions(prob, target, prob, None, of_validation[np.newaxis], fold[np.newaxis])[0]
    for one in range(3):
        seen, judged = of_validation == one, fold == one
        alone = MacroF1().choose(Scores(prob[0][seen], target[seen])).decide(Scores(prob[0][judged]))
        assert found[judged].tolist() == alone.tolist()
    runs = [{"val": Scores(prob[0], target), "test": Scores(prob[0], target)}]
    outcome = of_runs(MacroF1(), runs, "test", fold[np.newaxis], of_validation[np.newaxis])
    assert outcome.decided[0].tolist() == found.tolist()
    assert own_decisions(prob, target, prob)[0].tolist() != found.tolist()


SEARCH: dict[str, Any] = {
    "search": {"seeds": 1, "first_seed": 100},
    "axes": {"model.optimizer.init_args.lr": [0.1, 0.01]},
}


def test_a_search_chooses_in_each_fold(tmp_path: Path) -> None:
    """By the validation part of that fold alone: a setting that is better in one fold is run in that fold only."""
    grid = load_grid(write_folds(tmp_path, **SEARCH))
    root = tmp_path / "runs"
    planned = arms(grid, ["clinic"], ["folds"], root, tmp_path)

    def read() -> Study:
        return read_study("clinic", grid, planned, root, [])

    trials = [run for arm in planned for run in trials_of(grid, arm)]
    assert set(read().to_do) == set(trials)
    assert len(trials) == 12
    assert all(run.config["withhold_test"] for run in trials)
    folds = folds_of(grid.protocols["folds"])
    for arm, fold in itertools.product(planned, folds):
        (trial,) = trials_of(grid, arm, fold)
        assert trial.config["data"]["init_args"]["plan"] == fold.plan
        better = arm.setting == ("lr=0.1" if fold.number == 1 else "lr=0.01")
        write_fold(trial, fold.number, skill=9.0 if better else -9.0, withheld=True)
    settings = {run.out.name: run.out.parent.name for run in read().to_do}
    assert settings == {f"{k},repeat={k},fold={r}": "lr=0.1" if r == 1 else "lr=0.01" for k in (0, 1) for r in range(3)}
    for run in read().to_do:
        write_fold(run, int(run.out.name[-1]), skill=1.0, withheld=False)
    study = read()
    assert not study.to_do
    ((whole, found),) = study.finished.items()
    assert (whole.setting, list(found)) == ("", [0, 1])
    assert [record.result["units"] for record in found.values()] == [{"test": 30, "val": 30}] * 2


def write_fold(run: Run, fold: int, skill: float, withheld: bool) -> None:
    """A made-up record of a fold of 30 units, every second of them positive; the next fold is its validation part."""
    parts = {"train": (fold + 2) % 3, "val": (fold + 1) % 3} | ({} if withheld else {"test": fold})
    units = {split: np.flatnonzero(np.arange(30) // 2 % 3 == part) for split, part in parts.items()}
    config = {**run.config, "trainer": run.config.get("trainer", {})}
    labels = {split: at % 2 for split, at in units.items()}
    write_record(
        run.out,
        config,
        labels,
        dataset="clinic",
        objective="erm",
        skill=skill,
        names={split: at.tolist() for split, at in units.items()},
    )


def folds_of_one(folder: Path, same: bool) -> list[Record]:
    """Made-up records of three folds, or three times of the same."""
    grid = load_grid(write_folds(folder))
    (arm,) = arms(grid, ["clinic"], ["folds"], folder / "runs", folder)
    parts = runs_of(grid, arm)[0].parts
    for number, run in enumerate(parts):
        write_fold(run, 0 if same else number, skill=1.0, withheld=False)
    return [read_record(run.out)[0] for run in parts]


def test_folds_that_are_not_of_one_parting_are_refused(tmp_path: Path) -> None:
    """A unit that two folds test, as where units have no names of their own."""
    pooled = pool(0, folds_of_one(tmp_path, same=False))
    assert pooled.predictions.decode().startswith("split,unit,label,prob_0,prob_1,fold\n")
    assert len(pooled.metrics()) == 5
    (tmp_path / "same").mkdir()
    same = folds_of_one(tmp_path / "same", same=True)
    fails(lambda: pool(0, same), "score units twice, such as")


@pytest.mark.parametrize(
    ("protocol", "message"),
    [
        ({"folds": 2}, "has 2 folds; give 3 or more"),
        ({"folds": 0}, "has 2 repeats; those are of folds"),
        ({"repeats": 1}, "has 1 seed; a standard deviation needs at least 2"),
        ({"repeats": 0, "seeds": 4}, "needs at least 2, at most 10000 (with folds: seeds times repeats)"),
        ({"folds": "five"}, "protocols.folds.folds is 'five'; give a whole number"),
    ],
)
def test_folds_that_cannot_be(protocol: dict[str, Any], message: str, tmp_path: Path) -> None:
    """Before anything is run."""
    fails(lambda: load_grid(write_folds(tmp_path, **protocol)), message)


def test_fewer_seeds_of_folds(tmp_path: Path) -> None:
    """Repeats are runs, too: one seed of two repeats will do."""
    grid = load_grid(write_folds(tmp_path, seeds=3))
    assert narrow(grid, None, None, 1).protocols["folds"].runs == 2
    fails(lambda: narrow(grid, None, None, 0), "--seeds must be at least 1, got 0")


def test_folds_of_data_without_a_plan(tmp_path: Path) -> None:
    """Official splits are not drawn, so there are no folds; it is said before any training."""
    grid = write_folds(tmp_path, {"data.class_path": "clsunbias.data.Toy"})
    content = yaml.safe_load(grid.read_text())
    content["columns"]["clinic"] = {"label": "Toy", "configs": {"folds": "toy_balanced.yaml"}}
    grid.write_text(yaml.safe_dump(content))
    fails(
        lambda: reproduce([str(grid), "--out", str(tmp_path / "out"), "--jobs", "1"]),
        "folds are of data sets that take a plan",
    )


def test_a_class_of_fewer_patients_than_folds(tmp_path: Path) -> None:
    """Which class, and of how many patients."""
    grid = write_folds(tmp_path, folds=7)
    (arm, *_) = arms(load_grid(grid), ["clinic"], ["folds"], tmp_path / "runs", tmp_path)
    options = runs_of(load_grid(grid), arm)[0].parts[0].options
    fails(lambda: fit.run(["fit", *options]), "24 groups of", "class 1 has too few for 7 folds, or take fewer")
