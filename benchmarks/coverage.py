"""How often 95 % intervals hold the truth: simulated studies whose truth is known, over test sets, classes and seeds.

Units are harder or easier for all runs, runs come out better or worse and lean to one class or the other, and both add
noise of their own. The truth is the mean over all runs there could be of a metric on all units there could be.
"""

import itertools
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from numpy.polynomial.hermite_e import hermegauss
from scipy.special import expit, ndtr
from scipy.stats import binom

from benchmarks.timing import Row
from clsunbias.experiments.analysis.intervals import Sample, carrying, interval, of_difference, of_metric
from clsunbias.experiments.analysis.ranking import places, ranking_metrics
from clsunbias.experiments.analysis.statistics import Floats, Resampling, metrics, unit_sums

METRICS = {"macro_f1": "macro-F1", "pos_f1": "F1 (positive)", "auroc": "AUROC", "loss_gap": "loss gap"}
EASE, NOISE = 1.0, 0.5
"""Standard deviations, on the scale of logits, of the units' ease and of a run's noise on a unit."""


STUDIES = 200
"""Of each test set and number of seeds: of so few, intervals that hold the truth in 95 % often show another share."""


class Method(NamedTuple):
    """How a method's runs come out: logits of the right class, and how far they lean to the positive class."""

    skill: float
    leaning: float
    spread: float = 0.2  # standard deviation over runs of either; 0.2 is about 0.03 of macro-F1


def drawn_runs(
    random: np.random.Generator, label: npt.NDArray[np.int64], ease: Floats, of: Method, runs: int
) -> Floats:
    """Class probabilities ``(S, N, 2)`` of new runs of a method."""
    skill, leaning = (
        of.skill + random.normal(0, of.spread, (runs, 1)),
        of.leaning + random.normal(0, of.spread, (runs, 1)),
    )
    prob = expit((2 * label - 1) * (skill + ease) + leaning + random.normal(0, NOISE, (runs, len(label))))
    return np.stack([1 - prob, prob], axis=2)


def truth(of: Method, share: float, runs: int = 20_000) -> dict[str, float]:
    """The metrics of a method: each run's on all units in closed form, their mean over very many runs."""
    random = np.random.default_rng(0)
    skill, leaning = random.normal(of.skill, of.spread, runs), random.normal(of.leaning, of.spread, runs)
    sd, (nodes, weights) = float(np.hypot(EASE, NOISE)), hermegauss(40)
    hits = np.stack([(1 - share) * ndtr((skill - leaning) / sd), share * ndtr((skill + leaning) / sd)])
    wrong = np.array([[1 - share], [share]]) - hits
    f1 = 2 * hits / (2 * hits + wrong.sum(0))
    margins = np.stack([skill - leaning, skill + leaning])[..., np.newaxis] + sd * nodes
    loss = np.logaddexp(0, -margins) @ (weights / weights.sum())
    found = {
        "macro_f1": f1.mean(0),
        "pos_f1": f1[1],
        "auroc": ndtr(2**0.5 * skill / sd),
        "loss_gap": abs(loss[1] - loss[0]),
    }
    return {name: float(values.mean()) for name, values in found.items()}


def samples(prob: Floats, label: npt.NDArray[np.int64], resampling: Resampling) -> dict[str, Sample]:
    """The metrics of runs, as they are and on resampled units."""
    sums, counts = unit_sums(prob, label), np.bincount(label, minlength=2)
    values = metrics(sums.sum(0)) | {
        name: found[0] for name, found in ranking_metrics(places(prob), label, np.ones((1, len(label)))).items()
    }
    drawn = resampling.bootstrap(sums) | ranking_metrics(places(prob), label, resampling.units)
    return {name: Sample(values[name], drawn[name], carrying(name, counts)) for name in METRICS}


def coverage(
    units: int,
    share: float,
    runs: int,
    studies: int,
    methods: Sequence[Method] | None = None,
    draws: int = 400,
    seed: int = 0,
) -> Mapping[str, float]:
    """The share of studies whose intervals hold the truth: of each metric, and of its difference between two methods.

    Args:
        units: of the test set, of which about this share is positive.
        share: of positive units.
        runs: seeds of each method.
        studies: simulated.
        methods: two; by default the first leans to the larger class and the second is better.
        draws: resamples.
        seed: of the studies.
    """
    ours, theirs = methods or (Method(1.2, 0.0), Method(1.0, 0.3 * float(np.log(share / (1 - share)))))
    random, resampling = np.random.default_rng(seed), Resampling(units, runs, draws)
    true, other = truth(ours, share), truth(theirs, share)
    held: dict[str, list[bool]] = {}
    while len(held.get("AUROC", ())) < studies:
        label = (random.random(units) < share).astype(np.int64)
        if min(label.sum(), units - label.sum()) < 2:  # one unit of a class says nothing of it
            continue
        ease = random.normal(0, EASE, units)
        one, two = (samples(drawn_runs(random, label, ease, of, runs), label, resampling) for of in (ours, theirs))
        for name, shown in METRICS.items():
            for what, sample, scale, expected in (
                (shown, one[name], of_metric(name), true[name]),
                (f"Δ {shown}", one[name].less(two[name]), of_difference(name), true[name] - other[name]),
            ):
                ends = interval(sample, resampling.seeds, scale)
                assert ends is not None
                held.setdefault(what, []).append(ends[0] <= expected <= ends[1])
    return {what: float(np.mean(found)) for what, found in held.items()}


def measure() -> Sequence[Row]:
    """A row for each test set and number of seeds, and one of them all."""
    rows: list[Row] = []
    shares: list[float] = []
    for units, share, runs in itertools.product((40, 100, 400), (0.5, 0.27, 0.1), (5, 10)):
        found = coverage(units, share, runs, studies=STUDIES)
        shares += found.values()
        figure = "\n".join(f"{what} {100 * held:.1f} %" for what, held in found.items())
        low, high = min(found.values()), max(found.values())
        what = f"coverage: {units} units, {100 * share:g} % positive, {runs} seeds"
        rows.append(Row(what, figure, f"93 to 97 %: {100 * low:.1f} to {100 * high:.1f} %"))
    return [*rows, outside(shares, STUDIES)]


def outside(shares: Sequence[float], studies: int) -> Row:
    """How many shares of so many studies lie outside 93 to 97 %, and how many would of exact intervals."""
    held = np.rint(np.array(shares) * studies)
    below, above = int((held < 0.93 * studies).sum()), int((held > 0.97 * studies).sum())
    chance = len(shares) * np.array(
        [binom.cdf(np.ceil(0.93 * studies) - 1, studies, 0.95), binom.sf(0.97 * studies, studies, 0.95)]
    )
    return Row(
        f"coverage: of {len(shares)} shares those below 93 % and above 97 %",
        f"{below} and {above}",
        f"of exact intervals, {studies} studies each, {chance[0]:.0f} and {chance[1]:.0f} by chance",
    )
