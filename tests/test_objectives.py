"""Objectives: their identities, and twins with the numbers written out."""

import math
from collections.abc import Callable

import numpy as np
import numpy.typing as npt
import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from clsunbias.errors import InputError
from clsunbias.objectives import (
    ERM,
    APLoss,
    ClassRisks,
    ClassWeightedERM,
    ClsUnbias,
    Focal,
    GroupDRO,
    Objective,
    PerClassERM,
    Regrouped,
    class_risks,
)
from clsunbias.objectives.cls_unbias import max_min, mean_pairwise, variance

OBJECTIVES: list[type[Objective]] = [ERM, ClassWeightedERM, PerClassERM, GroupDRO, ClsUnbias]


def batch(classes: int, absent: bool = False, seed: int = 0) -> tuple[Tensor, Tensor]:
    """Logits and targets of 24 rows, class 0 the largest; with every class but, if asked, class 1."""
    generator = torch.Generator().manual_seed(seed)
    target = (torch.arange(24) - 6).clamp(min=0) % classes
    target[target == 1] = 0 if absent else 1
    return 2 * torch.randn(24, classes, generator=generator), target[torch.randperm(24, generator=generator)]


def evaluate(objective: Objective, logits: Tensor, target: Tensor) -> tuple[Tensor, Tensor]:
    """The loss and its gradient by the logits."""
    logits = logits.detach().requires_grad_()
    loss = objective(logits, target)["loss"]
    return loss.detach(), torch.autograd.grad(loss, logits)[0]


@pytest.mark.parametrize("absent", [False, True])
@pytest.mark.parametrize("classes", [2, 5])
def test_identities(classes: int, absent: bool) -> None:
    """λ = 0 is group DRO; τ = 0, and weighting by the batch's own counts, per-class ERM; ERM mean cross-entropy.

    Focal with γ = 0 is cross-entropy under every combination.
    """
    logits, target = batch(classes, absent)
    pairs: list[tuple[Objective, Objective]] = [(ClsUnbias(0, 2.5), GroupDRO(2.5)), (GroupDRO(0), PerClassERM())]
    pairs += [(ERM(Focal(0)), ERM()), (ClsUnbias(1, 2, sample_loss=Focal(0)), ClsUnbias(1, 2))]
    if not absent:
        weighted = ClassWeightedERM()
        weighted.setup(torch.bincount(target))
        pairs.append((weighted, PerClassERM()))
    for one, other in pairs:
        torch.testing.assert_close(evaluate(one, logits, target), evaluate(other, logits, target))
    expected = F.cross_entropy(logits.requires_grad_(), target)
    gradient = torch.autograd.grad(expected, logits)[0]
    torch.testing.assert_close(evaluate(ERM(), logits, target), (expected.detach(), gradient))


def test_a_single_logit_widened_to_two_is_binary_cross_entropy() -> None:
    """Logits (0, z) have the loss and the gradient of BCE-with-logits at z, far out as well."""
    z, target = torch.tensor([-40.0, -2.0, 0.0, 0.5, 30.0]), torch.tensor([1, 0, 1, 1, 0])
    loss, gradient = evaluate(ERM(), torch.stack([torch.zeros(5), z], 1), target)
    torch.testing.assert_close(loss, F.binary_cross_entropy_with_logits(z, target.float()))
    torch.testing.assert_close(gradient[:, 1], (z.sigmoid() - target) / 5)


# Positives with p = 3/4 and 1/2, a negative with p = 3/4: L₊ = ½(ln 4/3 + ln 2) = ½ ln 8/3, L₋ = ln 4.
# exp(L₊) = √(8/3) = 1.632993 and exp(L₋) = 4, so at τ = 1 the weights are w₊ = 0.289898 and w₋ = 0.710102.
# Gradients by z, (p − y)/N_c: dL₊ = (−1/8, −1/4), dL₋ = 3/4; class weights (N/(C·N_c) of 300 and 100) are 2/3 and 2.
BY_HAND: list[tuple[Objective, float, tuple[float, float, float]]] = [
    (ERM(), 0.789041, (-1 / 12, -1 / 6, 1 / 4)),
    (PerClassERM(), 0.938355, (-1 / 16, -1 / 8, 3 / 8)),
    (ClassWeightedERM(), 0.961951, (-1 / 6, -1 / 3, 1 / 6)),
    (GroupDRO(tau=1), 1.126580, (-0.0362372, -0.0724745, 0.5325765)),
    (ClsUnbias(lam=2, tau=1), 2.918340, (0.2137628, 0.4275255, 2.0325765)),  # weights w₊ − 2 and w₋ + 2
]


@pytest.mark.parametrize(("objective", "value", "slope"), BY_HAND, ids=lambda value: getattr(value, "name", ""))
def test_a_batch_by_hand(objective: Objective, value: float, slope: tuple[float, float, float]) -> None:
    """Value and gradient of three samples, worked out on paper."""
    objective.setup(torch.tensor([300, 100]))
    z = torch.tensor([math.log(3), 0.0, math.log(3)])
    loss, gradient = evaluate(objective, torch.stack([torch.zeros(3), z], 1), torch.tensor([1, 1, 0]))
    assert loss.item() == pytest.approx(value, abs=2e-6)
    torch.testing.assert_close(gradient[:, 1], torch.tensor(slope), atol=2e-6, rtol=0)


def twin(logits: Tensor, target: Tensor, lam: float, tau: float) -> tuple[float, npt.NDArray[np.float64]]:
    """Eqs. 8 and 9 and their gradient in NumPy: the gap for two classes, the variance for more."""
    scores, label = np.exp(logits.double().numpy()), target.numpy()
    prob, onehot = scores / scores.sum(1, keepdims=True), np.eye(logits.shape[1])[label]
    present, counts = np.unique(label, return_counts=True)
    risk = np.array([-np.log(prob[label == one, one]).mean() for one in present])
    weight = np.exp(tau * risk) / np.exp(tau * risk).sum()  # a constant: no gradient flows through it
    centred = risk - risk.mean()
    gap, spread = (np.ptp(risk), np.sign(centred)), (np.var(risk), 2 * centred / len(risk))
    inequality, slope = gap if logits.shape[1] == 2 else spread
    per_class = np.zeros(logits.shape[1])
    per_class[present] = (weight + lam * slope) / counts
    return float(weight @ risk + lam * inequality), per_class[label][:, None] * (prob - onehot)


@pytest.mark.parametrize(("lam", "tau"), [(0.0, 4.0), (0.7, 0.0), (2.0, 1.0), (1.0, 10.0)])
@pytest.mark.parametrize("absent", [False, True])
@pytest.mark.parametrize("classes", [2, 5])
def test_cls_unbias_against_numpy(classes: int, absent: bool, lam: float, tau: float) -> None:
    """Value and gradient: DRO weights carry no gradient, both losses of the gap do, absent classes take no part."""
    for seed in range(5):
        logits, target = batch(classes, absent, seed)
        loss, gradient = evaluate(ClsUnbias(lam, tau), logits, target)
        expected, slope = twin(logits, target, lam, tau)
        assert loss.item() == pytest.approx(expected, rel=1e-5)
        np.testing.assert_allclose(gradient.numpy(), slope, atol=1e-6)


@pytest.mark.parametrize("lam", [0.0, 1.0])
def test_large_losses_stay_finite(lam: float) -> None:
    """With losses of 100 and 50 at τ = 10, exp(τ·L) overflows: the worst class must carry all the weight instead."""
    logits = torch.tensor([[0.0, -100.0], [0.0, 50.0]])
    loss, gradient = evaluate(ClsUnbias(lam, tau=10), logits, torch.tensor([1, 0]))
    assert loss.item() == pytest.approx(100 + lam * 50)
    torch.testing.assert_close(gradient, torch.tensor([[1 + lam, -1 - lam], [lam, -lam]]))


@pytest.mark.parametrize("absent", [[], [0], [1, 4], [0, 1, 2, 3]])
def test_inequalities_against_numpy(absent: list[int]) -> None:
    """Over the classes present only, 0 for a single one, with the gradient that finite differences give."""
    means = torch.tensor([0.3, 1.7, 0.9, 0.2, 2.6], dtype=torch.float64, requires_grad=True)
    present = torch.tensor([label not in absent for label in range(5)])
    risk = means.detach().numpy()[present.numpy()]
    gaps = [abs(one - other) for index, one in enumerate(risk) for other in risk[:index]] or [0.0]
    for function, expected in ((variance, np.var(risk)), (max_min, np.ptp(risk)), (mean_pairwise, np.mean(gaps))):
        assert function(means, present).item() == pytest.approx(float(expected))
        torch.autograd.gradcheck(function, (means, present))
        whole = ClsUnbias(2, 0, function).combine(ClassRisks(means * 3 * present, 3.0 * present))
        assert whole.item() == pytest.approx(risk.mean() + 2 * float(expected))


def test_two_classes_always_use_the_absolute_gap() -> None:
    """The choice for more classes is of no account."""
    risks = ClassRisks(torch.tensor([6.0, 1.0]), torch.tensor([4.0, 2.0]))  # L₋ = 1.5, L₊ = 0.5
    for inequality in (variance, max_min, lambda means, present: means.sum() * math.nan):
        assert ClsUnbias(3, 0, inequality).combine(risks).item() == pytest.approx(1.0 + 3 * 1.0)


@pytest.mark.parametrize("value", [-0.5, -1e-9, math.nan, math.inf])
@pytest.mark.parametrize(("make", "name"), [(GroupDRO, "tau"), (ClsUnbias, "tau"), (ClsUnbias, "lam")])
def test_negative_lam_and_tau_are_refused(make: Callable[..., Objective], name: str, value: float) -> None:
    """When made and when a schedule sets them later; the number before is kept."""
    objective = make(**{name: 0.25})
    for attempt in (lambda: make(**{name: value}), lambda: setattr(objective, name, value)):
        with pytest.raises(InputError, match=f"{name} must be a finite number of at least 0, got {value}"):
            attempt()
    assert getattr(objective, name) == 0.25
    assert name in objective.annealable


def test_class_counts_must_fit() -> None:
    """An empty class is named; fewer than two, none at all, or weights of another number of classes are refused."""
    for kind in OBJECTIVES:
        with pytest.raises(InputError, match="no sample of class 1, 3 "):
            kind().setup(torch.tensor([5, 0, 2, 0]))
        with pytest.raises(InputError, match="two or more classes"):
            kind().setup(torch.tensor([7]))
    weighted = ClassWeightedERM()
    with pytest.raises(InputError, match="set up for 0 classes, the logits have 2"):
        weighted(*batch(2))
    weighted.setup(torch.tensor([3, 4]))
    with pytest.raises(InputError, match="set up for 2 classes, the logits have 5"):
        weighted(*batch(5))


@pytest.mark.parametrize("gamma", [0.5, 2.0])
def test_focal_loss_by_hand(gamma: float) -> None:
    """−(1 − p)^γ log p and its gradient at p = 3/4 and 1/2; finite where p is 1 or 0 to rounding."""
    z, target = torch.tensor([math.log(3), 0.0, math.log(3)]), torch.tensor([1, 1, 0])
    losses = Focal(gamma)(torch.stack([torch.zeros(3), z], 1), target)
    expected = [(1 - p) ** gamma * -math.log(p) for p in (3 / 4, 1 / 2, 1 / 4)]
    torch.testing.assert_close(losses, torch.tensor(expected))
    logits = torch.tensor([[0.0, 200.0], [200.0, 0.0], [0.3, -0.4]], dtype=torch.float64, requires_grad=True)
    losses = Focal(gamma)(logits, torch.tensor([1, 1, 1]))
    (gradient,) = torch.autograd.grad(losses.sum(), logits)
    assert gradient.isfinite().all()
    assert losses[:2].tolist() == pytest.approx([0, 200])
    p = 1 / (1 + math.exp(0.7))  # of the third: d/dz₁ = p(1 − p)·dℓ/dp
    slope = p * (1 - p) * (gamma * (1 - p) ** (gamma - 1) * math.log(p) - (1 - p) ** gamma / p)
    assert float(gradient[2, 1]) == pytest.approx(slope, rel=1e-5)


def ap_loss(score: list[float], label: list[int], delta: float) -> tuple[float, list[float]]:
    """AP-loss and its error-driven gradient, pair by pair."""

    def step(x: float) -> float:
        return min(max(x / (2 * delta) + 0.5, 0), 1)

    rows = range(len(score))
    value, gradient = 0.0, [0.0] * len(score)
    for i in (row for row in rows if label[row]):
        rank = 1 + sum(step(score[k] - score[i]) for k in rows if k != i)
        for j in (row for row in rows if not label[row]):
            pair = step(score[j] - score[i]) / rank
            value, gradient[i], gradient[j] = value + pair, gradient[i] - pair, gradient[j] + pair
    return value / sum(label), [one / sum(label) for one in gradient]


@pytest.mark.parametrize("delta", [0.2, 1.0])
def test_ap_loss_against_pairs(delta: float) -> None:
    """Value and gradient for two classes; the mean of one class against the rest for more; 0 without a pair."""
    logits, target = batch(2)
    loss, gradient = evaluate(APLoss(delta), logits, target)
    value, slope = ap_loss((logits[:, 1] - logits[:, 0]).tolist(), target.tolist(), delta)
    assert loss.item() == pytest.approx(value, rel=1e-5)
    torch.testing.assert_close(gradient[:, 1], torch.tensor(slope))
    logits, target = batch(3)
    loss, _ = evaluate(APLoss(delta), logits, target)
    odds = [logits[:, one] - logits[:, [other for other in range(3) if other != one]].logsumexp(1) for one in range(3)]
    values = [ap_loss(odds[one].tolist(), (target == one).long().tolist(), delta)[0] for one in range(3)]
    assert loss.item() == pytest.approx(sum(values) / 3, rel=1e-5)
    alone, gradient = evaluate(APLoss(delta), batch(2)[0], torch.zeros(24, dtype=torch.int64))
    assert alone == 0
    assert not gradient.any()


@pytest.mark.parametrize("minority", [0, 1])
def test_ap_loss_ranks_the_smaller_class_first(minority: int) -> None:
    """Whichever number it has: the average precision is that of its rows."""
    objective, (logits, target) = APLoss(), batch(2)
    objective.setup(torch.tensor([3, 9] if minority == 0 else [9, 3]))
    score = logits[:, minority] - logits[:, 1 - minority]
    value, _ = ap_loss(score.tolist(), (target == minority).long().tolist(), 1.0)
    assert objective(logits, target)["loss"].item() == pytest.approx(value, rel=1e-5)


def test_a_perfect_ranking_has_no_ap_loss() -> None:
    """And the worst one of a positive behind nine negatives has 9/10; delta must be above 0."""
    z = torch.linspace(-50, 50, 10)
    assert APLoss()(z, torch.tensor([0] * 9 + [1]))["loss"] == 0
    assert APLoss()(z, torch.tensor([1] + [0] * 9))["loss"].item() == pytest.approx(0.9)
    for delta in (0.0, -1.0, math.nan, math.inf):
        with pytest.raises(InputError, match=f"delta must be a finite number above 0, got {delta}"):
            APLoss(delta)


def test_regrouping_adds_the_probabilities_of_subclasses() -> None:
    """The class's probability is the sum over its subclasses; the loss is that of the subclasses."""
    objective = Regrouped([3, 1])
    logits = torch.randn(6, 4, generator=torch.Generator().manual_seed(0))
    prob = logits.softmax(1)
    merged = objective.class_logits(logits).softmax(1)
    torch.testing.assert_close(merged, torch.stack([prob[:, :3].sum(1), prob[:, 3]], 1))
    subclass = torch.tensor([0, 1, 2, 3, 3, 0])
    result = objective(logits, (subclass == 3).long(), subclass=subclass)
    torch.testing.assert_close(result["loss"], F.cross_entropy(logits, subclass))
    assert objective.outputs(2) == 4
    for wrong in ([3], [2, 0]):
        with pytest.raises(InputError, match="number of at least 1 for each class"):
            Regrouped(wrong)
    with pytest.raises(InputError, match="subclasses is for 2 classes, the data have 3"):
        objective.setup(torch.tensor([4, 4, 4]))
    with pytest.raises(InputError, match=r"cuts class 0 of 30 training rows into 3.* turn the numbers round"):
        objective.setup(torch.tensor([30, 90]))


def test_any_sample_loss_goes_with_class_weights() -> None:
    """Class-weighted focal loss is Σ w_y ℓ_focal / B."""
    logits, target = batch(3)
    objective = ClassWeightedERM(Focal(2))
    objective.setup(torch.tensor([5, 10, 15]))
    risks = class_risks(Focal(2)(logits, target), target, 3)
    expected = (30 / (3 * torch.tensor([5.0, 10.0, 15.0])) * risks.sums).sum() / 24
    torch.testing.assert_close(objective(logits, target)["loss"], expected)
