"""A run that is killed and resumed ends as one that was not."""

import io
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pandas as pd
import pytest
import torch

from tests.test_cli import CONFIGS, SHORT_TOY, fit


def command(config: str, out: Path) -> list[str]:
    """A run that can be resumed from the end of each epoch."""
    options = ["--config", str(CONFIGS / f"{config}.yaml"), "--out", str(out), "--save_every", "0"]
    if config != "toy_imbalanced":
        options += ["--trainer.max_epochs", "40", "--data.augment", "clsunbias.data.Jitter"]
    return [sys.executable, "-m", "clsunbias", "fit", *options, "--trainer.enable_progress_bar", "false"]


@pytest.mark.slow
@pytest.mark.parametrize("config", ["toy_imbalanced", "retina_imbalanced"])
def test_killed_and_resumed_equals_uninterrupted(config: str, tmp_path: Path, request: pytest.FixtureRequest) -> None:
    """After kill −9 in the middle, the same command goes on, and predictions, weights and curves are identical."""
    root = "" if config == "toy_imbalanced" else str(request.getfixturevalue("official_root"))
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "CLSUNBIAS_DATA": root}
    assert subprocess.run(command(config, tmp_path / "whole"), env=environment, check=False).returncode == 0

    killed = subprocess.Popen(command(config, tmp_path / "killed"), env=environment)
    last = tmp_path / "killed" / "checkpoints" / "last.ckpt"
    while killed.poll() is None:
        if last.exists() and torch.load(last, weights_only=False)["epoch"] >= 5:
            killed.send_signal(signal.SIGKILL)
            break
        time.sleep(0.01)
    assert killed.wait() == -signal.SIGKILL, "the run ended before it could be killed"
    assert not (tmp_path / "killed" / "result.json").exists()

    again = subprocess.run(
        command(config, tmp_path / "killed"), env=environment, check=False, capture_output=True, text=True
    )
    assert again.returncode == 0, again.stderr
    assert "going on from" in again.stderr
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
    assert "going on" not in capfd.readouterr().err
    assert not last.exists()
