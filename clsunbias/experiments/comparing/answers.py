"""A comparison in plain sentences: which method differs, in what, how sure that is, and what could have been seen."""

from collections.abc import Sequence

from clsunbias.experiments.analysis.intervals import FEWEST
from clsunbias.experiments.comparing.chances import Chances
from clsunbias.experiments.comparing.curves import Benefit
from clsunbias.experiments.comparing.judging import Difference, Judged
from clsunbias.experiments.report.labels import metric_name, p_label

Answers = list[tuple[str, list[str]]]


def answers(judged: Judged, benefit: Sequence[Benefit] = ()) -> Answers:
    """Questions, and of each the sentences that answer it; of net benefit where its lines are given."""
    methods = [one.predictions.name for one in judged.methods[1:]]
    headline = [(one, found) for one, found in judged.differences if one.metric == "macro_f1"]
    made: Answers = [
        ("Which method differs, and in what", [differs(judged, method) for method in methods]),
        ("How sure that is", [*(sureness(one, found) for one, found in headline), over(headline[0][0], len(methods))]),
        ("What these units could show", [could_show(one, found) for one, found in headline]),
    ]
    if judged.gains:
        made.append(("Where the gain comes from", [origin(judged, method) for method in methods]))
    if benefit:
        made.append(("Where it is of use", [use(method, benefit) for method in methods]))
    return made


def differs(judged: Judged, method: str) -> str:
    """In what a method differs from the baseline."""
    ours = [one for one, _ in judged.differences if one.method == method]
    baseline = ours[0].baseline
    said = []
    for verdict in ("better", "worse"):
        shown = [
            f"{metric_name(one.metric)} by {ends(one.difference, one.low, one.high)}"
            for one in ours
            if one.verdict == verdict
        ]
        if shown:
            said.append(f"is {verdict} than {baseline} in {joined(shown)}")
    open_ones = [metric_name(one.metric) for one in ours if one.verdict == "no difference shown"]
    if not said:
        return f"{method}: no difference from {baseline} is shown, which is no proof that there is none."
    rest = f"; in {joined(open_ones)} no difference is shown" if open_ones else ""
    return f"{method} {'; it '.join(said)}{rest}."


def sureness(one: Difference, found: Chances) -> str:
    """How far a difference in macro-F1 may be luck."""
    luck = "less than 0.1 %" if found.luck < 0.001 else f"{100 * found.luck:.1f} %"
    return (
        f"{one.method}: macro-F1 {one.difference:+.3f}, p {p_label(one.p_corrected)}; the chance that the true "
        f"difference has the other sign is {luck}."
    )


def over(one: Difference, methods: int) -> str:
    """What intervals and p-values are of."""
    corrected = f"p is corrected for {methods} methods" if methods > 1 else "p is of one comparison"
    few = "" if one.runs >= FEWEST else f", since of fewer than {FEWEST} runs nothing is known of how others come out"
    return f"Intervals are 95 %, over {one.over}{few}; {corrected}."


def could_show(one: Difference, found: Chances) -> str:
    """The smallest difference in macro-F1 that is shown, beside the one supposed."""
    runs = f"{one.runs} run{'s' if one.runs > 1 else ''}"
    said = f"{one.method}: {one.units:,} units and {runs} show a true difference in macro-F1 of {found.smallest:.3f} "
    said += f"four times out of five, one of {found.supposed:.3f} in {100 * found.power:.0f} %"
    if found.units_needed is None:
        return f"{said}; that takes more runs, not more units, to be shown as often."
    return f"{said}; for that one, four times out of five, it takes {found.units_needed:,} units."


def origin(judged: Judged, method: str) -> str:
    """The parts of a method's gain in macro-F1."""
    parts = {one.part: ends(one.value, one.low, one.high) for one in judged.gains if one.method == method}
    if not parts:
        return f"{method}: not known without validation rows of each class."
    return (
        f"{method}: of a gain in macro-F1 of {parts['gain']} the ranking part is {parts['ranking']}, "
        f"the threshold part {parts['threshold']}."
    )


def use(method: str, benefit: Sequence[Benefit]) -> str:
    """The thresholds at which a method's net benefit is shown to be another than the baseline's."""
    said = []
    for label in dict.fromkeys(one.label for one in benefit):
        ours = [one for one in benefit if (one.method, one.label) == (method, label)]
        higher = [one.threshold for one in ours if one.difference_low > 0]
        lower = [one.threshold for one in ours if one.difference_high < 0]
        told = [f"{word} {span(found, ours)}" for word, found in (("higher", higher), ("lower", lower)) if found]
        said.append(f"{label} {joined(told) if told else f'not shown to be another {span([], ours)}'}")
    return f"{method}, net benefit: {'; '.join(said)} (intervals of single thresholds, not corrected)."


def span(found: Sequence[float], ours: Sequence[Benefit]) -> str:
    """Some of the thresholds, by the lowest and the highest."""
    if not found:
        return f"at any threshold from {ours[0].threshold:g} to {ours[-1].threshold:g}"
    if len(found) == 1:
        return f"at a threshold of {found[0]:g}"
    whole = sum(found[0] <= one.threshold <= found[-1] for one in ours) == len(found)
    return f"at {'' if whole else f'{len(found)} '}thresholds from {found[0]:g} to {found[-1]:g}"


def ends(value: float, low: float, high: float) -> str:
    """A value with its interval; no minus before what is 0 as shown."""
    shown, *between = (f"{round(one, 3) + 0.0:+.3f}" for one in (value, low, high))
    return f"{shown} ({' to '.join(between)})"


def joined(parts: Sequence[str]) -> str:
    """Parts of a sentence."""
    return parts[0] if len(parts) == 1 else f"{', '.join(parts[:-1])} and {parts[-1]}"
