"""Averages of weights: those that a validation scored are those that are kept and tested."""

from pathlib import Path

import pandas as pd
import pytest

from tests.test_cli import fit

CALLBACKS = "lightning.pytorch.callbacks"


def test_the_weights_that_were_scored_are_kept(tmp_path: Path) -> None:
    """With a moving average, the result's validation metrics are those of the selected row of the curves."""
    options = ["--trainer.max_steps", "61", "--model.lr_schedule", "null", "--model.optimizer.lr", "0.3"]
    options += ["--selection", "clsunbias.selection.Best", "--selection.metric", "val/auroc"]
    average = ("--trainer.callbacks+", f"{CALLBACKS}.EMAWeightAveraging")
    assert fit("toy_imbalanced", tmp_path / "run", *options, *average) == 0
    curves = pd.read_csv(tmp_path / "run" / "metrics.csv").set_index("step")
    result = pd.read_json(tmp_path / "run" / "result.json", typ="series")
    scored = curves.loc[result["step"]]
    for name, value in result["val"].items():
        assert value == pytest.approx(scored[f"val/{name}"], abs=1e-6), name
    assert fit("toy_imbalanced", tmp_path / "plain", *options) == 0
    plain = pd.read_csv(tmp_path / "plain" / "metrics.csv").set_index("step")
    assert (plain["val/loss"] - curves["val/loss"]).abs().max() > 1e-3


def test_an_average_that_nothing_scored_is_refused(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """Stochastic weight averaging takes effect after the last validation."""
    callback = f'{{"class_path": "{CALLBACKS}.StochasticWeightAveraging", "init_args": {{"swa_lrs": 0.01}}}}'
    assert fit("toy_imbalanced", tmp_path / "run", "--trainer.callbacks+", callback) == 2
    assert "EMAWeightAveraging" in capfd.readouterr().err
