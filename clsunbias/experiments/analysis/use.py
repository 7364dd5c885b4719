"""What a model is good for: net benefit over thresholds, and what is gained by leaving the unsure units to others."""

from collections.abc import Sequence

import numpy as np

from clsunbias.errors import InputError
from clsunbias.experiments.analysis.statistics import Floats, Labels

POINTS = 46
"""Thresholds of a range: of the default one, every hundredth."""


def thresholds_of(low: float, high: float) -> tuple[float, ...]:
    """The thresholds of a range, both ends among them; InputError if it is none within (0, 1)."""
    if not 0 < low < high < 1:
        raise InputError(
            f"thresholds of a net benefit go from a lower to a higher one between 0 and 1, got {low:g} to {high:g}"
        )
    return tuple(np.linspace(low, high, POINTS).round(10).tolist())


THRESHOLDS = thresholds_of(0.05, 0.5)
"""Where a net benefit is of interest unless somebody says otherwise: a missed one costs as much as 1 to 19 alarms."""


def net_benefit(score: Floats, positive: Labels, thresholds: Sequence[float] | Floats) -> Floats:
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


def unit_benefit(score: Floats, positive: Labels, thresholds: Sequence[float] | Floats) -> Floats:
    """What each unit adds to n times the net benefit, ``(…, N, T)``; see :func:`net_benefit`."""
    t = np.asarray(thresholds, float)
    if not ((t > 0) & (t < 1)).all():
        raise InputError(f"thresholds of a net benefit lie between 0 and 1, got {t.min():g} to {t.max():g}")
    treated = score[..., np.newaxis] >= t
    return np.asarray(treated * np.where(positive[:, np.newaxis] == 1, 1, -t / (1 - t)), float)


def use_sums(prob: Floats, target: Labels, thresholds: Sequence[float] = THRESHOLDS) -> Floats:
    """What each unit adds to the sums of which :func:`use_metrics` makes the net benefit: 1 and its own mean over t.

    Of the positive class; of C > 2 classes the mean over each against the rest.

    Args:
        prob: class probabilities ``(S, N, C)``.
        target: class of each unit, ``(N,)``.
        thresholds: in (0, 1), rising.

    Returns:
        float32 ``(N, S, 2)``.
    """
    t, classes = np.asarray(thresholds), [1] if prob.shape[2] == 2 else range(prob.shape[2])
    harm = np.append(0, np.cumsum(t / (1 - t)))  # of the first k thresholds
    reached = [np.searchsorted(t, prob[:, :, label], side="right") for label in classes]
    of_class = [np.where(target == label, k, -harm[k]) for label, k in zip(classes, reached, strict=True)]
    benefit = np.mean(of_class, axis=0) / len(t)
    return np.stack([np.ones_like(benefit), benefit], axis=2).transpose(1, 0, 2).astype(np.float32)


def use_metrics(sums: Floats) -> dict[str, Floats]:
    """``net_benefit``, the mean over thresholds, ``(…)``, of :func:`use_sums` added up over units, ``(…, 2)``."""
    return {"net_benefit": sums[..., 1] / sums[..., 0]}


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


def kept(sure: Floats, coverage: float) -> Floats:
    """The share of each of N units among the surest of them, so many of N: 1, 0, or that of units as sure as the last.

    Args:
        sure: ``(N,)``.
        coverage: share of the units, above 0.
    """
    count = max(1, round(coverage * len(sure)))
    last = -np.partition(-sure, count - 1)[count - 1]
    above, as_sure = sure > last, sure == last
    return np.asarray(above + as_sure * ((count - above.sum()) / as_sure.sum()))


def risk_coverage_area(prob: Floats, target: Labels) -> float:
    """The mean risk over all coverages (AURC); less is better."""
    return float(risk_coverage(prob, target)[1].mean())
