"""Training that diverges is a failure that says so, not a result."""

import json
from pathlib import Path

import pandas as pd
import pytest
import torch

from clsunbias.__main__ import main
from clsunbias.errors import InputError
from clsunbias.results import check_finite
from tests.test_cli import SHORT_TOY, fit

DIVERGES = ("--model.optimizer", "torch.optim.SGD", "--model.optimizer.lr", "1e38", "--model.lr_schedule", "null")


@pytest.mark.parametrize("rule", ["LastStep", "Best", "LossRatio"])
def test_a_run_that_diverges_fails(rule: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """Whatever selects: the step is named, no result is left, and the same command tries again and says it again."""
    options = (*SHORT_TOY, "--selection", f"clsunbias.selection.{rule}", *DIVERGES)
    for _ in range(2):
        assert fit("toy_balanced", tmp_path / "run", *options, "--trainer.max_steps", "151") == 2
        error = capfd.readouterr().err
        assert "training diverged: from step" in error
        assert "learning rate" in error
    assert not (tmp_path / "run" / "result.json").exists()
    assert not (tmp_path / "run" / "predictions.csv").exists()


class Explodes(torch.nn.Linear):
    """A model that is well until its fifteenth forward pass in training."""

    passes = 0

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        self.passes += self.training
        if self.passes == 15:
            with torch.no_grad():
                self.weight.fill_(float("nan"))
        return super().forward(x)


def test_a_validation_before_it_diverged_may_be_selected(tmp_path: Path) -> None:
    """The weights of a finite validation are kept, and every number of the result is finite."""
    network = ["--model.network", "tests.test_divergence.Explodes"]
    network += ["--model.network.in_features", "2", "--model.network.out_features", "1"]
    assert fit("toy_balanced", tmp_path / "run", *network, *SHORT_TOY) == 0
    result = json.loads((tmp_path / "run" / "result.json").read_text(), parse_constant=pytest.fail)
    assert result["step"] == 11
    assert pd.read_csv(tmp_path / "run" / "predictions.csv").notna().all(axis=None)


def test_predictions_that_are_no_numbers_are_refused(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """Weights that are not finite, by the tensor; scores that are not, by the first row."""
    assert fit("toy_balanced", tmp_path / "run", *SHORT_TOY) == 0
    path = tmp_path / "run" / "checkpoints" / "selected.ckpt"
    checkpoint = torch.load(path, weights_only=True)
    checkpoint["state_dict"]["network.bias"].fill_(float("nan"))
    torch.save(checkpoint, tmp_path / "changed.ckpt")
    options = ["--config", str(tmp_path / "run" / "config.yaml"), "--ckpt_path", str(tmp_path / "changed.ckpt")]
    assert main(["test", *options]) == 2
    assert "changed.ckpt holds weights that are no finite numbers (network.bias)" in capfd.readouterr().err
    with pytest.raises(InputError, match="for 1 of 2 new inputs, the first is number 1"):
        check_finite(torch.tensor([[0.5, 0.5], [float("inf"), 0.0]]), "new inputs")
