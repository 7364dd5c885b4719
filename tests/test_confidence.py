"""Logits over their norm: what no scale of a unit's logits touches, and what it leaves of two classes."""

import numpy as np
import pytest

from clsunbias.decisions import LogitNormalisation, Scores
from clsunbias.decisions.base import normalised
from clsunbias.errors import InputError
from clsunbias.experiments.analysis.use import risk_coverage_area
from tests.test_decisions import draw


@pytest.mark.parametrize("classes", [3, 5])
def test_the_norm_of_logits_does_not_count(classes: int) -> None:
    """Logits of each unit times a number of its own: the same rule, the same probabilities, and no decision changes."""
    scores = draw(400, classes)
    logits = np.log(scores.prob)
    scaled = Scores(normalised(logits * np.random.default_rng(1).uniform(0.1, 2, (400, 1))), scores.target)
    one, other = LogitNormalisation().choose(scores), LogitNormalisation().choose(scaled)
    assert one.value()["slope"] == pytest.approx(other.value()["slope"], rel=1e-4)
    np.testing.assert_allclose(one.probabilities(scores), one.probabilities(scaled), rtol=1e-9)
    np.testing.assert_array_equal(one.decide(scaled), scores.prob.argmax(1))
    centred = logits - logits.mean(1, keepdims=True)
    by_hand = normalised(one.value()["slope"] * centred / np.sqrt((centred**2).sum(1, keepdims=True)))
    np.testing.assert_allclose(one.probabilities(scores), by_hand, rtol=1e-9)
    alike = one.probabilities(Scores(np.full((1, classes), 1 / classes)))
    np.testing.assert_allclose(alike, 1 / classes)


def test_of_three_classes_the_order_is_the_papers() -> None:
    """The largest centred logit over the norm."""
    scores = draw(300, 3)
    centred = np.log(scores.prob) - np.log(scores.prob).mean(1, keepdims=True)
    theirs = (centred / np.linalg.norm(centred, axis=1, keepdims=True)).max(1)
    ours = LogitNormalisation().choose(scores).probabilities(scores).max(1)
    np.testing.assert_array_equal(theirs.argsort(), ours.argsort())


def test_a_confidence_that_was_held_down_where_it_is_right() -> None:
    """As label smoothing does: of the surest units more are wrong, until logits are divided by their norm."""
    random = np.random.default_rng(0)
    directions = random.normal(size=(4000, 4))
    directions -= directions.mean(1, keepdims=True)
    directions /= np.linalg.norm(directions, axis=1, keepdims=True)
    true = normalised(4 * directions)
    target = (true.cumsum(1) > random.random((4000, 1))).argmax(1)
    held_down = Scores(normalised(directions * (2.5 - 2 * directions.max(1, keepdims=True))), target)
    chosen = LogitNormalisation().choose(held_down)
    assert chosen.value()["slope"] == pytest.approx(4, rel=0.05)
    raw, mended = (risk_coverage_area(prob, target) for prob in (held_down.prob, chosen.probabilities(held_down)))
    assert mended < raw - 0.02


def test_of_two_classes_it_is_refused() -> None:
    """All units would be equally sure."""
    with pytest.raises(InputError, match="for three classes or more: of two it leaves all units equally sure"):
        LogitNormalisation().choose(draw(50))
