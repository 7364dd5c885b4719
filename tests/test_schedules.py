"""Schedules are closed forms of progress, with the values that the paper's section 4.9 describes."""

import math

import pytest

from clsunbias.errors import InputError
from clsunbias.schedules import Linear, Step, WarmupCosine, progress


@pytest.mark.parametrize(
    ("step", "total", "expected"),
    [(0, 5, 0.0), (1, 5, 0.25), (4, 5, 1.0), (5, 5, 1.0), (400, 5, 1.0), (0, 1, 0.0), (1, 1, 1.0), (0, 0, 0.0)],
)
def test_progress_is_0_at_the_first_step_and_1_at_the_last(step: int, total: int, expected: float) -> None:
    """Steps count from 0, a run of one step has no span, and nothing lies beyond 1."""
    assert progress(step, total) == expected


def test_linear_meets_the_papers_ends() -> None:
    """λ rises from 1 to 2 and τ falls from 10 to 1, in equal steps."""
    assert [Linear(1, 2)(at) for at in (0.0, 0.25, 1.0)] == [1.0, 1.25, 2.0]
    assert [Linear(10, 1)(at) for at in (0.0, 0.5, 1.0)] == [10.0, 5.5, 1.0]
    assert Linear(0.3, 0)(1.0) == 0.0  # not a rounding error below, which an objective would refuse


@pytest.mark.parametrize(
    ("warmup", "at", "expected"),
    [
        (0.2, 0.0, 0.0),
        (0.2, 0.1, 0.5),
        (0.2, 0.2, 1.0),
        (0.2, 0.4, 0.5 * (1 + math.sqrt(0.5))),  # a quarter of the way down: cos 45°
        (0.2, 0.6, 0.5),
        (0.2, 1.0, 0.0),
        (0.0, 0.0, 1.0),
        (0.0, 0.5, 0.5),
        (0.0, 1.0, 0.0),
    ],
)
def test_warmup_cosine_by_hand(warmup: float, at: float, expected: float) -> None:
    """Up in a straight line, down along half a cosine; without warm-up it starts at 1."""
    assert WarmupCosine(warmup)(at) == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize("warmup", [0.05, 0.1, 0.5, 0.95])
def test_warmup_cosine_rises_then_falls_without_a_jump(warmup: float) -> None:
    """Within [0, 1], rising until the end of the warm-up, falling after it, continuous in between."""
    points = [index / 1000 for index in range(1001)]
    values = [WarmupCosine(warmup)(at) for at in points]
    assert all(0 <= value <= 1 for value in values)
    for at, value, following in zip(points[:-1], values[:-1], values[1:], strict=True):
        assert following > value if at < warmup - 1e-9 else following < value
        assert abs(following - value) < 0.04


@pytest.mark.parametrize("warmup", [-0.1, 1.0, 1.5, math.nan])
def test_warmup_outside_its_range_is_refused(warmup: float) -> None:
    """The message names the range and the value."""
    with pytest.raises(InputError, match=r"\[0, 1\).*" + str(warmup)):
        WarmupCosine(warmup)


def test_a_step_comes_at_its_share() -> None:
    """The first value before it, the second from there on."""
    assert [Step(0, 0.9999, 0.8)(at) for at in (0.0, 0.79, 0.8, 1.0)] == [0, 0, 0.9999, 0.9999]
    assert Step(1, 2, 0)(0.0) == 2
    for at in (-0.1, 1.1, math.nan):
        with pytest.raises(InputError, match=f"at is a share of the run in \\[0, 1\\], got {at}"):
            Step(1, 2, at)
