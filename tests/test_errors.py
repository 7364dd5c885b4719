"""Wrong input gets one readable message and status 2 before any training, and leaves nothing half-written."""

import json
from pathlib import Path

import medmnist
import numpy as np
import pytest
import torch
from PIL import Image

from clsunbias.__main__ import main
from tests.fakes import write_medmnist
from tests.test_cli import CONFIGS, SHORT_TOY, fit

TOY = ("--config", str(CONFIGS / "toy_balanced.yaml"))
SUBSAMPLE = ("--data.resample", "Subsample", "--data.resample.size", "100", "--data.resample.positive_fraction", "0.5")


def fails(args: list[str], capfd: pytest.CaptureFixture[str], *parts: str) -> None:
    """Asserts status 2, a single message without a traceback, and that it holds all parts."""
    capfd.readouterr()
    assert main(args) == 2
    message = capfd.readouterr().err
    assert message.startswith("clsunbias: error: ")
    assert "Traceback" not in message
    assert "usage:" not in message
    for part in parts:
        assert part in message, message


@pytest.mark.parametrize(
    ("options", "parts"),
    [
        (["--model.objective", "clsunbias.objectives.NoSuchThing"], ["NoSuchThing"]),
        (["--model.objective.init_args.gamma", "1"], ["gamma"]),
        (["--no_such_option", "1"], ["no_such_option"]),
        (["--data.no_such_parameter", "1"], ["no_such_parameter"]),
        (["--model.objective.init_args.lam", "-1"], ["lam", "at least 0", "-1"]),
        (["--model.objective.init_args.tau", "-0.5"], ["tau", "at least 0", "-0.5"]),
        (["--anneal.lam.init_args.end", "-2"], ["lam", "at least 0", "-2"]),
        (["--seed_everything", "false"], ["seed_everything", "number"]),
        (["--seed_everything", "-1"], ["seed_everything", "4294967295", "-1"]),
        (["--trainer.overfit_batches", "1"], ["overfit_batches", "data.resample"]),
        (["--trainer.limit_val_batches", "0.5"], ["limit_val_batches 0.5", "every row"]),
        (["--trainer.limit_test_batches", "2"], ["limit_test_batches 2", "--withhold_test"]),
        (["--trainer.limit_test_batches", "0"], ["limit_test_batches 0", "--withhold_test"]),
        (["--trainer.limit_train_batches", "0.5"], ["limit_train_batches 0.5", "data.resample"]),
        (["--trainer.limit_predict_batches", "0"], ["limit_predict_batches 0", "every row"]),
        (["--trainer.max_epochs", "-1", "--trainer.max_steps", "-1"], ["give max_epochs or max_steps"]),
        (["--trainer.max_epochs", "0"], ["max_epochs 0 would train or validate nothing"]),
        (["--trainer.max_steps", "0"], ["max_steps 0 would train or validate nothing"]),
        (["--trainer.check_val_every_n_epoch", "0"], ["check_val_every_n_epoch 0 would"]),
        (
            ["--trainer.check_val_every_n_epoch", "9", "--trainer.max_epochs", "2"],
            ["9 leaves a run of 2 epochs"],
        ),
        (
            ["--trainer.check_val_every_n_epoch", "1", "--trainer.val_check_interval", "0"],
            ["val_check_interval 0"],
        ),
        (["--trainer.check_val_every_n_epoch", "-1"], ["check_val_every_n_epoch -1 would"]),
        (["--trainer.gradient_clip_val", "-1"], ["trainer.gradient_clip_val must be", "at least 0", "got -1"]),
        (["--trainer.gradient_clip_val", ".nan"], ["trainer.gradient_clip_val must be", "got nan"]),
        (["--trainer.accumulate_grad_batches", "0"], ["accumulate_grad_batches must be", "at least 1; got 0"]),
        (["--trainer.log_every_n_steps", "-1"], ["log_every_n_steps must be", "at least 0; got -1"]),
        (["--trainer.num_sanity_val_steps", "-5"], ["num_sanity_val_steps must be", "got -5"]),
        (["--trainer.num_nodes", "0"], ["num_nodes must be", "at least 1; got 0"]),
        (["--trainer.min_epochs", "-1"], ["min_epochs must be", "at least 0; got -1"]),
        (
            ["--trainer.min_epochs", "9", "--trainer.max_epochs", "2"],
            ["min_epochs 9 is more than trainer.max_epochs 2"],
        ),
        (["--trainer.min_steps", "9", "--trainer.max_steps", "2"], ["min_steps 9 is more than trainer.max_steps 2"]),
        (["--trainer.accelerator", "cpu", "--trainer.devices", "999"], ["devices 999: this machine has", "cores"]),
        (["--trainer.accelerator", "cpu", "--trainer.devices", "abc"], ["the trainer cannot be made so"]),
        (
            ["--model.network.init_args.in_features", str(2**63)],
            ["model.network.init_args.in_features is 9223372036854775808", "64 bits"],
        ),
        (["--model.optimizer.init_args.lr", "-1"], ["model.optimizer cannot be made so", "learning rate", "-1"]),
        (["--model.optimizer.init_args.lr", "0"], ["learning rate must be a number above 0", "got 0"]),
        (["--model.optimizer.init_args.lr", "1e400"], ["learning rate must be a number above 0", "got inf"]),
        (["--trainer.accumulate_grad_batches", "2"], ["cls_unbias", "another objective", "batch_size"]),
        (["--trainer.accelerator", "abacus"], ["the trainer cannot be made so", "abacus"]),
        (["--selection", "clsunbias.selection.Best", "--selection.metric", "val/loss"], ["less is better", "min"]),
        (["--data.positive_fraction", "1.5"], ["positive_fraction", "1.5"]),
        (
            ["--selection", "clsunbias.selection.Best", "--selection.metric", "test/macro_f1"],
            ["test/macro_f1", "refused"],
        ),
        (["--model.network.init_args.in_features", "3"], ["Linear", "toy", "model.network.init_args.in_features to 2"]),
        (["--model.network.init_args.out_features", "-1"], ["torch.nn", "Linear cannot be made", "out_features -1"]),
        (["--model.network", "clsunbias.networks.SmallConvNet", "--model.network.channels", "-3"], ["cannot be made"]),
        (["--model.network=torchvision.ops.MLP", "--model.network.hidden_channels=[]"], ["needed is not given"]),
        (["--model.network=torch.nn.Dropout", "--model.network.p=3"], ["Dropout cannot be made with p 3.0", "between"]),
        (["--model.network.init_args.out_features", "3"], ["logits", "2 classes", "init_args.out_features to 1"]),
    ],
    ids=lambda value: " ".join(value)[:40],
)
def test_wrong_options_of_a_run(
    options: list[str], parts: list[str], tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """Unknown names, values out of range, refused selection, a model that does not fit: named, and no folder made."""
    fails(["fit", *TOY, "--out", str(tmp_path / "run"), *options], capfd, *parts)
    assert not (tmp_path / "run").exists()


def test_a_last_batch_of_one_row(tmp_path: Path, medmnist_root: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """Batch normalisation cannot take one; without it, one is as good as another."""
    command = ["fit", "--config", str(CONFIGS / "retina.yaml"), "--data.root", str(medmnist_root), *SUBSAMPLE]
    command += ["--data.batch_size", "33", "--trainer.fast_dev_run", "true", "--model.network"]
    fails([*command, "tests.test_errors.Normalised"], capfd, "100 rows in batches of 33", "batch normalisation")
    assert main([*command, "clsunbias.networks.SmallConvNet", "--model.network.channels", "3"]) == 0


class Normalised(torch.nn.Sequential):
    """A network with batch normalisation."""

    def __init__(self) -> None:
        super().__init__(torch.nn.BatchNorm2d(3), torch.nn.Flatten(), torch.nn.Linear(3 * 28 * 28, 1))


def test_lambda_on_an_objective_that_has_none(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """ERM with λ annealed is an error that says how to mend it."""
    options = ["--model.objective", "clsunbias.objectives.ERM", "--out", str(tmp_path / "run")]
    fails(["fit", *TOY, *options], capfd, "ERM has no 'lam'", "anneal.lam", "null")
    fails(["fit", *TOY, *options, "--model.objective.init_args.lam", "1"], capfd, "lam")
    assert not (tmp_path / "run").exists()


def test_a_missing_config_and_an_unknown_command(capfd: pytest.CaptureFixture[str]) -> None:
    """Both are named."""
    fails(["fit", "--config", "no/such.yaml"], capfd, "no/such.yaml")
    fails(["train"], capfd, "train")
    fails(["reproduce", "table9"], capfd, "table9")


@pytest.mark.parametrize(
    ("options", "parts"),
    [
        (["--data.batch_size", "1"], ["batch_size", "at least 2"]),
        (["--data.positive_from", "5"], ["positive_from", "1 to 4", "5"]),
        (["--data.positive_from", "0"], ["positive_from", "1 to 4", "0"]),
        (["--trainer.val_check_interval", "999"], ["val_check_interval 999 is more than the", "batches of an epoch"]),
        (
            [*SUBSAMPLE, "--data.resample.size", "100000"],
            ["100000", "fewer"],
        ),
        (
            [*SUBSAMPLE, "--data.resample.positive_fraction", "0"],
            ["positive_fraction"],
        ),
    ],
    ids=lambda value: " ".join(value)[:40],
)
def test_wrong_options_of_the_data(
    options: list[str], parts: list[str], medmnist_root: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """Batches, binarisation and resampling out of range."""
    args = ["fit", "--config", str(CONFIGS / "retina.yaml"), "--data.root", str(medmnist_root)]
    fails([*args, "--out", str(tmp_path / "run"), *options], capfd, *parts)
    assert not (tmp_path / "run").exists()


def test_files_that_are_not_the_official_ones(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Missing while offline, truncated, altered by hand: which file, which check, what to do."""

    def offline(*_: object, **__: object) -> None:
        raise OSError("no network")

    monkeypatch.setattr("medmnist.dataset.MedMNIST.download", offline)
    root = tmp_path / "data"
    args = ["fit", "--config", str(CONFIGS / "breast.yaml"), "--data.root", str(root), "--out", str(tmp_path / "run")]
    fails(args, capfd, "breastmnist.npz is missing", "no network", "CLSUNBIAS_DATA")
    official = medmnist.INFO["breastmnist"]["MD5"]
    root.mkdir(exist_ok=True)
    write_medmnist(root, "breastmnist", {"train": 20, "val": 8, "test": 8})
    fails(args, capfd, "breastmnist.npz is not the official file", "md5", f"expected {official}")
    content = (root / "breastmnist.npz").read_bytes()
    (root / "breastmnist.npz").write_bytes(content[: len(content) // 2])
    fails(args, capfd, "breastmnist.npz is not the official file", f"{len(content) // 2} bytes")
    assert not (tmp_path / "run").exists()


def test_an_output_folder_with_another_finished_run(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """A finished run is never overwritten by another config, nor by predictions; a strange result is not trusted."""
    out = tmp_path / "run"
    assert fit("toy_balanced", out, *SHORT_TOY) == 0
    kept = (out / "result.json").read_bytes()
    other = ["fit", *TOY, "--out", str(out), *SHORT_TOY, "--model.optimizer.init_args.lr", "0.02"]
    said = "model.optimizer.lr is 0.01 there and 0.02 here; give another --out, such as "
    fails(other, capfd, f"{out} already holds a finished run of another config: {said}{out}-lr=0.02, or delete")
    fails(["predict", *TOY, "--input", str(tmp_path), "--out", str(out)], capfd, "finished run")
    assert (out / "result.json").read_bytes() == kept
    (out / "result.json").write_text("{}")
    fails(other, capfd, "result.json", "no record of this suite")


def test_checkpoints_that_do_not_fit(tmp_path: Path, capfd: pytest.CaptureFixture[str], medmnist_root: Path) -> None:
    """None, no checkpoint at all, another model's: for test, validate and predict, and for resuming."""
    assert fit("toy_balanced", tmp_path / "run", *SHORT_TOY) == 0
    selected = tmp_path / "run" / "checkpoints" / "selected.ckpt"
    (tmp_path / "rubbish.ckpt").write_bytes(b"rubbish")
    retina = ["--config", str(CONFIGS / "retina.yaml"), "--data.root", str(medmnist_root)]
    for command in ("test", "validate"):
        fails([command, *TOY, "--ckpt_path", "no/such.ckpt"], capfd, "no/such.ckpt")
        fails([command, *TOY, "--ckpt_path", str(tmp_path / "rubbish.ckpt")], capfd, "rubbish.ckpt", "not a checkpoint")
        fails([command, *retina, "--ckpt_path", str(selected)], capfd, "another model")
    image = tmp_path / "a.png"
    Image.fromarray(np.zeros((28, 28, 3), np.uint8)).save(image)
    options = ["--ckpt_path", str(selected), "--input", str(image), "--out", str(tmp_path / "scores")]
    fails(["predict", *retina, *options], capfd, "the model was trained on data of Toy")
    fails(["fit", *retina, "--ckpt_path", str(selected), "--out", str(tmp_path / "new")], capfd, "another model")
    assert not (tmp_path / "scores").exists()
    assert not (tmp_path / "new").exists()


def test_inputs_that_cannot_be_predicted(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], medmnist_root: Path
) -> None:
    """No input, another shape, no image, a data set that reads none: said before anything is written."""
    retina = ["predict", "--config", str(CONFIGS / "retina.yaml"), "--data.root", str(medmnist_root)]
    out = ["--out", str(tmp_path / "scores")]
    fails([*retina, *out], capfd, "--input")
    fails([*retina, *out, "--input", str(tmp_path / "nowhere")], capfd, "nowhere does not exist")
    Image.fromarray(np.zeros((32, 32, 3), np.uint8)).save(tmp_path / "large.png")
    fails([*retina, *out, "--input", str(tmp_path / "large.png")], capfd, "large.png", "32×32", "28×28")
    (tmp_path / "text.png").write_text("no image")
    fails([*retina, *out, "--input", str(tmp_path / "text.png")], capfd, "text.png is not an image")
    fails(["predict", *TOY, *out, "--input", str(tmp_path)], capfd, "Toy cannot read new inputs")
    assert not (tmp_path / "scores").exists()


def test_a_run_too_short_for_its_rule(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """The authors' rule needs 101 iterations: with fewer, the run says so and leaves no result."""
    options = ["--trainer.max_steps", "41", "--trainer.enable_progress_bar", "false"]
    fails(["fit", *TOY, "--out", str(tmp_path / "run"), *options], capfd, "no eligible validation")
    assert not (tmp_path / "run" / "result.json").exists()


def test_a_checkpoint_cannot_run_code(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """A pickle that would write a file is refused, not executed."""
    target = tmp_path / "executed"

    class Payload:
        def __reduce__(self) -> tuple[object, tuple[Path]]:
            return Path.touch, (target,)

    torch.save({"state_dict": Payload()}, tmp_path / "evil.ckpt")
    fails(["test", *TOY, "--ckpt_path", str(tmp_path / "evil.ckpt")], capfd, "not a checkpoint")
    assert not target.exists()


def test_a_result_is_json_with_plain_numbers(tmp_path: Path) -> None:
    """No NaN and no infinity, which JSON does not know."""
    assert fit("toy_imbalanced", tmp_path / "run", *SHORT_TOY, objective="erm") == 0

    def refuse(constant: str) -> None:
        raise AssertionError(constant)

    json.loads((tmp_path / "run" / "result.json").read_text(), parse_constant=refuse)
