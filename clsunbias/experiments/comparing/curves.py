"""Calibration, net benefit and risk over coverage of methods: the lines of CSV files and of a page's curves."""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np

from clsunbias.experiments.analysis.calibration import reliability_curve
from clsunbias.experiments.analysis.curves import (
    CALIBRATION_SCALES,
    COVERAGES,
    benefit_samples,
    calibration_samples,
    risk_samples,
    risk_scale,
)
from clsunbias.experiments.analysis.draws import described
from clsunbias.experiments.analysis.intervals import PLAIN
from clsunbias.experiments.analysis.statistics import Floats
from clsunbias.experiments.analysis.use import net_benefit
from clsunbias.experiments.comparing.judging import Judged, Method


class Calibration(NamedTuple):
    """What is told of a method's calibration for a class; its fields are the columns of ``calibration.csv``.

    Means over runs with 95 % intervals; NaN where there is none, as of a slope where scores separate the classes.
    """

    method: str
    label: str
    metric: str
    value: float
    low: float
    high: float
    over: str


class Bin(NamedTuple):
    """A bin of a class's reliability curve, runs pooled; its fields are the columns of ``reliability.csv``."""

    method: str
    label: str
    probability: float
    frequency: float
    low: float
    high: float
    units: int


class Benefit(NamedTuple):
    """A method's net benefit at a threshold of a class's probability, its fields the columns of ``net_benefit.csv``.

    Means over runs with 95 % intervals, of the paired difference from the baseline too (NaN for itself); what treating
    everybody comes to. Treating nobody comes to 0.
    """

    method: str
    label: str
    threshold: float
    value: float
    low: float
    high: float
    everybody: float
    difference: float
    difference_low: float
    difference_high: float
    over: str


class Risk(NamedTuple):
    """The share of wrong decisions among a method's surest units; its fields are the columns of ``risk_coverage.csv``.

    Means over runs with 95 % intervals.
    """

    method: str
    coverage: float
    units: int
    value: float
    low: float
    high: float
    over: str


class Curves(NamedTuple):
    """All of them, of every method and class; of two classes the positive one stands for both."""

    calibration: list[Calibration]
    reliability: list[Bin]
    benefit: list[Benefit]
    risk: list[Risk]


def curves(judged: Judged) -> Curves:
    """The curves of each method, and the differences from the first."""
    return Curves(
        [line for one in judged.methods for line in calibration(one)],
        [line for one in judged.methods for line in reliability(one)],
        list(benefits(judged)),
        [line for one in judged.methods for line in risks(one)],
    )


def classes_of(method: Method) -> list[tuple[int, str]]:
    """The classes whose probabilities are shown, by their places: of two the positive one."""
    classes = list(enumerate(method.predictions.classes))
    return classes[1:] if len(classes) == 2 else classes


def calibration(method: Method) -> Iterator[Calibration]:
    """The lines of a method."""
    for at, label in classes_of(method):
        for name, sample in calibration_samples(method.test.prob[:, :, at], method.test.target == at).items():
            ends = described(sample, CALIBRATION_SCALES[name])
            yield Calibration(method.predictions.name, label, name, float(sample.values.mean()), *ends)


def reliability(method: Method) -> Iterator[Bin]:
    """The lines of a method."""
    for at, label in classes_of(method):
        for one in reliability_curve(method.test.prob[:, :, at], method.test.target == at):
            yield Bin(method.predictions.name, label, *one)


def benefits(judged: Judged) -> Iterator[Benefit]:
    """The lines of all methods."""
    baseline, *_ = judged.methods
    for at, label in classes_of(baseline):
        positive = baseline.test.target == at
        everybody = net_benefit(np.ones(len(positive)), positive.astype(int), baseline.thresholds)
        theirs = benefit_samples(scores(baseline, at), positive, baseline.thresholds)
        for method in judged.methods:
            same = method is baseline
            ours = theirs if same else benefit_samples(scores(method, at), positive, method.thresholds)
            for sample, other, threshold, all_of_them in zip(ours, theirs, method.thresholds, everybody, strict=True):
                ends = described(sample, PLAIN)
                gained = sample.less(other)
                gain, gain_low, gain_high = (np.nan,) * 3
                if not same:
                    gain, (gain_low, gain_high, _) = float(gained.values.mean()), described(gained, PLAIN)
                yield Benefit(
                    method=method.predictions.name,
                    label=label,
                    threshold=threshold,
                    value=float(sample.values.mean()),
                    low=ends[0],
                    high=ends[1],
                    everybody=float(all_of_them),
                    difference=gain,
                    difference_low=gain_low,
                    difference_high=gain_high,
                    over=ends[2],
                )


def scores(method: Method, at: int) -> Floats:
    """The probabilities of a class, ``(S, N)``."""
    return method.test.prob[:, :, at]


def risks(method: Method) -> Iterator[Risk]:
    """The lines of a method."""
    units = len(method.test.target)
    found: Sequence[float] = COVERAGES
    for coverage, sample in zip(found, risk_samples(method.test.prob, method.test.target), strict=True):
        low, high, over = described(sample, risk_scale(sample))
        count = max(1, round(coverage * units))
        yield Risk(method.predictions.name, coverage, count, float(sample.values.mean()), low, high, over)
