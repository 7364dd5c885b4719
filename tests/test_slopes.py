"""Slopes of the class losses while training: those of the audit, logged; training goes on as it would without."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from clsunbias.__main__ import main
from clsunbias.slopes import ClassSlopes
from tests.test_audit import SHORT

EPOCHS = "40"


def fit(folder: Path, out: str, *more: str) -> Path:
    """A run on a table whose column a tells the classes apart."""
    random, target = np.random.default_rng(0), np.arange(400) % 4 == 0
    frame = pd.DataFrame({"a": random.normal(size=400) + target, "b": random.normal(size=400)})
    frame["label"] = np.where(target, "ill", "well")
    frame.to_csv(folder / "table.csv", index=False)
    options = ["--data.path", str(folder / "table.csv"), "--data.classes", '["well","ill"]', *SHORT]
    options += ["--trainer.max_epochs", EPOCHS, "--model.network.in_features", "2", "--out", str(folder / out), *more]
    assert main(["fit", "--config", "tabular", *options]) == 0
    return folder / out


@pytest.fixture(scope="module")
def watched(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run that is looked at every tenth validation."""
    folder = tmp_path_factory.mktemp("slopes")
    return fit(folder, "watched", "--trainer.callbacks+=clsunbias.ClassSlopes", "--trainer.callbacks.every=10")


def test_what_is_logged_is_what_the_audit_finds(watched: Path, tmp_path: Path, capsys: Any) -> None:
    """Four looks in forty validations, with intervals; the audit's table has the checkpoint among them."""
    log = pd.read_csv(watched / "metrics.csv").sort_values("step")
    looked = log.dropna(subset="slopes/norm/ill")
    assert looked.index.tolist() == log.index[::10].tolist()
    for figure in ("norm", "noise", "cosine", "largest", "smallest"):
        for name in ("well", "ill"):
            low, value, high = (looked[f"slopes/{figure}{end}/{name}"] for end in ("_low", "", "_high"))
            assert ((low <= value) & (value <= high)).all()
    # Training on three in four well rows starts by giving up the ill ones.
    assert looked["slopes/norm/ill"].max() > looked["slopes/norm/well"].min()

    assert main(["audit", str(watched), "--out", str(tmp_path / "audit")]) == 0
    found = pd.read_csv(tmp_path / "audit" / "slopes.csv")
    step = json.loads((watched / "result.json").read_text())["step"]
    assert sorted({*looked["step"], step}) == found["step"].drop_duplicates().tolist()
    assert found.loc[found["checkpoint"], "step"].tolist() == [step, step]
    ill = found[(found["class"] == "ill") & ~found["checkpoint"]]
    by_log = looked[looked["step"].isin(ill["step"])]
    assert len(by_log) >= 3
    np.testing.assert_allclose(ill["largest"], by_log["slopes/largest/ill"], rtol=1e-6)
    assert f"ill, step {step}, the checkpoint" in (tmp_path / "audit" / "audit.md").read_text()
    assert "was while training" in (tmp_path / "audit" / "audit.html").read_text()


def test_a_look_changes_nothing_in_training(watched: Path) -> None:
    """The same figures, and the same weights, as of a run that nobody looked at."""
    plain = fit(watched.parent, "plain")
    one, other = (pd.read_csv(folder / "metrics.csv") for folder in (watched, plain))
    pd.testing.assert_frame_equal(one[[*other]], other)
    hashes = [json.loads((folder / "result.json").read_text())["predictions_sha256"] for folder in (watched, plain)]
    assert hashes[0] == hashes[1]


def test_what_cannot_be_looked_at_is_refused(tmp_path: Path, capsys: Any) -> None:
    """Looks less than every validation, and a class with few rows."""
    with pytest.raises(ValueError, match="at least 1; got 0"):
        ClassSlopes(0)
    frame = pd.DataFrame({"a": range(60), "label": ["ill"] * 15 + ["well"] * 45})
    frame.to_csv(tmp_path / "table.csv", index=False)
    options = ["--data.path", str(tmp_path / "table.csv"), *SHORT, "--model.network.in_features", "1"]
    options += ["--trainer.callbacks+=clsunbias.ClassSlopes", "--out", str(tmp_path / "run")]
    assert main(["fit", "--config", "tabular", *options]) == 2
    assert "ClassSlopes takes 16 training rows of each class, ill has 9" in capsys.readouterr().err
