"""What a comparison shows: tables and paragraphs for terminal and Markdown, and its CSV files."""

from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from clsunbias.experiments.analysis.influence import MANY
from clsunbias.experiments.analysis.intervals import FEWEST
from clsunbias.experiments.analysis.statistics import DRAWS
from clsunbias.experiments.comparing.chances import Chances
from clsunbias.experiments.comparing.flips import Flips, flipped_units, flips
from clsunbias.experiments.comparing.judging import METRICS, Difference, Judged
from clsunbias.experiments.report.gains import HEADER, TITLE, gain_rows, how_to_read
from clsunbias.experiments.report.labels import class_label, metric_name
from clsunbias.experiments.report.sections import Entry, Measured, Section, markdown, show
from clsunbias.files import write_csv, write_text, writing

MEANS = " Counts are means over runs."


def report(judged: Judged, out: Path | None) -> None:
    """Prints a comparison, and writes it into a folder if one is given."""
    flipped = [one for method in judged.methods[1:] for one in flips(method, judged.methods[0])]
    parts, title = sections(judged, flipped), f"Compared with {judged.methods[0].predictions.name}"
    if out:
        with writing(out, "give another --out, or mend that"):
            write(judged, flipped, title, parts, out)
    show(title, parts, f"see {out / 'comparison.md'}" if out else "see comparison.md, which --out DIR writes")


def write(judged: Judged, flipped: Sequence[Flips], title: str, parts: Sequence[Section | str], out: Path) -> None:
    """Writes a comparison as Markdown and as CSV files."""
    lines = [{**one._asdict(), **chances._asdict()} for one, chances in judged.differences]
    write_csv(out / "comparison.csv", pd.DataFrame(lines))
    write_csv(out / "flips.csv", pd.DataFrame(flipped, columns=Flips._fields))
    write_csv(out / "flipped_units.csv", flipped_units(judged.methods))
    if judged.gains:
        write_csv(out / "gains.csv", pd.DataFrame(judged.gains))
    text = [f"# {title}\n", *(markdown(one) if isinstance(one, Section) else f"{one}\n" for one in parts)]
    write_text(out / "comparison.md", "\n".join(text))


def sections(judged: Judged, flipped: Sequence[Flips]) -> list[Section | str]:
    """Tables and paragraphs in order."""
    baseline = judged.methods[0].predictions
    made: list[Section | str] = [
        about(judged),
        values(judged),
        Section(
            f"Difference from {baseline.name}",
            ["", "verdict", "difference", "95 % interval", "p, corrected"],
            [difference_line(one) for one, _ in judged.differences],
        ),
        how_judged(judged.differences[0][0]),
        Section(
            "What these test units can show",
            ["", "smallest shown", "supposed", "units needed", "chance of luck", "power", "wrong sign", "too large by"],
            [chance_line(one, chances) for one, chances in judged.differences],
        ),
        how_chances(),
    ]
    if judged.gains:
        rows = gain_rows(
            {(one.method, one.part): (one.value, one.low, one.high) for one in judged.gains},
            {(one.method, one.metric): one.difference for one, _ in judged.differences},
        )
        made += [Section(TITLE, HEADER, rows), how_to_read(baseline.name)]
    without = [one.predictions.name for one in judged.methods if one.levels is None]
    if without:
        made.append(
            f"No split of a gain without validation rows (`split` val, units of each class): {', '.join(without)}."
        )
    made += [
        Section(
            f"Who flips, compared with {baseline.name}",
            ["", "units", "newly wrong", "newly right", "net", "p"],
            [flip_line(one, baseline.classes) for one in flipped],
        ),
        how_flips(judged.differences[0][0].runs),
    ]
    return made


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
    return f"{len(target)} test units ({counts}), {runs} run{'s' if runs > 1 else ''} of each method.{few}"


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
        f"{one.p_corrected:.4f}",
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
        f"Paired on the same test units. Interval: 95 %, {drawn}. p: permutation test, {swaps} the two methods unit by "
        "unit, corrected (Holm) for the number of methods. ▲ better, ▼ worse: both an interval without 0 and p < 0.05. "
        "No difference shown is no proof that there is none."
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
