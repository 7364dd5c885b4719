"""A run that is killed and resumed ends as one that was not."""

import io
import json
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import torch

from tests.processes import command, kill_in_the_middle
from tests.test_cli import SHORT_TOY, fit

RESUMABLE = {
    "toy_imbalanced": (
        "--save_every",
        "0",
        "--trainer.callbacks+=clsunbias.ClassSlopes",
        "--trainer.callbacks.every=7",
    ),
    "retina_imbalanced": ("--save_every", "0", "--trainer.max_epochs", "40", "--data.augment", "clsunbias.data.Jitter"),
}
"""Runs that can be resumed from the end of each epoch."""


@pytest.mark.slow
@pytest.mark.parametrize("config", ["toy_imbalanced", "retina_imbalanced"])
def test_killed_and_resumed_equals_uninterrupted(
    config: str,
    tmp_path: Path,
    request: pytest.FixtureRequest,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    """After kill −9 in the middle, the same command goes on, and predictions, weights and curves are identical."""
    if config != "toy_imbalanced":
        monkeypatch.setenv("CLSUNBIAS_DATA", str(request.getfixturevalue("official_root")))
    options = RESUMABLE[config]
    assert fit(config, tmp_path / "whole", *options) == 0
    kill_in_the_middle(command(config, tmp_path / "killed", *options), tmp_path / "killed", 5)
    assert not (tmp_path / "killed" / "result.json").exists()

    capfd.readouterr()
    assert fit(config, tmp_path / "killed", *options) == 0
    assert "going on from" in capfd.readouterr().err
    whole, resumed = tmp_path / "whole", tmp_path / "killed"
    assert (whole / "predictions.csv").read_bytes() == (resumed / "predictions.csv").read_bytes()
    weights = [
        torch.load(run / "checkpoints" / "selected.ckpt", weights_only=True)["state_dict"] for run in (whole, resumed)
    ]
    assert all(torch.equal(value, weights[1][name]) for name, value in weights[0].items())
    curves = [pd.read_csv(run / "metrics.csv") for run in (whole, resumed)]
    pd.testing.assert_frame_equal(curves[0], curves[1][curves[0].columns], rtol=1e-6)


def test_killed_after_the_last_step(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """A run that was killed between its last step and its results has no step left to do, and ends as the others."""
    options = ("toy_balanced", tmp_path / "run", *SHORT_TOY, "--selection", "clsunbias.selection.Best")
    assert fit(*options, "--save_every", "0") == 0
    whole = {path.name: path.read_bytes() for path in (tmp_path / "run").iterdir() if path.is_file()}
    assert json.loads(whole["result.json"])["step"] < 42, "the selected weights must not be the last ones"
    for name in ("result.json", "predictions.csv", "metrics.csv", "checkpoints/selected.ckpt"):
        (tmp_path / "run" / name).unlink()
    capfd.readouterr()
    assert fit(*options, "--save_every", "0") == 0
    assert "going on from" in capfd.readouterr().err
    curves = whole.pop("metrics.csv")
    pd.testing.assert_frame_equal(pd.read_csv(io.BytesIO(curves)), pd.read_csv(tmp_path / "run" / "metrics.csv"))
    for name, content in whole.items():
        assert (tmp_path / "run" / name).read_bytes() == content, name
    assert (tmp_path / "run" / "checkpoints" / "selected.ckpt").exists()


def test_another_configs_checkpoint_is_not_resumed(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """An unfinished run of another config in the folder is started anew, and its checkpoint goes."""
    assert fit("toy_balanced", tmp_path / "run", *SHORT_TOY, "--save_every", "0") == 0
    (tmp_path / "run" / "result.json").unlink()
    last = tmp_path / "run" / "checkpoints" / "last.ckpt"
    assert last.exists()
    capfd.readouterr()
    other = ("toy_balanced", tmp_path / "run", *SHORT_TOY, "--model.optimizer.init_args.lr", "0.02")
    assert fit(*other, "--trainer.fast_dev_run", "true") == 0
    assert last.exists(), "a trial must not touch what a run left"
    assert fit(*other) == 0
    said = capfd.readouterr().err
    assert "going on" not in said
    assert "is another's (model.optimizer.lr is 0.01 there and 0.02 here); starting anew" in said
    assert not last.exists()


def test_what_is_displayed_is_no_other_config(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """An unfinished run goes on though its progress bar is asked for, or its data were moved."""
    assert fit("toy_balanced", tmp_path / "run", *SHORT_TOY, "--save_every", "0") == 0
    (tmp_path / "run" / "result.json").unlink()
    capfd.readouterr()
    assert fit("toy_balanced", tmp_path / "run", *SHORT_TOY, "--trainer.enable_progress_bar", "true") == 0
    assert "going on from" in capfd.readouterr().err


def test_a_checkpoint_to_go_on_from_is_read_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One that is asked for, and an interrupted run's."""
    read: list[str] = []
    load = torch.load

    def counted(file: Any, *args: Any, **kwargs: Any) -> Any:
        read.append(str(getattr(file, "name", file)))
        return load(file, *args, **kwargs)

    options = ("toy_balanced", tmp_path / "run", *SHORT_TOY, "--save_every", "0")
    assert fit(*options) == 0
    last = tmp_path / "last.ckpt"
    (tmp_path / "run" / "result.json").unlink()
    last.write_bytes((tmp_path / "run" / "checkpoints" / "last.ckpt").read_bytes())
    monkeypatch.setattr(torch, "load", counted)
    assert fit(*options) == 0
    assert len(read) == 1, read
    assert fit("toy_balanced", tmp_path / "other", *SHORT_TOY, "--ckpt_path", str(last)) == 0
    assert len(read) == 2, read
    weights = [load(tmp_path / name / "checkpoints" / "selected.ckpt", weights_only=True) for name in ("run", "other")]
    assert str(weights[0]) == str(weights[1])
