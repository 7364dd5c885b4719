"""Diagnostics of a model as tables and in words."""

from collections.abc import Callable, Sequence
from typing import Any

from clsunbias.audit.diagnosed import Diagnostics, Slope
from clsunbias.audit.estimates import Estimate
from clsunbias.audit.found import ALPHA
from clsunbias.audit.words import ends
from clsunbias.errors import listed
from clsunbias.experiments.report.labels import p_label
from clsunbias.experiments.report.sections import Entry, Section

HOW_DRIFT = (
    "**Distances.** Squared Fréchet distance of what comes into the last layer, in its directions of most spread and "
    "units of the deviation within classes, less what chance gives in so few units; p corrected (Holm)."
)
HOW_LABELS = (
    "**Labels.** A unit is surely of a class if its probability of that is at least what units labelled so have on "
    "average, and no other such is larger; the shares of a class's sure units stand for all of it. A weak model's "
    "mistakes are among them, and a model that is very sure finds about two in three: for a person to look at."
)
HOW_FAILURES = (
    "**Mistakes.** How well units that the model gets wrong are told from the others of their class by how sure it "
    "is; balanced: of scores calibrated at equal class shares."
)
HOW_SLOPES = (
    "**Slopes.** Of each class's loss in training rows, by all weights: squared length of the gradient; in how many "
    "rows chance moves the weights as far as it does (–: it is not shown to be other than 0); its cosine to that of "
    "the other classes (–: likewise, or theirs); and the curvature where it is most and least, below 0 on a saddle."
)
HOW_BITS = "**Fewer bits.** Units whose decision turns when the model is exported to ONNX in float16, or int8 weights."


def diagnostic_sections(name: str, found: Diagnostics, classes: Sequence[str]) -> list[Section | str]:
    """Tables of what there is."""

    def table(title: str, header: list[str], lines: Sequence[Any], row: Callable[[Any], list[Entry]], how: str) -> None:
        if lines:
            made.append(Section(f"{title}: {name}", ["", *header], [row(one) for one in lines]))
            made.append(how)

    made: list[Section | str] = []
    table(
        "How far units lie from those elsewhere",
        ["units", "distance", "p"],
        found.distances,
        lambda one: [
            f"{one.here} and {one.there}: {classes[one.label]}",
            f"{one.units[0]} and {one.units[1]}",
            ends(one.distance),
            p_label(one.p),
        ],
        HOW_DRIFT,
    )
    table(
        "Labels that are likely wrong",
        ["units", "likely wrong", "most of them likely"],
        found.mislabelled,
        lambda one: [
            classes[one.label],
            str(one.units),
            counted(one.wrong),
            "–" if one.likely is None else classes[one.likely],
        ],
        HOW_LABELS,
    )
    made += suspect_words(found, classes)
    table(
        "Whether it knows its mistakes",
        ["units", "wrong", "AUROC", "AUROC, balanced"],
        found.failures,
        lambda one: [
            classes[one.label],
            str(one.units),
            str(one.wrong),
            ends(one.plain, ""),
            ends(one.balanced, ""),
        ],
        HOW_FAILURES,
    )
    table(
        "Slope and curvature of the class losses",
        ["rows", "squared gradient", "its noise, in rows", "cosine to the others'", "curvature, most", "least"],
        found.slopes,
        lambda one: [
            slope_label(one, found.followed, classes),
            str(one.rows),
            ends(one.norm),
            ends(one.noise, "") if one.noise else "–",
            ends(one.cosine) if one.cosine else "–",
            ends(one.largest),
            ends(one.smallest),
        ],
        HOW_SLOPES,
    )
    table(
        "Decisions with fewer bits",
        ["units", "newly wrong", "newly right", "share turned"],
        found.compressed,
        lambda one: [
            f"{one.kind}: {classes[one.label]}",
            str(one.units),
            str(one.newly_wrong),
            str(one.newly_right),
            ends(one.turned, ""),
        ],
        HOW_BITS,
    )
    return made


def suspect_words(found: Diagnostics, classes: Sequence[str]) -> list[str]:
    """The least likely labels, without the units' names, which may be patients'."""
    told = [
        f"{classes[one.label]} (probability {one.prob:.3f}, likely {classes[one.likely]})" for one in found.suspects
    ]
    if not told:
        return []
    those = f"{len(told)} units are surely of another class" if len(told) > 1 else "One unit is surely of another class"
    return [f"{those} than their label's, the least likely first: {listed(told)}. `suspects.csv` names them."]


def slope_label(one: Slope, followed: bool, classes: Sequence[str]) -> str:
    """The class, and the step where training was followed."""
    at = f", step {one.step}{', the checkpoint' if one.checkpoint else ''}" if followed else ""
    return f"{classes[one.label]}{at}"


def counted(one: Estimate) -> str:
    """A count with its interval."""
    return f"{one.value:.0f} ({one.low:.0f} to {one.high:.0f})"


def diagnostic_words(found: Diagnostics, classes: Sequence[str]) -> list[str]:
    """What is shown, in sentences."""
    said = []
    far = [one for one in found.distances if one.p < ALPHA]
    if far:
        named = [
            f"{classes[one.label]} in {one.here} from {one.there} (by {ends(one.distance)}, p {p_label(one.p)})"
            for one in far
        ]
        said.append(f"In what it sees differ {listed(named, 4)}.")
    if any(one.wrong.value for one in found.mislabelled):
        named = [f"{counted(one.wrong)} of {one.units} {classes[one.label]}" for one in found.mislabelled]
        said.append(f"Likely wrong labels, or mistakes of the model: {listed(named, 4)}.")
    for kind in dict.fromkeys(one.kind for one in found.compressed):
        named = [
            f"{one.newly_wrong + one.newly_right} of {one.units} {classes[one.label]}"
            for one in found.compressed
            if one.kind == kind
        ]
        said.append(f"With {kind} turn {listed(named, 4)}.")
    return said
