"""Metrics of units against scikit-learn, against those that runs record, and by hand."""

import numpy as np
import numpy.typing as npt
import pytest
import torch
from scipy.special import entr
from sklearn.metrics import accuracy_score, balanced_accuracy_score, f1_score, log_loss, precision_score, recall_score

from clsunbias.experiments.analysis.statistics import (
    CALIBRATION,
    METRICS,
    RANKING,
    RECALIBRATION,
    USE,
    Floats,
    Resampling,
    calibration_metrics,
    calibration_sums,
    is_metric,
    lower_is_better,
    metrics,
    unit_sums,
)
from clsunbias.metrics import classification_metrics

Labels = npt.NDArray[np.int64]


def draw(seeds: int, units: int, classes: int = 2, skill: float = 1.0, seed: int = 0) -> tuple[Floats, Labels]:
    """Probabilities of some seeds ``(S, N, C)``, and labels with every class."""
    random = np.random.default_rng(seed)
    label = np.random.default_rng(99).permutation(np.arange(units) % classes)
    odds = np.exp(random.normal(0, 1.5, (seeds, units, classes)) + skill * np.eye(classes)[label])
    return odds / odds.sum(2, keepdims=True), label


@pytest.mark.parametrize("classes", [2, 3])
def test_metrics_against_scikit_learn(classes: int) -> None:
    """Each metric of each seed, and of the classes by name."""
    prob, label = draw(4, 60, classes)
    names = [f"class {c}" for c in range(classes)]
    found = metrics(unit_sums(prob, label).sum(0), names)
    for index, one in enumerate(prob):
        predicted = one.argmax(1)
        f1, recall = f1_score(label, predicted, average=None), recall_score(label, predicted, average=None)
        precision = precision_score(label, predicted, average=None)
        losses = [log_loss(label[label == c], one[label == c], labels=range(classes)) for c in range(classes)]
        expected = {
            "macro_f1": f1_score(label, predicted, average="macro"),
            "neg_f1": f1[0],
            "pos_f1": f1[1],
            "neg_recall": recall[0],
            "pos_recall": recall[1],
            "neg_precision": precision[0],
            "pos_precision": precision[1],
            "accuracy": accuracy_score(label, predicted),
            "balanced_accuracy": balanced_accuracy_score(label, predicted),
            "worst_recall": min(recall),
            "geometric_mean": np.prod(recall) ** (1 / classes),
            "weighted_f1": f1_score(label, predicted, average="weighted"),
            "dodrans_f1": np.average(f1, weights=np.bincount(label) ** 0.75),
            "entropy_f1": np.average(f1, weights=entr(np.bincount(label) / 60)),
            "loss": log_loss(label, one),
            "loss_neg": losses[0],
            "loss_pos": losses[1],
            "loss_gap": max(losses) - min(losses),
        }
        assert expected.keys() == METRICS - CALIBRATION - RANKING - RECALIBRATION - USE
        for c, name in enumerate(names):
            expected |= {f"f1/{name}": f1[c], f"recall/{name}": recall[c], f"loss/{name}": losses[c]}
            expected[f"precision/{name}"] = precision[c]
        assert {name: values[index] for name, values in found.items()} == pytest.approx(expected, abs=1e-5)


@pytest.mark.parametrize("classes", [2, 3])
def test_calibration_is_that_of_the_records(classes: int) -> None:
    """Brier score and calibration error as runs record them, also of confidences on the edges of bins."""
    prob, label = draw(2, 150, classes)
    prob[:, :30] = np.where(np.eye(classes, dtype=bool)[0], 0.8, 0.2 / (classes - 1))
    prob[:, 30:45] = np.eye(classes)[-1]
    prob = prob.astype(np.float32).astype(float)
    found = calibration_metrics(calibration_sums(prob, label).sum(0))
    names, target = [f"class {c}" for c in range(classes)], torch.from_numpy(label)
    for index, one in enumerate(prob):
        recorded = classification_metrics(torch.from_numpy(one).float(), target, torch.ones(150), names)
        assert {name: values[index] for name, values in found.items()} == pytest.approx(
            {name: recorded[name] for name in CALIBRATION}, abs=1e-6
        )
        assert recorded["ece"] > 0.01


def test_calibration_by_hand() -> None:
    """Bins of 0.6 and 0.9, each of two units: |1.2 − 1| and |1.8 − 2| of four."""
    prob = np.array([[0.4, 0.6], [0.4, 0.6], [0.1, 0.9], [0.1, 0.9]])
    found = calibration_metrics(calibration_sums(prob[None], np.array([1, 0, 1, 1])).sum(0))
    assert float(found["ece"][0]) == pytest.approx((0.2 + 0.2) / 4)
    assert float(found["brier"][0]) == pytest.approx((0.4**2 + 0.6**2 + 2 * 0.1**2) / 4)
    # 0.8 ends a bin; as a float32, which files hold, it is a little more, and yet belongs to that bin.
    prob = np.array([[0.21, 0.79], [np.float32(0.2), np.float32(0.8)]])
    found = calibration_metrics(calibration_sums(prob[None], np.array([1, 0])).sum(0))
    assert float(found["ece"][0]) == pytest.approx((0.79 - 1 + 0.8) / 2)


def test_names_of_metrics() -> None:
    """What a run records can be asked for; of losses and errors less is better."""
    for classes in (2, 3):
        names = [f"class {c}" for c in range(classes)]
        prob, target = torch.eye(classes), torch.arange(classes)
        recorded = classification_metrics(prob, target, torch.ones(classes), names)
        assert all(is_metric(name) for name in recorded)
        by_class = {f"{what}/{name}" for what in ("f1", "recall", "precision", "loss") for name in names}
        assert (
            classes == 3
            or recorded.keys()
            == METRICS - RECALIBRATION - USE - {f"{kind}_f1" for kind in ("weighted", "dodrans", "entropy")} | by_class
        )
        less = {name for name in recorded if lower_is_better(name)}
        assert less == {name for name in recorded if "loss" in name} | CALIBRATION
    assert not any(is_metric(name) for name in ("", "f1", "macro", "class 1/f1"))


def test_a_class_that_is_absent() -> None:
    """Neither there nor predicted: F1 and precision are 0, its loss NaN, and no resample makes a difference of it."""
    prob, label = np.array([[[0.9, 0.1], [0.6, 0.4]]]), np.zeros(2, int)
    found = {name: float(values[0]) for name, values in metrics(unit_sums(prob, label).sum(0)).items()}
    assert (found["neg_f1"], found["pos_f1"], found["macro_f1"], found["accuracy"]) == (1, 0, 0.5, 1)
    assert (found["neg_precision"], found["pos_precision"]) == (1, 0)
    assert found["loss_neg"] == pytest.approx(-np.log([0.9, 0.6]).mean())
    assert np.isnan([found["loss_pos"], found["loss_gap"], found["balanced_accuracy"]]).all()
    p = Resampling(2, 1, draws=50).permutation_p(unit_sums(prob, label), unit_sums(prob[:, ::-1], label))
    assert (p["loss_pos"], p["loss_gap"], p["balanced_accuracy"]) == (1, 1, 1)


def test_a_class_given_no_chance_has_a_finite_loss() -> None:
    """One sure mistake does not make the loss of a run infinite, but it is as dear as the least that is kept."""
    loss = metrics(unit_sums(np.array([[[1.0, 0.0], [1.0, 0.0]]]), np.array([0, 1])).sum(0))
    assert (float(loss["loss_neg"][0]), float(loss["loss_pos"][0])) == pytest.approx((0, 103.28), abs=0.01)
