"""Decision rules against brute force, scikit-learn, closed forms and each other."""

import itertools
from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from sklearn.calibration import CalibratedClassifierCV
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import balanced_accuracy_score, f1_score
from sklearn.model_selection import TunedThresholdClassifierCV

from clsunbias.decisions import (
    F1,
    BalancedAccuracy,
    BayesEnsemble,
    BiasCorrection,
    ClassAndSample,
    Cost,
    DecisionRule,
    EMPrior,
    GroupThresholds,
    Isotonic,
    MacroF1,
    NeighbourThreshold,
    Platt,
    PriorCorrection,
    ScoreAndUncertainty,
    Scores,
    StatedPrevalence,
    Temperature,
    Youden,
    spread,
)
from clsunbias.decisions.calibration import minority_scaled
from clsunbias.errors import InputError

Floats = npt.NDArray[np.floating[Any]]


def draw(units: int, classes: int = 2, seed: int = 0, skill: float = 1.5, tied: bool = False) -> Scores:
    """Scores of a model with some skill, the later classes rarer; tied: of few distinct values."""
    random = np.random.default_rng(seed)
    shares = 1 / np.arange(1, classes + 1)
    target = random.choice(classes, units, p=shares / shares.sum())
    target[:classes] = np.arange(classes)
    logits = random.normal(size=(units, classes)) + skill * np.eye(classes)[target]
    if tied:
        logits = logits.round()
    prob = np.exp(logits) / np.exp(logits).sum(1, keepdims=True)
    return Scores(prob, target)


def macro_f1(target: Any, decided: Any) -> float:
    """scikit-learn's."""
    return float(f1_score(target, decided, average="macro", zero_division=0))


METRICS: dict[type[DecisionRule], Callable[[Any, Any], float]] = {
    MacroF1: macro_f1,
    F1: lambda target, decided: float(f1_score(target, decided, zero_division=0)),
    BalancedAccuracy: lambda target, decided: float(balanced_accuracy_score(target, decided)),
    Youden: lambda target, decided: float(balanced_accuracy_score(target, decided)),
}


@pytest.mark.parametrize("rule", METRICS)
def test_scans_equal_brute_force(rule: type[DecisionRule]) -> None:
    """On 250 sets a metric, with and without ties: no threshold is better than the one found."""
    random = np.random.default_rng(1)
    metric = METRICS[rule]
    for seed in range(250):
        scores = draw(int(random.integers(3, 40)), seed=seed, tied=seed % 2 == 0)
        target, score = scores.labels, scores.prob[:, 1]
        best = max(metric(target, score >= cut) for cut in (*np.unique(score), 2.0))
        assert metric(target, rule().choose(scores).decide(scores)) == pytest.approx(best, abs=1e-12)


@pytest.mark.parametrize("name", ["f1_macro", "f1", "balanced_accuracy"])
def test_thresholds_are_those_of_scikit_learn(name: str) -> None:
    """Given every score as a candidate, its search finds a threshold of the same value; ours where one is best."""
    rules: dict[str, DecisionRule] = {"f1_macro": MacroF1(), "f1": F1(), "balanced_accuracy": BalancedAccuracy()}
    rule = rules[name]
    alike = 0
    for seed in range(20):
        random = np.random.default_rng(seed)
        target = (random.random(120) < 0.3).astype(int)
        x = (random.normal(size=120) + 1.2 * target)[:, None]
        model = LogisticRegression().fit(x, target)
        scores = Scores(model.predict_proba(x), target)
        tuned = TunedThresholdClassifierCV(
            FrozenEstimator(model),
            scoring=name,
            thresholds=np.unique(scores.prob[:, 1]),
            cv="prefit",
            refit=False,
            response_method="predict_proba",
        ).fit(x, target)
        ours = rule.choose(scores)
        metric = METRICS[type(rule)]
        assert metric(target, ours.decide(scores)) == pytest.approx(float(tuned.best_score_), abs=1e-12)
        alike += ours.value()["threshold"] == tuned.best_threshold_
    assert alike >= 10


@pytest.mark.parametrize("classes", [3, 5])
def test_offsets_of_several_classes(classes: int) -> None:
    """No single offset moved by itself does better, and the default decision does not either."""
    for seed in range(20):
        scores = draw(60, classes, seed)
        target = scores.labels
        chosen = MacroF1().choose(scores)
        ours = macro_f1(target, chosen.decide(scores))
        assert ours >= macro_f1(target, scores.prob.argmax(1)) - 1e-12
        offsets = np.array(list(chosen.value().values()))
        for label, step in itertools.product(range(1, classes), np.linspace(-4, 4, 41)):
            moved = offsets + step * np.eye(classes)[label]
            assert macro_f1(target, (np.log(scores.prob) + moved).argmax(1)) <= ours + 1e-12


@pytest.mark.parametrize("rule", [MacroF1(), F1(), BalancedAccuracy(), Youden()])
def test_a_moved_threshold_moves_nothing(rule: DecisionRule) -> None:
    """Scores that another model ranks the same are decided the same, on units that validation did not have, too."""
    for seed in range(50):
        validation, test = draw(60, seed=seed), draw(500, seed=1000 + seed)

        def moved(scores: Scores) -> Scores:
            odds = np.log(scores.prob[:, 1] / scores.prob[:, 0])
            positive = 1 / (1 + np.exp(-(0.4 * odds**3 + odds - 1.3)))
            return Scores(np.stack([1 - positive, positive], 1), scores.target)

        ours, theirs = rule.choose(validation), rule.choose(moved(validation))
        np.testing.assert_array_equal(ours.decide(test), theirs.decide(moved(test)))


def test_costs_are_elkans() -> None:
    """Positive above c₀₁ / (c₀₁ + c₁₀); by default as if both classes were equally frequent; a matrix of three."""
    scores = draw(200)
    np.testing.assert_array_equal(Cost((1, 4)).choose(scores).decide(scores), scores.prob[:, 1] > 0.2)
    assert Cost((1, 4)).choose(scores).value() == {"threshold": pytest.approx(0.2)}
    share = scores.labels.mean()
    np.testing.assert_array_equal(Cost().choose(scores).decide(scores), scores.prob[:, 1] > share)
    three = draw(200, 3)
    cost = np.array([[0, 1, 5], [2, 0, 1], [9, 3, 0.0]])
    expected = [min(range(3), key=lambda k: sum(p[c] * cost[c, k] for c in range(3))) for p in three.prob]
    np.testing.assert_array_equal(Cost(cost.tolist()).choose(three).decide(three), expected)


@pytest.mark.parametrize(
    ("cost", "said"),
    [
        ((1, -1), "not negative"),
        ((0, 1), "costs nothing to miss"),
        ((1, np.inf), "finite"),
        ((1, 2, 3), "two numbers, or a row and a column"),
        (((1, 2), (3, 0)), "to be right costs nothing"),
    ],
)
def test_costs_that_are_none(cost: Any, said: str) -> None:
    """Each by what is wrong."""
    with pytest.raises(InputError, match=said):
        Cost(cost)


def test_priors_on_a_well_specified_model() -> None:
    """True probabilities at 20 %, units of which 60 % are positive: the shares are found, and the shift is exact."""
    random = np.random.default_rng(0)

    def units(count: int, share: float) -> Scores:
        target = (random.random(count) < share).astype(int)
        x = random.normal(size=count) + 2 * target
        odds = np.log(0.2 / 0.8) + 2 * x - 2  # log density ratio of N(2, 1) to N(0, 1), at 20 %
        positive = 1 / (1 + np.exp(-odds))
        return Scores(np.stack([1 - positive, positive], 1), target)

    validation, test = units(20_000, 0.2), units(20_000, 0.6)
    moved = EMPrior().choose(validation).probabilities(test)
    assert moved[:, 1].mean() == pytest.approx(test.labels.mean(), abs=0.01)
    odds = np.log(test.prob[:, 1] / test.prob[:, 0])
    shifts = np.log(moved[:, 1] / moved[:, 0]) - odds
    assert np.ptp(shifts) < 1e-6  # one offset for all
    assert shifts.mean() == pytest.approx(np.log(0.6 / 0.4) - np.log(0.2 / 0.8), abs=0.05)
    equal = PriorCorrection().choose(validation).decide(test)
    np.testing.assert_array_equal(equal, test.prob[:, 1] > validation.labels.mean())
    stated = StatedPrevalence(0.6).choose(validation).probabilities(test)
    assert stated[:, 1].mean() == pytest.approx(0.6, abs=1e-9)
    np.testing.assert_allclose(stated, moved, atol=0.01)


@pytest.mark.parametrize("prevalence", [0, 1, -0.1, 1.5, np.nan])
def test_a_prevalence_outside_the_open_interval(prevalence: float) -> None:
    """Refused with the value."""
    with pytest.raises(InputError, match="between 0 and 1"):
        StatedPrevalence(prevalence)


def test_platt_and_isotonic_are_scikit_learns() -> None:
    """The same probabilities as CalibratedClassifierCV on scores of a fixed model."""
    random = np.random.default_rng(0)
    target = (random.random(300) < 0.3).astype(int)
    odds = 3 * (random.normal(size=300) + 1.5 * target - 1)

    model = LogisticRegression().fit(odds[:, None], target)
    model.coef_[:], model.intercept_[:] = 1, 0  # its log odds are its input
    scores = Scores(model.predict_proba(odds[:, None]), target)
    for rule, method, tolerance in ((Platt(), "sigmoid", 1e-3), (Isotonic(), "isotonic", 1e-6)):
        theirs = CalibratedClassifierCV(FrozenEstimator(model), method=method).fit(odds[:, None], target)
        ours = rule.choose(scores).probabilities(scores)
        np.testing.assert_allclose(ours, theirs.predict_proba(odds[:, None]), atol=tolerance)


def test_temperature_undoes_a_scaling() -> None:
    """Log odds of a calibrated model times three: the temperature is about three, and no decision changes."""
    random = np.random.default_rng(0)
    odds = random.normal(0, 2, 20_000)
    target = (random.random(20_000) < 1 / (1 + np.exp(-odds))).astype(int)
    positive = 1 / (1 + np.exp(-3 * odds))
    scores = Scores(np.stack([1 - positive, positive], 1), target)
    chosen = Temperature().choose(scores)
    assert 1 / chosen.value()["slope"] == pytest.approx(3, rel=0.05)
    np.testing.assert_array_equal(chosen.decide(scores), scores.prob.argmax(1))


@pytest.mark.parametrize("classes", [2, 4])
def test_bias_correction_finds_a_bias(classes: int) -> None:
    """The rarest class's log odds less 2: the two numbers give them back, up to the shares; the rest keep theirs."""
    scores = draw(5_000, classes, skill=2.0)
    rare = classes - 1
    odds = np.log(scores.prob[:, rare] / (1 - scores.prob[:, rare])) - 4
    lowered = 1 / (1 + np.exp(-odds))
    prob = scores.prob * ((1 - lowered) / (1 - scores.prob[:, rare]))[:, None]
    prob[:, rare] = lowered
    biased = Scores(prob, scores.target)
    chosen = BiasCorrection().choose(biased)
    assert chosen.value()["offset"] > 2
    recall = (chosen.decide(biased) == rare)[scores.labels == rare].mean()
    assert recall > (prob.argmax(1) == rare)[scores.labels == rare].mean() + 0.2
    moved = chosen.probabilities(biased)
    np.testing.assert_allclose(moved.sum(1), 1)
    if classes > 2:
        np.testing.assert_allclose(moved[:, 0] / moved[:, 1], prob[:, 0] / prob[:, 1])
    sure = np.array([[2e-8, 1.0], [1.0, 1e-30], [0.0, 1.0]], np.float32)  # where single precision rounds to 1
    for slope, offset in ((1.0, 0.0), (0.5, -3.0), (0.01, -3.0)):
        moved = minority_scaled(sure, 1, slope, offset)
        np.testing.assert_allclose(moved.sum(1), 1)
        assert (moved >= 0).all()
    assert minority_scaled(sure, 1, 0.5, 0.0)[0, 0] == pytest.approx(np.sqrt(2e-8), rel=1e-3)


def test_thresholds_by_group() -> None:
    """Groups whose scores are shifted get thresholds that differ by the shift, and do better than one for both."""
    plain = draw(400, seed=3)
    group = np.where(np.arange(400) % 2 == 0, "f", "m")
    odds = np.log(plain.prob[:, 1] / plain.prob[:, 0]) + np.where(group == "f", 2.0, -2.0)
    positive = 1 / (1 + np.exp(-odds))
    scores = Scores(np.stack([1 - positive, positive], 1), plain.target, group=group)
    chosen = GroupThresholds().choose(scores)
    alone = macro_f1(scores.labels, MacroF1().choose(scores).decide(scores))
    assert macro_f1(scores.labels, chosen.decide(scores)) > alone + 0.05
    assert chosen.value()["threshold of f"] > chosen.value()["threshold of m"]
    unseen = Scores(scores.prob, group=np.full(400, "x"))
    np.testing.assert_array_equal(chosen.decide(unseen), scores.prob[:, 1] >= chosen.value()["threshold"])


def test_thresholds_by_uncertainty_and_by_neighbours() -> None:
    """At least as good on validation as one threshold for all, which both hold as a case of theirs."""
    random = np.random.default_rng(0)
    plain = draw(300, seed=5)
    members = np.clip(plain.prob + random.normal(0, 0.1, (4, 300, 1)) * [1, -1], 0.001, 0.999)
    scores = Scores(
        members.mean(0), plain.target, members, features=random.normal(size=(300, 2)) + plain.labels[:, None]
    )
    alone = macro_f1(scores.labels, MacroF1().choose(scores).decide(scores))
    by_uncertainty = ScoreAndUncertainty(3).choose(scores)
    assert macro_f1(scores.labels, by_uncertainty.decide(scores)) >= alone
    assert len([name for name in by_uncertainty.value() if name.startswith("threshold")]) == 3
    one = ScoreAndUncertainty(1).choose(scores)
    assert one.value() == {"threshold 0": MacroF1().choose(scores).value()["threshold"]}
    near = NeighbourThreshold(k=15).choose(scores)
    assert near.value()["weight"] > 0  # the features tell the classes apart
    new = scores.take(np.arange(50))
    assert near.decide(new).shape == (50,)


def test_an_ensemble_decides_by_its_mean() -> None:
    """The mean over runs, at the costs' threshold."""
    random = np.random.default_rng(0)
    members = random.dirichlet([1, 1], (5, 40))
    scores = Scores(members.mean(0), (members.mean(0)[:, 1] > 0.4).astype(int), members)
    chosen = BayesEnsemble((1, 1)).choose(scores)
    np.testing.assert_array_equal(chosen.decide(scores), members.mean(0)[:, 1] > 0.5)


@pytest.mark.parametrize(
    ("rule", "said"),
    [
        (GroupThresholds(), "an attribute of the units"),
        (ScoreAndUncertainty(), "several seeds"),
        (BayesEnsemble(), "several seeds"),
        (NeighbourThreshold(), "features of the units"),
    ],
)
def test_what_a_rule_lacks_is_said(rule: DecisionRule, said: str) -> None:
    """By what it needs; so is a split of one class, and of units whose class nobody knows."""
    with pytest.raises(InputError, match=said):
        rule.choose(draw(20))
    with pytest.raises(InputError, match="all are of one"):
        MacroF1().choose(Scores(draw(20).prob, np.zeros(20, int)))
    with pytest.raises(InputError, match="whose class is known"):
        MacroF1().choose(Scores(draw(20).prob))


def test_the_spread_of_a_choice() -> None:
    """It holds what is chosen, narrows with the units, and is the same again."""
    small, large = draw(60, seed=1), draw(6_000, seed=1)
    widths = []
    for scores in (small, large):
        low, high = spread(MacroF1(), scores, draws=100)["threshold"]
        assert low <= MacroF1().choose(scores).value()["threshold"] <= high
        widths.append(high - low)
    assert widths[1] < widths[0] / 2
    assert spread(MacroF1(), small, draws=20) == spread(MacroF1(), small, draws=20)


@pytest.mark.parametrize("classes", [2, 3, 5])
def test_weights_and_steps_by_turns(classes: int) -> None:
    """Of two classes as good as the best threshold; of more no change of one class's correction gains."""
    for seed in range(5):
        scores = draw(150, classes, seed=seed, tied=seed % 2 == 0)
        chosen = ClassAndSample().choose(scores)
        ours = macro_f1(scores.labels, chosen.decide(scores))
        assert ours >= macro_f1(scores.labels, scores.prob.argmax(1))
        if classes == 2:
            assert ours >= macro_f1(scores.labels, MacroF1().choose(scores).decide(scores)) - 1e-12
        for label, weight in itertools.product(range(classes), np.linspace(-4, 4, 33)):
            moved = chosen.with_class(label, weight, np.nan)
            assert macro_f1(scores.labels, moved.decide(scores)) <= ours + 1e-12
        for label, step in itertools.product(range(classes), np.linspace(0.01, 0.99, 33)):
            moved = chosen.with_class(label, 0.0, step)
            assert macro_f1(scores.labels, moved.decide(scores)) <= ours + 1e-12
