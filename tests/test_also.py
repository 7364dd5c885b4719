"""One training judged by several selection rules: each leaves the run that it would have left alone."""

import json
from pathlib import Path

import pytest

from clsunbias.__main__ import main
from clsunbias.experiments.grid import load_grid
from clsunbias.experiments.plan import arms
from clsunbias.experiments.running.executor import execute_all
from clsunbias.experiments.running.run import sharing
from tests.fakes import write_grid
from tests.test_cli import SHORT_TOY, fit

LOWEST_LOSS = {"class_path": "clsunbias.selection.Best", "init_args": {"metric": "val/loss", "mode": "min"}}
LAST = {"class_path": "clsunbias.selection.LastStep"}


def files_of(run: Path) -> dict[str, bytes]:
    """What a run has left that does not name its folder."""
    names = [path for path in run.rglob("*") if path.is_file() and path.name not in {"MODEL_CARD.md", ".lock"}]
    return {path.relative_to(run).as_posix(): path.read_bytes() for path in names}


def test_each_rule_leaves_the_run_that_it_leaves_alone(tmp_path: Path) -> None:
    """To the byte: config, curves, weights, predictions, record."""
    rules = {str(tmp_path / "loss"): LOWEST_LOSS, str(tmp_path / "last"): LAST}
    options = (*SHORT_TOY, "--selection", "clsunbias.selection.Best")
    assert fit("toy_imbalanced", tmp_path / "own", *options, "--also", json.dumps(rules)) == 0
    assert fit("toy_imbalanced", tmp_path / "alone", *options) == 0
    assert files_of(tmp_path / "own") == files_of(tmp_path / "alone")
    for name, rule in (("loss", LOWEST_LOSS), ("last", LAST)):
        assert fit("toy_imbalanced", tmp_path / f"{name}_alone", *SHORT_TOY, "--selection", json.dumps(rule)) == 0
        assert files_of(tmp_path / name) == files_of(tmp_path / f"{name}_alone")
        assert f"--config {tmp_path / name / 'config.yaml'}" in (tmp_path / name / "MODEL_CARD.md").read_text()
    steps = [json.loads((tmp_path / name / "result.json").read_text())["step"] for name in ("own", "loss", "last")]
    assert len({*steps}) > 1, "the rules must not all choose the same weights"


def test_an_interrupted_training_goes_on_for_the_same_rules_alone(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """It ends as one that was not; asked for other rules, it starts anew and says so."""
    options = ("toy_balanced", tmp_path / "own", *SHORT_TOY, "--save_every", "0", "--also")
    both = json.dumps({str(tmp_path / "last"): LAST, str(tmp_path / "loss"): LOWEST_LOSS})
    assert fit(*options, both) == 0
    whole = files_of(tmp_path / "loss")
    for name in ("own", "last", "loss"):
        (tmp_path / name / "result.json").unlink()
    capfd.readouterr()
    assert fit(*options, both) == 0
    assert "going on from" in capfd.readouterr().err
    assert files_of(tmp_path / "loss") == whole
    for name in ("own", "last", "loss"):
        (tmp_path / name / "result.json").unlink()
    assert fit(*options, json.dumps({str(tmp_path / "loss"): LOWEST_LOSS})) == 0
    assert "kept the weights of other selection rules; starting anew" in capfd.readouterr().err
    assert files_of(tmp_path / "loss") == whole


def test_a_finished_run_is_not_trained_for_another_rule(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """Its weights would be written again: that rule's run is to be made by itself."""
    assert fit("toy_balanced", tmp_path / "own", *SHORT_TOY) == 0
    capfd.readouterr()
    assert fit("toy_balanced", tmp_path / "own", *SHORT_TOY, "--also", json.dumps({str(tmp_path / "last"): LAST})) == 2
    assert f"make that of {tmp_path / 'last'} by itself" in capfd.readouterr().err
    assert main(["predict", "--config", "toy_balanced", "--also", "{}"]) == 2
    assert "--also is for fit" in capfd.readouterr().err


def test_a_grid_trains_once_for_all_rules(tmp_path: Path) -> None:
    """An axis of selection rules costs nothing."""
    rules = {"last": {"selection": LAST}, "loss": {"selection": LOWEST_LOSS}}
    lam = {"short": {"anneal.lam.init_args.end": 0.5}, "long": {"anneal.lam.init_args.end": 1.0}}
    protocol = {"axes": {"rule": rules, "lambda": lam}}
    rows = {name: {"set": {"selection": "clsunbias.selection.Best"}} for name in ("erm", "cls_unbias")}
    path = write_grid(tmp_path / "toy.yaml", {"protocols": {"paper": protocol}, "rows": rows})
    planned = arms(load_grid(path), ["balanced"], ["paper"], tmp_path / "runs", tmp_path)
    runs = [arm.seed(0) for arm in planned]
    trained = sharing(runs)
    assert [(run.out.parts[-3], len(run.also)) for run in trained] == [("erm", 1), ("cls_unbias", 1), ("cls_unbias", 1)]
    assert execute_all(runs, jobs=1) == {}
    for run in runs:
        assert run.record() is not None, "its record is of its own config"
    assert execute_all([runs[1]], jobs=1) == {}, "nothing is done twice"
