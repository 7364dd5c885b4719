"""Several processes and mixed precision, through the command line."""

import subprocess
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from tests.processes import command
from tests.test_cli import fit

SHORT = {
    "toy_imbalanced": ("--trainer.max_steps", "26", "--selection", "clsunbias.selection.LastStep"),
    # 27 rows a batch: an odd number, and a last batch of 19, so that the processes get unequal shares.
    "retina_imbalanced": ("--trainer.max_epochs", "6", "--data.batch_size", "27", "--save_every", "0"),
}

UPHILL = ("--model.optimizer.lr", "0.05", "--model.optimizer.rho", "0.5")


@pytest.mark.slow
@pytest.mark.parametrize(
    ("config", "objective", "more"),
    [
        ("toy_imbalanced", "cls_unbias", ()),
        ("toy_imbalanced", "cls_unbias", ("--model.optimizer", "tests.test_plain_loops.TwoPasses")),
        ("toy_imbalanced", "group_dro", ("--model.optimizer", "clsunbias.optimizers.SAM", *UPHILL)),
        ("toy_imbalanced", "group_dro", ("--model.optimizer", "clsunbias.optimizers.ImbSAM", *UPHILL)),
        ("retina_imbalanced", "class_weighted_erm", ()),
        ("retina_imbalanced", "ap_loss", ()),
    ],
)
def test_two_processes_give_the_loss_trace_of_one(
    config: str,
    objective: str,
    more: tuple[str, ...],
    tmp_path: Path,
    request: pytest.FixtureRequest,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Losses, metrics and predictions on two gloo processes equal those on one, of optimisers of several passes too."""
    if config != "toy_imbalanced":
        monkeypatch.setenv("CLSUNBIAS_DATA", str(request.getfixturevalue("official_root")))
    options = ("--trainer.accelerator", "cpu", *SHORT[config], *more)
    assert fit(config, tmp_path / "one", *options, objective=objective) == 0
    options += ("--trainer.devices", "2", "--trainer.strategy", "ddp")
    both = command(config, tmp_path / "two", *options, objective=objective)
    done = subprocess.run(both, check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    one, two = (pd.read_csv(tmp_path / name / "metrics.csv") for name in ("one", "two"))
    assert list(one) == list(two)
    assert one["train/objective"].nunique() == 6
    if objective == "ap_loss":  # which leaves the bias of the scores to rounding: only their order can be compared
        ranking = ["train/objective", "val/auroc", "val/auprc"]
        np.testing.assert_allclose(two[ranking], one[ranking], atol=1e-4)
        return
    np.testing.assert_allclose(two, one, atol=1e-5)
    predictions = [pd.read_csv(tmp_path / name / "predictions.csv") for name in ("one", "two")]
    pd.testing.assert_frame_equal(predictions[0], predictions[1], check_exact=False, atol=1e-5)


def test_mixed_precision_trains(tmp_path: Path, medmnist_root: Path) -> None:
    """bf16 autocast gives finite figures near those of single precision."""
    options = ("--data.root", str(medmnist_root), "--trainer.max_epochs", "2", "--trainer.accelerator", "cpu")
    for precision in ("bf16-mixed", "32-true"):
        out = tmp_path / precision
        assert fit("retina_imbalanced", out, *options, "--trainer.precision", precision) == 0
    curves = [pd.read_csv(tmp_path / name / "metrics.csv")["train/objective"] for name in ("bf16-mixed", "32-true")]
    np.testing.assert_allclose(curves[0], curves[1], rtol=0.02)
