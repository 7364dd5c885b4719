"""Objectives over a batch: the identities between them, and twins with the formula written out."""

import math
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional as F

from clsunbias.__main__ import main
from clsunbias.errors import InputError
from clsunbias.objectives import (
    ERM,
    IRM,
    LDAM,
    AccumulatedGroupDRO,
    AdaptiveMargin,
    AppearanceWeightedERM,
    AUCMargin,
    ClassWeightedERM,
    EffectiveNumberERM,
    Focal,
    GroupParity,
    NormalisedGradients,
    Objective,
    PerClassERM,
    PowerWeightedERM,
    SoftF1,
    VRex,
)
from tests.test_cli import SHORT_TOY, fit
from tests.test_objectives import batch, evaluate

Prepared = TypeVar("Prepared", bound=Objective)


def prepared(objective: Prepared, classes: int) -> Prepared:
    """An objective after setup, class 0 the largest."""
    objective.setup(torch.tensor([40, 5, 10, 20, 25][:classes]))
    return objective


@pytest.mark.parametrize("absent", [False, True])
@pytest.mark.parametrize("classes", [2, 5])
def test_identities(classes: int, absent: bool) -> None:
    """Without its number each is the objective it starts from, in value and gradient."""
    logits, target = batch(classes, absent)
    pairs: list[tuple[Objective, Objective]] = [
        (PowerWeightedERM(0), ERM()),
        (PowerWeightedERM(1, Focal(1)), ClassWeightedERM(Focal(1))),
        (EffectiveNumberERM(0, LDAM(0.5)), ERM(LDAM(0.5))),
        (VRex(0), PerClassERM()),
        (IRM(0), PerClassERM()),
        (AdaptiveMargin(0), ERM()),
    ]
    if not absent:
        pairs.append((AccumulatedGroupDRO(0), PerClassERM()))
    for one, other in pairs:
        one, other = prepared(one, classes), prepared(other, classes)
        torch.testing.assert_close(evaluate(one, logits, target), evaluate(other, logits, target))


@pytest.mark.parametrize("alpha", [0.5, 2.0])
def test_power_weights_by_hand(alpha: float) -> None:
    """∝ N_c^−α, so that the mean over the training rows is 1."""
    counts = np.array([40, 5, 10.0])
    weights = prepared(PowerWeightedERM(alpha), 3).weights.numpy()
    expected = counts**-alpha
    np.testing.assert_allclose(weights, expected * 55 / (expected * counts).sum(), rtol=1e-6)


def test_effective_numbers_by_hand() -> None:
    """(1 − β)/(1 − β^N), whose mean over the classes is 1; towards β = 1 the inverse frequency."""
    weights = prepared(EffectiveNumberERM(0.9), 3).weights
    expected = [0.1 / (1 - 0.9**n) for n in (40, 5, 10)]
    np.testing.assert_allclose(weights.numpy(), 3 * np.array(expected) / sum(expected), rtol=1e-6)
    late = prepared(EffectiveNumberERM(0.999999), 3).weights
    np.testing.assert_allclose(late.numpy() / late.numpy()[0], [1, 8, 4], rtol=1e-3)


def test_weights_follow_their_number() -> None:
    """When a schedule has moved α or β, the next loss has the new weights."""
    logits, target = batch(2)
    for objective, name, value, fresh in (
        (PowerWeightedERM(0), "alpha", 1.5, PowerWeightedERM(1.5)),
        (EffectiveNumberERM(0), "beta", 0.99, EffectiveNumberERM(0.99)),
    ):
        prepared(objective, 2)
        objective(logits, target)
        setattr(objective, name, value)
        torch.testing.assert_close(evaluate(objective, logits, target), evaluate(prepared(fresh, 2), logits, target))


def test_v_rex_by_hand() -> None:
    """The mean of the class losses and β times their variance."""
    logits, target = batch(5)
    losses = F.cross_entropy(logits, target, reduction="none")
    means = torch.stack([losses[target == label].mean() for label in range(5)])
    found = prepared(VRex(10), 5)(logits, target)["loss"]
    torch.testing.assert_close(found, means.mean() + 10 * means.var(correction=0))


@pytest.mark.parametrize("classes", [2, 5])
def test_irm_against_closed_forms(classes: int) -> None:
    """∂L_c(w·z)/∂w at 1 is the mean over the class of Σ_j (p_j − y_j)·z_j, squared without a row times itself."""
    logits, target = batch(classes)
    loss, gradient = evaluate(prepared(IRM(3), classes), logits, target)
    z = logits.double().requires_grad_()
    means = []
    for label in range(classes):
        own = z[target == label]
        slopes = ((own.softmax(1) - F.one_hot(torch.tensor(label), classes)) * own).sum(1)
        products = [
            one * other for place, one in enumerate(slopes) for other in (*slopes[:place], *slopes[place + 1 :])
        ]
        means.append(-own.log_softmax(1)[:, label].mean() + 3 * torch.stack(products).mean())
    expected = torch.stack(means).mean()
    assert loss.item() == pytest.approx(expected.item(), rel=1e-5)
    torch.testing.assert_close(gradient, torch.autograd.grad(expected, z)[0].float())


def test_noise_of_few_rows_is_not_punished() -> None:
    """Rows whose slopes are chance have a penalty of 0 in the mean, however few of a class there are; one row has 0."""
    target, found = torch.tensor([0] * 20 + [1] * 3), []
    for seed in range(500):
        logits = torch.zeros(23, 2)
        logits[:, 1] = 0.02 * torch.randn(23, generator=torch.Generator().manual_seed(seed))
        found.append(
            (prepared(IRM(1e4), 2)(logits, target)["loss"] - prepared(IRM(0), 2)(logits, target)["loss"]).item()
        )
    assert abs(np.mean(found)) < 3 * np.std(found) / np.sqrt(500)
    logits, target = torch.tensor([[0.0, 1.0], [2.0, 0.0]]), torch.tensor([1, 0])
    assert prepared(IRM(9), 2)(logits, target)["loss"] == prepared(PerClassERM(), 2)(logits, target)["loss"]


@pytest.mark.parametrize("classes", [2, 5])
def test_adaptive_margins_are_half_the_variance_of_logit_differences(classes: int) -> None:
    """Which with a linear last layer is (w_c − w_y)ᵀ Σ_y (w_c − w_y); the gradient goes through it."""
    features = torch.randn(24, 3, dtype=torch.float64)
    weight = torch.randn(classes, 3, dtype=torch.float64, requires_grad=True)
    target = batch(classes)[1]
    moved = features @ weight.T
    for label in range(classes):
        own = target == label
        covariance = torch.cov(features[own].T, correction=0)
        away = weight - weight[label]
        moved = moved + own.unsqueeze(1) * ((away @ covariance) * away).sum(1)
    expected = F.cross_entropy(moved, target)
    found = AdaptiveMargin(lam=2)(features @ weight.T, target)["loss"]
    torch.testing.assert_close(found, expected.float())
    slopes = [torch.autograd.grad(loss, weight)[0] for loss in (found, expected)]
    torch.testing.assert_close(*slopes, rtol=1e-4, atol=1e-5)


def test_accumulated_group_dro_step_by_step() -> None:
    """Q grows by exp(η·L) in training, is part of the state, and rests in evaluation."""
    objective, weights = prepared(AccumulatedGroupDRO(eta=0.5), 2), np.array([0.5, 0.5])
    for seed in range(3):
        logits, target = batch(2, seed=seed)
        losses = F.cross_entropy(logits, target, reduction="none")
        means = np.array([losses[target == label].mean().item() for label in range(2)])
        weights = weights * np.exp(0.5 * means)
        weights /= weights.sum()
        assert objective(logits, target)["loss"].item() == pytest.approx(weights @ means, rel=1e-5)
    other = prepared(AccumulatedGroupDRO(eta=0.5), 2)
    other.load_state_dict(objective.state_dict())
    again = [one.eval()(logits, target)["loss"] for one in (objective, other, objective)]
    assert again[0] == again[1] == again[2]
    with pytest.raises(InputError, match="set up for 2 classes, the logits have 5"):
        objective(*batch(5))


def test_weights_of_group_dro_stay_with_their_training(tmp_path: Path) -> None:
    """A run that keeps them is tested and started from like any other; a second one begins anew."""
    first, second = tmp_path / "first", tmp_path / "second"
    assert fit("toy_imbalanced", first, *SHORT_TOY, objective="accumulated_group_dro") == 0
    weights = torch.load(first / "checkpoints" / "selected.ckpt")["state_dict"]["objective.log_weights"].exp()
    assert weights.sum().item() == pytest.approx(1)
    assert weights[0] != weights[1]
    assert main(["validate", "--config", str(first / "config.yaml")]) == 0
    for objective in ("erm", "accumulated_group_dro"):
        assert (
            fit("toy_imbalanced", second / objective, *SHORT_TOY, "--init_from", str(first), objective=objective) == 0
        )


@pytest.mark.parametrize("classes", [2, 3])
def test_auc_margin_is_its_min_max(classes: int) -> None:
    """At the best a, b and α of the printed loss; the same for two classes whichever is called positive."""
    logits, target = batch(classes)
    prob, values = logits.softmax(1).numpy(), []
    for label in range(classes):
        h, own = prob[:, label], (target == label).numpy()
        a, b = h[own].mean(), h[~own].mean()
        alpha = max(0, 0.8 + b - a)
        inner = 2 * alpha * (0.8 - a + b) - alpha**2
        values.append(((h[own] - a) ** 2).mean() + ((h[~own] - b) ** 2).mean() + inner)
    assert AUCMargin(0.8)(logits, target)["loss"].item() == pytest.approx(np.mean(values), rel=1e-5)
    torch.testing.assert_close(
        AUCMargin()(logits[:, :2], target.clamp(max=1))["loss"],
        AUCMargin()(logits[:, :2].flip(1), 1 - target.clamp(max=1))["loss"],
    )
    assert AUCMargin()(logits, torch.zeros(24, dtype=torch.int64))["loss"] == 0
    with pytest.raises(InputError, match="margin must be a finite number above 0, got 0"):
        AUCMargin(0)


def test_soft_f1_by_hand() -> None:
    """Counts of probabilities; 0 where every row is right by far; absent classes take no part."""
    logits, target = batch(5, absent=True)
    prob = logits.softmax(1)
    scores = []
    for label in (0, 2, 3, 4):
        right = prob[target == label, label].sum()
        scores.append(2 * right / ((target == label).sum() + prob[:, label].sum()))
    torch.testing.assert_close(SoftF1()(logits, target)["loss"], 1 - torch.stack(scores).mean())
    assert SoftF1()(200.0 * F.one_hot(target, 5), target)["loss"].item() == pytest.approx(0, abs=1e-6)


@pytest.mark.parametrize("classes", [2, 5])
def test_classes_move_the_last_layer_by_equal_steps(classes: int) -> None:
    """∇ of the objective at the last layer is the sum of the classes' gradients, each of norm 1."""
    inputs, target = torch.randn(24, 4), batch(classes)[1]
    layer = nn.Linear(4, classes)
    objective = prepared(NormalisedGradients(), classes)
    loss = objective(layer(inputs), target, penultimate=inputs)["loss"]
    found = torch.cat([one.flatten() for one in torch.autograd.grad(loss, [layer.weight, layer.bias])])
    losses, total = F.cross_entropy(layer(inputs), target, reduction="none"), torch.zeros_like(found)
    for label in range(classes):
        own = torch.autograd.grad(losses[target == label].mean(), [layer.weight, layer.bias], retain_graph=True)
        each = torch.cat([one.flatten() for one in own])
        total += each / each.norm()
    torch.testing.assert_close(found, total)


def test_gaps_of_groups_by_hand() -> None:
    """|mean log-odds of one group − the other's| among the rows of each class; the mean over pairs of three groups."""
    logits, target = batch(2)
    group = torch.arange(24) % 3
    z = logits[:, 1] - logits[:, 0]
    expected = F.cross_entropy(logits, target)
    for label in range(2):
        means = [
            z[(target == label) & (group == one)].mean()
            for one in range(3)
            if ((target == label) & (group == one)).any()
        ]
        gaps = [(one - other).abs() for index, one in enumerate(means) for other in means[:index]]
        expected = expected + 0.7 * sum(gaps) / max(1, len(gaps))
    found = prepared(GroupParity(penalty=0.7), 2)(logits, target, group=group)["loss"]
    torch.testing.assert_close(found, expected)
    plain = prepared(GroupParity(penalty=0, base=PerClassERM()), 2)
    torch.testing.assert_close(plain(logits, target, group=group)["loss"], PerClassERM()(logits, target)["loss"])
    assert plain.name == "group_parity_per_class_erm"
    with pytest.raises(InputError, match="cannot be added to normalised_gradients, which needs penultimate"):
        GroupParity(base=NormalisedGradients())


def test_rare_looks_weigh_more() -> None:
    """W = (η + (1 − p)^γ)/(η + 1); γ = 0 is ERM."""
    logits, target = batch(2)
    likelihood = torch.linspace(0.01, 0.9, 24)
    losses = F.cross_entropy(logits, target, reduction="none")
    found = AppearanceWeightedERM(eta=1, gamma=5)(logits, target, likelihood=likelihood)["loss"]
    torch.testing.assert_close(found, ((1 + (1 - likelihood) ** 5) / 2 * losses).mean())
    torch.testing.assert_close(
        AppearanceWeightedERM(gamma=0)(logits, target, likelihood=likelihood)["loss"], ERM()(logits, target)["loss"]
    )


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: PowerWeightedERM(-1), "alpha must be a finite number of at least 0, got -1"),
        (lambda: EffectiveNumberERM(1), "beta must be a number of at least 0 and below 1, got 1"),
        (lambda: VRex(math.inf), "penalty must be a finite number of at least 0, got inf"),
        (lambda: AdaptiveMargin(-1), "lam must be a finite number of at least 0, got -1"),
        (lambda: IRM(-1), "penalty must be a finite number of at least 0, got -1"),
        (lambda: AccumulatedGroupDRO(-1), "eta must be a finite number of at least 0, got -1"),
        (lambda: GroupParity(math.nan), "penalty must be a finite number of at least 0, got nan"),
        (lambda: AppearanceWeightedERM(gamma=-1), "gamma must be a finite number of at least 0, got -1"),
    ],
)
def test_numbers_out_of_range_are_refused(make: Callable[[], Objective], message: str) -> None:
    """With the name, the range and the value."""
    with pytest.raises(InputError, match=message):
        make()
