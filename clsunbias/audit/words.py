"""An audit in plain sentences: what the model leans on, for which class, how sure that is, and what was not shown."""

from collections.abc import Sequence

import numpy as np

from clsunbias.audit.estimates import Estimate
from clsunbias.audit.found import ALPHA, Audit, Change, PartFound
from clsunbias.errors import listed
from clsunbias.experiments.report.labels import class_label, p_label

MOST = 5
"""Parts that a paragraph names."""


def about(one: Audit) -> str:
    """What is audited, on how many units."""
    counts = np.bincount(one.target, minlength=len(one.classes)).tolist()
    told = ", ".join(f"{count} {class_label(one.classes, label)}" for label, count in enumerate(counts))
    made_up = " SIMULATED data: they say nothing about patients." if one.simulated else ""
    return f"{one.name}, on {len(one.target):,} {one.unit}s of {one.split} ({told}).{made_up}"


def sentences(one: Audit) -> list[str]:
    """What was found of a model, the answer first."""
    return [
        *(leaning(one) if one.parts else data_alone(one)),
        *gap_words(one),
        *attribute_words(one),
        *silence_words(one),
    ]


def leaning(one: Audit) -> list[str]:
    """Which parts a model leans on, and what happens without them."""
    if ranks_nothing(one):
        return [
            f"The scores of {one.name} rank these {one.unit}s no better than chance: there is nothing that it could be "
            "said to lean on."
        ]
    of_family = f"p is corrected for {len(one.parts)} parts" if len(one.parts) > 1 else "p is of one part"
    if one.specific:
        said = [
            f"{one.name} leans on class-specific features: {'; '.join(told(one, part) for part in one.specific[:MOST])}"
            f"{more(one.specific)} ({of_family})."
        ]
        said += [stress_words(one, part) for part in one.specific[:2]]
    else:
        said = [
            f"No class-specific reliance of {one.name} is shown in any of {len(one.parts)} parts of the input, which "
            "is no proof that there is none."
        ]
    others = [part.name for part in one.parts if part.finding == "used, not shown to be specific"]
    if others:
        said.append(f"Used without being shown to tell about one class more than another: {listed(others, MOST)}.")
    unused = sum(part.finding == "no use shown" for part in one.parts)
    if unused:
        said.append(f"Of {unused} part{'s' if unused > 1 else ''} no use is shown.")
    return said


def ranks_nothing(one: Audit) -> bool:
    """Whether scores tell so little that without imbalance nothing is left of them."""
    return one.gaps[one.split]["without imbalance"].by_chance < 1e-9


def told(one: Audit, part: PartFound) -> str:
    """What a part tells about the classes."""
    evidence, label = part.reliance.evidence, most_told(part)
    nats = ", ".join(f"{evidence.of_class(at).value:.3f} nats about {name}" for at, name in enumerate(one.classes))
    read = f"index as read {ends(part.reliance.read.index(label))}"
    return (
        f"{part.name} gives it {nats} (index {ends(evidence.index(label))} for {one.classes[label]}, {read}, "
        f"p {p_label(part.specific_p)})"
    )


def most_told(part: PartFound) -> int:
    """The class that a part gives most evidence about."""
    return int(part.reliance.read.value.argmax())


def stress_words(one: Audit, part: PartFound) -> str:
    """What becomes of the classes without a part."""
    plain = part.stress[0]
    changed = ", ".join(
        f"F1 of {name} {before:.3f} → {after:.3f}"
        for name, before, after in zip(one.classes, plain.f1_before, plain.f1, strict=True)
    )
    return f"With {part.name} made uninformative: {changed}."


def data_alone(one: Audit) -> list[str]:
    """What features tell about the classes, of a model that is not at hand."""
    said = [
        "The model is not at hand: what follows is what features tell in the data and how losses go with them, not "
        "what the model reads."
    ]
    specific = [feature for feature in one.features if feature.finding == "class-specific"]
    for feature in sorted(specific, key=lambda found: -found.told.value.mean())[:MOST]:
        label = int(feature.told.value.argmax())
        nats = ", ".join(f"{feature.told.value[at]:.3f} nats about {name}" for at, name in enumerate(one.classes))
        said.append(
            f"In the data {feature.name} tells {nats} (index {ends(feature.told.index(label))} for "
            f"{one.classes[label]}, p {p_label(feature.specific_p)})."
        )
    if one.features and not specific:
        said.append(f"None of {len(one.features)} features is shown to tell about one class more than about another.")
    for label, name in enumerate(one.classes):
        found = [
            feature.name for feature in one.features if feature.associations and feature.associations[label].p < ALPHA
        ]
        if found:
            said.append(f"Within {name} the loss goes with {listed(found, MOST)}.")
    return said


def gap_words(one: Audit) -> list[str]:
    """How far the gap between the class losses is more than chance."""
    found = one.gaps[one.split]
    raw, balanced = found["as it is"], found["without imbalance"]
    said = []
    for gap, of in ((raw, "The gap between the class losses"), (balanced, "Without what imbalance does to scores it")):
        word = "shown" if gap.p < ALPHA else "not shown"
        said.append(
            f"{of} is {ends(gap.gap)}; {word} to be more than chance, which gives up to {gap.by_chance:.3f} "
            f"(p {p_label(gap.p)})"
        )
    return [". ".join(said) + "."]


def attribute_words(one: Audit) -> list[str]:
    """Attributes that the model's features hold."""
    found = [part for part in one.attributes if part.decoded.p < ALPHA]
    if not one.attributes:
        return []
    if not found:
        return ["No attribute is shown to be found in the model's features within a class."]
    named = listed(
        [
            f"{part.attribute} {part.group} within {one.classes[part.label]} (AUROC {ends(part.decoded.auroc, '')})"
            for part in found
        ],
        MOST,
    )
    return [f"The model's features hold {named}."]


def silence_words(one: Audit) -> list[str]:
    """How far the label is found without speech."""
    return [
        f"From the quietest fifth of the frames alone a probe finds {one.classes[part.label]} with AUROC "
        f"{ends(part.quiet.auroc, '')} (p {p_label(part.quiet.p)}), from the others with {ends(part.loud.auroc, '')}."
        for part in one.silence
    ]


def change_words(first: Audit, other: Audit, moved: Sequence[Change]) -> list[str]:
    """Whether a remedy relies less on what is class-specific."""
    suspects = {part.name for part in (*first.specific, *other.specific)}
    said = []
    for one in moved:
        if one.name not in suspects:
            continue
        evidence = one.reliance.evidence
        by_class = ", ".join(f"{ends(evidence.of_class(at))} about {name}" for at, name in enumerate(first.classes))
        shown = "is shown to have changed" if one.specific_p < ALPHA else "is not shown to have changed"
        said.append(
            f"{other.name} against {first.name}, {one.name}: evidence {by_class}; how specific it is {shown} "
            f"(p {p_label(one.specific_p)})."
        )
    return said or [f"{other.name} against {first.name}: neither leans on a part that is shown to be class-specific."]


def ends(one: Estimate, sign: str = "+") -> str:
    """A value with its interval; no minus before what is 0 as shown."""
    value, *between = (f"{round(number, 3) + 0.0:{sign}.3f}" for number in one)
    return f"{value} ({' to '.join(between)})"


def more(parts: Sequence[PartFound]) -> str:
    """That there are more than are named."""
    return f"; and {len(parts) - MOST} more" if len(parts) > MOST else ""
