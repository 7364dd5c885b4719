"""The parts in code of one's own: an objective in a plain loop, the Classifier in a plain Trainer."""

from collections.abc import Callable, Iterable
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import torch
from lightning.pytorch import LightningModule, Trainer
from lightning.pytorch.callbacks import EarlyStopping
from torch import Tensor, nn
from torch.utils.data import DataLoader, TensorDataset

from clsunbias.callbacks import Anneal
from clsunbias.errors import InputError
from clsunbias.module import Classifier
from clsunbias.objectives import ERM, ClassWeightedERM, ClsUnbias, Focal, Objective, Regrouped
from clsunbias.schedules import Linear


def data(classes: int = 2, rows: int = 60) -> TensorDataset:
    """Rows of four numbers, the first of which tells the classes apart."""
    target = torch.arange(rows) % classes
    x = torch.randn(rows, 4, generator=torch.Generator().manual_seed(0))
    x[:, 0] += 3 * target
    return TensorDataset(x, target)


def trainer(folder: Path, **options: Any) -> Trainer:
    """A plain Trainer on the CPU that keeps still."""
    quiet = {"enable_progress_bar": False, "enable_model_summary": False, "logger": False, "accelerator": "cpu"}
    return Trainer(default_root_dir=folder, enable_checkpointing=False, **{"max_epochs": 3, **quiet, **options})


def test_an_objective_in_a_loop_of_ones_own() -> None:
    """Five lines, with a model of one logit: the loss falls."""
    x, target = data().tensors
    model, objective = nn.Linear(4, 1), ClsUnbias(lam=1, tau=2)
    objective.setup(target.bincount())
    optimizer = torch.optim.SGD(model.parameters(), lr=0.3)
    losses = []
    for _ in range(30):
        loss = objective(model(x), target)["loss"]
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        losses.append(float(loss.detach()))
    assert losses[-1] < 0.5 * losses[0]


@pytest.mark.parametrize(("classes", "outputs"), [(2, 1), (2, 2), (3, 3)])
def test_a_classifier_in_a_plain_trainer(classes: int, outputs: int, tmp_path: Path) -> None:
    """Trains, validates and can stop early on plain loaders of pairs; predictions are probabilities.

    The last batch is smaller, and the figures do not depend on how rows are batched.
    """
    train, test = data(classes), data(classes, 40)
    model = Classifier(nn.Linear(4, outputs), ClassWeightedERM(Focal(1)), partial(torch.optim.Adam, lr=0.05))
    model.objective.setup(train.tensors[1].bincount())
    stop = EarlyStopping("val/macro_f1", mode="max", patience=50)
    ours = trainer(tmp_path, max_epochs=10, callbacks=[stop])
    ours.fit(model, DataLoader(train, 16, shuffle=True), DataLoader(test, 16))
    assert ours.callback_metrics["val/macro_f1"] > 0.5
    assert "train/loss_gap" in ours.callback_metrics
    (first,), (second,) = (ours.test(model, DataLoader(test, size), verbose=False) for size in (7, 40))
    assert first == pytest.approx(second)
    assert ("test/loss_pos" if classes == 2 else "test/loss/2") in first
    both = ours.test(model, [DataLoader(train, 16), DataLoader(test, 16)], verbose=False)
    assert {name.partition("/")[0] for one in both for name in one} == {"test_1", "test_2"}
    for loader in (DataLoader(test, 16), DataLoader(test.tensors[0], 16)):  # type: ignore[arg-type]
        rows = torch.cat(ours.predict(model, loader))  # type: ignore[arg-type]
        assert rows.shape == (40, classes)
        torch.testing.assert_close(rows.sum(1), torch.ones(40))


class TwoPasses(torch.optim.SGD):
    """An optimiser that looks ahead and comes back, as sharpness-aware minimisation does: two passes a step."""

    def __init__(self, params: Iterable[nn.Parameter], lr: float = 0.1) -> None:
        super().__init__(params, lr)
        self.passes: list[float] = []

    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        assert closure is not None
        parameters = [one for group in self.param_groups for one in group["params"]]
        before = [one.detach().clone() for one in parameters]
        first = closure()
        super().step()
        second = closure()
        self.passes += [float(first), float(second)]
        with torch.no_grad():
            for one, value in zip(parameters, before, strict=True):
                one.copy_(value)
        super().step()
        return first


class Recorder(Classifier):
    """Keeps what each validation is told of the training before it."""

    def training_metrics(self) -> dict[str, float]:
        steps = [float(loss) for _, _, loss in self._train]
        self.told: list[list[float]] = [*getattr(self, "told", []), steps]
        return super().training_metrics()


@pytest.mark.parametrize("accumulate", [1, 2])
def test_a_step_of_two_passes_counts_once(accumulate: int, tmp_path: Path) -> None:
    """The curves take the first pass of each batch; steps, and with them every schedule, count optimiser steps."""
    train = data()
    model = Recorder(nn.Linear(4, 1), ClsUnbias(), TwoPasses)
    model.objective.setup(train.tensors[1].bincount())
    ours = trainer(tmp_path, max_epochs=2, accumulate_grad_batches=accumulate, callbacks=[Anneal(lam=Linear(0, 1))])
    ours.fit(model, DataLoader(train, 15), DataLoader(train, 60))
    optimizer = ours.optimizers[0]
    assert isinstance(optimizer, TwoPasses)
    assert ours.global_step == 8 // accumulate
    assert len(optimizer.passes) == 2 * ours.global_step
    recorded = [loss for told in model.told for loss in told]
    assert len(recorded) == 8  # a figure for each of four batches in each of two epochs
    first_passes = [accumulate * loss for loss in optimizer.passes[::2]]  # Lightning hands out each batch's share
    assert recorded[accumulate - 1 :: accumulate] == pytest.approx(first_passes)
    assert model.objective.annealed()["lam"] == 1


@pytest.mark.parametrize("objective", [ERM(), ClsUnbias()])
def test_frozen_parts_stay(objective: Objective, tmp_path: Path) -> None:
    """Their weights and running statistics, through training and validation; the rest moves."""
    network = nn.Sequential(nn.Linear(4, 4), nn.BatchNorm1d(4), nn.ReLU(), nn.Linear(4, 1))
    model = Classifier(network, objective)
    model.freeze_parts(["0", "1"])
    before = {name: value.clone() for name, value in network.state_dict().items()}
    trainer(tmp_path).fit(model, DataLoader(data(), 16), DataLoader(data(), 16))
    moved = {name for name, value in network.state_dict().items() if not torch.equal(value, before[name])}
    assert moved == {"3.weight", "3.bias"}
    refused = {"head": "no part 'head'; it has: 0, 1, 2, 3", "3": "with 3 frozen, nothing of the network is left"}
    for part, said in refused.items():
        with pytest.raises(InputError, match=said):
            model.freeze_parts([part])


def test_what_a_plain_loader_lacks_is_said(tmp_path: Path) -> None:
    """An objective that needs more of a batch than pairs hold."""
    model: LightningModule = Classifier(nn.Linear(4, 4), Regrouped([3, 1]))
    with pytest.raises(InputError, match="regrouped needs 'subclass' in each batch, which has x, target"):
        trainer(tmp_path).fit(model, DataLoader(data(), 16))


@pytest.mark.parametrize("target", [torch.zeros(8), torch.zeros(8, 1, dtype=torch.int64)])
def test_targets_of_another_kind_are_refused(target: Tensor, tmp_path: Path) -> None:
    """Floats, and labels in a column of their own, as some data sets have them."""
    loader = DataLoader(TensorDataset(torch.zeros(8, 4), target), 4)
    with pytest.raises(InputError, match=r"targets must be int64 of shape \(B,\)"):
        trainer(tmp_path).fit(Classifier(nn.Linear(4, 1), ERM()), loader)


def test_numbers_of_a_sample_loss_anneal(tmp_path: Path) -> None:
    """By their dotted name, beside those of the objective; one that is not there is named with those that are."""
    model = Classifier(nn.Linear(4, 1), ClsUnbias(sample_loss=Focal()))
    schedules = {"sample_loss.gamma": Linear(0, 4)}
    ours = trainer(tmp_path, callbacks=[Anneal(lam=Linear(1, 2), tau=Linear(2, 1), others=schedules)], max_epochs=2)
    ours.fit(model, DataLoader(data(), 20), DataLoader(data(), 20))
    assert model.objective.annealed() == {"lam": 2, "tau": 1, "sample_loss.gamma": 4}
    assert {"lam", "tau", "sample_loss.gamma"} <= ours.callback_metrics.keys()
    with pytest.raises(InputError, match=r"ERM has no 'gamma' to anneal \(it has sample_loss.gamma\)"):
        Anneal(others={"gamma": Linear(0, 1)}).check(ERM(Focal()))
    with pytest.raises(InputError, match=r"no 'lam' and no 'tau' .* anneal.lam to null, set anneal.tau to null"):
        Anneal(Linear(0, 1), Linear(1, 0)).check(ERM())
    with pytest.raises(InputError, match=r"take gamma out of anneal\.others"):
        Anneal(others={"gamma": Linear(0, 1)}).check(ERM())
    with pytest.raises(InputError, match=r"anneal\.others names tau"):
        Anneal(others={"tau": Linear(0, 1)})
    with pytest.raises(InputError, match="gamma must be a finite number of at least 0, got -1"):
        Anneal(others={"sample_loss.gamma": Linear(0, -1)}).check(ERM(Focal()))


def test_tensors_stay_with_their_rows() -> None:
    """A row's figure is its own whatever batch it came in: a constant model scores each class as the prior says."""
    z: Tensor = torch.zeros(6, 1)
    assert ERM()(z, torch.tensor([0, 1] * 3))["class_loss_sums"].tolist() == pytest.approx([3 * 0.6931472] * 2)
