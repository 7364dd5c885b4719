"""Methods over their seeds as tables and in words."""

from collections.abc import Sequence

import numpy as np

from clsunbias.audit.estimates import Estimate
from clsunbias.audit.found import ALPHA
from clsunbias.audit.seeds import Averaged, Methods, Pair
from clsunbias.audit.several import Matched
from clsunbias.audit.words import MOST, ends
from clsunbias.errors import listed
from clsunbias.experiments.analysis.intervals import FEWEST
from clsunbias.experiments.comparing.judging import Gain
from clsunbias.experiments.comparing.sections import flip_line, how_flips
from clsunbias.experiments.report.gains import TITLE
from clsunbias.experiments.report.labels import p_label
from clsunbias.experiments.report.sections import Entry, Section

HOW_SEEDS = (
    "**Seeds.** Evidence in nats, its index and the index as read, which is tested: means over trainings of a method,"
    " with 95 % intervals over units and seeds; SD: of the index over seeds. Together: the test of one training, on "
    "means over them (specific: its p, corrected for the number of parts); then in how many it is found of each "
    "alone. Of two classes the indices are the second's. Parts of which no use is shown are left out. Differences: p "
    "of none, of the index, corrected (Holm) likewise."
)

HOW_GAINS = (
    "**Gains.** Macro-F1 of the test units, each method less the first on the seeds that both have. Ranking part: with "
    "a threshold (of more classes: offsets) of each training's own, best on its validation units; threshold part: the "
    f"rest, which the first with another threshold has for nothing. Intervals: 95 %, over units and seeds, of {FEWEST} "
    "seeds or more."
)


def seed_sections(
    methods: Methods, averages: Sequence[Averaged], compared: Sequence[Pair], against: Sequence[Matched]
) -> list[Section | str]:
    """What is said of methods over seeds, then the tables."""
    said = [*seed_words(methods, averages, compared), *map(gain_words, against)]
    made: list[Section | str] = [" ".join(said)]
    rows: list[list[Entry]] = [
        [
            f"{one.method}: {one.part}, {one.label}",
            one.finding,
            p_label(one.specific_p),
            f"{one.specific} of {one.seeds}",
            ends(one.evidence),
            ends(one.mean_index),
            "–" if one.seeds == 1 else f"{one.index_sd:.3f}",
            ends(one.mean_read),
        ]
        for one in averages
    ]
    if rows:
        measures = ["evidence", "index", "SD of the index over seeds", "index as read"]
        header = ["", "together", "specific, p", "alone", *measures]
        made.append(Section("Methods over their seeds", header, rows))
    rows = [
        [
            f"{one.method} less {one.baseline}: {one.part}, {one.label}",
            ends(one.evidence),
            ends(one.mean_index),
            p_label(one.p),
        ]
        for one in compared
    ]
    if rows:
        made.append(Section("Methods against each other", ["", "evidence", "index", "p"], rows))
    return [*made, HOW_SEEDS, *gain_sections(against), *flip_sections(against, next(iter(methods.values()))[0].classes)]


def gain_sections(against: Sequence[Matched]) -> list[Section | str]:
    """The parts of each gain that is known."""
    rows: list[list[Entry]] = [
        [f"{one.method} less {one.baseline}", str(one.seeds), *map(gained, one.gains)] for one in against if one.gains
    ]
    return [Section(TITLE, ["", "seeds", "gain", "ranking part", "threshold part"], rows), HOW_GAINS] if rows else []


def flip_sections(against: Sequence[Matched], classes: Sequence[str]) -> list[Section | str]:
    """Who flips, class by class, and how to read it."""
    rows = [flip_line(flip, classes) for one in against for flip in one.flipped]
    if not rows:
        return []
    title = f"Who flips, compared with {against[0].baseline}"
    how = how_flips(max(one.seeds for one in against))
    return [Section(title, ["", "units", "newly wrong", "newly right", "net", "p"], rows), how]


def seed_words(methods: Methods, averages: Sequence[Averaged], compared: Sequence[Pair]) -> list[str]:
    """The answer over seeds: what each method leans on, in how many trainings by itself, and which methods differ."""
    said = []
    for name, own in methods.items():
        averaged = [one for one in averages if one.method == name]
        whole = told([one for one in averaged if one.finding == "class-specific"])
        of = f"{len(own)} trainings together" if len(own) > 1 else "its one training"
        nothing = f"{name}: in {of} no class-specific reliance is shown."
        said.append(f"{name}: class-specific in {of}: {whole}." if whole else nothing)
        alone = [
            f"{one.part} (in {one.specific})" for one in averaged if one.specific and one.finding != "class-specific"
        ]
        if alone:
            said.append(f"In single trainings only: {listed(alone, MOST)}.")
    for method, baseline in dict.fromkeys((one.method, one.baseline) for one in compared):
        own_pairs = [one for one in compared if (one.method, one.baseline) == (method, baseline)]
        shown = [f"{one.part} (by {ends(one.mean_index)})" for one in own_pairs if one.p < ALPHA]
        found = f"differ in {listed(shown, MOST)}" if shown else "are not shown to differ in the index of any part"
        said.append(f"{method} and {baseline} {found}.")
    return said


def told(parts: Sequence[Averaged]) -> str:
    """Parts that are class-specific, those that most trainings show first."""
    made = []
    for one in sorted(parts, key=lambda one: (-one.specific, -abs(one.mean_read.value))):
        alone = "" if one.seeds == 1 else f", in {one.specific} of them by itself"
        made.append(f"{one.part} (mean index as read for {one.label} {ends(one.mean_read)}{alone})")
    return listed(made, MOST)


def gain_words(one: Matched) -> str:
    """How much of a method's gain is a moved threshold."""
    if not one.seeds:
        return f"{one.method} and {one.baseline} have no seed in common, by which a gain could be matched."
    if not one.gains:
        return f"How much of a gain of {one.method} is threshold is not known without validation units of each class."
    parts = {found.part: gained(found) for found in one.gains}
    seeds = f"the {one.seeds} seeds" if one.seeds > 1 else "the one seed"
    return (
        f"{one.method} gains {parts['gain']} in macro-F1 over {one.baseline}, of which ranking {parts['ranking']}, "
        f"threshold {parts['threshold']}, on {seeds} that both have."
    )


def gained(one: Gain) -> str:
    """A part of a gain, with its interval if there is one."""
    return f"{round(one.value, 3) + 0.0:+.3f}" if np.isnan(one.low) else ends(Estimate(one.value, one.low, one.high))
