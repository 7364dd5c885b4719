"""A run's selected model as ONNX, and decisions by a threshold."""

import json
import shutil
import sys
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pandas as pd
import pytest
import torch

from clsunbias.__main__ import main
from clsunbias.errors import InputError
from clsunbias.results import decisions
from tests.test_cli import SHORT, fit


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory, medmnist_root: Path) -> Path:
    """A short finished run on (official or fake) RetinaMNIST, with an encoder that has running statistics."""
    out = tmp_path_factory.mktemp("export") / "run"
    assert fit("retina", out, "--data.root", str(medmnist_root), *SHORT) == 0
    return out


@pytest.mark.slow
def test_the_file_gives_the_runs_probabilities(
    run: Path, tmp_path: Path, medmnist_root: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """From pixels scaled as its metadata say, for batches of any size; with what a user of it must know."""
    assert main(["export", str(run), "--onnx", str(tmp_path / "model.onnx")]) == 0
    assert "largest difference from torch" in capfd.readouterr().out
    assert [path.name for path in tmp_path.iterdir()] == ["model.onnx"]
    proto = onnx.load(tmp_path / "model.onnx")
    properties = {one.key: one.value for one in proto.metadata_props}
    result = json.loads((run / "result.json").read_text())
    assert json.loads(properties["class_names"]) == ["grade < 2", "grade ≥ 2"]
    assert json.loads(properties["input_shape"]) == ["batch", 3, 28, 28]
    assert (properties["threshold"], properties["config_sha256"]) == ("0.5", result["config_sha256"])
    assert (properties["positive_class"], properties["input_type"]) == ("grade ≥ 2", "float32")
    assert json.loads(properties["inputs"]) == json.loads((run / "inputs.json").read_text())
    assert "not for clinical use" in properties["use"]
    content = (tmp_path / "model.onnx").read_bytes()
    for place in (b".py", bytes(Path(__file__).parents[1]), sys.prefix.encode(), bytes(medmnist_root), bytes(run)):
        assert place not in content, place

    with np.load(medmnist_root / "retinamnist.npz") as arrays:
        pixels = arrays["test_images"].transpose(0, 3, 1, 2).astype(np.float32)
    assert properties["input_scaling"] == "(pixel / 255 - 0.5) / 0.5, channels first"
    rows = (pixels / 255 - 0.5) / 0.5
    session = onnxruntime.InferenceSession(str(tmp_path / "model.onnx"))
    expected = pd.read_csv(run / "predictions.csv").query("split == 'test'")[["prob_0", "prob_1"]].to_numpy()
    for size in (1, 3, len(rows)):
        (prob,) = session.run(["probabilities"], {"x": rows[:size]})
        np.testing.assert_allclose(prob, expected[:size], atol=1e-5)


@pytest.mark.slow
def test_a_file_that_differs_is_not_left(
    run: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """With a tolerance that no model meets; a file that was there stays as it was."""
    monkeypatch.setattr("clsunbias.onnx_export.TOLERANCE", -1.0)
    file = tmp_path / "model.onnx"
    file.write_text("older")
    assert main(["export", str(run), "--onnx", str(file)]) == 2
    assert "differ from torch's" in capfd.readouterr().err
    assert main(["export", str(run), "--onnx", str(file / "below.onnx")]) == 2
    assert "below.onnx cannot be written: File exists; give another --onnx" in capfd.readouterr().err
    assert [path.read_text() for path in tmp_path.iterdir()] == ["older"]


def test_wrong_runs(run: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """No run, a changed result, another checkpoint."""
    options = ["--onnx", str(tmp_path / "model.onnx")]
    assert main(["export", str(tmp_path), *options]) == 2
    assert "no finished run" in capfd.readouterr().err
    shutil.copytree(run, tmp_path / "run")
    torch.save({"state_dict": {}}, tmp_path / "run" / "checkpoints" / "selected.ckpt")
    assert main(["export", str(tmp_path / "run"), *options]) == 2
    assert "selected.ckpt is missing or not what its record was made with" in capfd.readouterr().err
    result = tmp_path / "run" / "result.json"
    result.write_text(result.read_text().replace('"seed": 0', '"seed": 1'))
    assert main(["export", str(tmp_path / "run"), *options]) == 2
    assert "was changed" in capfd.readouterr().err
    assert not (tmp_path / "model.onnx").exists()


def test_the_extra_is_named(
    run: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without its packages the message has the command that brings them."""
    monkeypatch.setitem(sys.modules, "onnxscript", None)
    assert main(["export", str(run), "--onnx", str(tmp_path / "model.onnx")]) == 2
    assert "pip install 'clsunbias[onnx]'" in capfd.readouterr().err


def test_decisions_by_a_threshold() -> None:
    """From it on, as rules decide; of three classes the most probable; a wrong one is refused."""
    prob = torch.tensor([[0.5, 0.5], [0.4, 0.6], [0.1, 0.9]])
    frame = decisions(prob, ("well", "ill"), None)
    assert list(frame) == ["prob_0", "prob_1", "decision", "prediction", "threshold"]
    assert list(frame["prediction"]) == ["well", "ill", "ill"]
    assert list(frame["threshold"]) == [0.5] * 3
    assert list(decisions(prob, ("well", "ill"), 0.7)["decision"]) == [0, 0, 1]
    assert list(decisions(prob, ("well", "ill"), 0.6)["decision"]) == [0, 1, 1]
    three = torch.eye(3)[[2, 0]]
    assert list(decisions(three, ("a", "b", "c"), None)["prediction"]) == ["c", "a"]
    assert "threshold" not in decisions(three, ("a", "b", "c"), None)
    for wrong, names in ((1.5, "ab"), (-0.1, "ab"), (float("nan"), "ab"), (0.5, "abc")):
        with pytest.raises(InputError, match="between 0 and 1"):
            decisions(three, tuple(names), wrong)


def test_predict_takes_a_threshold(run: Path, tmp_path: Path, medmnist_root: Path) -> None:
    """Its decisions are by it, and the file says which it was."""
    with np.load(medmnist_root / "retinamnist.npz") as arrays:
        np.savez(tmp_path / "new.npz", images=arrays["test_images"])
    options = ["--config", str(run / "config.yaml"), "--input", str(tmp_path / "new.npz"), "--out", str(tmp_path)]
    assert main(["predict", *options, "--threshold", "0.4"]) == 0
    found = pd.read_csv(tmp_path / "predictions.csv")
    assert (found["threshold"] == 0.4).all()
    assert (found["decision"] == (found["prob_1"] > 0.4)).all()
    assert main(["predict", *options, "--threshold", "2"]) == 2
