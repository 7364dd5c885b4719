"""What the terminal shows at the end of a run: classes by their names, whatever these are, and what is amiss."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from clsunbias.__main__ import main
from tests.test_cli import CONFIGS


def test_names_like_markup_and_a_class_that_is_never_predicted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    """Of fit, of fit again, of test and of predict: a folder and a class in brackets are shown as they are."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "200")
    random = np.random.default_rng(0)
    labels = np.where(np.arange(200) % 10 == 0, "[/ill]", "well")
    values = {"a": random.normal(size=200), "b": random.normal(size=200)}
    pd.DataFrame({**values, "label": labels}).to_csv("table.csv", index=False)
    still = ("--trainer.enable_progress_bar", "false")
    table = ("--data.path", str(tmp_path / "table.csv"), "--data.classes", '["well", "[/ill]"]')
    config = ("--config", str(CONFIGS / "tabular.yaml"), "--config", str(CONFIGS / "objectives" / "erm.yaml"))
    options = ("--model.network.in_features", "2", "--trainer.max_epochs", "150", *still)
    fit = ["fit", *config, *table, *options, "--selection", "clsunbias.selection.LastStep", "--out", "[/red]"]
    assert main(fit) == 0
    shown = capfd.readouterr()
    assert "f1/[/ill]" in shown.out
    assert "positive: [/ill]" in shown.out
    assert "results in [/red]" in shown.out
    assert "note: every test unit is predicted 'well': the model never predicts '[/ill]'\n" in shown.err
    assert main(fit) == 0
    assert "[/red] already holds this run" in capfd.readouterr().err
    assert main(["test", "--config", "[/red]/config.yaml", *still]) == 0
    shown = capfd.readouterr()
    assert "[/red]/checkpoints/selected.ckpt" in shown.out
    assert "the model never predicts '[/ill]'" in shown.err
    assert main(["predict", "--config", "[/red]/config.yaml", "--input", "table.csv", "--out", "[/blue]"]) == 0
    assert "in [/blue]/predictions.csv" in capfd.readouterr().out
