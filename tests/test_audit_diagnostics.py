"""Diagnostics class by class, each against what is known: drift, wrong labels, mistakes, slopes, fewer bits."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from scipy.special import expit
from torch import nn

from clsunbias.__main__ import main
from clsunbias.audit.compressed import compressed, flips_of
from clsunbias.audit.curvature import slopes
from clsunbias.audit.failures import failures
from clsunbias.audit.frechet import distances, squared
from clsunbias.audit.label_quality import mislabelled, suspects
from clsunbias.data.split import Split
from clsunbias.decisions.base import log_prob
from clsunbias.module import Classifier
from clsunbias.objectives import ERM
from tests.test_audit import SHORT


def test_the_distance_of_normals_is_the_closed_form() -> None:
    """‖μ − ν‖² + Σ (σ − τ)² of independent directions."""
    random = np.random.default_rng(0)
    one = random.normal(size=(50_000, 3)) * [1, 2, 1]
    other = random.normal(size=(50_000, 3)) * [1, 1, 3] + [2, 0, 0]
    assert squared(one, other) == pytest.approx(4 + 1 + 4, rel=0.03)


def test_drift_of_one_class_is_found_in_that_class() -> None:
    """The positives of another site lie elsewhere; the negatives do not; too few of a class are left out."""
    random, target = np.random.default_rng(0), np.arange(200) % 2
    here, there = random.normal(size=(200, 6)), random.normal(size=(200, 6))
    for rows in (here, there):
        rows[:, 0] += 2 * target
    there[target == 1, 1] += 1
    negative, positive = distances(("test", here, target), [("train", there, target)], 2)
    assert positive.p < 0.01 < 0.05 < negative.p
    assert positive.distance.low < 1 < positive.distance.high
    assert negative.distance.low < 0 < negative.distance.high
    few = np.where(np.arange(200) < 5, 1, 0)
    assert [one.label for one in distances(("test", here, target), [("val", there, few)], 2)] == [0]


def test_planted_wrong_labels_are_counted_in_their_class() -> None:
    """A tenth of the negatives is called positive: most of them are counted among the positives, and no negatives."""
    for seed in range(10):
        random = np.random.default_rng(seed)
        true = random.integers(0, 2, 2000)
        score = 2 * (2 * true - 1) + random.normal(size=2000)
        prob = expit(score)
        said = np.where((true == 0) & (random.random(2000) < 0.1), 1, true)
        negative, positive = mislabelled(np.stack([1 - prob, prob], 1), said)
        wrong = int((said != true).sum())
        assert 0.6 * wrong < positive.wrong.value < 1.2 * wrong
        assert positive.wrong.low <= positive.wrong.value <= positive.wrong.high
        assert positive.likely == 0
        assert negative.wrong.value <= 3
        named = suspects(np.stack([1 - prob, prob], 1), said)
        assert {one.unit for one in named if one.label == 0} <= set(np.flatnonzero((said == 0) & (prob > 0.5)))
        found = [one.unit for one in named if one.label == 1]
        assert (said != true)[found].mean() > 0.8
        assert (said != true)[found].sum() > 0.5 * wrong
        assert [one.prob for one in named] == sorted(one.prob for one in named)
        assert all(one.prob == (prob if one.label else 1 - prob)[one.unit] for one in named)


def test_whether_mistakes_are_known_is_told_by_class() -> None:
    """Sure where right and unsure where wrong: found in either class; sure of everything alike: not found."""
    random = np.random.default_rng(0)
    target = random.integers(0, 2, 3000)
    score = 1.5 * (2 * target - 1) + 1.5 * random.normal(size=3000) + 1
    found = failures(log_prob(np.stack([expit(-score), expit(score)], 1)), target)
    assert [one.label for one in found] == [0, 1]
    assert all(one.plain.low > 0.5 for one in found)
    assert sum(one.wrong for one in found) == ((score > 0) != target).sum()
    blind = np.where(random.random(3000) < 0.8, target, 1 - target)
    sure = np.abs(random.normal(size=3000)) + 0.1
    logs = log_prob(np.stack([expit(-sure * (2 * blind - 1)), expit(sure * (2 * blind - 1))], 1))
    assert all(one.plain.low < 0.5 < one.plain.high for one in failures(logs, target))
    assert failures(logs[:8], target[:8]) == []


def test_slopes_and_curvature_of_a_line_are_the_closed_form() -> None:
    """Of logistic regression: the mean of (p − y)·x, and the largest eigenvalue of the mean of p(1 − p)·x·xᵀ."""
    torch.manual_seed(0)
    target = torch.arange(256) % 2
    x = torch.randn(256, 3) * torch.tensor([1.0, 2.0, 1.0]) + 0.5 * target.unsqueeze(1)
    model = Classifier(nn.Linear(3, 1), ERM()).eval()
    found = slopes(model, Split(x, target), 2, 7)
    rows = torch.cat([x, torch.ones(256, 1)], 1).double().numpy()
    with torch.no_grad():
        prob = model(x).softmax(1)[:, 1].double().numpy()
    gradients = []
    for label, one in enumerate(found):
        own = target.numpy() == label
        gradients.append(((prob - label)[own, None] * rows[own]).mean(0))
        bent = (prob * (1 - prob))[own, None, None] * rows[own, :, None] * rows[own, None, :]
        values = np.linalg.eigvalsh(bent.mean(0))
        assert one.largest.value == pytest.approx(values[-1], rel=0.02)
        assert one.smallest.value == pytest.approx(values[0], rel=0.02)
        spread = np.trace(np.cov(((prob - label)[own, None] * rows[own]).T))
        assert one.noise is not None
        assert one.noise.low < spread / (gradients[label] @ gradients[label]) < one.noise.high
        assert one.norm.low < gradients[label] @ gradients[label] < one.norm.high
    cosine = gradients[0] @ gradients[1] / np.linalg.norm(gradients[0]) / np.linalg.norm(gradients[1])
    assert found[0].cosine is not None
    assert found[0].cosine.value == pytest.approx(cosine, abs=0.1)
    assert slopes(model, Split(x[:20], target[:20]), 2, 7) == []
    for weight in model.parameters():
        weight.requires_grad_(False)
    assert slopes(model, Split(x, target), 2, 7) == []


def test_gradients_of_noise_have_no_direction() -> None:
    """Weights of 0 and rows that say nothing: a cosine is told, and not 0, in next to no set."""
    made = 0
    for seed in range(60):
        torch.manual_seed(seed)
        x, target = torch.randn(256, 20), torch.arange(256) % 2
        line = nn.Linear(20, 1, bias=False)
        nn.init.zeros_(line.weight)
        (one, _) = slopes(Classifier(line, ERM()).eval(), Split(x, target), 2, 0)
        made += one.cosine is not None and not one.cosine.low < 0 < one.cosine.high
    assert made <= 3


def test_fewer_bits_turn_what_lies_between_them() -> None:
    """A line whose second column is below the steps of int8 decides by the first alone; float16 keeps both."""
    pytest.importorskip("onnxruntime")
    line = nn.Linear(2, 1)
    with torch.no_grad():
        line.weight.copy_(torch.tensor([[1.0, 0.003]]))
        line.bias.zero_()
    target = torch.arange(40) % 2
    x = torch.stack([torch.full((40,), 1e-3), torch.where(target == 1, 1.0, -1.0)], 1)
    found = compressed(Classifier(line, ERM()).eval(), Split(x, target), ["rows"], 2)
    turned = {(one.kind, one.label): one.newly_wrong for one in found}
    assert turned[("float16", 0)] == turned[("float16", 1)] == 0
    assert turned[("int8", 0)] + turned[("int8", 1)] == 20
    one = flips_of("int8", 0, np.array([0, 0, 1]), np.array([0, 1, 0]), np.array([0, 0, 0]))
    assert (one.newly_wrong, one.newly_right, one.units) == (1, 1, 3)


def test_diagnostics_through_the_front_door(tmp_path: Path, capsys: Any) -> None:
    """Of a run on a table with an attribute: all of them, on the page, as CSV and in JSON."""
    pytest.importorskip("onnxruntime")
    random, target = np.random.default_rng(0), np.arange(400) % 2
    frame = pd.DataFrame({"a": random.normal(size=400) + target, "b": random.normal(size=400)})
    frame["site"] = np.where(random.random(400) < 0.5, "n", "s")
    frame["label"] = np.where(target, "ill", "well")
    frame.to_csv(tmp_path / "table.csv", index=False)
    run, out = str(tmp_path / "run"), tmp_path / "out"
    options = ["--data.path", str(tmp_path / "table.csv"), "--data.classes", '["well","ill"]', *SHORT, "--out", run]
    options += ["--data.attributes", '["site"]', "--trainer.max_epochs", "40", "--model.network.in_features", "2"]
    assert main(["fit", "--config", "tabular", *options]) == 0
    capsys.readouterr()
    assert main(["audit", run, "--compressed", "--out", str(out)]) == 0
    assert {f"{name}.csv" for name in ("distances", "mislabelled", "failures", "slopes", "compressed")} <= {
        path.name for path in out.iterdir()
    }
    made = json.loads((out / "audit.json").read_text())
    assert {one["kind"] for one in made["compressed"]} == {"float16", "int8"}
    assert {one["here"] for one in made["distances"]} >= {"test", "site s"}
    page = (out / "audit.html").read_text()
    for title in ("Labels that are likely wrong", "Slope and curvature", "Decisions with fewer bits", "How far units"):
        assert title in page
    assert main(["audit", "--predictions", "p.csv", "--compressed"]) == 2
    assert "--compressed goes with run folders" in capsys.readouterr().err


def test_only_one_file_names_units_whose_label_is_likely_wrong(tmp_path: Path) -> None:
    """Of a file with two planted: they come first; the page, the Markdown and the JSON tell of them without a name."""
    random, label = np.random.default_rng(0), np.arange(200) % 2
    prob = expit(2 * (2 * label - 1) + 0.5 * random.normal(size=200))
    label[[20, 31]] = 1 - label[[20, 31]]
    prob[20], prob[31] = 0.004, 0.99
    units = [f"Patient-{at:03}" for at in range(200)]
    frame = pd.DataFrame({"unit": units, "label": np.where(label, "ill", "well"), "prob_well": 1 - prob})
    frame.assign(prob_ill=prob).to_csv(tmp_path / "p.csv", index=False)
    out = tmp_path / "out"
    assert main(["audit", "--predictions", str(tmp_path / "p.csv"), "--out", str(out)]) == 0
    lines: Any = pd.read_csv(out / "suspects.csv")
    assert lines.to_numpy().tolist() == [
        ["p", "Patient-020", "ill", "well", 0.004],
        ["p", "Patient-031", "well", "ill", pytest.approx(0.01)],
    ]
    for name in ("audit.md", "audit.html"):
        text = (out / name).read_text()
        assert "2 units are surely of another class" in text
        assert "ill (probability 0.004, likely well), well (probability 0.010, likely ill)" in text
    for path in out.iterdir():
        assert ("Patient-" in path.read_text()) == (path.name == "suspects.csv")
