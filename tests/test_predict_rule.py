"""A trained run: the features that it keeps, and new inputs decided by a rule that was chosen for it."""

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from torch import nn

from clsunbias.__main__ import main
from clsunbias.errors import InputError
from clsunbias.networks.parts import head_of
from clsunbias.runs import load_run
from tests.test_cli import arguments
from tests.test_errors import fails

SHORT = ("--trainer.max_epochs", "2", "--selection", "clsunbias.selection.LastStep")


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory, medmnist_root: Path) -> Path:
    """A short run that keeps its features."""
    out = tmp_path_factory.mktemp("featured") / "run"
    root = ("--data.root", str(medmnist_root))
    assert main(arguments("breast", out, *root, *SHORT, "--save_features", "true", objective="erm")) == 0
    return out


def test_features_are_what_comes_into_the_head(run: Path) -> None:
    """Of every unit of every split, sealed with the record; the head makes the predictions of them."""
    with np.load(run / "features.npz") as arrays:
        features = dict(arrays)
    found = load_run(run)
    assert "features_sha256" in found.result
    assert "save_features" not in found.config
    for split, rows in found.predictions.groupby("split", sort=False):
        assert features[str(split)].shape == (len(rows), 64)
        with torch.no_grad():
            odds = found.model.network.head(torch.from_numpy(features[str(split)])).flatten()  # type: ignore[operator]
        np.testing.assert_allclose(odds.sigmoid(), rows["prob_1"], atol=1e-5)


def test_a_rule_of_neighbours(run: Path, tmp_path: Path, capfd: Any) -> None:
    """It goes by the features; without them, or with others, it says so, as a finished run does that lacks them."""
    copy = shutil.copytree(run, tmp_path / "copy")
    assert main(["decide", str(copy), "--rule", "neighbour_threshold", "--k", "5"]) == 0
    assert json.loads((copy / "decisions" / "neighbour_threshold.json").read_text())["options"]["k"] == 5
    assert "### `neighbour_threshold` (k 5" in (copy / "MODEL_CARD.md").read_text()
    with np.load(copy / "features.npz") as arrays:
        changed = {name: values + 1 for name, values in arrays.items()}
    np.savez(copy / "features.npz", allow_pickle=False, **changed)
    fails(["decide", str(copy), "--rule", "neighbour_threshold"], capfd, "features.npz is missing or not what")
    (copy / "features.npz").unlink()
    fails(["decide", str(copy), "--rule", "neighbour_threshold"], capfd, "features.npz is missing or not what")


def test_a_finished_run_without_features(run: Path, tmp_path: Path, medmnist_root: Path, capfd: Any) -> None:
    """Asked for afterwards, they are not silently left out."""
    options = arguments("breast", tmp_path / "plain", "--data.root", str(medmnist_root), *SHORT, objective="erm")
    assert main(options) == 0
    assert not (tmp_path / "plain" / "features.npz").exists()
    fails([*options, "--save_features", "true"], capfd, "finished without its features: give another --out")
    assert main([*options]) == 0
    plain, featured = (json.loads((one / "result.json").read_text()) for one in (tmp_path / "plain", run))
    assert plain["config_sha256"] == featured["config_sha256"]
    assert plain["predictions_sha256"] == featured["predictions_sha256"]


def test_where_features_are() -> None:
    """Before a part head, else before the last layer of a linear model or a sequence; elsewhere nobody knows."""
    linear, sequence = nn.Linear(3, 1), nn.Sequential(nn.Linear(3, 4), nn.ReLU(), nn.Linear(4, 1), nn.Dropout())
    assert head_of(linear, "--save_features") is linear
    assert head_of(sequence, "--save_features") is sequence[2]
    with pytest.raises(InputError, match="Bilinear has none: take --save_features out"):
        head_of(nn.Bilinear(2, 2, 1), "--save_features")


def test_new_inputs_decided_by_a_rule(run: Path, tmp_path: Path, medmnist_root: Path, capfd: Any) -> None:
    """By the very decision that was recorded; its name and numbers stand beside; what cannot be done is said."""
    copy = shutil.copytree(run, tmp_path / "copy")
    with np.load(medmnist_root / "breastmnist.npz") as arrays:
        np.savez(tmp_path / "new.npz", images=arrays["test_images"])
    options = ["predict", "--config", str(copy / "config.yaml"), "--data.root", str(medmnist_root)]
    options += ["--input", str(tmp_path / "new.npz"), "--out", str(tmp_path / "new")]
    for rule in ("macro_f1", "temperature"):
        assert main(["decide", str(copy), "--rule", rule]) == 0
        assert main([*options, "--rule", rule]) == 0
        record = json.loads((copy / "decisions" / f"{rule}.json").read_text())
        frame = pd.read_csv(tmp_path / "new" / "predictions.csv")
        assert (frame["rule"] == rule).all()
        name, value = next(iter(record["value"].items()))
        np.testing.assert_allclose(frame[name], value)
        label = pd.read_csv(copy / "predictions.csv").query("split == 'test'")["label"].to_numpy()
        assert (frame["decision"].to_numpy() == label).mean() == pytest.approx(record["decided"]["test"]["accuracy"])
    fails([*options, "--rule", "platt"], capfd, "has no decision by platt (it has: macro_f1, temperature)", "decide")
    fails([*options, "--rule", "plat"], capfd, "no rule 'plat'", "platt")
    fails([*options, "--rule", "macro_f1", "--threshold", "0.4"], capfd, "--rule and --threshold")
    selected = str(copy / "checkpoints" / "selected.ckpt")
    fails([*options, "--rule", "macro_f1", "--ckpt_path", selected], capfd, "leave --ckpt_path out")
    assert main(["decide", str(copy), "--rule", "neighbour_threshold"]) == 0
    fails([*options, "--rule", "neighbour_threshold"], capfd, "needs features of each unit, and predict has its prob")
    (copy / "decisions" / "macro_f1.json").write_text("{")
    fails([*options, "--rule", "macro_f1"], capfd, "macro_f1.json cannot be used", "run clsunbias decide again")
