"""A run that is killed and resumed ends as one that was not."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pandas as pd
import torch

CONFIGS = Path(__file__).parents[1] / "configs"


def command(out: Path, root: Path) -> list[str]:
    """A short run that can be resumed from the end of each epoch."""
    config = ["--config", str(CONFIGS / "retina_imbalanced.yaml"), "--data.root", str(root), "--out", str(out)]
    options = ["--trainer.max_epochs", "40", "--save_every", "0", "--trainer.enable_progress_bar", "false"]
    return [sys.executable, "-m", "clsunbias", "fit", *config, *options]


def test_killed_and_resumed_equals_uninterrupted(tmp_path: Path, medmnist_root: Path) -> None:
    """After kill −9 in the middle, the same command goes on, and predictions, weights and curves are identical."""
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    assert subprocess.run(command(tmp_path / "whole", medmnist_root), env=environment, check=False).returncode == 0

    killed = subprocess.Popen(command(tmp_path / "killed", medmnist_root), env=environment)
    last = tmp_path / "killed" / "checkpoints" / "last.ckpt"
    while killed.poll() is None:
        if last.exists() and torch.load(last, weights_only=False)["epoch"] >= 5:
            killed.send_signal(signal.SIGKILL)
            break
        time.sleep(0.01)
    assert killed.wait() == -signal.SIGKILL, "the run ended before it could be killed"
    assert not (tmp_path / "killed" / "result.json").exists()

    again = subprocess.run(
        command(tmp_path / "killed", medmnist_root), env=environment, check=False, capture_output=True, text=True
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
