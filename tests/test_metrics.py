"""Every metric against scikit-learn or a plain formula; sums per unit against a plain mean."""

import math

import numpy as np
import numpy.typing as npt
import pytest
import torch
from scipy.stats import gmean, rankdata
from sklearn.metrics import (
    accuracy_score,
    average_precision_score,
    balanced_accuracy_score,
    brier_score_loss,
    f1_score,
    precision_score,
    recall_score,
    roc_auc_score,
)
from torchmetrics.functional.classification import multiclass_calibration_error

from clsunbias.data import Units
from clsunbias.metrics import RowScores, classification_metrics

Array = npt.NDArray[np.float64]
Labels = npt.NDArray[np.int64]

NAMES = {2: ("healthy", "ill"), 3: ("a", "b", "c")}
KINDS = ["random", "tied", "extreme", "one-sided"]


def draw(kind: str, classes: int, seed: int) -> tuple[Array, Labels, Array]:
    """Probabilities (exact in float32), labels with every class, and losses of 60 units."""
    random = np.random.default_rng(seed)
    label = random.permutation(np.arange(60) % classes if seed % 2 else np.maximum(np.arange(60) - 54, 0) % classes)
    logits = random.normal(0, 1.5, (60, classes)) + np.eye(classes)[label]
    if kind == "one-sided":  # some class is never predicted
        logits[:, 0] += 20
    prob = np.exp(logits) / np.exp(logits).sum(1, keepdims=True)
    if kind == "tied":  # quarters: ties within a row and between rows, none on the edge of a bin of 1/15
        prob = np.eye(classes)[random.integers(0, classes, (60, 4))].mean(1)
        prob = 0.75 * prob + 0.25 * np.eye(classes)[random.integers(0, classes, 60)]
    if kind == "extreme":  # certain whether right or wrong, all but certain and right, undecided
        sure = np.eye(classes)[random.integers(0, classes, 60)]
        prob = np.where(random.random((60, 1)) < 0.5, sure, 0.96 * np.eye(classes)[label] + 0.04 / classes)
        prob[:5] = 1 / classes
    return prob.astype(np.float32).astype(np.float64), label, random.exponential(size=60)


def score(prob: Array, label: Labels, loss: Array) -> dict[str, float]:
    """The package's metrics of float32 tensors, as evaluation gives them."""
    tensors = torch.from_numpy(prob).float(), torch.from_numpy(label), torch.from_numpy(loss).float()
    return classification_metrics(*tensors, NAMES[prob.shape[1]])


def calibration(prob: Array, label: Labels) -> float:
    """Σ over 15 equal bins of |hits − confidence| / N, the last bin closed at 1."""
    confidence, hit = prob.max(1), prob.argmax(1) == label
    place = np.minimum((confidence * 15).astype(int), 14)
    return float(sum(abs((hit[place == at] - confidence[place == at]).sum()) for at in range(15)) / len(label))


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("kind", KINDS)
def test_two_classes_against_scikit_learn(kind: str, seed: int) -> None:
    """All figures but the calibration error; a tie at 0.5 counts as negative."""
    prob, label, loss = draw(kind, 2, seed)
    predicted = (prob[:, 1] > 0.5).astype(int)
    f1 = f1_score(label, predicted, average=None, zero_division=0)
    loss_neg, loss_pos = loss[label == 0].mean(), loss[label == 1].mean()
    expected = {
        "macro_f1": f1.mean(),
        "neg_f1": f1[0],
        "pos_f1": f1[1],
        "neg_recall": recall_score(label, predicted, pos_label=0),
        "pos_recall": recall_score(label, predicted, pos_label=1),
        "accuracy": accuracy_score(label, predicted),
        "balanced_accuracy": balanced_accuracy_score(label, predicted),
        "worst_recall": recall_score(label, predicted, average=None, zero_division=0).min(),
        "geometric_mean": gmean(recall_score(label, predicted, average=None, zero_division=0)),
        "auroc": roc_auc_score(label, prob[:, 1]),
        "auprc": average_precision_score(label, prob[:, 1]),
        "brier": brier_score_loss(label, prob[:, 1]),
        "loss": loss.mean(),
        "loss_neg": loss_neg,
        "loss_pos": loss_pos,
        "loss_gap": abs(loss_pos - loss_neg),
    }
    precision = precision_score(label, predicted, average=None, zero_division=0)
    expected |= {"neg_precision": precision[0], "pos_precision": precision[1]}
    for side, name in zip(("neg", "pos"), NAMES[2], strict=True):
        for figure in ("f1", "recall", "precision"):
            expected[f"{figure}/{name}"] = expected[f"{side}_{figure}"]
        expected[f"loss/{name}"] = expected[f"loss_{side}"]
    found = score(prob, label, loss)
    assert found.keys() == expected.keys() | {"ece"}
    assert {name: found[name] for name in expected} == pytest.approx(expected, abs=2e-6)


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("kind", KINDS)
def test_three_classes_against_scikit_learn(kind: str, seed: int) -> None:
    """Macro averages of one class against the rest, figures of each class under its name."""
    prob, label, loss = draw(kind, 3, seed)
    predicted, onehot = prob.argmax(1), np.eye(3)[label]
    class_loss = [loss[label == index].mean() for index in range(3)]
    with np.errstate(divide="ignore"):
        odds = [rankdata(prob[:, index] / np.delete(prob, index, 1).sum(1)) for index in range(3)]
    expected = {
        "macro_f1": f1_score(label, predicted, average="macro", zero_division=0),
        "accuracy": accuracy_score(label, predicted),
        "balanced_accuracy": balanced_accuracy_score(label, predicted),
        "worst_recall": recall_score(label, predicted, average=None, zero_division=0).min(),
        "geometric_mean": gmean(recall_score(label, predicted, average=None, zero_division=0)),
        "auroc": np.mean([roc_auc_score(onehot[:, index], odds[index]) for index in range(3)]),
        "auprc": np.mean([average_precision_score(onehot[:, index], odds[index]) for index in range(3)]),
        "brier": ((prob - onehot) ** 2).sum(1).mean(),
        "loss": loss.mean(),
        "loss_gap": max(class_loss) - min(class_loss),
    }
    f1 = f1_score(label, predicted, average=None, zero_division=0)
    recall = recall_score(label, predicted, average=None)
    precision = precision_score(label, predicted, average=None, zero_division=0)
    for index, name in enumerate(NAMES[3]):
        expected |= {f"f1/{name}": f1[index], f"recall/{name}": recall[index], f"loss/{name}": class_loss[index]}
        expected[f"precision/{name}"] = precision[index]
    found = score(prob, label, loss)
    assert found.keys() == expected.keys() | {"ece"}
    assert {name: found[name] for name in expected} == pytest.approx(expected, abs=2e-6)


@pytest.mark.parametrize("classes", [2, 3])
@pytest.mark.parametrize("kind", KINDS)
def test_calibration_error_by_hand(kind: str, classes: int) -> None:
    """15 equal bins of the largest probability, of which a probability of 1 falls in the last."""
    for seed in range(4):
        prob, label, loss = draw(kind, classes, seed)
        found = score(prob, label, loss)["ece"]
        assert found == pytest.approx(calibration(prob, label), abs=2e-6)
        if prob.max() < 1:  # torchmetrics gives a probability of exactly 1 a bin of its own
            tensors = torch.from_numpy(prob), torch.from_numpy(label)
            assert found == pytest.approx(float(multiclass_calibration_error(*tensors, classes, n_bins=15)), abs=2e-6)


def score_rows(order: torch.Tensor, size: int) -> tuple[torch.Tensor, torch.Tensor, RowScores]:
    """Probabilities and losses of 20 rows, and their scores, given in an order and a batch size."""
    generator = torch.Generator().manual_seed(0)
    prob, loss = torch.rand(20, 3, generator=generator).softmax(1), torch.rand(20, generator=generator)
    scores = RowScores(20)
    for part in torch.split(order, size):
        scores.update(prob[part], loss[part], part % 3, part)
    return prob, loss, scores


@pytest.mark.parametrize("size", [1, 6, 20])
@pytest.mark.parametrize("seed", [0, 1])
def test_rows_are_scored_in_any_order(size: int, seed: int) -> None:
    """And however they are split into batches."""
    order = torch.randperm(20, generator=torch.Generator().manual_seed(seed))
    prob, loss, scores = score_rows(order, size)
    found = scores.compute()
    torch.testing.assert_close(found[0], prob, rtol=0, atol=0)
    torch.testing.assert_close(found[1], loss, rtol=0, atol=0)
    assert torch.equal(found[2], torch.arange(20) % 3)
    assert found[0].dtype == torch.float32


@pytest.mark.parametrize(
    ("order", "said"),
    [
        (torch.arange(3), "17 of 20 rows were not scored once; row 3: 0 times"),
        (torch.cat([torch.arange(20), torch.tensor([4])]), "1 of 20 rows were not scored once; row 4: 2 times"),
    ],
)
def test_a_row_that_was_not_scored_once_is_an_error(order: torch.Tensor, said: str) -> None:
    """Rather than a row of zeros, NaN or twice the score in the figures: the first one is named."""
    _, _, scores = score_rows(order, 2)
    with pytest.raises(RuntimeError, match=said):
        scores.compute()


def test_rows_without_numbers_follow_each_other() -> None:
    """Batches of a plain loader say nothing of their rows; a split that was never scored is an error, too."""
    prob, loss, _ = score_rows(torch.arange(20), 6)
    scores = RowScores(20)
    with pytest.raises(RuntimeError, match="none of 20 rows"):
        scores.compute()
    for part in torch.split(torch.arange(20), 6):
        scores.update(prob[part], loss[part], part % 3)
    assert all(torch.equal(*pair) for pair in zip(scores.compute(), (prob, loss, torch.arange(20) % 3), strict=True))


def test_probabilities_stay_probabilities() -> None:
    """A softmax may round to just above 1; the score may not, or it would be taken for a logit."""
    scores = RowScores(1)
    scores.update(torch.tensor([[1 + 2**-23, 0.0]]), torch.tensor([0.0]), torch.tensor([0]))
    assert scores.compute()[0].tolist() == [[1.0, 0.0]]


PROB = torch.tensor([[0.9, 0.1], [0.2, 0.8], [0.4, 0.6], [0.45, 0.55], [0.3, 0.7]])
LOSS = torch.tensor([1.0, 2.0, 3.0, 4.0, 6.0])


def test_a_unit_scores_the_mean_of_its_rows() -> None:
    """By hand: unit 0 is rows 0, 2 and 3, unit 1 is rows 1 and 4."""
    prob, loss = Units(torch.tensor([0, 1]), torch.tensor([0, 1, 0, 0, 1])).merge(PROB, LOSS)
    torch.testing.assert_close(prob, torch.tensor([[1.75 / 3, 1.25 / 3], [0.25, 0.75]]))
    torch.testing.assert_close(loss, torch.tensor([math.log(3 / 1.75), math.log(4 / 3)]))


def test_a_vote_counts_rows() -> None:
    """Two of unit 0's three rows are for class 1, though their mean is for class 0."""
    prob, loss = Units(torch.tensor([0, 1]), torch.tensor([0, 1, 0, 0, 1]), vote=True).merge(PROB, LOSS)
    torch.testing.assert_close(prob, torch.tensor([[1 / 3, 2 / 3], [0.0, 1.0]]))
    torch.testing.assert_close(loss, torch.tensor([math.log(3), 0.0]))


def test_a_vote_of_none_has_a_finite_loss() -> None:
    """No row is for class 1, which is the unit's own: its probability counts as 10⁻¹²."""
    prob, loss = Units(torch.tensor([1]), torch.zeros(5, dtype=torch.int64), vote=True).merge(
        PROB[[0, 0, 0, 0, 0]], LOSS
    )
    assert prob.tolist() == [[1.0, 0.0]]
    assert float(loss) == pytest.approx(149 * math.log(2))


def test_rows_may_be_the_units() -> None:
    """Then nothing is merged."""
    assert Units(torch.tensor([0, 1, 0, 0, 1])).merge(PROB, LOSS) == (PROB, LOSS)
