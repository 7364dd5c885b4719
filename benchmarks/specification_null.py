"""How often a curve of equal methods is said to be of different ones, by swapped names, by drawn patients, and by both.

Simulated curves: two methods that are equal on average, trained several times with each setting and judged by several
rules that share a training. Runs come out better or worse by luck, and patients are easier for the one or the other.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
from scipy.special import stdtrit
from scipy.stats import binom

from benchmarks.timing import Row
from clsunbias.experiments.analysis.specifications import Curve, Specification, summary

CURVES = 400
GAIN = 0.03
TRAININGS, RULES, SEEDS, PATIENTS, DRAWS = 30, 4, 4, 200, 400
LUCK: Mapping[str, tuple[float, float]] = {
    "luck of runs": (0.05, 0.01),
    "luck of patients": (0.005, 0.2),
    "both": (0.05, 0.1),
}
"""Standard deviations of a run's difference, and of a patient's, which all runs share."""


def simulated(of_runs: float, of_patients: float, gain: float, random: np.random.Generator) -> Curve:
    """A curve whose true difference is the gain."""
    run = random.normal(0, of_runs, (SEEDS, TRAININGS, 1)) + random.normal(0, of_runs / 2, (SEEDS, TRAININGS, RULES))
    patient = random.normal(0, of_patients, PATIENTS)
    own = random.normal(0, 0.3, (PATIENTS, TRAININGS * RULES))  # of a patient in one specification
    weights = random.multinomial(PATIENTS, np.full(PATIENTS, 1 / PATIENTS), DRAWS) / PATIENTS
    by_patient = patient[:, np.newaxis] + own
    gained = gain + run.reshape(SEEDS, -1) + by_patient.mean(0)
    drawn = weights @ by_patient - by_patient.mean(0)
    error = np.hypot(1.96 * drawn.std(0), stdtrit(SEEDS - 1, 0.975) * gained.std(0, ddof=1) / SEEDS**0.5)
    means = gained.mean(0)
    found = [
        Specification({}, float(mean), float(mean - one), float(mean + one), str(at // RULES))
        for at, (mean, one) in enumerate(zip(means, error, strict=True))
    ]
    return Curve("method", "baseline", "test/macro_f1", found, gained, drawn.astype(np.float32))


def without(curve: Curve, part: str) -> Curve:
    """The curve as a null sees it that knows but one kind of luck."""
    if part == "names swapped":
        return replace(curve, drawn=np.zeros_like(curve.drawn))
    return replace(curve, gained=np.zeros_like(curve.gained)) if part == "patients drawn" else curve


def rates(of_runs: float, of_patients: float, gain: float, count: int) -> dict[str, int]:
    """How many curves have a median that luck gives in 5 %, by what the null knows."""
    random, parts = np.random.default_rng(3), ("names swapped", "patients drawn", "both")
    found = Counter[str]()
    for _ in range(count):
        curve = simulated(of_runs, of_patients, gain, random)
        found.update(part for part in parts if summary("", without(curve, part)).p <= 0.05)
    return {part: found[part] for part in parts}


def measure() -> Sequence[Row]:
    """A row for each kind of luck, and one for methods that differ."""
    rows, high = [], 100 * float(binom.ppf(0.975, CURVES, 0.05)) / CURVES
    for title, (of_runs, of_patients) in LUCK.items():
        for gain in (0.0, GAIN) if title == "both" else (0.0,):
            found = rates(of_runs, of_patients, gain, CURVES)
            told = "; ".join(f"{part} {100 * count / CURVES:.1f} %" for part, count in found.items())
            what = f"specification_null: {title}, true gain {gain:g}: curves called different"
            rows.append(Row(what, told, "" if gain else f"both: at most {high:.1f} %, 5 % but for luck"))
    return rows
