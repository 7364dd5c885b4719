"""The audit's measures against closed forms and known truth: in the data, in the model, and their tests."""

import numpy as np
import numpy.typing as npt
import pandas as pd
import pytest
from scipy.special import expit
from scipy.stats import norm

from clsunbias.audit.balance import fit_balanced
from clsunbias.audit.gap import gaps
from clsunbias.audit.information import binned, codes_of, information
from clsunbias.audit.probes import decoded, nearness
from clsunbias.audit.reliance import Reliance, Swapped, draw_donors, reliance
from clsunbias.decisions.base import log_prob

Floats = npt.NDArray[np.floating]
Labels = npt.NDArray[np.integer]

ERM = (1.166, -0.699), -0.057
CLS_UNBIAS = (0.758, -0.217), -0.624
COLLAPSED = (0.140, -0.158), -0.894
"""Weights and bias on the paper's toy: ERM's and Cls-unbias's, balanced, and ERM's where the authors' rule stops it."""


def toy(units: int, share: float = 0.5, seed: int = 0) -> tuple[Floats, Labels]:
    """Draws of the toy's training distribution."""
    random = np.random.default_rng(seed)
    target = (random.random(units) < share).astype(int)
    high = random.random((units, 2)) < np.where(target[:, None] == 1, [0.9, 0.5], [0.1, 1.0])
    return random.normal(size=(units, 2)) + 3 * high, target


def closed_form(high: tuple[float, float]) -> Floats:
    """KL(p(f|c) ‖ p(f)) of a feature whose high mode has these shares, by integration."""
    x, step = np.linspace(-8, 11, 20_001, retstep=True)
    density = [share * norm.pdf(x, 3) + (1 - share) * norm.pdf(x) for share in high]
    mean = sum(density) / 2
    return np.array([float((one * np.log(one / mean)).sum() * step) for one in density])


def relied_on(x: Floats, target: Labels, line: tuple[tuple[float, ...], float], draws: int = 16) -> list[Reliance]:
    """Rise and evidence of each column for a linear model."""
    weights, bias = np.array(line[0]), line[1]

    def logs(scores: Floats) -> Floats:
        return log_prob(np.stack([expit(-scores), expit(scores)], axis=-1))

    scores = x @ weights + bias
    donors = draw_donors(target, 2, draws)
    balanced = fit_balanced(logs(scores), target)
    return [
        reliance(logs(scores), target, Swapped(logs(scores + weight * (x[donors, at] - x[:, at])), donors), balanced)
        for at, weight in enumerate(weights)
    ]


def test_the_measure_in_the_data_is_the_closed_form() -> None:
    """Of the toy: .144 and .288 before noise, less with it; balanced or not."""
    np.testing.assert_allclose(closed_form((1.0, 0.5)), [0.204, 0.114], atol=5e-4)
    for share in (0.5, 0.1):
        x, target = toy(100_000, share)
        for at, high in enumerate([(0.1, 0.9), (1.0, 0.5)]):
            found = information(binned(x[:, at], target, 2), target, 2)
            np.testing.assert_allclose(found.told.value, closed_form(high), atol=0.01)
            wanted = closed_form(high)
            index = found.told.index(1).value
            assert index == pytest.approx((wanted[1] - wanted[0]) / wanted.sum(), abs=0.02)


def test_without_noise_the_measure_is_the_papers() -> None:
    """.144 and .288 nats, an index of −1/3, of a feature that is one of two entries, a text or a number."""
    target = np.arange(40_000) % 2
    high = (target == 0) | (np.arange(40_000) % 4 < 2)
    for column in (pd.Series(high.astype(float)), pd.Series(np.where(high, "high", "low"))):
        found = information(codes_of(column, target, 2), target, 2).told
        np.testing.assert_allclose(found.value, [0.2877, 0.1438], atol=1e-3)
        assert found.index(1).value == pytest.approx(-1 / 3, abs=2e-3)


def test_few_units_of_a_class_are_not_taken_for_a_sign_of_it() -> None:
    """25 of 250 units: what tells about both classes alike is found specific in 5 % of draws or so, not in 16."""
    random, target, found = np.random.default_rng(0), np.repeat([0, 1], [225, 25]), 0
    for _ in range(200):
        sign = random.random(250) < np.where(target == 1, 0.9, 0.1)
        values = random.normal(size=250) + 3 * sign
        found += information(binned(values, target, 2), target, 2).told.specific_p(target) < 0.05
    assert found <= 16


def test_intervals_of_the_data_hold_and_noise_tells_nothing() -> None:
    """At 1,000 rows, over 100 draws; and no bias from so few."""
    held, told, mean = 0, 0, np.zeros(2)
    wanted = closed_form((1.0, 0.5))
    for seed in range(100):
        x, target = toy(1000, seed=seed)
        found = information(binned(x[:, 1], target, 2), target, 2).told
        mean += found.value / 100
        held += all(found.of_class(at).low <= wanted[at] <= found.of_class(at).high for at in (0, 1))
        noise = np.random.default_rng(seed).normal(size=1000)
        told += information(binned(noise, target, 2), target, 2).p < 0.05
    np.testing.assert_allclose(mean, wanted, atol=0.006)
    assert held >= 84
    assert told <= 12


def test_the_measure_in_the_model() -> None:
    """ERM leans on f2 for negatives, Cls-unbias less; f1 gives as much about both, whatever stands beside it."""
    x, target = toy(40_000)
    for line, rises, index in ((ERM, (0.19, 0.105), -0.29), (CLS_UNBIAS, (0.057, 0.046), -0.11)):
        f1, f2 = relied_on(x, target, line)
        assert f2.rise.index(1).value == pytest.approx(index, abs=0.035)
        np.testing.assert_allclose(f2.rise.value, rises, atol=0.022)
        assert f1.rise.index(1).value == pytest.approx(-0.02, abs=0.03)
        assert f1.evidence.index(1).value == pytest.approx(0, abs=0.01)
        assert f2.evidence.equal_p(target) < 1e-6
    assert f2.evidence.index(1).value == pytest.approx(-0.137, abs=0.02)


def test_imbalance_is_not_taken_for_a_feature() -> None:
    """At ERM's collapsed checkpoint both features seem to be of positives; without imbalance f2 is of negatives."""
    x, target = toy(20_000, 0.1)
    weights, bias = COLLAPSED
    scores = x @ np.array(weights) + bias
    donors = draw_donors(target, 2, 8)
    raw = []
    for at, weight in enumerate(weights):
        swapped = scores + weight * (x[donors, at] - x[:, at])
        sign = 1 - 2 * target
        lost = (np.logaddexp(0, sign * swapped) - np.logaddexp(0, sign * scores)).mean(0)
        neg, pos = lost[target == 0].mean(), lost[target == 1].mean()
        raw.append((pos - neg) / (pos + neg))
    assert min(raw) > 0.4
    f1, f2 = relied_on(x, target, COLLAPSED, 8)
    assert f1.rise.index(1).value == pytest.approx(-0.045, abs=0.05)
    assert f2.rise.index(1).value == pytest.approx(-0.39, abs=0.06)
    assert f1.evidence.index(1).value == pytest.approx(0, abs=0.03)
    assert f2.evidence.index(1).value == pytest.approx(-0.61, abs=0.1)


def test_offset_and_slope_change_nothing() -> None:
    """What a threshold, a class weight or a temperature moves is no reliance."""
    x, target = toy(2000, 0.3)
    one = relied_on(x, target, ERM)[1]
    other = relied_on(x, target, ((ERM[0][0] / 3, ERM[0][1] / 3), -2.0))[1]
    up = one.rise.positive_p()
    assert one.rise.two_sided_p() == pytest.approx(2 * min(up, 1 - up))
    np.testing.assert_allclose(one.rise.value, other.rise.value, rtol=5e-3)
    np.testing.assert_allclose(one.evidence.value, other.evidence.value, rtol=5e-3)


@pytest.mark.slow
def test_specificity_is_tested_on_the_evidence() -> None:
    """f1 beside a specific f2: its rises differ in truth, so that their test errs more often than one in twenty."""
    by_rise = by_evidence = found = 0
    for seed in range(100):
        x, target = toy(1000, seed=1000 + seed)
        f1, f2 = relied_on(x, target, COLLAPSED)
        by_rise += f1.rise.equal_p(target) < 0.05
        by_evidence += f1.evidence.equal_p(target) < 0.05
        found += f2.evidence.equal_p(target) < 0.05
    assert by_rise >= 12
    assert by_evidence <= 11
    assert found >= 97


def test_scores_that_rank_nothing_are_not_relied_on() -> None:
    """A model that is worse than chance, or says the same of all, has no reliance, rather than an absurd one."""
    x, target = toy(500)
    for line in (((-1.0, 0.5), 0.0), ((0.0, 0.0), 1.0)):
        for found in relied_on(x, target, line):
            assert (found.rise.value == 0).all()
            assert found.rise.positive_p() == found.rise.two_sided_p() == 1
            assert found.evidence.equal_p(target) == 1


def test_more_classes_have_an_index_each() -> None:
    """A feature that marks one of three classes is of that class."""
    random = np.random.default_rng(0)
    target = random.integers(0, 3, 6000)
    feature = random.normal(size=6000) + 2 * (target == 2)
    told = information(binned(feature, target, 3), target, 3).told
    assert told.index(2).value > 0.3 > told.index(0).value
    assert told.equal_p(target) < 1e-6
    logs = log_prob(np.stack([np.ones(6000), np.ones(6000), np.exp(2 * feature - 2)], 1))
    logs -= np.log(np.exp(logs).sum(1, keepdims=True))
    donors = draw_donors(target, 3, 9)
    found = reliance(logs, target, Swapped(logs[donors], donors), fit_balanced(logs, target))
    assert found.evidence.value[2] == pytest.approx(told.value[2], abs=0.05)
    assert found.evidence.index(2).value > 0.3


def test_a_gap_is_judged_for_its_size_of_sample() -> None:
    """Equal losses: p is even, the gap by chance shrinks as units grow; imbalance: a gap that calibration removes."""
    p_values: list[float] = []
    chance: dict[int, float] = {}
    for units in (60, 400):
        for seed in range(20):
            random = np.random.default_rng(seed)
            target: Labels = np.arange(units) % 2
            prob = expit(2 * (2 * target - 1) + random.normal(size=units))
            found = gaps(np.stack([1 - prob, prob], 1), target)["as it is"]
            p_values.append(found.p)
            chance[units] = found.by_chance
    assert 0.3 < np.mean(p_values) < 0.7
    assert chance[400] < chance[60] / 1.8
    x, target = toy(2000, 0.1)
    prob = expit(x @ np.array(COLLAPSED[0]) + COLLAPSED[1])
    of_toy = gaps(np.stack([1 - prob, prob], 1), target)
    assert of_toy["as it is"].p < 0.001 < 0.05 < of_toy["without imbalance"].p


def test_probes_find_what_is_there_and_nothing_else() -> None:
    """An attribute in one direction of twelve, and one that is not in the features."""
    random = np.random.default_rng(0)
    target, hit = random.integers(0, 2, 400), random.integers(0, 2, 400)
    features = random.normal(size=(400, 12))
    features[:, 0] += 2 * target + 1.5 * hit
    found, none = decoded(features, hit), decoded(random.normal(size=(400, 12)), hit)
    assert found.p == pytest.approx(0.001)
    assert found.auroc.low > 0.65
    assert none.p > 0.05
    near = nearness(features, hit, target, 1)
    assert near.low > 0.6
    assert abs(nearness(features, random.integers(0, 2, 400), target, 1).value) < 0.6
