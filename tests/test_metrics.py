"""Every metric against scikit-learn or a plain formula; sums per unit against a plain mean."""

import numpy as np
import numpy.typing as npt
import pytest
import torch
from sklearn.metrics import (
    accuracy_score,
    average_precision_score,
    balanced_accuracy_score,
    brier_score_loss,
    f1_score,
    recall_score,
    roc_auc_score,
)
from torchmetrics.functional.classification import multiclass_calibration_error

from clsunbias.metrics import UnitScores, classification_metrics

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
        "auroc": roc_auc_score(label, prob[:, 1]),
        "auprc": average_precision_score(label, prob[:, 1]),
        "brier": brier_score_loss(label, prob[:, 1]),
        "loss": loss.mean(),
        "loss_neg": loss_neg,
        "loss_pos": loss_pos,
        "loss_gap": abs(loss_pos - loss_neg),
    }
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
    expected = {
        "macro_f1": f1_score(label, predicted, average="macro", zero_division=0),
        "accuracy": accuracy_score(label, predicted),
        "balanced_accuracy": balanced_accuracy_score(label, predicted),
        "auroc": np.mean([roc_auc_score(onehot[:, index], prob[:, index]) for index in range(3)]),
        "auprc": np.mean([average_precision_score(onehot[:, index], prob[:, index]) for index in range(3)]),
        "brier": ((prob - onehot) ** 2).sum(1).mean(),
        "loss": loss.mean(),
        "loss_gap": max(class_loss) - min(class_loss),
    }
    f1 = f1_score(label, predicted, average=None, zero_division=0)
    recall = recall_score(label, predicted, average=None)
    for index, name in enumerate(NAMES[3]):
        expected |= {f"f1/{name}": f1[index], f"recall/{name}": recall[index], f"loss/{name}": class_loss[index]}
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


def unit_scores(rows: torch.Tensor, size: int) -> tuple[torch.Tensor, torch.Tensor, UnitScores]:
    """Scores of the rows of 7 units given in an order and a batch size; 20 rows in all, each unit at least one."""
    generator = torch.Generator().manual_seed(0)
    unit = torch.cat([torch.arange(7), torch.randint(7, (13,), generator=generator)])
    prob, loss = torch.rand(20, 3, generator=generator).softmax(1), torch.rand(20, generator=generator)
    scores = UnitScores(torch.arange(7) % 3, num_classes=3)
    for part in torch.split(rows, size):
        scores.update(unit[part], prob[part], loss[part])
    mean_prob = torch.stack([prob[unit == index].mean(0) for index in range(7)])
    mean_loss = torch.stack([loss[unit == index].mean() for index in range(7)])
    return mean_prob, mean_loss, scores


@pytest.mark.parametrize("size", [1, 6, 20])
@pytest.mark.parametrize("seed", [0, 1])
def test_a_unit_scores_the_mean_of_its_rows(size: int, seed: int) -> None:
    """Whatever the order of the rows and however they are split into batches."""
    rows = torch.randperm(20, generator=torch.Generator().manual_seed(seed))
    mean_prob, mean_loss, scores = unit_scores(rows, size)
    prob, loss = scores.compute()
    torch.testing.assert_close(prob, mean_prob)
    torch.testing.assert_close(loss, mean_loss)
    assert prob.dtype == torch.float32


def test_a_unit_that_was_not_scored_is_an_error() -> None:
    """Rather than a row of zeros or NaN in the figures: the first one missed is named."""
    _, _, scores = unit_scores(torch.arange(3), 2)
    with pytest.raises(RuntimeError, match="4 of 7 units were not scored, first unit 3"):
        scores.compute()


def test_probabilities_stay_probabilities() -> None:
    """A softmax may round to just above 1; the score may not, or it would be taken for a logit."""
    scores = UnitScores(torch.tensor([0]), num_classes=2)
    scores.update(torch.tensor([0]), torch.tensor([[1 + 2**-23, 0.0]]), torch.tensor([0.0]))
    assert scores.compute()[0].tolist() == [[1.0, 0.0]]
