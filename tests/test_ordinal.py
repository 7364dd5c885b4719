"""Classes in order: proportional odds against R's own example, its relaxation, and the front door."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from scipy.optimize import minimize
from torch import Tensor, nn

from clsunbias.networks.parts import see
from clsunbias.objectives import ERM, GroupDRO, ProportionalOdds
from clsunbias.objectives.base import Objective
from tests.test_cli import fit
from tests.test_errors import fails
from tests.test_objectives import batch

COUNTS = """
21 21 28 34 22 36 10 11 36 61 23 17 43 35 40 26 18 54 13 9 10 8 8 12 6 7 9 18 6 7 15 13 13 7 5 11
14 19 37 17 23 40 3 5 23 78 46 43 48 45 86 15 25 62 20 23 20 10 22 24 7 10 21 57 23 13 31 21 13 5 6 13
"""
"""Copenhagen's tenants (Madsen 1976; ``housing`` of R's MASS): satisfaction (low, medium, high) within influence (low,
medium, high), within the kind of dwelling (tower, apartment, atrium, terrace), within contact (low, high)."""


def housing() -> tuple[Tensor, Tensor]:
    """A row for each tenant: indicators as R has them, and satisfaction."""
    counts = torch.tensor([int(count) for count in COUNTS.split()])
    cell = torch.arange(72).repeat_interleave(counts)
    grade, influence, kind, contact = cell % 3, cell // 3 % 3, cell // 9 % 4, cell // 36
    columns = [influence == 1, influence == 2, kind == 1, kind == 2, kind == 3, contact == 1]
    return torch.stack(columns, 1).double(), grade


def fitted(penalty: float, x: Tensor, target: Tensor, classes: int) -> tuple[Tensor, Tensor, float]:
    """Weights ``(C, D)``, biases and loss where that is least; z_0 is 0, penalised weights are p − q with p, q ≥ 0."""
    objective = ProportionalOdds(penalty)
    objective.setup(torch.bincount(target))
    features, rest = x.shape[1], (classes - 2) * x.shape[1]

    def parts(numbers: Tensor) -> tuple[Tensor, Tensor]:
        bias = torch.cat([numbers.new_zeros(1), numbers[: classes - 1]])
        first, plus, minus = torch.split(numbers[classes - 1 :], [features, rest, rest])
        return torch.cat([torch.zeros(features), first, plus - minus]).view(classes, features).to(numbers), bias

    def loss(values: Any) -> Any:
        numbers = torch.tensor(values, requires_grad=True)
        weight, bias = parts(numbers)
        found = objective.base.loss(objective.class_logits(x @ weight.T + bias), target)
        found = found + penalty * numbers[classes - 1 + features :].sum()  # ‖w‖₁ at best, where p or q is 0
        return float(found.detach()), torch.autograd.grad(found, numbers)[0].numpy()

    size = classes - 1 + features + 2 * rest
    bounds = [(None, None)] * (classes - 1 + features) + [(0, None)] * (2 * rest)
    best = minimize(loss, np.full(size, 0.01), jac=True, method="L-BFGS-B", bounds=bounds, tol=1e-12)
    weight, bias = parts(torch.tensor(best.x))
    logits = x @ weight.T + bias
    whole = float(objective(logits, target, last_weight=weight)["loss"])
    assert whole == pytest.approx(best.fun, abs=1e-6)
    return weight, bias, whole


def test_proportional_odds_of_the_housing_data() -> None:
    """With a large penalty: coefficients, intercepts and deviance that R's ``polr`` prints for its own example."""
    x, target = housing()
    assert len(x) == 1681
    weight, bias, loss = fitted(10, x, target, 3)
    assert not weight[2].any()
    expected = [0.5663922, 1.2888191, -0.5723552, -0.3661912, -1.0910195, 0.3602834]
    np.testing.assert_allclose(weight[1], expected, atol=2e-3)
    first = -float(bias[1])
    np.testing.assert_allclose(
        [first, first + float(nn.functional.softplus(bias[2]))], [-0.4961353, 0.6907083], atol=2e-3
    )
    assert 2 * len(x) * loss == pytest.approx(3479.149, abs=0.01)


def test_the_penalty_leads_from_free_thresholds_to_proportional_odds() -> None:
    """The smaller it is, the more weights are not 0, and the better the rows are told; never worse than both ends."""
    x, target = housing()
    found = [fitted(penalty, x, target, 3) for penalty in (1e-9, 3e-3, 1e-2, 10.0)]
    free = [int((weight[2].abs() > 1e-4).sum()) for weight, _, _ in found]
    assert free[0] == 6
    assert free == sorted(free, reverse=True)
    assert 0 < free[1] < 6
    losses = [loss for _, _, loss in found]
    assert losses == sorted(losses)


@pytest.mark.parametrize("classes", [2, 3, 5])
def test_probabilities_by_hand(classes: int) -> None:
    """Differences of sigmoids at thresholds that fall; they sum to one, and are in order in every row."""
    logits, _ = batch(classes)
    z = logits.double().numpy()
    odds = [np.full(24, np.inf), z[:, 1] - z[:, 0]]
    for k in range(2, classes):
        odds.append(odds[-1] - np.log1p(np.exp(z[:, k])))
    reached = np.stack([1 / (1 + np.exp(-one)) for one in odds] + [np.zeros(24)], 1)
    prob = ProportionalOdds().class_logits(logits).exp()
    np.testing.assert_allclose(prob, -np.diff(reached, axis=1), atol=1e-6)
    np.testing.assert_allclose(prob.sum(1), np.ones(24), atol=1e-6)


def test_two_classes_are_the_base() -> None:
    """ERM, which is binary cross-entropy, or any other; whatever the penalty."""
    logits, target = batch(2)
    pairs: list[tuple[Objective, Objective]] = [
        (ProportionalOdds(3.0), ERM()),
        (ProportionalOdds(base=GroupDRO(2.0)), GroupDRO(2.0)),
    ]
    for one, other in pairs:
        for shape in (logits, logits[:, 1:]):
            loss = one(shape, target, last_weight=torch.ones(shape.shape[1], 4))["loss"]
            torch.testing.assert_close(loss, other(shape, target)["loss"])
    assert ProportionalOdds(base=GroupDRO()).name == "proportional_odds_group_dro"


def test_the_last_layers_weights() -> None:
    """They come with their gradient, beside features of the same pass."""
    network = nn.Sequential(nn.Linear(3, 4), nn.ReLU(), nn.Linear(4, 5))
    _, seen = see(network, network, torch.randn(2, 3), ["last_weight", "penultimate"], "test")
    assert seen["last_weight"] is network[2].weight
    assert seen["penultimate"].shape == (2, 4)


def test_by_the_front_door(tmp_path: Path, medmnist_root: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """RetinaMNIST's grades, which are in order; other classes only if their owner says so, in a table as well."""
    short = ["--data.root", str(medmnist_root), "--trainer.max_epochs", "1"]
    assert fit("retina_grades", tmp_path / "grades", *short, objective="proportional_odds") == 0
    frame = pd.read_csv(tmp_path / "grades" / "predictions.csv")
    np.testing.assert_allclose(frame.filter(regex="prob_").sum(axis=1), 1, atol=1e-5)
    rows = np.arange(90)
    table = pd.DataFrame({"x": rows % 3 + 0.1 * (rows % 7), "label": np.array(["low", "mild", "grave"])[rows % 3]})
    table.to_csv(tmp_path / "t.csv", index=False)
    given = ["--data.path", str(tmp_path / "t.csv"), "--data.classes", "[low, mild, grave]"]
    given += ["--model.network.in_features", "1", "--model.network.out_features", "3", "--trainer.max_epochs", "1"]
    for objective in ("proportional_odds", "ordinal_contrastive"):
        command = ["fit", "--config", "tabular", "--config", f"objectives/{objective}", *given]
        fails([*command, "--out", str(tmp_path / "x")], capfd, "is for grades", "low, mild, grave", "data.ordered true")
        assert fit("tabular", tmp_path / objective, *given, "--data.ordered", "true", objective=objective) == 0
    other = ["--model.network", "torch.nn.Flatten"]
    fails(
        [*command[:4], "objectives/proportional_odds", *given[:4], *other, "--data.ordered", "true"], capfd, "Flatten"
    )
    assert not (tmp_path / "x").exists()
