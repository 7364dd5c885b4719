"""Ranking metrics under weights against scikit-learn, their draws, and their permutation test against every swap."""

import itertools

import numpy as np
import pytest
import torch
from scipy.stats import rankdata
from sklearn.metrics import average_precision_score, roc_auc_score

from clsunbias.experiments.analysis import ranking
from clsunbias.experiments.analysis.ranking import areas, places, ranking_bootstrap, ranking_metrics, ranking_p
from clsunbias.experiments.analysis.statistics import RANKING, Resampling
from clsunbias.metrics import classification_metrics
from tests.test_unit_metrics import draw


@pytest.mark.parametrize("values", [3, 10, 1000])
def test_weighted_areas_are_scikit_learns(values: int) -> None:
    """Random scores with many ties, few and none, weighted by draws, some units not at all."""
    random = np.random.default_rng(values)
    score, positive = random.integers(0, values, 40) / values, random.random(40) < 0.3
    weights = random.multinomial(40, np.full(40, 1 / 40), 50)
    auroc, auprc = areas(score, positive, weights)
    for index, weight in enumerate(weights):
        assert weight[positive].any()
        assert auroc[index] == pytest.approx(roc_auc_score(positive, score, sample_weight=weight))
        assert auprc[index] == pytest.approx(average_precision_score(positive, score, sample_weight=weight))


def test_areas_without_a_class() -> None:
    """Without weight on a class there is no AUROC, without positives no AUPRC."""
    auroc, auprc = areas(np.array([0.1, 0.9]), np.array([False, True]), np.array([[2, 0], [0, 2], [1, 1]]))
    assert (np.isnan(auroc).tolist(), np.isnan(auprc).tolist()) == ([True, True, False], [True, False, False])
    assert (auroc[2], auprc[2]) == (1, 1)


@pytest.mark.parametrize("classes", [2, 3])
def test_ranking_metrics_are_those_of_the_records(classes: int) -> None:
    """Of the positive class, or macro over classes; of several seeds."""
    prob, label = draw(3, 90, classes)
    prob[0, :40] = np.eye(classes)[label[:40]]  # single precision's 1 and 0
    prob[1] = np.exp(40 * np.log(prob[1]))
    prob = (prob / prob.sum(2, keepdims=True)).astype(np.float32)
    found = ranking_metrics(places(prob), label, np.ones((1, 90)))
    names = [f"class {c}" for c in range(classes)]
    for index, one in enumerate(prob):
        recorded = classification_metrics(torch.from_numpy(one), torch.from_numpy(label), torch.ones(90), names)
        for name in RANKING:
            assert found[name][0, index] == pytest.approx(recorded[name], abs=1e-6)


def test_what_is_rounded_to_one_is_ranked() -> None:
    """By how far the others are from 0, whichever of two classes is asked for; as the logits rank."""
    odds = torch.tensor([-60.0, -40.0, -20.0, 1.0, 20.0, 40.0, 60.0])
    label = torch.tensor([0, 0, 1, 0, 1, 0, 1])
    prob = torch.stack([torch.zeros(7), odds], 1).softmax(1)
    assert len(set(prob[:, 1].tolist())) == 5
    expected = roc_auc_score(label, odds)
    recorded = classification_metrics(prob, label, torch.ones(7), ["a", "b"])["auroc"]
    both = ranking_metrics(places(prob.numpy()[None]), label.numpy(), np.ones((1, 7)), ["a", "b"])
    assert [recorded, both["auroc/a"].item(), both["auroc/b"].item()] == pytest.approx([expected] * 3)


@pytest.mark.parametrize("at_once", [1, 100, 10**9])
def test_a_draw_is_each_run_on_drawn_units(at_once: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """By repeating units as often as they were drawn, however many draws are ranked at once."""
    monkeypatch.setattr(ranking, "CELLS", at_once)
    prob, label = draw(4, 50)
    resampling = Resampling(50, 4, draws=6)
    found = ranking_bootstrap(resampling, prob, label)
    for index in range(6):
        units = np.repeat(np.arange(50), resampling.units[index].astype(int))
        by_seed = [roc_auc_score(label[units], one[units, 1]) for one in prob]
        assert found["auroc"][index] == pytest.approx(by_seed)


def test_permutation_test_against_every_swap() -> None:
    """With each of the 256 ways to swap the ranks of two methods, two runs of each, unit by unit."""
    (ours, label), (theirs, _) = draw(2, 8, skill=2.0), draw(2, 8, skill=0.0, seed=1)
    swaps = np.array(list(itertools.product([False, True], repeat=8)))
    p = ranking_p(Resampling(8, 2, draws=5000), ours, theirs, label)
    ranks = [rankdata(one[..., 1], axis=1) for one in (ours, theirs)]
    for name, measure in {"auroc": roc_auc_score, "auprc": average_precision_score}.items():
        differences = np.zeros(len(swaps))
        for at, swap in enumerate(swaps):
            for one, other in zip(*ranks, strict=True):
                differences[at] += measure(label, np.where(swap, other, one))
                differences[at] -= measure(label, np.where(swap, one, other))
        expected = float((np.abs(differences) >= abs(differences[0]) - 1e-6).mean())
        assert 0.005 < expected < 0.5
        assert p[name] == pytest.approx(expected, abs=0.025)


def test_a_method_is_no_different_from_itself() -> None:
    """Nor does a perfect ranking differ from itself turned round by luck."""
    prob, label = draw(2, 60)
    resampling = Resampling(60, 2, draws=199)
    assert set(ranking_p(resampling, prob, prob, label).values()) == {1}
    right = np.stack([label == 0, label == 1], axis=1)[None].repeat(2, 0) * 0.5
    assert ranking_p(resampling, right, right[..., ::-1], label)["auroc"] < 1 / 200
