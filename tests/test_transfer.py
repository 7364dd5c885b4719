"""Starting from weights, freezing parts, replacing the head: two-stage methods as two runs of ``fit``."""

import json
from pathlib import Path

import pandas as pd
import pytest
import torch
from torch import Tensor

from clsunbias.__main__ import main
from tests.test_cli import CONFIGS, SHORT, arguments, fit

RESTART = ("--trainer.max_epochs", "2", "--selection", "clsunbias.selection.LastStep")


def weights(run: Path) -> dict[str, Tensor]:
    """Of a finished run."""
    return dict(torch.load(run / "checkpoints" / "selected.ckpt", weights_only=True)["state_dict"])


@pytest.fixture(scope="module")
def first(tmp_path_factory: pytest.TempPathFactory, medmnist_root: Path) -> Path:
    """A short finished run of ERM."""
    out = tmp_path_factory.mktemp("first") / "run"
    assert fit("breast", out, "--data.root", str(medmnist_root), *SHORT, objective="erm") == 0
    return out


@pytest.mark.parametrize("named", ["run", "checkpoint"])
def test_a_new_head_on_a_frozen_backbone(
    named: str, first: Path, medmnist_root: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """Classes drawn alike often, the backbone that of the first run to the bit, the head trained from its own start.

    The record says which weights it began with: the same command finds it done, and not after they have changed.
    """
    init = tmp_path / "init"
    (init / "checkpoints").mkdir(parents=True)
    checkpoint = init / "checkpoints" / "selected.ckpt"
    checkpoint.write_bytes((first / "checkpoints" / "selected.ckpt").read_bytes())
    options = ["--data.root", str(medmnist_root), *RESTART, "--data.sampler", "clsunbias.data.ClassBalanced"]
    options += ["--init_from", str(init if named == "run" else checkpoint), "--freeze", "backbone", "--fresh", "head"]
    assert fit("breast", tmp_path / "run", *options, objective="erm") == 0
    before, after = weights(first), weights(tmp_path / "run")
    same = {name: torch.equal(before[name], after[name]) for name in before}
    assert {name for name, equal in same.items() if equal} == {name for name in before if ".backbone." in name}
    result = json.loads((tmp_path / "run" / "result.json").read_text())
    assert len(result["init_sha256"]) == 64
    assert f"another run (sha256 `{result['init_sha256']}`)" in (tmp_path / "run" / "MODEL_CARD.md").read_text()
    capfd.readouterr()
    assert fit("breast", tmp_path / "run", *options, objective="erm") == 0
    assert "nothing to do" in capfd.readouterr().err
    torch.save({"state_dict": after}, checkpoint)
    assert fit("breast", tmp_path / "run", *options, objective="erm") == 2
    assert "holds this run from other weights" in capfd.readouterr().err


def test_the_whole_model_starts_where_it_is_told(first: Path, medmnist_root: Path, tmp_path: Path) -> None:
    """With steps that hardly move it (learning rate 1e-12), it is the model of the first run."""
    options = ["--data.root", str(medmnist_root), *RESTART, "--init_from", str(first), "--model.optimizer.lr", "1e-12"]
    assert fit("breast", tmp_path / "run", *options, objective="per_class_erm") == 0
    before, after = weights(first), weights(tmp_path / "run")
    assert all(torch.allclose(before[name], after[name], rtol=0, atol=1e-9) for name in before)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--init_from", "RUN", "--model.network.outputs", "2"], ["network.head.4.weight", "(1, 128)", "(2, 128)"]),
        (["--init_from", "nowhere"], ["there is no checkpoint nowhere"]),
        (["--init_from", "RUN", "--fresh", "[backbone, neck]"], ["SmallConvNet has no part 'neck'", "backbone, head"]),
        (["--fresh", "head"], ["there is no --init_from"]),
        (["--freeze", "neck"], ["SmallConvNet has no part 'neck'", "backbone, head"]),
        (["--freeze", "[backbone, head]"], ["nothing of the network is left to train"]),
        (["--ckpt_path", "RUN/checkpoints/selected.ckpt"], ["weights alone", "--init_from"]),
    ],
)
def test_what_cannot_start_is_said_before_training(
    options: list[str],
    said: list[str],
    first: Path,
    medmnist_root: Path,
    tmp_path: Path,
    capfd: pytest.CaptureFixture[str],
) -> None:
    """One message with what does not fit, exit status 2, and nothing written."""
    asked = [option.replace("RUN", str(first)) for option in options]
    assert fit("breast", tmp_path / "run", "--data.root", str(medmnist_root), *SHORT, *asked, objective="erm") == 2
    error = capfd.readouterr().err
    assert error.count("\n") == 1
    assert all(part in error for part in said), error
    assert not (tmp_path / "run" / "result.json").exists()
    assert not (tmp_path / "run" / "metrics.csv").exists()


def test_a_head_of_another_size_is_fresh(first: Path, medmnist_root: Path, tmp_path: Path) -> None:
    """Two logits in place of one: the backbone comes along when the head is named as fresh."""
    options = ["--data.root", str(medmnist_root), *RESTART, "--init_from", str(first), "--fresh", "head"]
    assert fit("breast", tmp_path / "run", *options, "--model.network.outputs", "2", objective="erm") == 0
    assert weights(tmp_path / "run")["network.head.4.weight"].shape == (2, 128)


def test_regrouping_from_the_command_line(
    tmp_path: Path, medmnist_root: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """Four outputs, trained on k-means subclasses, scored and predicted as two classes; what is missing is said."""
    options = ["--data.root", str(medmnist_root), *RESTART, "--model.network.outputs", "4"]
    options += ["--model.objective", "clsunbias.objectives.Regrouped", "--model.objective.subclasses", "[1, 3]"]
    command = [*arguments("breast", tmp_path / "run", objective="erm"), *options]
    assert main(command) == 2
    assert "regrouped needs subclass of each training row" in capfd.readouterr().err
    command += ["--data.resample", "clsunbias.data.Subclasses", "--data.resample.counts", "[1, 3]"]
    assert main([*command, "--model.network.outputs", "2"]) == 2
    assert "regrouped needs 4 a row" in capfd.readouterr().err
    assert main(command) == 0
    found = pd.read_csv(tmp_path / "run" / "predictions.csv")
    assert list(found.filter(like="prob_")) == ["prob_0", "prob_1"]
    assert (found["prob_0"] + found["prob_1"]).to_numpy() == pytest.approx(1, abs=1e-6)


@pytest.mark.parametrize("config", ["toy_imbalanced", "tabular", "retina"])
def test_samplers_and_resamplers_go_with_any_data_set(
    config: str, tmp_path: Path, medmnist_root: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """Drawn by class, subclasses added, a smaller split."""
    from tests.fakes import table_of

    table_of(60, 30).to_csv(tmp_path / "my_table.csv", index=False)
    root = (
        [] if config == "toy_imbalanced" else ["--data.root", str(tmp_path if config == "tabular" else medmnist_root)]
    )
    short = ["--trainer.fast_dev_run", "true", *root]
    for options in (
        ["--data.sampler", "clsunbias.data.ClassBalanced", "--data.batch_size", "16"],
        ["--data.resample", "clsunbias.data.Subclasses", "--data.resample.counts", "[2, 2]"],
        [
            "--data.resample",
            "clsunbias.data.Subsample",
            "--data.resample.init_args",
            '{"size": 20, "positive_fraction": 0.2}',
        ],
    ):
        assert fit(config, tmp_path / "run", *short, *options) == 0, capfd.readouterr().err


def test_speech_cannot_be_resampled(speech_root: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """Its segments lie in a file: the sampler is named instead."""
    options = ["--data.resample", "clsunbias.data.Subclasses", "--data.resample.counts", "[2, 2]"]
    assert fit("modma", tmp_path / "run", "--data.root", str(speech_root), *options) == 2
    assert "data.sampler" in capfd.readouterr().err


def test_gamma_anneals_from_a_config(tmp_path: Path) -> None:
    """A number of the sample loss, by its dotted name, in a file of one's own."""
    own = tmp_path / "own.yaml"
    own.write_text(
        "anneal:\n  others:\n    sample_loss.gamma:\n      class_path: clsunbias.schedules.Linear\n"
        "      init_args: {start: 0.0, end: 3.0}\n"
    )
    files = ["toy_balanced", "objectives/focal"]
    command = ["fit", *(part for name in files for part in ("--config", str(CONFIGS / f"{name}.yaml")))]
    command += ["--config", str(own), "--out", str(tmp_path / "run"), "--trainer.enable_progress_bar", "false"]
    assert main([*command, "--trainer.max_steps", "41", "--selection", "clsunbias.selection.LastStep"]) == 0
    result = json.loads((tmp_path / "run" / "result.json").read_text())
    assert result["objective"] == "erm_focal"
    lines = (tmp_path / "run" / "metrics.csv").read_text().splitlines()
    at = lines[0].split(",").index("sample_loss.gamma")
    assert [float(line.split(",")[at]) for line in (lines[1], lines[-1])] == [0.0, 3.0]
