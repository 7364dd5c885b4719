"""An audit as tables."""

from collections.abc import Sequence

from clsunbias.audit.diagnostic_sections import diagnostic_sections, diagnostic_words
from clsunbias.audit.found import Audit
from clsunbias.audit.several import Compared
from clsunbias.audit.words import about, change_words, ends, sentences
from clsunbias.experiments.comparing.judging import Gain
from clsunbias.experiments.report.labels import class_label, p_label
from clsunbias.experiments.report.sections import Entry, Section
from clsunbias.experiments.report.subgroup_part import ArmGroups, subgroup_sections

HOW_PARTS = (
    "**Parts.** A part is taken from other units, drawn so that every class gives as often. Rise: by how much each "
    "class's loss rises then. Evidence: what the part alone tells the model about the class, in nats; index: "
    "(evidence of the class − that of the others) / their sum, 0 where all classes alike are told of, above 0 where "
    "this one is more. Both on scores calibrated as if the classes were as frequent, so that imbalance has no part in "
    "them. Index as read: the same of what can be read off the part's share of the scores, however well the model "
    "weighs it; with two classes at most 0.44. Used: p of no rise in the mean over classes; specific: p of an index as "
    "read of no more than 0.025; both corrected (Holm) for the number of parts. Class-specific: both below 0.05. "
    "Intervals: 95 %, over units, of this very model."
)

HOW_FEATURES = (
    "**Features.** In the data, whatever the model makes of it: KL(p(feature | class) ‖ p(feature)) at equal class "
    "shares, in nats. Tells: p of nothing told at all; specific: p of an index of no more than 0.025; corrected "
    "(Holm) for the number of features."
)

HOW_GAPS = (
    "**Gaps.** Largest less smallest class loss; of two classes the positive one's less the other's. By chance: 95 "
    "% of the gaps that come about where class makes no difference, in a split of this size. Without imbalance: "
    "after slope and offset are fitted to the split as if its classes were as frequent, which no threshold and no "
    "class weight changes."
)

HOW_STRESS = (
    "**Stress.** The model's own decisions with a part changed. Uninformative: taken from units of all classes "
    "alike; inverted: from units of the next class. Rise: of the class's loss as it is, imbalance and all."
)

HOW_ATTRIBUTES = (
    "Within a class: how well a probe finds the group in what comes into the last layer, and the cosine between the "
    "group's direction there and the class's; p: permutation test, corrected (Holm)."
)


def sections(one: Audit) -> list[Section | str]:
    """All of an audit, what is said first; :func:`notes` says how to read it."""
    more = diagnostic_words(one.diagnostics, one.classes)
    made: list[Section | str] = [about(one), " ".join([*sentences(one), *more])]
    if one.parts:
        made += [parts_section(one), stress_section(one)]
    made.append(gap_section(one))
    if one.features:
        made.append(features_section(one))
    if any(feature.associations for feature in one.features):
        made.append(association_section(one))
    return [*made, *attribute_sections(one), *diagnostic_sections(one.name, one.diagnostics, one.classes)]


def notes(audits: Sequence[Audit]) -> list[str]:
    """How the tables are to be read."""
    made = [HOW_PARTS, HOW_STRESS] if any(one.parts for one in audits) else []
    made.append(HOW_GAPS)
    return [*made, *([HOW_FEATURES] if any(one.features for one in audits) else [])]


def parts_section(one: Audit) -> Section:
    """What each part is to the model, a line for each class."""
    rows: list[list[Entry]] = []
    for part in one.parts:
        for label in range(len(one.classes)):
            rise, evidence, _ = (ends(found.of_class(label)) for found in part.reliance)
            used = part.finding != "no use shown"
            indices = [ends(found.index(label)) if used else "–" for found in part.reliance[1:]]
            tests = part.finding, p_label(part.used_p), p_label(part.specific_p)
            rows.append([f"{part.name}: {class_label(one.classes, label)}", rise, evidence, *indices, *tests])
    header = ["", "rise of the loss", "evidence", "index", "index as read", "finding", "used, p", "specific, p"]
    return Section(f"What {one.name} leans on", header, rows)


def stress_section(one: Audit) -> Section:
    """The classes under each part changed."""
    rows: list[list[Entry]] = []
    for part in one.parts:
        for test in part.stress:
            for label in range(len(one.classes)):
                f1 = f"{test.f1_before[label]:.3f} → {test.f1[label]:.3f}"
                name = f"{part.name}, {test.how}: {class_label(one.classes, label)}"
                rows.append([name, f1, ends(test.rise.of_class(label))])
    return Section(f"Stress: {one.name}", ["", "F1", "rise of the loss as it is"], rows)


def gap_section(one: Audit) -> Section:
    """The gap on each split."""
    rows: list[list[Entry]] = []
    for split, found in one.gaps.items():
        for how, gap in found.items():
            losses = [ends(loss, "") for loss in gap.losses]
            rows.append([f"{split}, {how}", *losses, ends(gap.gap), f"{gap.by_chance:.3f}", p_label(gap.p)])
    header = [
        "",
        *(f"loss ({class_label(one.classes, at)})" for at in range(len(one.classes))),
        "gap",
        "by chance",
        "p",
    ]
    return Section(f"Gap between class losses: {one.name}", header, rows)


def features_section(one: Audit) -> Section:
    """What features tell about the classes."""
    rows: list[list[Entry]] = []
    for feature in one.features:
        last = len(one.classes) - 1
        told = [ends(feature.told.of_class(label)) for label in range(len(one.classes))]
        index = "–" if feature.finding.startswith("tells nothing") else ends(feature.told.index(last))
        tests = feature.finding, p_label(feature.tells_p), p_label(feature.specific_p)
        rows.append([feature.name, *told, index, *tests])
    names = [f"about {class_label(one.classes, at)}" for at in range(len(one.classes))]
    header = ["", *names, f"index ({one.classes[-1]})", "finding", "tells, p", "specific, p"]
    return Section("What the data tell", header, rows)


def association_section(one: Audit) -> Section:
    """How losses go with features within classes."""
    rows: list[list[Entry]] = [
        [feature.name, *(f"{100 * found.share:.1f} % (p {p_label(found.p)})" for found in feature.associations)]
        for feature in one.features
    ]
    header = ["", *(f"of the losses of {name}" for name in one.classes)]
    return Section("How much of the losses' ranks a feature explains within a class", header, rows)


def attribute_sections(one: Audit) -> list[Section | str]:
    """Attributes in the model's features, groups, and silence."""
    made: list[Section | str] = []
    if one.attributes:
        rows: list[list[Entry]] = [
            [
                f"{found.attribute} {found.group}: {one.classes[found.label]}",
                str(found.units),
                ends(found.decoded.auroc, ""),
                p_label(found.decoded.p),
                ends(found.nearness),
            ]
            for found in one.attributes
        ]
        made += [
            Section(
                f"Attributes in the features of {one.name}", ["", "units", "AUROC", "p", "cosine to the class"], rows
            ),
            HOW_ATTRIBUTES,
        ]
    if one.subgroups:
        made += subgroup_sections([ArmGroups(one.classes, one.subgroups)])
    if one.silence:
        rows = [
            [one.classes[found.label], ends(found.quiet.auroc, ""), p_label(found.quiet.p), ends(found.loud.auroc, "")]
            for found in one.silence
        ]
        header = ["", "quietest fifth, AUROC", "p", "the other frames, AUROC"]
        made.append(Section("The label from silence and channel", header, rows))
    return made


def change_sections(first: Audit, found: Compared) -> list[Section | str]:
    """What differs between two models on the same units."""
    other = found.other
    made: list[Section | str] = [" ".join([*change_words(first, other, found.moved), *gain_words(found.gains)])]
    rows: list[list[Entry]] = []
    for one in found.moved:
        for label in range(len(first.classes)):
            rise, evidence, _ = (ends(part.of_class(label)) for part in one.reliance)
            tests = p_label(one.total_p), p_label(one.specific_p)
            rows.append([f"{one.name}: {class_label(first.classes, label)}", rise, evidence, *tests])
    header = ["", "rise of the loss", "evidence", "rise as before, p", "as specific as before, p"]
    made.append(Section(f"{other.name} less {first.name}", header, rows))
    turned: list[list[Entry]] = [
        [one.label, str(one.units), f"{one.newly_wrong:g}", f"{one.newly_right:g}", f"{one.net:+g}", p_label(one.p)]
        for one in found.flipped
    ]
    made.append(Section(f"Who flips: {other.name}", ["", "units", "newly wrong", "newly right", "net", "p"], turned))
    return made


def gain_words(gains: Sequence[Gain]) -> list[str]:
    """How much of a gain is a moved threshold."""
    parts = {one.part: f"{one.value:+.3f} ({one.low:+.3f} to {one.high:+.3f})" for one in gains}
    if not parts:
        return ["How much of a gain is threshold is not known without validation units of each class."]
    return [
        f"Of a gain in macro-F1 of {parts['gain']} the ranking part is {parts['ranking']}, the threshold part "
        f"{parts['threshold']}."
    ]
