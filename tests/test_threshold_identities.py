"""Logit-adjusted and class-weighted training do, on a well-specified model, what moving the threshold does."""

import numpy as np
import pytest
from scipy.optimize import minimize
from sklearn.linear_model import LogisticRegression

from clsunbias.decisions import Cost, PriorCorrection, Scores

SHARE = 0.15


@pytest.fixture(scope="module")
def drawn() -> tuple[np.ndarray, np.ndarray]:
    """Features of two normal classes of equal covariance, whose log odds are linear, and the class of each unit."""
    random = np.random.default_rng(0)
    target = (random.random(100_000) < SHARE).astype(int)
    return random.normal(size=(100_000, 2)) + target[:, None] * np.array([1.5, 0.5]), target


def test_class_weighted_training_is_a_shift(drawn: tuple[np.ndarray, np.ndarray]) -> None:
    """Weights 1/π_c: the same slopes, the intercept moved by log(π₀/π₁); the rule decides as the training does."""
    x, target = drawn
    share = target.mean()
    plain = LogisticRegression(C=np.inf, tol=1e-8).fit(x, target)
    weighted = LogisticRegression(C=np.inf, tol=1e-8, class_weight="balanced").fit(x, target)
    np.testing.assert_allclose(weighted.coef_, plain.coef_, atol=0.03)
    shift = np.log((1 - share) / share)
    assert weighted.intercept_[0] - plain.intercept_[0] == pytest.approx(shift, abs=0.03)
    scores = Scores(plain.predict_proba(x), target)
    for rule in (PriorCorrection(), Cost()):
        decided = rule.choose(scores).decide(scores)
        assert (decided == weighted.predict(x)).mean() > 0.995
    moved = PriorCorrection().choose(scores).probabilities(scores)
    np.testing.assert_allclose(moved, weighted.predict_proba(x), atol=0.02)


def test_logit_adjusted_training_is_a_shift(drawn: tuple[np.ndarray, np.ndarray]) -> None:
    """Cross-entropy of logits + log π: its minimiser is the plain one less log π, to the optimiser's tolerance."""
    x, target = drawn
    x, target = x[:20_000], target[:20_000]
    share = target.mean()
    offset = np.log(share / (1 - share))
    design = np.column_stack([np.ones(len(x)), x])

    def fitted(adjustment: float) -> np.ndarray:
        def loss(weights: np.ndarray) -> tuple[float, np.ndarray]:
            odds = design @ weights + adjustment
            p = 1 / (1 + np.exp(-odds))
            value = np.logaddexp(0, odds) - target * odds
            return float(value.mean()), design.T @ (p - target) / len(target)

        return np.asarray(minimize(loss, np.zeros(3), jac=True, method="BFGS", options={"gtol": 1e-9}).x)

    plain, adjusted = fitted(0.0), fitted(offset)
    np.testing.assert_allclose(adjusted, plain - np.array([offset, 0, 0]), atol=1e-5)
    p = 1 / (1 + np.exp(-design @ plain))
    scores = Scores(np.stack([1 - p, p], 1), target)
    decided = PriorCorrection().choose(scores).decide(scores)
    near = np.abs(design @ adjusted) > 1e-4  # on neither side of the threshold
    np.testing.assert_array_equal(decided[near], (design @ adjusted > 0)[near])
