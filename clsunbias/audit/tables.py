"""An audit as CSV tables and as JSON."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import pandas as pd

from clsunbias.audit.estimates import Estimate
from clsunbias.audit.found import Audit
from clsunbias.audit.reliance import Reliance
from clsunbias.audit.several import Compared

Line = dict[str, Any]


def spread(name: str, one: Estimate) -> Line:
    """A value with its interval, as columns."""
    return {name: one.value, f"{name}_low": one.low, f"{name}_high": one.high}


def tables(audits: Sequence[Audit], several: Sequence[Compared]) -> dict[str, pd.DataFrame]:
    """The tables by the name of their file; those without a line are left out."""
    made: dict[str, list[Line]] = {
        "parts": [line for one in audits for line in part_lines(one)],
        "stress": [line for one in audits for line in stress_lines(one)],
        "gaps": [line for one in audits for line in gap_lines(one)],
        "features": [line for one in audits for line in feature_lines(one)],
        "attributes": [line for one in audits for line in attribute_lines(one)],
        "subgroups": [{"model": one.name, **line._asdict()} for one in audits for line in one.subgroups],
        "silence": [line for one in audits for line in silence_lines(one)],
        **{name: [line for one in audits for line in diagnostic_lines(one, name)] for name in DIAGNOSTICS},
        SUSPECTS: [line for one in audits for line in suspect_lines(one)],
        "changes": [line for one in several for line in change_lines(one, audits[0])],
        "flips": [one._asdict() for found in several for one in found.flipped],
        "gains": [one._asdict() for found in several for one in found.gains],
    }
    return {name: pd.DataFrame(lines) for name, lines in made.items() if lines}


def part_lines(one: Audit) -> Iterator[Line]:
    """A line for each part and class."""
    for part in one.parts:
        for label, name in enumerate(one.classes):
            yield {
                **{"model": one.name, "split": one.split, "part": part.name, "kind": part.kind, "class": name},
                **reliance_of(part.reliance, label),
                **{"used_p": part.used_p, "specific_p": part.specific_p, "finding": part.finding},
            }


def reliance_of(reliance: Reliance, label: int) -> Line:
    """Rise, evidence and what can be read of a class, and their indices."""
    made: Line = {}
    for name, one in reliance._asdict().items():
        made |= spread(name, one.of_class(label)) | spread(f"{name}_index", one.index(label))
    return made


def stress_lines(one: Audit) -> Iterator[Line]:
    """A line for each part, test and class."""
    for part in one.parts:
        for test in part.stress:
            for label, name in enumerate(one.classes):
                about = {"model": one.name, "part": part.name, "how": test.how, "class": name}
                f1 = {"f1_before": float(test.f1_before[label]), "f1": float(test.f1[label])}
                yield {**about, **f1, **spread("rise", test.rise.of_class(label))}


def gap_lines(one: Audit) -> Iterator[Line]:
    """A line for each split and way of counting."""
    for split, found in one.gaps.items():
        for how, gap in found.items():
            losses = [spread(f"loss/{name}", loss) for name, loss in zip(one.classes, gap.losses, strict=True)]
            about = {"model": one.name, "split": split, "how": how, **spread("gap", gap.gap)}
            yield (
                about
                | {"by_chance": gap.by_chance, "p": gap.p}
                | {key: value for loss in losses for key, value in loss.items()}
            )


def feature_lines(one: Audit) -> Iterator[Line]:
    """A line for each feature and class."""
    for feature in one.features:
        for label, name in enumerate(one.classes):
            line = {
                **{"model": one.name, "feature": feature.name, "class": name},
                **spread("told", feature.told.of_class(label)),
                **spread("index", feature.told.index(label)),
                **{"tells_p": feature.tells_p, "specific_p": feature.specific_p, "finding": feature.finding},
            }
            if feature.associations:
                found = feature.associations[label]
                line |= {"loss_share": found.share, "loss_p": found.p}
            yield line


def attribute_lines(one: Audit) -> Iterator[Line]:
    """A line for each group and class."""
    for found in one.attributes:
        about = {"attribute": found.attribute, "group": found.group, "class": one.classes[found.label]}
        decoded = {**spread("auroc", found.decoded.auroc), "p": found.decoded.p}
        yield {"model": one.name, **about, "units": found.units, **decoded, **spread("cosine", found.nearness)}


def silence_lines(one: Audit) -> Iterator[Line]:
    """A line for each class and kind of frames."""
    for found in one.silence:
        for frames, decoded in (("quietest fifth", found.quiet), ("others", found.loud)):
            about = {"model": one.name, "class": one.classes[found.label], "frames": frames}
            yield {**about, **spread("auroc", decoded.auroc), "p": decoded.p}


def change_lines(one: Compared, first: Audit) -> Iterator[Line]:
    """A line for each part and class."""
    for moved in one.moved:
        for label, name in enumerate(first.classes):
            yield {
                **{"model": one.other.name, "baseline": first.name, "part": moved.name, "class": name},
                **spread("rise", moved.reliance.rise.of_class(label)),
                **spread("evidence", moved.reliance.evidence.of_class(label)),
                **{"rise_p": moved.total_p, "specific_p": moved.specific_p},
            }


DIAGNOSTICS = ("distances", "mislabelled", "failures", "slopes", "compressed")
"""Names of diagnostics, and of their files."""


def diagnostic_lines(one: Audit, name: str) -> Iterator[Line]:
    """A line for each thing that a diagnostic found; intervals as columns, classes by name."""
    for found in getattr(one.diagnostics, name):
        line: Line = {"model": one.name}
        for key, value in found._asdict().items():
            if isinstance(value, Estimate):
                line |= spread(key, value)
            elif key in {"label", "likely"}:
                line["class" if key == "label" else key] = None if value is None else one.classes[value]
            elif isinstance(value, tuple):
                line |= {f"{key}_{side}": count for side, count in zip(("here", "there"), value, strict=True)}
            else:
                line[key] = value
        yield line


SUSPECTS = "suspects"
"""The name of the one file that names units."""


def suspect_lines(one: Audit) -> Iterator[Line]:
    """A line for each unit whose label is likely wrong."""
    for found in one.diagnostics.suspects:
        about = {"model": one.name, "unit": one.units[found.unit], "label": one.classes[found.label]}
        yield {**about, "likely": one.classes[found.likely], "probability": found.prob}


def as_json(audits: Sequence[Audit], said: Sequence[str], made: Mapping[str, pd.DataFrame]) -> dict[str, Any]:
    """All of it but the units' names: what is audited, what is said, and the tables line by line."""
    return {
        "models": [
            {
                "name": one.name,
                "source": one.source.name,
                "classes": list(one.classes),
                "split": one.split,
                "unit": one.unit,
                "units": len(one.target),
                "simulated": one.simulated,
            }
            for one in audits
        ],
        "said": list(said),
        **{
            name: frame.astype(object).where(frame.notna(), None).to_dict("records")
            for name, frame in made.items()
            if name != SUSPECTS
        },
    }
