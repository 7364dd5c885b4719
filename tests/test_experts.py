"""Three experts and their aggregation: by hand, by search over all weights, and in two runs by the front door."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from clsunbias.data import Split
from clsunbias.errors import InputError
from clsunbias.objectives import ERM, DiverseExperts, LogitAdjusted
from clsunbias.objectives.experts import by_expert
from clsunbias.refits import ExpertAggregation
from clsunbias.runs import load_run
from tests.test_cli import fit
from tests.test_errors import fails
from tests.test_objectives import batch
from tests.test_refits import options


def test_each_expert_by_hand() -> None:
    """Counts 60, 30 and 10 the other way round are 10, 30 and 60; the class logits are the experts' mean."""
    _, target = batch(3)
    logits = torch.randn(24, 9, generator=torch.Generator().manual_seed(5))
    objective = DiverseExperts(lam=1.5)
    objective.setup(torch.tensor([60, 10, 30]))
    shares, reversed_shares = torch.tensor([0.6, 0.1, 0.3]).log(), torch.tensor([0.1, 0.6, 0.3]).log()
    one, two, three = logits[:, :3], logits[:, 3:6], logits[:, 6:]
    expected = F.cross_entropy(one, target) + F.cross_entropy(two + shares, target)
    expected = expected + F.cross_entropy(three + shares - 1.5 * reversed_shares, target)
    torch.testing.assert_close(objective(logits, target)["loss"], expected)
    torch.testing.assert_close(objective.class_logits(logits), (one + two + three) / 3)
    assert (objective.outputs(2), objective.outputs(5)) == (6, 15)


def test_what_the_experts_are() -> None:
    """The first is ERM, the second balanced softmax, and with λ = 0 the third, too."""
    logits, target = batch(3)
    objective, balanced = DiverseExperts(lam=0), ERM(LogitAdjusted(1))
    for one in (objective, balanced):
        one.setup(torch.tensor([50, 20, 5]))
    expected = ERM()(logits, target)["loss"] + 2 * balanced(logits, target)["loss"]
    torch.testing.assert_close(objective(logits.repeat(1, 3), target)["loss"], expected)
    with pytest.raises(InputError, match="set up for 0 classes"):
        DiverseExperts()(torch.zeros(2, 6), torch.tensor([0, 1]))
    with pytest.raises(InputError, match="lam must be"):
        DiverseExperts(lam=-1)


def rows(classes: int) -> tuple[nn.Linear, Split]:
    """A layer with three outputs for each class, and rows."""
    torch.manual_seed(2)
    x = torch.randn(60, 4)
    return nn.Linear(4, 3 * classes), Split(x, torch.arange(60) % classes)


@pytest.mark.parametrize("classes", [2, 4])
def test_weights_are_the_most_stable_ones(classes: int) -> None:
    """None of many random weights above the floor are better by more than a step is worth, and no label is read."""
    layer, split = rows(classes)
    before = by_expert(layer(split.x[:]).detach())
    refit = ExpertAggregation(noise=0.5, floor=0.1)
    views = [refit.logits(layer, split, seed) for seed in range(2)]
    found = refit.weights(*views)
    assert float(found.sum()) == pytest.approx(1)
    assert float(found.min()) >= 0.0999
    others = 0.1 + 0.7 * torch.tensor(np.random.default_rng(0).dirichlet([0.5] * 3, 500))

    def cosine(weights: Tensor) -> float:
        one, other = (torch.einsum("e,nec->nc", weights, logits).softmax(1).numpy() for logits in views)
        norms = np.linalg.norm(one, axis=1) * np.linalg.norm(other, axis=1)
        return float(((one * other).sum(1) / norms).mean())

    assert cosine(found) >= max(cosine(weights) for weights in others) - 1e-3
    assert cosine(found) > cosine(torch.full((3,), 1 / 3, dtype=torch.float64))
    refit.find(layer, split)
    mixed = Split(split.x, split.target.flip(0))
    again = ExpertAggregation(noise=0.5, floor=0.1)
    again.find(layer, mixed)
    assert all(torch.equal(refit.found[0][name], value) for name, value in again.found[0].items())
    refit.apply(layer, 0)
    logits = DiverseExperts().class_logits(layer(split.x[:])).detach()
    torch.testing.assert_close(logits, (found.float().view(3, 1) * before).sum(1))


def test_an_expert_that_wavers_counts_least() -> None:
    """One whose views differ gets the floor."""
    steady = torch.tensor([[4.0, 0.0]]).repeat(50, 1).double()
    wavering = 8 * torch.randn(2, 50, 2, generator=torch.Generator().manual_seed(0)).double()
    one, other = (torch.stack([steady, noise, steady], 1) for noise in wavering)
    weights = ExpertAggregation(floor=0.05).weights(one, other)
    assert float(weights[1]) == pytest.approx(0.05, abs=0.01)
    assert float(weights[0]) == pytest.approx(float(weights[2]), abs=0.02)


def test_views() -> None:
    """Images are moved, numbers get noise in proportion to their feature's spread, and padding stays padding."""
    refit = ExpertAggregation(noise=0.1)
    images = torch.rand(3, 1, 28, 28)
    assert refit.view(images, 0).shape == images.shape
    assert not torch.equal(refit.view(images, 0), refit.view(images, 1))
    x = torch.randn(4000, 2) * torch.tensor([1.0, 50.0])
    noise = refit.view(x, 0) - x
    torch.testing.assert_close(noise.std(0), torch.tensor([0.1, 5.0]), rtol=0.1, atol=0)
    frames = torch.randn(2, 5, 3)
    frames[1, 3:] = torch.nan
    assert torch.equal(refit.view(frames, 0).isnan(), frames.isnan())


def test_two_runs(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """Experts, then their weights: the probabilities are those of the weighted experts of the first run."""
    given = options(tmp_path, 6)
    first, second = tmp_path / "first", tmp_path / "second"
    assert fit("tabular", first, *given, "--trainer.max_epochs", "20", objective="diverse_experts") == 0
    start = [*given, "--config", "remedies/expert_aggregation", "--init_from", str(first)]
    assert fit("tabular", second, *start, objective="diverse_experts") == 0
    run, after = load_run(first), load_run(second)
    run.data.prepare_data()
    run.data.setup("fit")
    views = [ExpertAggregation().logits(run.model.network, run.data.splits["val"], seed) for seed in range(2)]
    weights = ExpertAggregation().weights(*views).float()
    with torch.no_grad():
        experts = by_expert(run.model.network(run.data.splits["test"].x[:]))
    prob = (weights.view(3, 1) * experts).sum(1).softmax(1)[:, 1]
    np.testing.assert_allclose(after.predictions.query("split == 'test'")["prob_1"], prob, atol=1e-5)
    assert json.loads((second / "result.json").read_text())["objective"] == "diverse_experts"

    command = ["fit", "--config", "tabular", "--out", str(tmp_path / "x"), *given, "--config"]
    fails([*command, "objectives/diverse_experts", *given[:-1], "[4, 2]"], capfd, "diverse_experts needs 6 a row")
    wrong = [*command, "objectives/erm", "--model.network.hidden_channels", "[4, 2]"]
    assert fit("tabular", tmp_path / "erm", *given[:-1], "[4, 2]", "--trainer.max_epochs", "1", objective="erm") == 0
    wrong += ["--config", "remedies/expert_aggregation", "--init_from", str(tmp_path / "erm")]
    fails(wrong, capfd, "6 outputs for 2 classes; this network has 2")
    assert not (tmp_path / "x").exists()


def test_on_images(tmp_path: Path, medmnist_root: Path) -> None:
    """Two runs on RetinaMNIST."""
    given = ["--data.root", str(medmnist_root), "--model.network.outputs", "6"]
    first = tmp_path / "first"
    assert fit("retina", first, *given, "--trainer.max_epochs", "1", objective="diverse_experts") == 0
    start = [*given, "--config", "remedies/expert_aggregation", "--init_from", str(first)]
    assert fit("retina", tmp_path / "second", *start, objective="diverse_experts") == 0
