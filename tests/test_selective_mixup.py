"""Selective mixup: its metrics and gains against others' figures, what it mixes, and runs by the front door."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from sklearn.metrics import balanced_accuracy_score, f1_score, recall_score
from torch import Tensor
from torch.nn import functional as F

from clsunbias.errors import InputError
from clsunbias.objectives import ERM, PerClassERM, SelectiveMixup, macro_f1, macro_recall, worst_recall
from clsunbias.objectives.selective_mixup import gains
from tests.fakes import table_of
from tests.test_cli import fit
from tests.test_errors import fails
from tests.test_objectives import batch, evaluate

METRICS = [macro_recall, worst_recall, macro_f1]


def test_metrics_of_a_confusion_matrix() -> None:
    """Those of scikit-learn."""
    random = np.random.default_rng(0)
    target, decided = random.integers(0, 3, 60), random.integers(0, 3, 60)
    confusion = torch.zeros(3, 3)
    for one, other in zip(target, decided, strict=True):
        confusion[one, other] += 1 / 60
    assert macro_recall(confusion).item() == pytest.approx(balanced_accuracy_score(target, decided))
    assert worst_recall(confusion).item() == pytest.approx(recall_score(target, decided, average=None).min())
    assert macro_f1(confusion).item() == pytest.approx(f1_score(target, decided, average="macro"))


def found(classes: int) -> tuple[Tensor, Tensor, Tensor]:
    """What a validation found: confusion, mean features, and the last layer that makes mean logits of them."""
    generator = torch.Generator().manual_seed(classes)
    confusion = torch.randint(1, 9, (classes, classes), generator=generator).double()
    features = torch.randn(classes, 6, generator=generator, dtype=torch.float64)
    return confusion, features, torch.randn(classes, 6, generator=generator, dtype=torch.float64)


@pytest.mark.parametrize("metric", METRICS)
@pytest.mark.parametrize("classes", [2, 4])
def test_gains_are_slopes_along_the_steps(metric: Callable[[Tensor], Tensor], classes: int) -> None:
    """The last layer takes a small step down the mixed loss, which moves the confusion matrix as its logits move."""
    confusion, features, weight = found(classes)
    gain = gains(confusion, features @ weight.T, features, metric, 0.8)
    share = confusion.sum(1, keepdim=True) / confusion.sum()
    for one in range(classes):
        for other in range(classes):
            w = weight.clone().requires_grad_()
            mixed = 0.8 * features[one] + 0.2 * features[other]
            loss = F.cross_entropy((w @ mixed).unsqueeze(0), torch.tensor([one]))
            (step,) = torch.autograd.grad(-loss, w)
            values = []
            for length in (-1e-4, 1e-4):
                moved = confusion.log() + features @ (length * step).T
                values.append(metric(moved.softmax(1) * share).item())
            assert gain[one, other].item() == pytest.approx((values[1] - values[0]) / 2e-4, abs=1e-4)


def test_the_class_that_is_missed_comes_first() -> None:
    """Of two classes, one of which is never decided for: all of what is gained lies in rows labelled as it."""
    objective = SelectiveMixup(worst_recall)
    objective.setup(torch.tensor([90, 10]))
    assert torch.equal(objective.chances, torch.full((2, 2), 0.25))
    features = torch.tensor([[1.0, 0.2], [0.8, 0.6]])
    objective.validated(
        torch.tensor([[18.0, 0.0], [3.0, 1.0]]), features @ torch.tensor([[1.0, -1], [-1, 1]]), features
    )
    assert objective.chances[1].sum() > 0.99
    assert objective.chances.sum() == pytest.approx(1)
    assert (objective.chances > 0).all()
    objective.validated(torch.tensor([[18.0, 0.0], [0.0, 4.0]]), torch.zeros(2, 2), torch.zeros(2, 2))
    torch.testing.assert_close(objective.chances, torch.full((2, 2), 0.25))


@pytest.mark.parametrize("classes", [2, 5])
def test_identities(classes: int) -> None:
    """With all pairs alike, and nothing mixed, it is per-class ERM; weighted by how many rows classes have, ERM."""
    logits, target = batch(classes)
    objective = SelectiveMixup(least=1.0)
    objective.setup(torch.arange(1, classes + 1))
    for training in (True, False):
        objective.train(training)
        expected = evaluate(PerClassERM(), logits, target)
        torch.testing.assert_close(evaluate(objective, logits, target), expected)
    counts = torch.bincount(target, minlength=classes)
    objective.chances = (counts / counts.sum()).unsqueeze(1).repeat(1, classes) / classes
    torch.testing.assert_close(evaluate(objective, logits, target), evaluate(ERM(), logits, target))


def test_rows_are_mixed_by_the_chances() -> None:
    """Each with one of a class that is drawn for its own; a share of itself of at least λ_min; a seed repeats it."""
    target = torch.tensor([0] * 60 + [1] * 25 + [2] * 15)[torch.randperm(100)]
    logits = F.one_hot(target, 3).float()  # so that mixed logits say with whom a row was mixed, and how
    objective = SelectiveMixup(least=0.7)
    objective.setup(torch.tensor([60, 25, 15]))
    objective.chances = torch.tensor([[0.0, 0.5, 0.0], [0.1, 0.0, 0.1], [0.0, 0.0, 0.3]])
    mates = {0: {1}, 1: {0, 2}, 2: {2}}
    seen: dict[int, list[int]] = {0: [], 1: [], 2: []}
    for seed in range(40):
        objective.training_batch({}, seed)
        made = objective.mixed(logits, target)
        assert torch.equal(made, objective.mixed(logits, target))
        own = made.gather(1, target.unsqueeze(1)).squeeze(1)
        assert (own >= 0.7).all()
        assert own[target != 2].max() < 1
        rest = made.scatter(1, target.unsqueeze(1), 0)
        for label, other in zip(target[target != 2].tolist(), rest.argmax(1)[target != 2].tolist(), strict=True):
            seen[label].append(other)
    assert {label: set(others) for label, others in seen.items() if label != 2} == {0: mates[0], 1: mates[1]}
    assert np.mean(np.array(seen[1]) == 0) == pytest.approx(0.5, abs=0.05)
    absent = objective.mixed(logits[target != 1], target[target != 1])  # none of the class that 0 goes with
    assert absent.isfinite().all()


def test_a_second_stage(tmp_path: Path) -> None:
    """From a run by ERM, for each metric; the checkpoint holds the chances."""
    table_of(160, 3).to_csv(tmp_path / "t.csv", index=False)
    options = ["--data.path", str(tmp_path / "t.csv"), "--model.network.in_features", "3"]
    assert fit("tabular", tmp_path / "erm", *options, "--trainer.max_epochs", "2", objective="erm") == 0
    weights = []
    for metric in ("macro_recall", "worst_recall", "macro_f1"):
        run = tmp_path / metric
        more = ["--init_from", str(tmp_path / "erm"), "--trainer.max_epochs", "4"]
        more += ["--model.objective.metric", f"clsunbias.objectives.{metric}"]
        assert fit("tabular", run, *options, *more, objective="selective_mixup") == 0
        state = torch.load(run / "checkpoints" / "selected.ckpt")["state_dict"]
        weights.append(state["network.weight"])
        assert state["objective.chances"].sum() == pytest.approx(1)
        assert not torch.equal(state["objective.chances"], torch.full((2, 2), 0.25))
        assert json.loads((run / "result.json").read_text())["objective"] == "selective_mixup"
    assert not torch.equal(weights[0], weights[1])


def test_what_is_refused(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """Numbers out of range, logits without a setup, a network without a last layer to look at."""
    with pytest.raises(InputError, match="least must be above 0 and at most 1, got 0"):
        SelectiveMixup(least=0)
    with pytest.raises(InputError, match="sharpness must be a finite number of at least 0, got -1"):
        SelectiveMixup(sharpness=-1)
    with pytest.raises(InputError, match="set up for 0 classes, the logits have 2"):
        SelectiveMixup()(torch.zeros(4, 2), torch.tensor([0, 1, 0, 1]))
    command = ["fit", "--config", "configs/toy_imbalanced.yaml", "--out", str(tmp_path / "run")]
    command += ["--config", "configs/objectives/selective_mixup.yaml", "--model.network", "torch.nn.Flatten"]
    fails(command, capfd, "selective_mixup", "Flatten has none")
    assert not (tmp_path / "run").exists()
