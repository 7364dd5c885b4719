"""The split of a gain as a table: how much of it is ranking, how much a threshold gives too."""

from collections.abc import Mapping, Sequence
from typing import TypeVar

import numpy as np

from clsunbias.experiments.analysis.gain import BESIDE, PARTS
from clsunbias.experiments.analysis.gains import GainLine
from clsunbias.experiments.analysis.intervals import FEWEST
from clsunbias.experiments.report.labels import metric_name
from clsunbias.experiments.report.sections import Entry, Section

TITLE = "How much of the gain in macro-F1 is threshold"
HEADER = ("", "gain", "ranking part", "threshold part", *map(metric_name, BESIDE))

Key = TypeVar("Key")
Part = tuple[float, float | None, float | None]


def gain_sections(lines: Sequence[GainLine]) -> list[Section | str]:
    """A table for each protocol, then how to read them; nothing without lines."""
    made: list[Section | str] = []
    for protocol in dict.fromkeys(line.protocol for line in lines):
        named = {
            (f"{line.column}: {line.row} − {line.baseline}", line.part): line
            for line in lines
            if line.protocol == protocol
        }
        parts = {key: (line.value, line.low, line.high) for key, line in named.items() if line.part in PARTS}
        beside = {key: line.value for key, line in named.items() if line.part in BESIDE}
        made.append(Section(f"{TITLE}: {protocol}", HEADER, gain_rows(parts, beside)))
    if made:
        few = f" Of fewer than {FEWEST} seeds there is no interval." if any(line.n < FEWEST for line in lines) else ""
        made.append(how_to_read(lines[0].baseline) + few)
    return made


def gain_rows(parts: Mapping[tuple[Key, str], Part], beside: Mapping[tuple[Key, str], float]) -> list[list[Entry]]:
    """A row for each method.

    Args:
        parts: by method and part, its value and the ends of its interval, if it has one.
        beside: by method and metric, the difference from the baseline.
    """
    methods = list(dict.fromkeys(method for method, _ in parts))
    return [
        [
            str(method),
            *(shown(*parts[method, part]) for part in PARTS),
            *(difference(beside.get((method, name))) for name in BESIDE),
        ]
        for method in methods
    ]


def shown(value: float, low: float | None, high: float | None) -> str:
    """A part with its interval, without the zero before a point: a terminal has room for two of them."""
    written = [f"{one + 0.0:+.3f}".replace("0.", ".") for one in (value, low, high) if one is not None]  # no minus of 0
    return written[0] if len(written) < 3 else f"{written[0]} ({written[1]} to {written[2]})"


def difference(value: float | None) -> str:
    """A difference; a dash where there is none, as of slopes where scores separate the classes."""
    return "–" if value is None or np.isnan(value) else f"{value + 0.0:+.3f}"


def how_to_read(baseline: str) -> str:
    """What the parts are."""
    return (
        f"Gain: macro-F1 minus that of {baseline}, each deciding for the most probable class. Ranking part: the same "
        "once each run of both has the threshold (of more classes: offsets) that is best on its validation units. "
        f"Threshold part: the rest, which {baseline} with another threshold has for nothing. Intervals: 95 %, with "
        "thresholds as they were chosen; a part whose interval holds 0 is not shown. Beside it differences in what no "
        "threshold moves; a calibration slope is best at 1 and an intercept at 0, so that more is not better; net "
        "benefit is the mean over thresholds."
    )
