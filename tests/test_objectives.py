"""Objectives: one contract for all five, their identities, and twins with the numbers written out."""

import math
from collections.abc import Callable
from contextlib import nullcontext
from itertools import combinations

import numpy as np
import numpy.typing as npt
import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from clsunbias.errors import InputError
from clsunbias.objectives import (
    ERM,
    ClassRisks,
    ClassWeightedERM,
    ClsUnbias,
    GroupDRO,
    Objective,
    PerClassERM,
    max_min,
    mean_pairwise,
    variance,
)

Array = npt.NDArray[np.float64]
Inequality = Callable[[Tensor, Tensor], Tensor]

OBJECTIVES: dict[str, Callable[[], Objective]] = {
    "erm": ERM,
    "class_weighted_erm": ClassWeightedERM,
    "per_class_erm": PerClassERM,
    "group_dro": lambda: GroupDRO(tau=3.0),
    "cls_unbias": lambda: ClsUnbias(lam=1.5, tau=3.0),
}


def make(name: str, classes: int) -> Objective:
    """An objective that has been set up, with uneven class counts."""
    objective = OBJECTIVES[name]()
    objective.setup(torch.arange(1, classes + 1) * 10)
    return objective


def batch(classes: int, absent: bool = False, seed: int = 0) -> tuple[Tensor, Tensor]:
    """Logits and targets of 24 rows, with every class but, if asked, class 1."""
    generator = torch.Generator().manual_seed(seed)
    target = torch.arange(24) % classes
    if absent:
        target[target == 1] = 0
    return 2 * torch.randn(24, classes, generator=generator), target[torch.randperm(24, generator=generator)]


def evaluate(objective: Objective, logits: Tensor, target: Tensor) -> tuple[Tensor, Tensor]:
    """The loss and its gradient by the logits."""
    logits = logits.detach().requires_grad_()
    loss = objective(logits, target)["loss"]
    (gradient,) = torch.autograd.grad(loss, logits)
    return loss.detach(), gradient


@pytest.mark.parametrize("precision", ["float32", "bfloat16", "autocast"])
@pytest.mark.parametrize("absent", [False, True])
@pytest.mark.parametrize("classes", [2, 5])
@pytest.mark.parametrize("name", OBJECTIVES)
def test_contract(name: str, classes: int, absent: bool, precision: str) -> None:
    """A finite float32 scalar with a finite gradient, whatever the order of rows; losses are summed in float32."""
    objective = make(name, classes)
    logits, target = batch(classes, absent)
    with torch.autocast("cpu", torch.bfloat16) if precision == "autocast" else nullcontext():
        if precision == "autocast":
            logits = F.linear(logits, torch.eye(classes))
        logits = logits if precision == "float32" else logits.bfloat16()
        loss, gradient = evaluate(objective, logits, target)
        order = torch.randperm(24, generator=torch.Generator().manual_seed(1))
        loss_reordered, gradient_reordered = evaluate(objective, logits[order], target[order])
    assert loss.dtype == torch.float32
    assert loss.ndim == 0
    assert loss.isfinite()
    assert gradient.isfinite().all()
    assert gradient.any()
    torch.testing.assert_close(loss_reordered, loss)
    torch.testing.assert_close(gradient_reordered, gradient[order])
    assert torch.equal(loss, evaluate(objective, logits.float(), target)[0])  # no rounding after the logits'


@pytest.mark.parametrize("name", OBJECTIVES)
def test_a_checkpoint_restores_the_objective(name: str) -> None:
    """A fresh objective that loads the state gives the same loss; its name is its class in snake case."""
    objective, fresh = make(name, 5), make(name, 5)
    fresh.load_state_dict(objective.state_dict())
    assert torch.equal(fresh(*batch(5))["loss"], objective(*batch(5))["loss"])
    assert objective.name == name


@pytest.mark.parametrize("name", OBJECTIVES)
def test_sums_and_counts_give_class_losses_over_batches(name: str) -> None:
    """Added up over batches, with a class missing from one, they give the exact mean loss of each class."""
    parts = [batch(3, absent=True), batch(3, seed=1)]
    results = [make(name, 3)(logits.requires_grad_(), target) for logits, target in parts]
    sums = results[0]["class_loss_sums"] + results[1]["class_loss_sums"]
    counts = results[0]["class_counts"] + results[1]["class_counts"]
    logits, target = torch.cat([parts[0][0], parts[1][0]]), torch.cat([parts[0][1], parts[1][1]])
    losses = F.cross_entropy(logits, target, reduction="none")
    torch.testing.assert_close(sums / counts, torch.stack([losses[target == label].mean() for label in range(3)]))
    assert not sums.requires_grad


@pytest.mark.parametrize("absent", [False, True])
@pytest.mark.parametrize("classes", [2, 5])
def test_identities(classes: int, absent: bool) -> None:
    """λ = 0 is group DRO, τ = 0 per-class ERM, ERM the mean cross-entropy: in value and in gradient."""
    logits, target = batch(classes, absent)
    for one, other in ((ClsUnbias(lam=0, tau=2.5), GroupDRO(tau=2.5)), (GroupDRO(tau=0), PerClassERM())):
        torch.testing.assert_close(evaluate(one, logits, target), evaluate(other, logits, target))
    logits.requires_grad_()
    expected = F.cross_entropy(logits, target)
    (gradient,) = torch.autograd.grad(expected, logits)
    torch.testing.assert_close(evaluate(ERM(), logits, target), (expected.detach(), gradient))


@pytest.mark.parametrize("classes", [2, 5])
def test_class_weighting_on_the_whole_training_set_is_per_class_erm(classes: int) -> None:
    """With the batch's own counts, uneven ones, the two agree in value and in gradient."""
    logits, target = batch(classes)
    target[:6] = 0
    weighted = ClassWeightedERM()
    weighted.setup(torch.bincount(target, minlength=classes))
    torch.testing.assert_close(evaluate(weighted, logits, target), evaluate(PerClassERM(), logits, target))


def test_a_single_logit_widened_to_two_is_binary_cross_entropy() -> None:
    """Logits (0, z) have the loss and the gradient of BCE-with-logits at z, far out as well."""
    z = torch.tensor([-40.0, -2.0, 0.0, 0.5, 30.0], requires_grad=True)
    target = torch.tensor([1, 0, 1, 1, 0])
    loss = ERM()(torch.stack([torch.zeros(5), z], 1), target)["loss"]
    expected = F.binary_cross_entropy_with_logits(z, target.float())
    torch.testing.assert_close(loss, expected)
    torch.testing.assert_close(torch.autograd.grad(loss, z), torch.autograd.grad(expected, z))


# Positives with p = 3/4 and 1/2, a negative with p = 3/4: L₊ = ½(ln 4/3 + ln 2) = ½ ln 8/3, L₋ = ln 4.
# exp(L₊) = √(8/3) = 1.632993 and exp(L₋) = 4, so at τ = 1 the weights are w₊ = 0.289898 and w₋ = 0.710102.
# Gradients by z, (p − y)/N_c: dL₊ = (−1/8, −1/4), dL₋ = 3/4; class weights (N/(C·N_c) of 300 and 100) are 2/3 and 2.
BY_HAND: list[tuple[Objective, float, tuple[float, float, float]]] = [
    (ERM(), 0.789041, (-1 / 12, -1 / 6, 1 / 4)),
    (PerClassERM(), 0.938355, (-1 / 16, -1 / 8, 3 / 8)),
    (ClassWeightedERM(), 0.961951, (-1 / 6, -1 / 3, 1 / 6)),
    (GroupDRO(tau=1), 1.126580, (-0.0362372, -0.0724745, 0.5325765)),
    # λ = 2 is taken off the easier class and put on the harder one: weights −1.710102 and 2.710102.
    (ClsUnbias(lam=2, tau=1), 2.918340, (0.2137628, 0.4275255, 2.0325765)),
]


@pytest.mark.parametrize(("objective", "value", "slope"), BY_HAND, ids=lambda value: getattr(value, "name", ""))
def test_a_batch_by_hand(objective: Objective, value: float, slope: tuple[float, float, float]) -> None:
    """Value and gradient of three samples, worked out on paper."""
    objective.setup(torch.tensor([300, 100]))
    z = torch.tensor([math.log(3), 0.0, math.log(3)], requires_grad=True)
    loss = objective(torch.stack([torch.zeros(3), z], 1), torch.tensor([1, 1, 0]))["loss"]
    assert loss.item() == pytest.approx(value, abs=2e-6)
    torch.testing.assert_close(torch.autograd.grad(loss, z)[0], torch.tensor(slope), atol=2e-6, rtol=0)


def twin(logits: Array, target: npt.NDArray[np.int64], lam: float, tau: float) -> tuple[float, Array]:
    """Eqs. 8 and 9 and their gradient in NumPy: the gap for two classes, the variance for more."""
    prob = np.exp(logits) / np.exp(logits).sum(1, keepdims=True)
    onehot = np.eye(logits.shape[1])[target]
    present = np.unique(target)
    risk = np.array([-np.log(prob[target == label, label]).mean() for label in present])
    weight = np.exp(tau * risk) / np.exp(tau * risk).sum()  # a constant: no gradient flows through it
    if logits.shape[1] == 2:
        inequality = float(np.ptp(risk))
        slope = np.sign(risk - risk.mean())
    else:
        inequality = float(np.var(risk))
        slope = 2 * (risk - risk.mean()) / len(risk)
    per_class = np.zeros(logits.shape[1])
    per_class[present] = (weight + lam * slope) / np.array([(target == label).sum() for label in present])
    return float(weight @ risk + lam * inequality), per_class[target][:, None] * (prob - onehot)


@pytest.mark.parametrize(("lam", "tau"), [(0.0, 4.0), (0.7, 0.0), (2.0, 1.0), (1.0, 10.0)])
@pytest.mark.parametrize("absent", [False, True])
@pytest.mark.parametrize("classes", [2, 5])
def test_cls_unbias_against_numpy(classes: int, absent: bool, lam: float, tau: float) -> None:
    """Value and gradient: DRO weights carry no gradient, both losses of the gap do, absent classes take no part."""
    for seed in range(5):
        logits, target = batch(classes, absent, seed)
        loss, gradient = evaluate(ClsUnbias(lam, tau), logits, target)
        expected, slope = twin(logits.double().numpy(), target.numpy(), lam, tau)
        assert loss.item() == pytest.approx(expected, rel=1e-5)
        np.testing.assert_allclose(gradient.numpy(), slope, atol=1e-6)


@pytest.mark.parametrize("objective", [GroupDRO(tau=10), ClsUnbias(lam=1, tau=10)], ids=["group_dro", "cls_unbias"])
def test_large_losses_stay_finite(objective: Objective) -> None:
    """With losses of 100 and 50 at τ = 10, exp(τ·L) overflows: the worst class must carry all the weight instead."""
    logits = torch.tensor([[0.0, -100.0], [0.0, 50.0]])
    loss, gradient = evaluate(objective, logits, torch.tensor([1, 0]))
    lam = objective.lam if isinstance(objective, ClsUnbias) else 0.0
    assert loss.item() == pytest.approx(100 + lam * 50)
    torch.testing.assert_close(gradient, torch.tensor([[1 + lam, -1 - lam], [lam, -lam]]))


REFERENCES: list[tuple[Inequality, Callable[[Array], float]]] = [
    (variance, lambda risk: float(np.var(risk))),
    (max_min, lambda risk: float(np.ptp(risk))),
    (mean_pairwise, lambda risk: float(np.mean([abs(a - b) for a, b in combinations(risk, 2)] or [0.0]))),
]


@pytest.mark.parametrize(("function", "reference"), REFERENCES, ids=["variance", "max_min", "mean_pairwise"])
@pytest.mark.parametrize("absent", [[], [0], [1, 4], [0, 1, 2, 3]])
def test_inequalities_against_numpy(
    function: Inequality, reference: Callable[[Array], float], absent: list[int]
) -> None:
    """Over the classes present only, 0 for a single one, with the gradient that finite differences give."""
    means = torch.tensor([0.3, 1.7, 0.9, 0.2, 2.6], dtype=torch.float64, requires_grad=True)
    present = torch.ones(5, dtype=torch.bool)
    present[absent] = False
    assert function(means, present).item() == pytest.approx(reference(means.detach().numpy()[present.numpy()]))
    assert torch.autograd.gradcheck(lambda values: function(values, present), means)
    risks = ClassRisks(means * 3 * present, 3.0 * present)
    expected = PerClassERM().combine(risks) + 2 * function(means, present)
    torch.testing.assert_close(ClsUnbias(lam=2, tau=0, inequality=function).combine(risks), expected)


def test_two_classes_always_use_the_absolute_gap() -> None:
    """The choice for more classes is not even called."""

    def refuse(means: Tensor, present: Tensor) -> Tensor:
        raise AssertionError("called for two classes")

    logits, target = batch(2)
    for inequality in (refuse, variance, max_min):
        result = ClsUnbias(lam=1, tau=0, inequality=inequality)(logits, target)
        positive, negative = (result["class_loss_sums"] / result["class_counts"]).flip(0)
        torch.testing.assert_close(result["loss"], (positive + negative) / 2 + (positive - negative).abs())


@pytest.mark.parametrize("value", [-0.5, -1e-9, math.nan])
def test_negative_or_missing_lam_and_tau_are_refused(value: float) -> None:
    """When made and when a schedule sets them later; the number before is kept."""
    for kind, name in ((GroupDRO, "tau"), (ClsUnbias, "tau"), (ClsUnbias, "lam")):
        with pytest.raises(InputError, match=f"{name} must be a number of at least 0, got {value}"):
            kind(**{name: value})
        objective = kind(**{name: 0.25})
        with pytest.raises(InputError, match=f"{name} .* at least 0"):
            setattr(objective, name, value)
        assert getattr(objective, name) == 0.25
        assert name in objective.annealable


@pytest.mark.parametrize("name", OBJECTIVES)
@pytest.mark.parametrize("counts", [[5, 0], [3, 0, 4], [7], [[1, 2], [3, 4]]])
def test_unusable_class_counts_are_refused(name: str, counts: list[int]) -> None:
    """An empty class is named; fewer than two classes, or a table, are no vector of classes."""
    with pytest.raises(InputError, match=r"no sample of class 1|vector of two or more classes"):
        OBJECTIVES[name]().setup(torch.tensor(counts))


def test_class_weights_must_fit_the_logits() -> None:
    """Used before setup, or with another number of classes, weighting is an error and not a broadcast."""
    with pytest.raises(InputError, match="set up for 0 classes, the logits have 2"):
        ClassWeightedERM()(*batch(2))
    with pytest.raises(InputError, match="set up for 2 classes, the logits have 5"):
        make("class_weighted_erm", 2)(*batch(5))
