"""Methods over their seeds as tables and in words."""

from collections.abc import Sequence

from clsunbias.audit.found import ALPHA
from clsunbias.audit.seeds import Averaged, Methods, Pair
from clsunbias.audit.words import MOST, ends
from clsunbias.errors import listed
from clsunbias.experiments.report.labels import p_label
from clsunbias.experiments.report.sections import Entry, Section

HOW_SEEDS = (
    "**Seeds.** Evidence in nats and its index: means over trainings of a method, with 95 % intervals over units and "
    "seeds; SD: of the index over seeds. Together: the test of one training, on means over them (specific: its p, "
    "corrected for the number of parts); then in how many it is found of each alone. Of two classes the index is the "
    "second's. Parts of which no use is shown are left out. Differences: p of none, corrected (Holm) likewise."
)


def seed_sections(methods: Methods, averages: Sequence[Averaged], compared: Sequence[Pair]) -> list[Section | str]:
    """What is said of methods over seeds, then the two tables."""
    made: list[Section | str] = [" ".join(seed_words(methods, averages, compared))]
    rows: list[list[Entry]] = [
        [
            f"{one.method}: {one.part}, {one.label}",
            one.finding,
            p_label(one.specific_p),
            f"{one.specific} of {one.seeds}",
            ends(one.evidence),
            ends(one.mean_index),
            "–" if one.seeds == 1 else f"{one.index_sd:.3f}",
        ]
        for one in averages
    ]
    if rows:
        header = ["", "together", "specific, p", "alone", "evidence", "index", "SD of the index over seeds"]
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
    return [*made, HOW_SEEDS]


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
    for one in sorted(parts, key=lambda one: (-one.specific, -abs(one.mean_index.value))):
        spread = "" if one.seeds == 1 else f", SD over seeds {one.index_sd:.3f}, in {one.specific} of them by itself"
        made.append(f"{one.part} (mean index for {one.label} {ends(one.mean_index)}{spread})")
    return listed(made, MOST)
