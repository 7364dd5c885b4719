"""The Classifier's own part: the trial before training, the learning rate, and figures that callbacks can use."""

from pathlib import Path

import pandas as pd
import pytest
import torch
from torch import nn

from clsunbias.commands.model_check import check_model
from clsunbias.data import Toy
from clsunbias.module import Classifier
from clsunbias.objectives import ERM, widen
from clsunbias.schedules import WarmupCosine, progress
from tests.test_cli import SHORT_TOY, fit


def test_widened_logits_are_the_sigmoid() -> None:
    """softmax(0, z) is (1 − σ(z), σ(z)); logits of more classes stay as they are."""
    logit = torch.tensor([[-30.0], [0.3], [8.0]])
    torch.testing.assert_close(widen(logit).softmax(1)[:, 1:], logit.sigmoid())
    assert widen(torch.ones(2, 5)).shape == (2, 5)


def test_the_trial_before_training_leaves_no_trace() -> None:
    """Running statistics, random numbers and the training mode are as before."""
    network = nn.Sequential(nn.Linear(2, 4), nn.BatchNorm1d(4), nn.Dropout(0.5), nn.Linear(4, 1))
    model, data = Classifier(network, ERM()), Toy()
    data.setup("fit")
    state = {name: value.clone() for name, value in model.state_dict().items()}
    random = torch.get_rng_state()
    check_model(model, data, data.splits["train"].x)
    assert all(torch.equal(value, state[name]) for name, value in model.state_dict().items())
    assert torch.equal(torch.get_rng_state(), random)
    assert model.training


def test_the_learning_rate_follows_its_schedule(tmp_path: Path) -> None:
    """Each validation's lr is that of the last step before it: from 0 up, then down to 0 at the end."""
    options = ("--model.lr_schedule", "clsunbias.schedules.WarmupCosine", "--model.lr_schedule.warmup", "0.25")
    assert fit("toy_balanced", tmp_path / "run", *options, *SHORT_TOY) == 0
    curves = pd.read_csv(tmp_path / "run" / "metrics.csv")
    expected = [0.01 * WarmupCosine(0.25)(progress(int(step) - 1, 41)) for step in curves["step"]]
    assert curves["lr"].tolist() == pytest.approx(expected)
    assert [expected[0], expected[-1]] == pytest.approx([0, 0])


def test_lightnings_own_callbacks_see_the_figures(tmp_path: Path) -> None:
    """Early stopping on a validation figure works, though figures are logged past self.log."""
    callback = '{"class_path": "EarlyStopping", "init_args": {"monitor": "val/loss", "patience": 2, "mode": "max"}}'
    assert fit("toy_balanced", tmp_path / "run", "--trainer.callbacks+", callback, *SHORT_TOY) == 0
    assert len(pd.read_csv(tmp_path / "run" / "metrics.csv")) == 3  # the loss only falls: best at first, then patience
