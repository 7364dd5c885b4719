"""Refits of a finished run: each against a twin by hand or scikit-learn, and through the front door."""

import json
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd
import pytest
import torch
from scipy.special import log_softmax
from sklearn.covariance import LedoitWolf
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.neighbors import NearestCentroid
from torch import Tensor, nn

from clsunbias.data import Split
from clsunbias.errors import InputError
from clsunbias.refits import (
    LDA,
    Blend,
    HeadRefit,
    LearnedScale,
    NearestMean,
    OneClass,
    Refit,
    SelfPacedEnsemble,
    TauNorm,
    VirtualFeatures,
    WeightAligned,
)
from clsunbias.runs import load_run
from tests.fakes import table_of
from tests.test_cli import fit
from tests.test_errors import fails


def train(classes: int = 2, minority: int = 0) -> Split:
    """Ninety rows of four numbers; a tenth or so are of one class, which lies off the others."""
    number = torch.arange(90)
    target = torch.where(number % 10 == 0, 0, 1 + number % max(1, classes - 1))
    target = target if minority == 0 else classes - 1 - target
    x = torch.randn(90, 4, generator=torch.Generator().manual_seed(1)) + 1.5 * target.unsqueeze(1)
    return Split(x, target)


def network(outputs: int = 2) -> nn.Sequential:
    """A small network with random weights, always the same."""
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(4, 6), nn.Tanh(), nn.Linear(6, outputs)).eval()


def last(made: nn.Sequential) -> nn.Linear:
    """The last layer."""
    layer = made[-1]
    assert isinstance(layer, nn.Linear)
    return layer


def tried(refit: Refit, made: nn.Module, split: Split) -> list[Tensor]:
    """Logits of the training rows with each candidate's weights."""
    refit.find(made, split)
    logits = []
    with torch.no_grad():
        for epoch in range(len(refit.found)):
            refit.apply(made, epoch)
            logits.append(made(split.x[:]))
    return logits


def features(made: nn.Sequential, split: Split) -> npt.NDArray[np.float64]:
    """What comes into the last layer."""
    with torch.no_grad():
        return np.asarray(made[:-1](split.x[:]).double().numpy())


@pytest.mark.parametrize("outputs", [2, 5])
def test_tau_norm(outputs: int) -> None:
    """By hand: z_c / ‖w_c‖^τ; τ = 0 is the run itself to the bit."""
    made, split = network(outputs), train(outputs)
    before = made(split.x[:]).detach()
    norms = last(made).weight.detach().norm(dim=1)
    whole, half, one = tried(TauNorm([0.0, 0.5, 1.0]), made, split)
    assert torch.equal(whole, before)
    torch.testing.assert_close(half, before / norms.sqrt())
    torch.testing.assert_close(one, before / norms)


@pytest.mark.parametrize("minority", [0, 1])
def test_weights_are_aligned_by_the_class_counts(minority: int) -> None:
    """The smaller class's weights get the larger's norm, whichever number it has; nothing else changes."""
    made = network()
    weight = last(made).weight.detach().clone()
    tried(WeightAligned(), made, train(2, minority))
    aligned = last(made).weight.detach()
    torch.testing.assert_close(aligned[minority].norm(), weight[1 - minority].norm())
    assert torch.equal(aligned[1 - minority], weight[1 - minority])


def test_learned_scales_balance_the_classes() -> None:
    """At the scales the slope of the class-balanced cross-entropy and the penalty is 0; it is lower than it was."""
    made, split = network(), train()
    weights = 1 / torch.bincount(split.target).float()

    def loss(logits: Tensor) -> Tensor:
        return nn.functional.cross_entropy(logits, split.target, weights)

    before = made(split.x[:]).detach()
    losses = [loss(before)]
    for penalty, after in zip((1.0, 0.01), tried(LearnedScale([1.0, 0.01]), made, split), strict=True):
        scale = (after / before)[0].clone().requires_grad_()
        slope = torch.autograd.grad(loss(scale * before) + penalty * (scale - 1).square().sum(), scale)[0]
        assert slope.abs().max() < 1e-5
        losses.append(loss(after))
    assert losses == sorted(losses, reverse=True)


def test_learned_scales_have_an_end() -> None:
    """Where the network tells training rows apart without fail, too."""
    made = nn.Sequential(nn.Linear(1, 1), nn.Linear(1, 2)).eval()
    made.load_state_dict(
        {"0.weight": torch.ones(1, 1), "0.bias": torch.zeros(1)}
        | {"1.weight": torch.tensor([[-1.0], [1.0]]), "1.bias": torch.zeros(2)}
    )
    split = Split(torch.tensor([[-9.0], [-8.0], [9.0]]), torch.tensor([0, 0, 1]))
    before = made(split.x[:]).detach()
    assert all(0.9 < float((after / before).max()) < 2 for after in tried(LearnedScale(), made, split))


@pytest.mark.parametrize(("classes", "outputs"), [(2, 1), (2, 2), (4, 4)])
def test_nearest_mean_and_lda_are_scikit_learns(classes: int, outputs: int) -> None:
    """The same classes as NearestCentroid, the same probabilities as LDA, with one logit or as many as classes."""
    split = train(classes)
    x, target = features(network(outputs), split), split.target.numpy()
    means = tried(NearestMean(), network(outputs), split)[0]
    wide = nn.functional.pad(means, (1, 0)) if outputs == 1 else means
    assert wide.argmax(1).tolist() == NearestCentroid().fit(x, target).predict(x).tolist()
    centres = np.stack([x[target == label].mean(0) for label in range(classes)])
    distances = np.square(x[:, None] - centres).sum(2)
    spread = distances[np.arange(len(x)), target].mean()
    np.testing.assert_allclose(wide.log_softmax(1), log_softmax(-distances / (2 * spread), axis=1), atol=1e-4)
    for prior, priors in (("natural", None), ("balanced", [1 / classes] * classes)):
        logits = tried(LDA(prior), network(outputs), split)[0]  # type: ignore[arg-type]
        wide = nn.functional.pad(logits, (1, 0)) if outputs == 1 else logits
        reference = LinearDiscriminantAnalysis(solver="lsqr", shrinkage="auto", priors=priors).fit(x, target)
        np.testing.assert_allclose(wide.softmax(1), reference.predict_proba(x), atol=1e-4)


@pytest.mark.parametrize("minority", [0, 1])
@pytest.mark.parametrize(
    "refit",
    [VirtualFeatures(), SelfPacedEnsemble(), SelfPacedEnsemble(members=1)],
    ids=["virtual", "self_paced", "one_member"],
)
def test_fitted_heads_favour_no_class(refit: HeadRefit, minority: int) -> None:
    """Of rows that overlap little, nine in ten of each class are right, the smaller one's too; the same each time."""
    split = train(2, minority)
    logits = tried(refit, network(1), split)[0]
    right = (logits.flatten() > 0).long() == split.target
    assert min(float(right[split.target == label].float().mean()) for label in range(2)) > 0.8
    assert torch.equal(tried(refit, network(1), split)[0], logits)


@pytest.mark.parametrize("minority", [0, 1])
@pytest.mark.parametrize("outputs", [1, 2])
def test_one_class_sees_the_larger_class_alone(minority: int, outputs: int) -> None:
    """The order is scikit-learn's Mahalanobis distance; what the smaller class's rows are changes nothing."""
    split, refit = train(2, minority), OneClass(0.1)
    large = split.target != minority
    logits = tried(refit, refit.shaped(network(outputs)), split)[0]
    score = (logits if outputs == 1 else logits[:, 1:] - logits[:, :1]).flatten() * (1 if minority == 1 else -1)
    x = features(network(outputs), split)
    distance = LedoitWolf().fit(x[large.numpy()]).mahalanobis(x)
    assert np.corrcoef(score, distance)[0, 1] == pytest.approx(1, abs=1e-5)
    assert float((score > 0)[large].float().mean()) == pytest.approx(0.1, abs=0.02)
    assert float((score > 0)[~large].float().mean()) > 0.5
    others = Split(torch.where(large.unsqueeze(1), split.x[:], 99.0), split.target)
    made = refit.shaped(network(outputs))
    tried(refit, made, others)
    torch.testing.assert_close(made(split.x[:]).detach(), logits)
    with pytest.raises(InputError, match="have the same features"):
        tried(refit, refit.shaped(network(outputs)), Split(torch.zeros(9, 4), torch.arange(9) // 7))


def test_what_cannot_be() -> None:
    """One logit has no norms of its own, equal classes nothing to align, a network without a linear layer no head."""
    with pytest.raises(InputError, match="a logit for each class"):
        TauNorm().find(network(1), train())
    with pytest.raises(InputError, match="nothing to align"):
        WeightAligned().find(network(), Split(torch.randn(4, 4), torch.tensor([0, 1, 0, 1])))
    with pytest.raises(InputError, match="no linear layer"):
        LDA().find(nn.Tanh(), train())
    with pytest.raises(InputError, match="2 training rows of a class, class 0 has 1"):
        VirtualFeatures().find(network(1), Split(torch.randn(4, 4), torch.tensor([0, 1, 1, 1])))
    with pytest.raises(InputError, match="for two classes"):
        SelfPacedEnsemble().find(network(3), train(3))
    for wrong in (
        lambda: TauNorm([-1.0]),
        lambda: TauNorm([]),
        lambda: Blend(Path("x"), [1.5]),
        lambda: LDA(shrinkage=2.0),
        lambda: OneClass(1.0),
        lambda: LearnedScale([0.0]),
        lambda: SelfPacedEnsemble(0),
        lambda: VirtualFeatures(penalty=0.0),
    ):
        with pytest.raises(InputError):
            wrong()


def options(folder: Path, outputs: int = 2) -> list[str]:
    """Of a run on a small table of two classes, with so many outputs: by default a logit for each class."""
    table_of(120, 3).to_csv(folder / "t.csv", index=False)
    network = ["--model.network", "torchvision.ops.MLP", "--model.network.in_channels", "3"]
    return ["--data.path", str(folder / "t.csv"), *network, "--model.network.hidden_channels", f"[4, {outputs}]"]


def test_one_class_of_a_single_layer(tmp_path: Path) -> None:
    """In the place of a network that is one linear layer, from no run; the run that is read again says the same."""
    table_of(120, 3).to_csv(tmp_path / "t.csv", index=False)
    given = ["--data.path", str(tmp_path / "t.csv"), "--model.network", "torch.nn.Linear"]
    given += ["--model.network.in_features", "3", "--model.network.out_features", "1"]
    assert fit("tabular", tmp_path / "run", *given, "--config", "remedies/one_class", objective="erm") == 0
    run = load_run(tmp_path / "run")
    run.data.prepare_data()
    run.data.setup("test")
    with torch.no_grad():
        found = run.model(run.data.splits["test"].x[:]).softmax(1)[:, -1]
    recorded = run.predictions.query("split == 'test'")["prob_1"]
    np.testing.assert_allclose(found, recorded, atol=1e-5)
    assert recorded.nunique() > 5


def test_by_the_front_door(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """τ-norm and blends of finished runs: a row of curves for each candidate, the first the run itself; no step."""
    given = options(tmp_path)
    for seed in ("0", "1"):
        short = ["--trainer.max_epochs", "3", "--seed_everything", seed]
        assert fit("tabular", tmp_path / seed, *given, *short, objective="erm") == 0
    first = json.loads((tmp_path / "0" / "result.json").read_text())
    start = [*given, "--init_from", str(tmp_path / "0")]
    last = ["--selection", "clsunbias.selection.LastStep"]

    blend = ["--config", "remedies/wise_ft", "--model.refit.other", str(tmp_path / "1"), *last]
    assert fit("tabular", tmp_path / "blend", *start, *blend, objective="erm") == 0
    curves = pd.read_csv(tmp_path / "blend" / "metrics.csv")
    assert len(curves) == 11
    assert curves["val/loss"][0] == pytest.approx(first["val"]["loss"], abs=1e-6)
    other, found = (load_run(tmp_path / name).model.state_dict() for name in ("1", "blend"))
    assert all(torch.equal(value, other[name]) for name, value in found.items())

    scaled = ["--config", "remedies/tau_norm"]
    assert fit("tabular", tmp_path / "tau", *start, *scaled, objective="erm") == 0
    curves = pd.read_csv(tmp_path / "tau" / "metrics.csv")
    assert len(curves) == 11
    assert curves["val/macro_f1"][0] == pytest.approx(first["val"]["macro_f1"])
    result = json.loads((tmp_path / "tau" / "result.json").read_text())
    assert result["val"]["macro_f1"] == pytest.approx(curves["val/macro_f1"].max())

    out = ["--out", str(tmp_path / "none")]
    command = ["fit", "--config", "tabular", "--config", "objectives/erm", *scaled]
    fails([*command, *given, *out], capfd, "name it with --init_from")
    fails([*command, *start, "--trainer.max_epochs", "5", *out], capfd, "tries 11 sets of weights", "not all")
    assert not (tmp_path / "none").exists()
    assert fit("tabular", tmp_path / "lda", *given, "--config", "remedies/lda", objective="erm") == 0
