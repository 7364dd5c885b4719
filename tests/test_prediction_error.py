"""A student of each class against a frozen random network: by hand, and through the front door with every network."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from torch import Tensor, nn

from clsunbias.__main__ import main
from clsunbias.data import Split
from clsunbias.errors import InputError
from clsunbias.networks.parts import head_of, last_layer_of
from clsunbias.refits import LDA, PredictionError
from clsunbias.refits.prediction_error import PredictionErrors
from clsunbias.runs import load_run
from tests.test_cli import fit
from tests.test_refits import features, network, options, train


def small() -> PredictionError:
    """Widths that a twin by hand can do."""
    return PredictionError(width=7, teacher_width=20, penalty=0.3)


def refitted(refit: PredictionError, made: nn.Module, split: Split) -> nn.Module:
    """A network with its students."""
    made = refit.shaped(made)
    refit.find(made, split)
    refit.apply(made, 0)
    return made.eval()


def layer_of(made: nn.Module) -> PredictionErrors:
    """Its last layer."""
    layer = last_layer_of(made, "test")
    assert isinstance(layer, PredictionErrors)
    return layer


def by_hand(layer: PredictionErrors, x: Tensor, target: Tensor, penalty: float) -> tuple[Tensor, Tensor]:
    """Errors of training rows over the mean of those left out, and those with the own class's left out; row by row."""
    weights = {name: value.double().numpy() for name, value in layer.state_dict().items()}
    scaled = (x.numpy() - x.numpy().mean(0)) / x.numpy().std(0)

    def hidden(name: str, rows: Any) -> Any:
        made = np.maximum(rows @ weights[f"{name}_weight"].T + weights[f"{name}_bias"], 0)
        return np.sqrt(2 / made.shape[1]) * made

    def errors(own: Any, rows: Any) -> Any:
        student, taught = hidden("student", own), hidden("teacher", own) @ weights["target"].T
        inputs = np.concatenate([student, np.sqrt(penalty) * np.eye(student.shape[1])])  # ridge as least squares
        outputs = np.concatenate([taught, np.zeros((student.shape[1], taught.shape[1]))])
        found = np.linalg.lstsq(inputs, outputs, rcond=None)[0]
        return ((hidden("student", rows) @ found - hidden("teacher", rows) @ weights["target"].T) ** 2).mean(1)

    labels = target.numpy()
    plain = np.stack([errors(scaled[labels == label], scaled) for label in range(layer.classes)], 1)
    left_out = plain.copy()
    for row, label in enumerate(labels):
        own = (labels == label) & (np.arange(len(labels)) != row)
        left_out[row, label] = errors(scaled[own], scaled[row : row + 1])[0]
    spread = np.array([left_out[labels == label, label].mean() for label in range(layer.classes)])
    return torch.from_numpy(plain / spread), torch.from_numpy(left_out / spread)


@pytest.mark.parametrize(("classes", "outputs"), [(2, 1), (2, 2), (4, 4)])
def test_row_by_row(classes: int, outputs: int) -> None:
    """Each left-out error by a fit without that row; the temperature is where the balanced cross-entropy is least."""
    split, plain = train(classes), network(outputs)
    x = torch.from_numpy(features(plain, split))
    made = refitted(small(), plain, split)
    errors, left_out = by_hand(layer_of(made), x, split.target, 0.3)
    weights = 1 / torch.bincount(split.target).double()

    def loss(slope: float) -> float:
        return float(nn.functional.cross_entropy(-slope * left_out, split.target, weights))

    logits = made(split.x[:]).detach().double()
    wide = -errors[:, 1:] + errors[:, :1] if outputs == 1 else -errors
    slope = float((logits / wide).median())
    torch.testing.assert_close(logits, slope * wide, rtol=1e-3, atol=1e-3)
    assert loss(slope) <= min(loss(0.98 * slope), loss(1.02 * slope))
    assert float(left_out[split.target == 1, 1].mean()) == pytest.approx(1)


@pytest.mark.parametrize("minority", [0, 1])
def test_a_student_sees_its_own_class_alone(minority: int) -> None:
    """The other class's rows turned about their mean change no feature's scale, and its student alone."""
    split = train(2, minority)
    x, target = torch.from_numpy(features(network(1), split)), split.target
    other = target == minority
    turned = torch.where(other.unsqueeze(1), 2 * x[other].mean(0) - x, x)
    one, two = (layer_of(small().shaped(nn.Linear(6, 1))).double() for _ in range(2))
    one, two = small().fit(one, x, target), small().fit(two, turned, target)
    torch.testing.assert_close(one.students[1 - minority], two.students[1 - minority])
    assert not torch.allclose(one.students[minority], two.students[minority])


@pytest.mark.parametrize("minority", [0, 1])
def test_no_class_is_favoured(minority: int) -> None:
    """Of rows that overlap little, most of each class are right, the smaller one's too; the same each time."""
    split = train(2, minority)
    logits = [refitted(PredictionError(), network(1), split)(split.x[:]).detach() for _ in range(2)]
    right = (logits[0].flatten() > 0).long() == split.target
    assert min(float(right[split.target == label].float().mean()) for label in range(2)) > 0.7
    assert torch.equal(*logits)


def test_where_the_layer_is() -> None:
    """It counts as the network's last layer, deep in a part, at the end of a sequence, or as all of the network."""
    for made in (network(2), nn.Linear(4, 1), nn.ModuleDict({"head": nn.Sequential(nn.Linear(4, 2), nn.Dropout())})):
        refit = small()
        shaped = refit.shaped(made)
        assert shaped.get_submodule(refit.fresh[0]) is layer_of(shaped)
    sequence = small().shaped(network(2))
    assert head_of(sequence, "test") is layer_of(sequence)
    whole = small().shaped(nn.Linear(4, 1))
    assert head_of(whole, "test") is whole


def test_by_the_front_door(tmp_path: Path) -> None:
    """From a finished run's weights and from none: predictions are those of the model read back, with features kept."""
    given = options(tmp_path)
    assert fit("tabular", tmp_path / "erm", *given, "--trainer.max_epochs", "3", objective="erm") == 0
    overlay = ["--config", "remedies/prediction_error", "--save_features", "true"]
    start = [*given, *overlay, "--init_from", str(tmp_path / "erm")]
    assert fit("tabular", tmp_path / "pec", *start, objective="erm") == 0
    first, run = load_run(tmp_path / "erm"), load_run(tmp_path / "pec")
    weights, before = run.model.state_dict(), first.model.state_dict()
    assert torch.equal(weights["network.0.weight"], before["network.0.weight"])
    assert "network.3.weight" not in weights
    run.data.prepare_data()
    run.data.setup("test")
    with torch.no_grad():
        prob = run.model(run.data.splits["test"].x[:]).softmax(1)[:, 1]
    test = run.predictions.query("split == 'test'")
    np.testing.assert_allclose(test["prob_1"], prob, atol=1e-6)
    with np.load(tmp_path / "pec" / "features.npz") as kept:
        assert {kept[name].shape[1] for name in kept.files if kept[name].ndim == 2} == {4}

    new = pd.read_csv(tmp_path / "t.csv").drop(columns="label")
    new.to_csv(tmp_path / "new.csv", index=False)
    command = ["predict", "--config", str(tmp_path / "pec" / "config.yaml"), "--input", str(tmp_path / "new.csv")]
    assert main([*command, "--out", str(tmp_path / "new")]) == 0
    told = pd.read_csv(tmp_path / "new" / "predictions.csv")["prob_1"]
    assert set(test["prob_1"].round(5)) <= set(told.round(5))

    plain = [*given[:2], "--model.network", "torch.nn.Linear", "--model.network.in_features", "3", *overlay[:2]]
    assert fit("tabular", tmp_path / "whole", *plain, "--model.network.out_features", "1", objective="erm") == 0


@pytest.mark.slow
def test_as_onnx(tmp_path: Path) -> None:
    """Probabilities of the file are those of the run, which export checks before it leaves the file."""
    overlay = ["--config", "remedies/prediction_error"]
    assert fit("tabular", tmp_path / "pec", *options(tmp_path), *overlay, objective="erm") == 0
    assert main(["export", str(tmp_path / "pec"), "--onnx", str(tmp_path / "model.onnx")]) == 0


def test_under_autocast() -> None:
    """Errors are differences, for which bfloat16 is too coarse: logits are the same as without it."""
    made = refitted(small(), network(2), train(2))
    rows = torch.randn(5, 6)
    with torch.no_grad(), torch.autocast("cpu", torch.bfloat16):
        mixed = layer_of(made)(rows)
    torch.testing.assert_close(mixed, layer_of(made)(rows).detach())


def test_what_cannot_be() -> None:
    """Widths, penalties, a class of one row, outputs of no class, a linear refit of it."""
    for wrong in ({"width": 0}, {"teacher_width": 0}, {"penalty": 0.0}):
        with pytest.raises(InputError):
            PredictionError(**wrong)
    with pytest.raises(InputError, match="2 training rows of each class, class 0 has 1"):
        small().find(small().shaped(network(1)), Split(torch.randn(4, 4), torch.tensor([0, 1, 1, 1])))
    with pytest.raises(InputError, match="3 outputs, for 2 classes"):
        small().find(small().shaped(network(3)), train(2))
    with pytest.raises(InputError, match="LDA sets a linear layer's weights"):
        LDA().find(small().shaped(network(2)), train(2))
