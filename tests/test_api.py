"""``import clsunbias`` in Python: what it offers, how lightly, and a finished run read back."""

import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest
import torch

import clsunbias
from clsunbias import ERM, InputError, load_run
from tests.test_cli import SHORT_TOY, fit


def test_everything_offered_is_there() -> None:
    """Each name that the package lists can be had, and the parts a user builds from are among them."""
    offered = set(dir(clsunbias))
    assert {"ClsUnbias", "Focal", "Linear", "RetinaMNIST", "ClassBalanced", "Classifier", "load_run"} <= offered
    for name in offered:
        assert getattr(clsunbias, name) is not None
    assert ERM is clsunbias.objectives.ERM
    with pytest.raises(AttributeError):
        _ = clsunbias.nothing_of_this_name  # type: ignore[attr-defined]


def test_importing_it_brings_nothing_heavy() -> None:
    """Not torch, not Lightning, not pandas: they come with what needs them."""
    code = "import sys, clsunbias; print(sorted({'torch', 'lightning', 'pandas', 'numpy'} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert done.stdout.strip() == "[]"


def test_a_finished_run_is_read_back(tmp_path: Path) -> None:
    """Its model gives the probabilities of its predictions, which are those of its result; a changed one is refused."""
    run = tmp_path / "run"
    assert fit("toy_imbalanced", run, *SHORT_TOY) == 0
    loaded = load_run(str(run))
    loaded.data.prepare_data()
    loaded.data.setup("test")
    expected = loaded.predictions.query("split == 'test_1'")["prob_1"].to_numpy()
    with torch.no_grad():
        prob = loaded.model(loaded.data.splits["test_1"].x[:]).softmax(1)[:, 1]
    assert prob.numpy() == pytest.approx(expected, abs=1e-6)
    right = (expected > 0.5).astype(int) == loaded.predictions.query("split == 'test_1'")["label"]
    assert loaded.result["test_1"]["accuracy"] == pytest.approx(right.mean())
    assert loaded.config["model"]["network"]["class_path"] == "torch.nn.Linear"
    pd.DataFrame({"split": []}).to_csv(run / "predictions.csv")
    with pytest.raises(InputError, match=r"predictions.csv is missing or not what"):
        load_run(run)
    with pytest.raises(InputError, match=r"result\.json"):
        load_run(tmp_path)
