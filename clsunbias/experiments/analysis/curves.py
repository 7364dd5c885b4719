"""Calibration, net benefit and risk over coverage of several runs, as they are and on resampled units."""

from collections.abc import Iterable, Iterator, Sequence

import numpy as np
import numpy.typing as npt

from clsunbias.experiments.analysis.calibration import brier_metrics, brier_sums, recalibration_step
from clsunbias.experiments.analysis.draws import metrics_and_draws
from clsunbias.experiments.analysis.intervals import LOSS, PLAIN, SHARE, Sample, Scale
from clsunbias.experiments.analysis.statistics import Floats, Labels, Metrics, Sums
from clsunbias.experiments.analysis.use import kept, unit_benefit

COVERAGES = tuple(np.linspace(0.05, 1, 20).round(2).tolist())
"""Shares of the units that are kept, the surest."""

CALIBRATION_SCALES: dict[str, Scale] = {
    **dict.fromkeys(("brier", "reliability", "resolution", "uncertainty"), LOSS),
    **dict.fromkeys(("within", "slope", "intercept"), PLAIN),
}
"""What is told of a class's calibration, and the scale of its interval."""

Positive = npt.NDArray[np.bool_]


def samples(parts: Iterable[Sums], of: Metrics, units: Iterable[int]) -> list[dict[str, Sample]]:
    """Metrics of each of several sums over units, and how many units carry them."""
    return [
        {name: Sample(values, drawn[name], carrying) for name, values in found.items()}
        for (found, drawn), carrying in zip(metrics_and_draws(parts, of), units, strict=True)
    ]


def calibration_samples(score: Floats, positive: Positive) -> dict[str, Sample]:
    """The Brier score, its parts, calibration slope and intercept of a class, by :data:`CALIBRATION_SCALES`.

    Args:
        score: probability of each unit in S runs, ``(S, N)``.
        positive: which units are of the class, ``(N,)``.
    """
    units = len(positive)
    (found,) = samples([brier_sums(score, positive)], brier_metrics, [units])
    sums, of = recalibration_step(score, positive)
    return found | samples([sums], of, [units])[0]


def benefit_samples(score: Floats, positive: Positive, thresholds: Sequence[float]) -> list[Sample]:
    """The net benefit at each threshold; arguments as for :func:`calibration_samples`."""
    rarest = int(min(positive.sum(), (~positive).sum()))

    def parts() -> Iterator[Sums]:  # one by one: of many units all at once take gigabytes
        for threshold in thresholds:
            added = unit_benefit(score, positive.astype(int), [threshold])[:, :, 0].T
            yield np.stack([np.ones_like(added), added], axis=2).astype(np.float32)

    return [found["mean"] for found in samples(parts(), mean, [rarest] * len(thresholds))]


def mean(sums: Sums) -> dict[str, Floats]:
    """The second of two sums over the first."""
    return {"mean": sums[..., 1] / sums[..., 0]}


def risk_samples(prob: Floats, target: Labels, coverages: Sequence[float] = COVERAGES) -> list[Sample]:
    """The share of wrong decisions among the surest units, for each share of them.

    How sure the last of them is stays as it is while units are resampled.

    Args:
        prob: class probabilities of S runs, ``(S, N, C)``.
        target: class of each unit, ``(N,)``.
        coverages: shares of the units.
    """
    sure, wrong = prob.max(2), (prob.argmax(2) != target).astype(float)

    def parts() -> Iterator[Sums]:
        for coverage in coverages:
            among = np.stack([kept(run, coverage) for run in sure])
            yield np.stack([among, among * wrong], axis=2).swapaxes(0, 1).astype(np.float32)

    units = [max(2, round(coverage * len(target))) for coverage in coverages]
    return [found["share"] for found in samples(parts(), share, units)]


def share(sums: Sums) -> dict[str, Floats]:
    """As :func:`mean`, within [0, 1], which drawn sums may leave."""
    with np.errstate(divide="ignore", invalid="ignore"):
        return {"share": (sums[..., 1] / sums[..., 0]).clip(0, 1)}


ERROR = Scale(LOSS.there, lambda x: x.clip(0, 1) ** 3)
"""Of a share of errors: near 0 a logarithm's scale has intervals up to anything."""


def risk_scale(sample: Sample) -> Scale:
    """The scale of one of :func:`risk_samples`; where nothing is wrong, that of shares knows what may be."""
    return ERROR if sample.values.any() else SHARE
