"""Sample losses: the identities between them, and twins with the formula written out, row by row."""

import math
from collections.abc import Callable

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from clsunbias.errors import InputError
from clsunbias.objectives import (
    ERM,
    LDAM,
    Asymmetric,
    CountedLoss,
    CrossEntropy,
    Encouraging,
    Focal,
    LabelSmoothing,
    LogitAdjusted,
    LogitVariation,
    OrdinalContrastive,
    SampleLoss,
    SelfAdjustingDice,
    VectorScaling,
)
from tests.test_objectives import batch, evaluate

COUNTS = {2: [90, 10], 5: [40, 5, 10, 20, 25]}


def losses_of(loss: SampleLoss, classes: int, seed: int = 0) -> tuple[Tensor, Tensor, Tensor]:
    """Losses of a batch, set up, with its logits and targets."""
    loss.setup(torch.tensor(COUNTS[classes]))
    logits, target = batch(classes, seed=seed)
    return loss(logits, target), logits, target


def minority_score(logits: Tensor, label: int) -> Tensor:
    """The log-odds of one of two classes."""
    return logits[:, label] - logits[:, 1 - label]


@pytest.mark.parametrize("classes", [2, 5])
@pytest.mark.parametrize(
    ("one", "other"),
    [
        (Focal(0), CrossEntropy()),
        (LDAM(largest=0, scale=1), CrossEntropy()),
        (LogitAdjusted(0), CrossEntropy()),
        (VectorScaling(gamma=0, tau=1.5), LogitAdjusted(1.5)),
        (VectorScaling(gamma=0, tau=0), CrossEntropy()),
        (LogitVariation(0), CrossEntropy()),
        (LogitVariation(4).eval(), CrossEntropy()),
        (Encouraging(0), CrossEntropy()),
        (LabelSmoothing(0), CrossEntropy()),
    ],
    ids=lambda loss: type(loss).__name__,
)
def test_identities(one: SampleLoss, other: SampleLoss, classes: int) -> None:
    """Each without its number is the loss it starts from, in value and gradient."""
    logits, target = batch(classes)
    found = []
    for loss in (one, other):
        objective = ERM(loss)
        objective.setup(torch.tensor(COUNTS[classes]))
        objective.train(loss.training)
        found.append(evaluate(objective, logits, target))
    torch.testing.assert_close(*found)


def test_balanced_softmax_is_logit_adjustment() -> None:
    """Shares or counts: softmax does not tell."""
    for classes in (2, 5):
        found, logits, target = losses_of(LogitAdjusted(1), classes)
        shifted = logits + torch.tensor(COUNTS[classes]).float().log()
        torch.testing.assert_close(found, F.cross_entropy(shifted, target, reduction="none"))


@pytest.mark.parametrize("counts", [[90, 10], [10, 90]])
def test_asymmetric_loss_without_asymmetry_is_binary_cross_entropy(counts: list[int]) -> None:
    """Of the minority, whichever class that is; of more classes, of each against the rest."""
    minority = counts.index(10)
    logits, target = batch(2)
    loss = Asymmetric(0, 0, 0)
    loss.setup(torch.tensor(counts))
    z = minority_score(logits, minority)
    expected = F.binary_cross_entropy_with_logits(z, (target == minority).float(), reduction="none")
    torch.testing.assert_close(loss(logits, target), expected)
    found, logits, target = losses_of(Asymmetric(0, 0, 0), 5)
    prob = logits.softmax(1)
    torch.testing.assert_close(
        found, F.binary_cross_entropy(prob, F.one_hot(target, 5).float(), reduction="none").sum(1)
    )


@pytest.mark.parametrize("counts", [[90, 10], [10, 90]])
def test_asymmetric_loss_row_by_row(counts: list[int]) -> None:
    """Rows of the minority are focused by γ₊; others are shifted by the margin, focused by γ₋, and may drop out."""
    minority = counts.index(10)
    loss = Asymmetric(gamma_negative=4, gamma_positive=1, margin=0.05)
    loss.setup(torch.tensor(counts))
    logits, target = batch(2)
    for found, z, label in zip(loss(logits, target), minority_score(logits, minority), target, strict=True):
        p = 1 / (1 + math.exp(-z))
        shifted = max(p - 0.05, 0)
        expected = -(1 - p) * math.log(p) if label == minority else -(shifted**4) * math.log(1 - shifted)
        assert float(found) == pytest.approx(expected, abs=1e-6)


def test_ldam_and_vector_scaling_row_by_row() -> None:
    """Margins of the minority are the largest; scales of two classes go with the label, of more with the logit."""
    for classes, counts in COUNTS.items():
        found, logits, target = losses_of(LDAM(largest=0.5, scale=3), classes)
        vector, _, _ = losses_of(VectorScaling(gamma=0.3, tau=1.2), classes)
        for row, label in enumerate(target.tolist()):
            z = logits[row].double().numpy().copy()
            n = np.array(counts)
            scale, shift = (n / n.max()) ** 0.3, 1.2 * np.log(n / n.sum())
            scaled = z * (scale[label] if classes == 2 else scale) + shift
            assert float(vector[row]) == pytest.approx(np.log(np.exp(scaled).sum()) - scaled[label], abs=1e-5)
            z[label] -= 0.5 * (min(counts) / counts[label]) ** 0.25
            assert float(found[row]) == pytest.approx(np.log(np.exp(3 * z).sum()) - 3 * z[label], abs=1e-5)


@pytest.mark.parametrize(("p", "expected"), [(0.5, 0.0), (0.75, -math.log(0.75) + math.log(0.25))])
def test_encouraging_loss_by_hand(p: float, expected: float) -> None:
    """−log p + log(1 − p) up to ¾; beyond, the bonus goes on in the tangent, finite where p is 1 to rounding."""
    z = torch.tensor([math.log(p / (1 - p)), math.log(9), 200.0], requires_grad=True)
    losses = Encouraging()(torch.stack([torch.zeros(3), z], 1), torch.ones(3, dtype=torch.int64))
    assert losses[0].item() == pytest.approx(expected, abs=1e-6)
    assert losses[1].item() == pytest.approx(-math.log(0.9) + math.log(0.25) - (0.9 - 0.75) / 0.25, abs=1e-6)
    assert losses[2].item() == pytest.approx(math.log(0.25) - 1)
    assert torch.autograd.grad(losses.sum(), z)[0].isfinite().all()


def test_label_smoothing_by_hand() -> None:
    """The target has 1 − ε + ε/C, each other class ε/C."""
    found, logits, target = losses_of(LabelSmoothing(0.1), 5)
    soft = 0.9 * F.one_hot(target, 5) + 0.02
    torch.testing.assert_close(found, -(soft * logits.log_softmax(1)).sum(1))


@pytest.mark.parametrize("alpha", [0.01, 1.0])
def test_dice_row_by_row(alpha: float) -> None:
    """Of the minority of two classes; the mean over five; a row that is right by far costs next to nothing."""
    for classes, labels in ((2, [1]), (5, range(5))):
        found, logits, target = losses_of(SelfAdjustingDice(alpha, gamma=1), classes)
        for value, prob, label in zip(found, logits.softmax(1).tolist(), target.tolist(), strict=True):
            each = []
            for one in labels:
                w, y = (1 - prob[one]) ** alpha * prob[one], float(label == one)
                each.append(1 - (2 * w * y + 1) / (w + y + 1))
            assert float(value) == pytest.approx(sum(each) / len(each), abs=1e-5)
    loss = SelfAdjustingDice()
    loss.setup(torch.tensor([9, 1]))
    assert loss(torch.tensor([[0.0, 9.0], [9.0, 0.0]]), torch.tensor([1, 0])).max() < 0.05


def test_logit_variation_widens_rare_classes_alone() -> None:
    """In training the logit of the largest class stays, that of the smallest rises by up to 1; anew each time."""
    loss = LogitVariation(sigma=4)
    loss.setup(torch.tensor(COUNTS[5]))
    torch.manual_seed(0)
    logits, target = torch.zeros(2000, 5), torch.arange(2000) % 5
    plain = CrossEntropy()(logits, target)
    found = loss(logits, target)
    assert not torch.equal(found, loss(logits, target))
    assert (found - plain)[target == 0].min() >= 0  # the others rose, the largest did not
    assert (found - plain)[target == 1].mean() < 0 < (found - plain)[target == 4].mean()
    even = LogitVariation(sigma=4)
    even.setup(torch.full((5,), 7))
    torch.testing.assert_close(even(logits, target), plain)


COUNTED: list[Callable[[], CountedLoss]] = [
    LDAM,
    LogitAdjusted,
    VectorScaling,
    Asymmetric,
    SelfAdjustingDice,
    LogitVariation,
]


def test_what_is_scaled_in_training_is_predicted_scaled() -> None:
    """With m = 0, LDAM's loss is the cross-entropy of what it predicts, also as the base of something else."""
    logits, target = batch(3)
    for objective in (ERM(LDAM(largest=0, scale=7)), OrdinalContrastive(weight=0, base=ERM(LDAM(largest=0, scale=7)))):
        objective.setup(torch.tensor([4, 2, 1]))
        expected = F.cross_entropy(objective.class_logits(logits), target)
        torch.testing.assert_close(objective(logits, target, features=logits)["loss"], expected)
        torch.testing.assert_close(objective.class_logits(logits), 7 * logits)


@pytest.mark.parametrize("counts", [[540.00024, 540.00085], [2099.5, 2099.45], [500, 501]])
def test_classes_of_nearly_one_size_are_of_one(counts: list[float]) -> None:
    """What a sampler is expected to draw is rounded: the positive class is the minority, and none is rarer."""
    loss = LogitVariation()
    loss.setup(torch.tensor(counts))
    assert loss.minority == 1
    logits, target = batch(2)
    assert torch.equal(loss(logits, target), CrossEntropy()(logits, target))


@pytest.mark.parametrize("make", COUNTED, ids=lambda make: make.__name__)
def test_counts_must_be_given(make: Callable[[], CountedLoss]) -> None:
    """Without them, or with those of other classes, there is one message."""
    with pytest.raises(InputError, match=r"is set up for 0 classes, the logits have 2; call setup\(class_counts\)"):
        make()(*batch(2))
    loss = make()
    loss.setup(torch.tensor([3, 4]))
    with pytest.raises(InputError, match="is set up for 2 classes, the logits have 5"):
        loss(*batch(5))


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: LDAM(largest=-1), "largest must be a finite number of at least 0, got -1"),
        (lambda: LDAM(scale=0), "scale must be a finite number above 0, got 0"),
        (lambda: LogitAdjusted(math.nan), "tau must be a finite number of at least 0, got nan"),
        (lambda: VectorScaling(gamma=math.inf), "gamma must be a finite number of at least 0, got inf"),
        (lambda: Asymmetric(margin=1), "margin must be a number of at least 0 and below 1, got 1"),
        (lambda: Encouraging(threshold=1), "threshold must be a number of at least 0 and below 1, got 1"),
        (lambda: LabelSmoothing(-0.1), "epsilon must be a number of at least 0 and below 1, got -0.1"),
        (lambda: SelfAdjustingDice(gamma=0), "gamma must be a finite number above 0, got 0"),
        (lambda: LogitVariation(-1), "sigma must be a finite number of at least 0, got -1"),
    ],
)
def test_numbers_out_of_range_are_refused(make: Callable[[], SampleLoss], message: str) -> None:
    """With the name, the range and the value."""
    with pytest.raises(InputError, match=message):
        make()


def test_far_logits_stay_finite() -> None:
    """At ±200 every loss and its gradient are finite numbers."""
    target = torch.tensor([0, 1, 0, 1])
    makes: list[Callable[[], SampleLoss]] = [*COUNTED, Encouraging, LabelSmoothing, Focal]
    for make in makes:
        logits = torch.tensor([[0.0, 200.0], [0.0, 200.0], [0.0, -200.0], [0.0, -200.0]], requires_grad=True)
        loss = make()
        loss.setup(torch.tensor([3, 1]))
        losses = loss(logits, target)
        assert losses.isfinite().all(), make
        assert torch.autograd.grad(losses.sum(), logits)[0].isfinite().all(), make
