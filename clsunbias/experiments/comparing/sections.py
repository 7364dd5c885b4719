"""What a comparison shows: its tables and paragraphs."""

from collections.abc import Sequence

import numpy as np

from clsunbias.experiments.analysis.curves import CALIBRATION_SCALES
from clsunbias.experiments.analysis.draws import MANY
from clsunbias.experiments.analysis.intervals import FEWEST
from clsunbias.experiments.analysis.statistics import DRAWS
from clsunbias.experiments.comparing.answers import answers
from clsunbias.experiments.comparing.chances import Chances
from clsunbias.experiments.comparing.curves import Calibration, Curves
from clsunbias.experiments.comparing.flips import Flips
from clsunbias.experiments.comparing.judging import METRICS, Difference, Judged
from clsunbias.experiments.report.gains import HEADER, TITLE, gain_rows, how_to_read
from clsunbias.experiments.report.labels import class_label, metric_name, p_label
from clsunbias.experiments.report.sections import Entry, Measured, Section

MEANS = " Counts are means over runs."


def sections(judged: Judged, flipped: Sequence[Flips], found: Curves) -> list[Section | str]:
    """Tables and paragraphs in order."""
    said = [f"**{question}.** {' '.join(lines)}" for question, lines in answers(judged, found.benefit)]
    return [
        about(judged),
        *said,
        values(judged),
        differences(judged),
        how_judged(judged.differences[0][0]),
        could_show(judged),
        how_chances(),
        *gain_parts(judged),
        flip_section(judged, flipped),
        how_flips(judged.differences[0][0].runs),
        calibration_section(judged, found),
        how_calibrated(),
    ]


def differences(judged: Judged) -> Section:
    """The differences from the baseline."""
    return Section(
        f"Difference from {judged.methods[0].predictions.name}",
        ["", "verdict", "difference", "95 % interval", "p, corrected"],
        [difference_line(one) for one, _ in judged.differences],
    )


def could_show(judged: Judged) -> Section:
    """What differences the units could show, and how far those seen may be luck."""
    return Section(
        "What these test units can show",
        ["", "smallest shown", "supposed", "units needed", "chance of luck", "power", "wrong sign", "too large by"],
        [chance_line(one, chances) for one, chances in judged.differences],
    )


def gain_parts(judged: Judged) -> list[Section | str]:
    """The split of gains, and which methods have none."""
    made: list[Section | str] = []
    if judged.gains:
        rows = gain_rows(
            {(one.method, one.part): (one.value, one.low, one.high) for one in judged.gains}, judged.beside
        )
        made += [Section(TITLE, HEADER, rows), how_to_read(judged.methods[0].predictions.name)]
    without = [one.predictions.name for one in judged.methods if one.levels is None]
    if without:
        made.append(
            f"No split of a gain without validation rows (`split` val, units of each class): {', '.join(without)}."
        )
    return made


def flip_section(judged: Judged, flipped: Sequence[Flips]) -> Section:
    """Who flips."""
    baseline = judged.methods[0].predictions
    return Section(
        f"Who flips, compared with {baseline.name}",
        ["", "units", "newly wrong", "newly right", "net", "p"],
        [flip_line(one, baseline.classes) for one in flipped],
    )


def calibration_section(judged: Judged, found: Curves) -> Section:
    """Slope, intercept and Brier parts of each method, of each class if there are more than two."""
    names, several = list(CALIBRATION_SCALES), len(judged.methods[0].predictions.classes) > 2
    by_row: dict[str, dict[str, Calibration]] = {}
    for one in found.calibration:
        by_row.setdefault(f"{one.method}: {one.label}" if several else one.method, {})[one.metric] = one
    rows: list[list[Entry]] = [
        [row, *(calibration_entry(by_name[name]) for name in names)] for row, by_name in by_row.items()
    ]
    return Section("Calibration", ["", *("Brier score" if name == "brier" else name for name in names)], rows)


def calibration_entry(one: Calibration) -> str:
    """A value with its interval; a dash where there is none."""
    shown = "–" if np.isnan(one.value) else f"{one.value:.3f}"
    return shown if np.isnan(one.low) else f"{shown} ({one.low:.3f} to {one.high:.3f})"


def how_calibrated() -> str:
    """What the table of calibration says."""
    return (
        "Of a class's probability against the rest; of two classes the positive one's. Brier score = reliability "
        "(how far ten bins' probabilities are from their frequencies; less is better) − resolution (how far these are "
        "from the class's share; more is better) + uncertainty + what differs within bins. Slope: 1 where "
        "probabilities are risks, below 1 they are too extreme. Intercept: 0 where they are right on the whole, below "
        "0 they are too high; – where scores separate the classes."
    )


def about(judged: Judged) -> str:
    """What is compared, on how many units."""
    one = judged.methods[0].predictions
    target = one.parts["test"].target
    counts = ", ".join(
        f"{(target == index).sum()} {class_label(one.classes, index)}" for index in range(len(one.classes))
    )
    runs = len(judged.methods[0].test.prob)
    few = (
        ""
        if runs >= FEWEST
        else f" Of fewer than {FEWEST} runs an interval is over units alone: it is of these very runs on other units, "
        "and says nothing of how new runs would come out."
    )
    simulated = [method.predictions.name for method in judged.methods if method.predictions.simulated]
    made_up = f" SIMULATED data ({', '.join(simulated)}): they say nothing about patients." if simulated else ""
    return f"{len(target)} test units ({counts}), {runs} run{'s' if runs > 1 else ''} of each method.{made_up}{few}"


def values(judged: Judged) -> Section:
    """The metrics of each method, marked where a difference is shown."""
    verdicts = {(one.method, one.metric): one.verdict for one, _ in judged.differences}
    rows: list[list[Entry]] = []
    for method in judged.methods:
        row: list[Entry] = [method.predictions.name]
        for metric in METRICS:
            found = method.samples[metric].values
            said = verdicts.get((method.predictions.name, metric))
            mark = said if said in ("better", "worse") else None
            row.append(Measured(float(found.mean()), float(found.std(ddof=1)) if len(found) > 1 else None, mark=mark))
        rows.append(row)
    return Section("On the test units", ["", *(metric_name(name) for name in METRICS)], rows)


def label(one: Difference) -> str:
    """The metric and the method of a line."""
    return f"{metric_name(one.metric)}: {one.method}"


def difference_line(one: Difference) -> list[Entry]:
    """A line of the table of differences."""
    return [
        label(one),
        one.verdict,
        f"{one.difference:+.3f}",
        f"{one.low:+.3f} to {one.high:+.3f}",
        p_label(one.p_corrected),
    ]


def chance_line(one: Difference, found: Chances) -> list[Entry]:
    """A line of the table of what could be shown."""
    return [
        label(one),
        f"{found.smallest:.3f}",
        f"{found.supposed:.3f}",
        "–" if found.units_needed is None else f"{found.units_needed:,}",
        f"{100 * found.luck:.1f} %",
        f"{100 * found.power:.0f} %",
        f"{100 * found.wrong_sign:.1f} %",
        "–" if found.exaggeration is None else f"{found.exaggeration:.1f} ×",
    ]


def flip_line(one: Flips, classes: Sequence[str]) -> list[Entry]:
    """A line of the table of flips."""
    shown = [f"{count:g}" if count == round(count) else f"{count:.1f}" for count in (one.newly_wrong, one.newly_right)]
    net = f"{one.net:+g}" if one.net == round(one.net) else f"{one.net:+.1f}"
    return [
        f"{one.method}: {class_label(classes, classes.index(one.label))}",
        str(one.units),
        *shown,
        net,
        f"{one.p:.4f}",
    ]


def how_judged(one: Difference) -> str:
    """How differences were judged."""
    drawn = (
        f"from {DRAWS} bootstrap resamples of {one.over}"
        if one.units <= MANY
        else f"by each unit's influence on the metric, as resamples of {one.over} would give"
    )
    swaps = f"{DRAWS} times swapping" if one.units <= MANY else "as of all ways of swapping"
    return (
        f"Paired on the same test units. Interval: 95 %, {drawn}. p: the larger of that of a permutation test, {swaps} "
        "the two methods unit by unit, and of the interval, corrected (Holm) for the number of methods. ▲ better, "
        "▼ worse: p < 0.05. No difference shown is no proof that there is none."
    )


def how_chances() -> str:
    """What the table of chances says."""
    return (
        "Smallest shown: the true difference that so many units and runs show with a power of 80 %. Supposed: the true "
        "difference stated by `--difference`, else the one seen, which is rather too large. Units needed: to show it "
        "with that power; – where runs differ too much for any number. Chance of luck: that the true difference has "
        "the other sign, all being as likely beforehand. If the supposed one is true: power is how often it is shown; "
        "among those, how often with the wrong sign, and how many times too large."
    )


def how_flips(runs: int) -> str:
    """What the table of flips says."""
    test, counts = ("McNemar's exact test", "") if runs == 1 else ("a sign test of each unit's mean over runs", MEANS)
    return f"Newly wrong: right by the baseline, wrong by the method. p: {test}, not corrected.{counts}"
