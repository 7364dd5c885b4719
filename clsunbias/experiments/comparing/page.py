"""A comparison as one self-contained HTML page, of the parts that a report's page is made of."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

from clsunbias.experiments.analysis.intervals import FEWEST
from clsunbias.experiments.analysis.verdicts import Verdict
from clsunbias.experiments.comparing.answers import answers
from clsunbias.experiments.comparing.curves import Curves, classes_of
from clsunbias.experiments.comparing.flips import Flips
from clsunbias.experiments.comparing.judging import METRICS, Judged
from clsunbias.experiments.comparing.sections import (
    about,
    calibration_section,
    could_show,
    differences,
    flip_section,
    gain_parts,
    how_calibrated,
    how_chances,
    how_flips,
    how_judged,
    values,
)
from clsunbias.experiments.report.html.rendering import render
from clsunbias.experiments.report.labels import metric_name
from clsunbias.experiments.report.sections import SIGNS

SCRIPTS = ("theme", "looks", "scores", "use", "views", "charts", "rows", "comparison")


def page(judged: Judged, flipped: Sequence[Flips], found: Curves, title: str, command: str) -> str:
    """The whole page, given what was typed."""
    first = judged.differences[0][0]
    return render(
        "comparison.html.j2",
        SCRIPTS,
        records(judged, flipped, found),
        title=title,
        baseline=first.baseline,
        simulated=[one.predictions.name for one in judged.methods if one.predictions.simulated],
        about=about(judged),
        answers=answers(judged, found.benefit),
        values=values(judged),
        differences=[differences(judged), how_judged(first), could_show(judged), how_chances()],
        gains=gain_parts(judged),
        flips=[flip_section(judged, flipped), how_flips(first.runs)],
        calibration=[calibration_section(judged, found), how_calibrated()],
        command=command,
        fewest=FEWEST,
        published=None,
    )


def records(judged: Judged, flipped: Sequence[Flips], found: Curves) -> dict[str, Any]:
    """What the page's script draws: a few numbers of each method, none of single units."""
    methods = [one.predictions.name for one in judged.methods]
    return {
        "methods": methods,
        "classes": [label for _, label in classes_of(judged.methods[0])],
        "thresholds": judged.methods[0].thresholds,
        "differences": [
            {
                "title": metric_name(metric),
                "rows": [
                    row(mark(one.method, one.verdict), one.method, one.difference, one.low, one.high)
                    for one, _ in judged.differences
                    if one.metric == metric
                ],
            }
            for metric in METRICS
        ],
        "gains": [
            {
                "title": method,
                "rows": [
                    {**row(part_name(one.part), method, one.value, one.low, one.high), "bar": True}
                    for one in judged.gains
                    if one.method == method
                ],
            }
            for method in methods[1:]
            if judged.gains
        ],
        "flips": [
            {
                "title": method,
                "rows": [
                    {
                        "label": f"{one.label}: {one.newly_wrong:g} newly wrong, {one.newly_right:g} newly right",
                        "method": method,
                        "value": one.newly_right,
                        "other": -one.newly_wrong,
                        "bar": True,
                    }
                    for one in flipped
                    if one.method == method
                ],
            }
            for method in methods[1:]
        ],
        "curves": {method: curves_of(method, found) for method in methods},
    }


def curves_of(method: str, found: Curves) -> dict[str, Any]:
    """A method's curves as points; of each class the reliability, the net benefit and its difference."""
    return {
        "reliability": by_class(
            (one.label, point(one.probability, one.frequency, one.low, one.high))
            for one in found.reliability
            if one.method == method
        ),
        "benefit": by_class(
            (one.label, point(one.threshold, one.value, one.low, one.high))
            for one in found.benefit
            if one.method == method
        ),
        "everybody": by_class(
            (one.label, {"x": one.threshold, "middle": digits(one.everybody)})
            for one in found.benefit
            if one.method == method
        ),
        "gained": by_class(
            (one.label, point(one.threshold, one.difference, one.difference_low, one.difference_high))
            for one in found.benefit
            if one.method == method and not math.isnan(one.difference)
        ),
        "risk": [point(one.coverage, one.value, one.low, one.high) for one in found.risk if one.method == method],
    }


def by_class(points: Any) -> dict[str, list[Mapping[str, float]]]:
    """Points of each class."""
    made: dict[str, list[Mapping[str, float]]] = {}
    for label, one in points:
        made.setdefault(label, []).append(one)
    return made


def point(x: float, value: float, low: float, high: float) -> dict[str, float]:
    """A point of a curve with its band."""
    return {"x": digits(x), "middle": digits(value), "low": digits(low), "high": digits(high)}


def row(label: str, method: str, value: float, low: float, high: float) -> dict[str, Any]:
    """A row of a chart with its interval."""
    return {"label": label, "method": method, "value": digits(value), "low": digits(low), "high": digits(high)}


def mark(label: str, verdict: Verdict) -> str:
    """A label with the sign of its verdict, if a difference is shown."""
    return label if verdict == "no difference shown" else f"{label} {SIGNS[verdict]}"


def part_name(part: str) -> str:
    """A part of a gain in words."""
    return "gain in macro-F1" if part == "gain" else f"{part} part"


def digits(value: float) -> float:
    """A value as exactly as it can be seen."""
    return float(f"{value:.4g}")
