"""What a model is good for: net benefit over thresholds, and what is gained by leaving the unsure units to others."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from clsunbias.errors import InputError
from clsunbias.experiments.analysis.intervals import FEWEST, PLAIN, Sample, interval
from clsunbias.experiments.analysis.statistics import Floats, Labels, Resampling
from clsunbias.experiments.analysis.statistics import interval as percentiles


class NetBenefit(NamedTuple):
    """At one threshold: a model's net benefit with its 95 % interval, and what treating everybody would give."""

    threshold: float
    value: float
    low: float
    high: float
    everybody: float


def net_benefit(score: Floats, positive: Labels, thresholds: Floats) -> Floats:
    """TP/n − FP/n · t/(1 − t) of treating where the score is at least t (Vickers and Elkin 2006); nobody treated is 0.

    Args:
        score: probability of the positive class, ``(…, N)``.
        positive: which units are, 0 or 1, ``(N,)``.
        thresholds: t in (0, 1), ``(T,)``.

    Returns:
        ``(…, T)``.

    Raises:
        InputError: a threshold at which nobody or everybody is treated whatever the score.
    """
    return np.asarray(unit_benefit(score, positive, thresholds).mean(-2))


def unit_benefit(score: Floats, positive: Labels, thresholds: Floats) -> Floats:
    """What each unit adds to n times the net benefit, ``(…, N, T)``; see :func:`net_benefit`."""
    t = np.asarray(thresholds, float)
    if not ((t > 0) & (t < 1)).all():
        raise InputError(f"thresholds of a net benefit lie between 0 and 1, got {t.min():g} to {t.max():g}")
    treated = score[..., np.newaxis] >= t
    return np.asarray(treated * np.where(positive[:, np.newaxis] == 1, 1, -t / (1 - t)), float)


def net_benefits(prob: Floats, target: Labels, thresholds: Sequence[float]) -> list[NetBenefit]:
    """The net benefit of the positive class at each threshold, a mean over runs.

    The interval is over units and runs; of fewer than :data:`FEWEST` runs over units alone, of these very runs.

    Args:
        prob: class probabilities of S runs, ``(S, N, 2)``.
        target: class of each unit, ``(N,)``.
        thresholds: in (0, 1).
    """
    return described(unit_benefit(prob[:, :, 1], target, np.asarray(thresholds)), target, thresholds)


def benefit_differences(ours: Floats, theirs: Floats, target: Labels, thresholds: Sequence[float]) -> list[NetBenefit]:
    """As :func:`net_benefits`, of the paired difference between two methods, whose treating of everybody cancels."""
    t = np.asarray(thresholds)
    gained = unit_benefit(ours[:, :, 1], target, t) - unit_benefit(theirs[:, :, 1], target, t)
    return [one._replace(everybody=0.0) for one in described(gained, target, thresholds)]


def described(gains: Floats, target: Labels, thresholds: Sequence[float]) -> list[NetBenefit]:
    """Means of what each unit adds, ``(S, N, T)``, with intervals."""
    runs, units, _ = gains.shape
    resampling, made = Resampling(units, runs), []
    everybody = net_benefit(np.ones(units), target, np.asarray(thresholds))
    for at, threshold in enumerate(thresholds):
        values = gains[:, :, at].mean(1)
        drawn = resampling.units @ gains[:, :, at].T / units
        ends = interval(Sample(values, drawn, units), resampling.seeds, PLAIN) if runs >= FEWEST else None
        made.append(
            NetBenefit(threshold, float(values.mean()), *(ends or percentiles(drawn.mean(1))), float(everybody[at]))
        )
    return made


def risk_coverage(prob: Floats, target: Labels) -> tuple[Floats, Floats]:
    """The share of wrong decisions among the surest k of N units, for each k, and k/N (El-Yaniv and Wiener 2010).

    A unit is as sure as its largest probability; among equal ones any order is as likely.

    Args:
        prob: class probabilities ``(N, C)``.
        target: class of each unit, ``(N,)``.

    Returns:
        Coverage and risk, ``(N,)`` each.
    """
    sure, wrong = prob.max(1), (prob.argmax(1) != target).astype(float)
    order = np.argsort(-sure, kind="stable")
    _, group, counts = np.unique(-sure[order], return_inverse=True, return_counts=True)
    expected = (np.bincount(group, weights=wrong[order]) / counts)[group]
    covered = np.arange(1, len(target) + 1)
    return covered / len(target), expected.cumsum() / covered


def risk_coverage_area(prob: Floats, target: Labels) -> float:
    """The mean risk over all coverages (AURC); less is better."""
    return float(risk_coverage(prob, target)[1].mean())
