"""Terms on features: twins written out pair by pair, where the features come from, and what two stages train."""

import math
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from clsunbias.errors import InputError
from clsunbias.networks.parts import see
from clsunbias.objectives import (
    ERM,
    FacilityLocation,
    GraphCut,
    NeuralCollapse,
    NormalisedGradients,
    OrdinalContrastive,
    PerClassERM,
    RepresentationObjective,
    SubclassContrastive,
    SupervisedContrastive,
)
from tests.test_cli import fit
from tests.test_errors import fails
from tests.test_objectives import batch


def case(classes: int) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Logits, targets, features and the features' directions, in double precision."""
    logits, target = batch(classes)
    features = torch.randn(24, 6, generator=torch.Generator().manual_seed(3), dtype=torch.float64)
    return logits, target, features, F.normalize(features, dim=1)


def term(objective: RepresentationObjective, logits: Tensor, target: Tensor, **more: Tensor) -> float:
    """What an objective adds to ERM, at its weight."""
    objective.setup(torch.tensor([40, 5, 10, 20, 25][: logits.shape[1]]))
    whole = objective(logits, target, **more)["loss"]
    return float((whole - objective.base_weight * F.cross_entropy(logits, target)) / objective.weight)


def mean(values: list[Tensor]) -> float:
    """Of scalars."""
    return float(torch.stack(values).mean())


def pull(scores: Tensor, row: int, partners: list[int], against: dict[int, float]) -> float:
    """−(1/|P|) Σ_p log(e_ip / Σ_a w_a·e_ia) of one row."""
    total = sum(weight * math.exp(scores[row, other]) for other, weight in against.items())
    return -sum(float(scores[row, one]) - math.log(total) for one in partners) / len(partners)


@pytest.mark.parametrize("classes", [2, 5])
def test_supervised_contrast_pair_by_pair(classes: int) -> None:
    """The other rows of the class over all other rows; a row without a partner takes no part."""
    logits, target, features, unit = case(classes)
    target[target == 1], target[5] = 0, 1
    scores, losses = unit @ unit.T / 0.2, []
    for row in range(24):
        partners = [one for one in range(24) if one != row and target[one] == target[row]]
        if partners:
            losses.append(pull(scores, row, partners, {one: 1.0 for one in range(24) if one != row}))
    found = term(SupervisedContrastive(temperature=0.2, weight=0.5), logits, target, features=features)
    assert found == pytest.approx(sum(losses) / len(losses), rel=1e-4)


def test_subclass_contrast_pair_by_pair() -> None:
    """Rows of the subclass over all others, and ρ times other subclasses of the class over all but one's own."""
    logits, target, features, unit = case(2)
    subclass = 2 * target + torch.arange(24) % 2
    scores, fine, coarse = unit @ unit.T / 0.1, [], []
    for row in range(24):
        kin = [one for one in range(24) if one != row and subclass[one] == subclass[row]]
        cousins = [one for one in range(24) if target[one] == target[row] and subclass[one] != subclass[row]]
        if kin:
            fine.append(pull(scores, row, kin, {one: 1.0 for one in range(24) if one != row}))
        if cousins:
            coarse.append(pull(scores, row, cousins, {one: 1.0 for one in range(24) if subclass[one] != subclass[row]}))
    found = term(SubclassContrastive(ratio=0.3), logits, target, features=features, subclass=subclass)
    assert found == pytest.approx(sum(fine) / len(fine) + 0.3 * sum(coarse) / len(coarse), rel=1e-4)


def test_ordinal_contrast_pair_by_pair() -> None:
    """Rows of other grades that are taken for one's own are pushed by their distance; without any, nothing is."""
    logits, target, features, unit = case(5)
    expected = (logits.softmax(1) * torch.arange(5)).sum(1)
    scores, losses = unit @ unit.T / 0.1, []
    for row in range(24):
        partners = [one for one in range(24) if one != row and target[one] == target[row]]
        against = dict.fromkeys(partners, 1.0)
        for one in range(24):
            distance = abs(int(target[one] - target[row]))
            if distance and abs(expected[one] - expected[row]) <= 0.1:
                against[one] = float(distance)
        if partners and len(against) > len(partners):
            losses.append(pull(scores, row, partners, against))
    assert 0 < len(losses) < 24
    found = term(OrdinalContrastive(width=0.1), logits, target, features=features)
    assert found == pytest.approx(sum(losses) / len(losses), rel=1e-4)
    right = 99.0 * F.one_hot(target, 5)
    assert term(OrdinalContrastive(), right, target, features=features) == 0


@pytest.mark.parametrize("classes", [2, 5])
def test_set_terms_row_by_row(classes: int) -> None:
    """Facility location, graph cut and neural collapse over the rows of each class."""
    logits, target, features, unit = case(classes)
    similarity = (1 + unit @ unit.T) / 2
    facility, cut, compact, angle = [], [], [], []
    means = torch.stack([unit[target == label].mean(0) for label in range(classes)])
    for label in range(classes):
        own = target == label
        facility.append(similarity[~own][:, own].amax(1).mean())
        cut.append(similarity[own][:, ~own].mean() - 0.5 * similarity[own][:, own].mean())
        compact.append((unit[own] - means[label]).square().sum(1).mean())
        angle.append(max(F.cosine_similarity(means[label], means[c], dim=0) for c in range(classes) if c != label))
    by_hand: list[tuple[RepresentationObjective, float]] = [
        (FacilityLocation(weight=2), mean(facility)),
        (GraphCut(lam=0.5), mean(cut)),
        (NeuralCollapse(ratio=0.3), mean(compact) + 0.3 * mean(angle)),
    ]
    for objective, expected in by_hand:
        assert term(objective, logits, target, features=features) == pytest.approx(expected, rel=1e-4, abs=1e-5)


def test_weights_of_the_two_parts() -> None:
    """Without the term it is its base, without the base logits have no gradient; both are there to be moved."""
    logits, target, features, _ = case(2)
    alone = SupervisedContrastive(weight=0, base=PerClassERM())
    torch.testing.assert_close(alone(logits, target, features=features)["loss"], PerClassERM()(logits, target)["loss"])
    assert alone.name == "supervised_contrastive_per_class_erm"
    logits.requires_grad_()
    loss = SupervisedContrastive(base_weight=0)(logits, target, features=features)["loss"]
    assert not torch.autograd.grad(loss, logits)[0].any()
    assert list(SupervisedContrastive().annealed()) == ["weight", "base_weight", "temperature"]
    with pytest.raises(InputError, match="cannot be added to normalised_gradients, which needs penultimate"):
        SupervisedContrastive(base=NormalisedGradients())
    with pytest.raises(InputError, match="temperature must be a finite number above 0, got 0"):
        OrdinalContrastive(temperature=0)


def test_features_are_what_comes_into_the_head() -> None:
    """Of the same pass, with their gradient; penultimate is what comes into the last linear layer."""
    network = nn.Sequential(nn.Linear(3, 4), nn.ReLU(), nn.Linear(4, 2))
    x = torch.randn(5, 3)
    logits, seen = see(network, network, x, ["features", "penultimate"], "test")
    torch.testing.assert_close(logits, network(x))
    torch.testing.assert_close(seen["features"], network[1](network[0](x)))
    assert torch.equal(seen["features"], seen["penultimate"])
    assert seen["features"].requires_grad
    assert not network[2]._forward_pre_hooks
    with pytest.raises(InputError, match="test takes what comes into a network's part head; Bilinear has none"):
        see(nn.Bilinear(2, 2, 1), network, x, ["features"], "test")


RETINA = ("--trainer.max_epochs", "2", "--trainer.accelerator", "cpu")


def test_two_stages(tmp_path: Path, medmnist_root: Path) -> None:
    """The first trains the backbone alone, the second a fresh head on it, on balanced batches."""
    root = ("--data.root", str(medmnist_root))
    first, second = tmp_path / "first", tmp_path / "second"
    assert fit("retina", first, *root, *RETINA, objective="supervised_contrastive") == 0
    start = ("--init_from", str(first), "--config", "remedies/crt")
    assert fit("retina", second, *root, *RETINA, *start, objective="erm") == 0
    weights = [torch.load(run / "checkpoints" / "selected.ckpt")["state_dict"] for run in (first, second)]
    for name in weights[0]:
        same = torch.equal(weights[0][name], weights[1][name])
        assert same == name.startswith("network.backbone"), name


def test_what_is_missing_is_said_before_training(
    tmp_path: Path, medmnist_root: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """A part head, rows of a class in a batch to compare, subclasses."""
    root = ("--data.root", str(medmnist_root))
    config = ["fit", "--config", "configs/retina.yaml", *root, "--out", str(tmp_path / "run")]
    contrast = [*config, "--config", "configs/objectives/supervised_contrastive.yaml"]
    fails([*contrast, "--data.batch_size", "2"], capfd, "compares rows within a batch", "raise data.batch_size")
    fails([*config, "--config", "configs/objectives/auc_margin.yaml", "--data.batch_size", "2"], capfd, "fewer than 1")
    fails([*contrast, "--model.network", "torch.nn.Flatten"], capfd, "part head", "Flatten has none")
    missing = ["--data.resample", "null"]
    fails([*config, "--config", "configs/objectives/subclass_contrastive.yaml", *missing], capfd, "needs subclass")
    fails([*config, "--config", "configs/objectives/group_parity.yaml"], capfd, "sex.csv cannot be read")
    assert not (tmp_path / "run").exists()
    assert ERM().needs == ()
