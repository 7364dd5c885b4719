"""Runs trained together: each leaves what it would leave alone, and what does not go with others is done alone."""

import contextlib
import json
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from clsunbias.__main__ import main
from clsunbias.errors import InputError
from clsunbias.experiments.running.executor import execute, execute_unit
from clsunbias.experiments.running.run import Run, sharing
from clsunbias.files import CONFIGS
from clsunbias.replicas.grouping import in_words, kind_of, units_of
from clsunbias.replicas.making import Maker
from clsunbias.replicas.training import fits, train_together
from tests.fakes import SHORT, table_of, write_grid

TABLE: dict[str, Any] = {
    "trainer.max_epochs": 3,
    "data.init_args.batch_size": 32,
    "data.init_args.path": "table.csv",
    "model.network": {"class_path": "clsunbias.networks.Perceptron", "init_args": {"features": 4, "outputs": 2}},
}


def table_run(out: Path, objective: str, *overlays: str, seed: int = 0, **more: Any) -> Run:
    """A short run on a table that lies in the data folder, its parameters with ``__`` for dots."""
    files = tuple(CONFIGS / f"{name}.yaml" for name in ("tabular", f"objectives/{objective}", *overlays))
    named = {name.replace("__", "."): value for name, value in more.items()}
    return Run(out, files, tuple({**TABLE, "seed_everything": seed, **named}.items()))


@pytest.fixture
def table(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a table of two classes, where data are looked for."""
    table_of(150, 4).to_csv(tmp_path / "table.csv", index=False)
    monkeypatch.setenv("CLSUNBIAS_DATA", str(tmp_path))
    return tmp_path


def check_same(together: Run, alone: Run) -> None:
    """Makes sure that two runs left the same files, with the same content to float tolerance."""
    found = {path.relative_to(together.out).as_posix() for path in together.out.rglob("*") if path.is_file()}
    assert found == {path.relative_to(alone.out).as_posix() for path in alone.out.rglob("*") if path.is_file()}
    for name in ("metrics.csv", "predictions.csv"):
        one, other = (pd.read_csv(run.out / name) for run in (together, alone))
        pd.testing.assert_frame_equal(one, other, rtol=1e-4, atol=1e-5)
    assert (together.out / "config.yaml").read_bytes() == (alone.out / "config.yaml").read_bytes()
    one, other = (json.loads((run.out / "result.json").read_text()) for run in (together, alone))
    assert one.pop("replicas") > 1
    for name in other:
        if name in one["units"]:
            assert one[name] == pytest.approx(other[name], rel=1e-4, abs=1e-5), name
        elif not name.endswith("_sha256") or name in {"config_sha256", "source_sha256"}:
            assert one[name] == other[name], name
    assert one.keys() == other.keys()
    together.record()


KINDS: dict[str, list[tuple[str, dict[str, Any]]]] = {
    "other rates": [("erm", {"model__optimizer__init_args__lr": rate, "seed": 1}) for rate in (0.001, 0.01, 0.1)],
    "other seeds": [("cls_unbias", {"seed": seed}) for seed in (0, 1, 2)],
    "other objectives": [(name, {}) for name in ("erm", "class_weighted_erm", "group_dro", "focal", "ldam", "v_rex")],
    "objectives that remember": [
        ("accumulated_group_dro", {"seed": 3}),
        ("accumulated_group_dro", {"seed": 4, "model__optimizer__init_args__weight_decay": 0.1}),
    ],
    "other schedules": [
        ("cls_unbias", {"anneal__lam__init_args__end": 3.0}),
        ("cls_unbias", {"anneal__tau__init_args__start": 9.0}),
    ],
    "other decay": [
        (
            "erm",
            {"model__optimizer__class_path": "torch.optim.AdamW", "model__optimizer__init_args__weight_decay": decay},
        )
        for decay in (0.0, 0.3)
    ],
}


@pytest.mark.parametrize("kind", KINDS)
def test_runs_leave_what_they_leave_alone(kind: str, table: Path) -> None:
    """Records, curves, predictions and weights are those of separate runs."""
    asked = [(f"{number}", *one) for number, one in enumerate(KINDS[kind])]
    together = [table_run(table / "together" / name, objective, **more) for name, objective, more in asked]
    train_together(together)
    for run, (name, objective, more) in zip(together, asked, strict=True):
        alone = table_run(table / "alone" / name, objective, **more)
        assert execute(alone, wait=False) == (alone, "")
        (alone.out / ".lock").unlink()
        check_same(run, alone)


def test_several_rules_of_a_training(table: Path) -> None:
    """Runs that differ in their rule alone are one training in a group, too, and each has its own record."""
    rules = {"best": {}, "last": {"selection": "clsunbias.selection.LastStep"}}

    def runs_in(folder: Path) -> list[Run]:
        asked = [(seed, name, rule) for seed in (0, 1) for name, rule in rules.items()]
        return [table_run(folder / name / str(seed), "cls_unbias", seed=seed, **rule) for seed, name, rule in asked]

    together, alone = runs_in(table / "together"), runs_in(table / "alone")
    units = units_of(sharing(together), 1)
    assert in_words(units) == "2 trainings as 1 × 2 replicas"
    assert [error for unit in units for _, error in execute_unit(unit, wait=False)] == ["", ""]
    for run, other in zip(together, alone, strict=True):
        assert execute(other, wait=False) == (other, "")
        for one in (run, other):
            (one.out / ".lock").unlink(missing_ok=True)
        check_same(run, other)


def test_a_grid_is_done_in_groups(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """``reproduce`` says how it does the runs, and records how many were together; a second call does nothing."""
    resampled = {"label": "resampled", "config": ["objectives/erm.yaml", "remedies/undersampled.yaml"]}
    averaged = {"label": "averaged", "config": ["objectives/erm.yaml", "remedies/ema.yaml"]}
    rows = {"undersampled": {**resampled, "set": SHORT}, "ema": {**averaged, "set": SHORT}}
    grid, out = write_grid(tmp_path / "toy.yaml", {"rows": rows}), tmp_path / "out"
    assert main(["reproduce", str(grid), "--out", str(out), "--jobs", "1"]) == 0
    assert "6 runs as 1 × 6 replicas, 2 one by one" in capfd.readouterr().err
    assert replicas_in(out) == {"erm": [4, 4], "cls_unbias": [4, 4], "undersampled": [2, 2], "ema": [1, 1]}
    assert main(["reproduce", str(grid), "--out", str(out), "--jobs", "1"]) == 0
    assert "replicas" not in capfd.readouterr().err


def replicas_in(out: Path) -> dict[str, list[int]]:
    """Of each row of a grid, how many runs each of its runs was trained with."""
    found: dict[str, list[int]] = {}
    for path in sorted(out.rglob("result.json")):
        found.setdefault(path.parts[-3], []).append(json.loads(path.read_text()).get("replicas", 1))
    return found


def test_a_run_that_diverges_fails_alone(table: Path) -> None:
    """Its learning rate takes its loss to infinity; the others are what they are without it."""
    good, bad, other = (
        table_run(table / name, "erm", model__optimizer__init_args__lr=rate, seed=1)
        for name, rate in (("good", 0.01), ("bad", 1e30), ("other", 0.02))
    )
    outcomes = dict(execute_unit((good, bad, other), wait=False))
    assert "training diverged" in outcomes.pop(bad)
    assert outcomes == {good: "", other: ""}
    assert not bad.is_done
    alone = table_run(table / "alone", "erm", model__optimizer__init_args__lr=0.01, seed=1)
    assert execute(alone, wait=False) == (alone, "")
    check_same(good, alone)


def test_a_fault_of_all_is_each_runs_own(table: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever stops the training together, the runs are then done one by one."""

    def broken(*_: object) -> None:
        raise RuntimeError("no vmap here")

    monkeypatch.setattr("clsunbias.replicas.stack.Stack.forward", broken)
    runs = tuple(table_run(table / str(seed), "erm", seed=seed) for seed in (0, 1))
    assert dict(execute_unit(runs, wait=False)) == dict.fromkeys(runs, "")
    assert replicas_in(table) == {table.name: [1, 1]}


def test_what_is_done_stays_done(table: Path) -> None:
    """A group that is begun anew repeats what is not finished, and goes on with a run that was interrupted alone."""
    runs = tuple(table_run(table / "runs" / str(seed), "erm", seed=seed) for seed in range(4))
    assert execute(runs[0], wait=False) == (runs[0], "")
    before = (runs[0].out / "result.json").stat().st_mtime_ns
    interrupted = runs[1].out / "checkpoints" / "last.ckpt"
    interrupted.parent.mkdir(parents=True)
    interrupted.write_bytes(b"")
    assert dict(execute_unit(runs, wait=False)) == dict.fromkeys(runs, "")
    assert (runs[0].out / "result.json").stat().st_mtime_ns == before
    assert replicas_in(table) == {"runs": [1, 1, 2, 2]}


ALONE: dict[str, dict[str, Any]] = {
    "a batch normalised": {
        "model__network": {
            "class_path": "torchvision.ops.MLP",
            "init_args": {"in_channels": 4, "hidden_channels": [8, 2], "norm_layer": "torch.nn.BatchNorm1d"},
        }
    },
    "dropout": {
        "model__network": {
            "class_path": "torchvision.ops.MLP",
            "init_args": {"in_channels": 4, "hidden_channels": [8, 2], "dropout": 0.5},
        }
    },
    "an optimiser that looks twice": {"model__optimizer": "clsunbias.optimizers.SAM"},
    "an objective that jumps": {"model__objective": "clsunbias.objectives.APLoss"},
    "an objective of features": {"model__objective": "clsunbias.objectives.NeuralCollapse"},
    "an objective with noise": {"model__objective__init_args__sample_loss": "clsunbias.objectives.LogitVariation"},
}


@pytest.mark.parametrize("what", ALONE)
def test_what_is_done_alone(what: str, table: Path) -> None:
    """What would not come to the same, or cannot be stacked, is left to the way of a single run."""
    runs = tuple(table_run(table / "runs" / str(seed), "erm", seed=seed, **ALONE[what]) for seed in (0, 1))
    assert dict(execute_unit(runs, wait=False)) == dict.fromkeys(runs, "")
    assert replicas_in(table) == {"runs": [1, 1]}


@pytest.mark.parametrize("kind", ["objectives", "remedies"])
def test_what_configs_tell_is_what_fits(kind: str, table: Path) -> None:
    """Of every shipped overlay: what is put into a group can be trained in it, so that what is said of it is so."""
    maker, fitting = Maker(), list[str]()
    for path in sorted((CONFIGS / kind).glob("*.yaml")):
        overlays = (path.stem,) if kind == "objectives" else ("erm", f"remedies/{path.stem}")
        run = table_run(table / path.stem, *overlays)
        if not kind_of(run):
            continue
        with contextlib.suppress(InputError):  # of what is not for this table
            cli, _ = maker.make(run)
            assert fits(cli), path.stem
            fitting.append(path.stem)
    assert len(fitting) >= (25 if kind == "objectives" else 15), fitting


def test_groups(tmp_path: Path) -> None:
    """Runs of one network, schedule and table go together, a group for each worker at least; others one by one."""
    fits = [
        table_run(tmp_path / f"{objective}{seed}", objective, seed=seed)
        for objective in ("erm", "cls_unbias")
        for seed in range(3)
    ]
    deeper = table_run(tmp_path / "deeper", "erm", model__network__init_args__hidden=64)
    longer = table_run(tmp_path / "longer", "erm", trainer__max_epochs=4)
    clipped = [table_run(tmp_path / f"clipped{seed}", "erm", trainer__gradient_clip_val=1.0) for seed in (0, 1)]
    own = [table_run(tmp_path / f"own{seed}", "erm", selection="my_rules.Mine") for seed in (0, 1)]
    units = units_of([*fits, deeper, longer, *clipped, *own], 2)
    assert [len(unit) for unit in units] == [3, 3, 1, 1, 1, 1, 1, 1]
    assert in_words(units) == "6 runs as 2 × 3 replicas, 6 one by one"
    assert in_words(units_of(clipped, 2)) == ""
    many = [table_run(tmp_path / str(seed), "erm", seed=seed) for seed in range(200)]
    assert in_words(units_of(many, 2)) == "200 runs as 4 × 50 replicas"
