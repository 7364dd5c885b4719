"""An audit as one self-contained HTML page, of the parts that a comparison's page is made of."""

from collections.abc import Sequence
from typing import Any

from clsunbias.audit.estimates import Estimate
from clsunbias.audit.found import Audit, PartFound
from clsunbias.audit.sections import change_sections, notes, sections
from clsunbias.audit.several import Compared
from clsunbias.audit.words import about, most_told, sentences
from clsunbias.experiments.comparing.page import digits
from clsunbias.experiments.report.html.rendering import render
from clsunbias.experiments.report.sections import Section

SCRIPTS = ("theme", "looks", "views", "charts", "rows", "audit")

SLOPES = {
    "norm": "Squared gradient",
    "noise": "Rows in which chance is as large",
    "cosine": "Cosine to the others' gradient",
    "largest": "Curvature where it is most",
    "smallest": "Curvature where it is least",
}

MOST = 12
"""Parts that a chart shows, those with most evidence."""


def page(
    audits: Sequence[Audit],
    several: Sequence[Compared],
    over_seeds: Sequence[Section | str],
    title: str,
    command: str,
) -> str:
    """The whole page, given what was typed."""
    return render(
        "audit.html.j2",
        SCRIPTS,
        {"methods": [one.name for one in audits], "audits": [records(one) for one in audits]},
        title=title,
        simulated=[one.name for one in audits if one.simulated],
        audits=[
            {
                "name": one.name,
                "about": about(one),
                "said": sentences(one),
                "maps": maps(one),
                "tables": sections(one)[2:],
                "has_parts": bool(one.parts),
                "has_features": bool(one.features),
                "has_slopes": one.diagnostics.followed,
            }
            for one in audits
        ],
        over_seeds=split(over_seeds) if over_seeds else None,
        several=[split(change_sections(audits[0], one)) for one in several],
        notes=notes(audits),
        command=command,
        published=None,
    )


def split(parts: Sequence[Section | str]) -> dict[str, Any]:
    """What is said, and the tables behind it."""
    return {"said": parts[0], "tables": parts[1:]}


def records(one: Audit) -> dict[str, Any]:
    """What the page's script draws of a model."""
    most = sorted(one.parts, key=lambda part: -abs(part.reliance.evidence.value).max())[:MOST]
    told = sorted(one.features, key=lambda feature: -abs(feature.told.value).max())[:MOST]
    return {
        "classes": list(one.classes),
        "parts": [{"title": marked(part), "rows": rows(one, part)} for part in most],
        "slopes": [panel(one, *of) for of in SLOPES.items()] if one.diagnostics.followed else [],
        "features": [
            {
                "title": feature.name,
                "rows": [row(name, at, feature.told.of_class(at)) for at, name in enumerate(one.classes)],
            }
            for feature in told
        ],
    }


def panel(one: Audit, figure: str, title: str) -> dict[str, Any]:
    """A figure of each class's loss by step, and the step of the checkpoint."""
    by_class = [
        {
            "label": name,
            "points": [
                {"x": slope.step, **point(getattr(slope, figure))}
                for slope in one.diagnostics.slopes
                if slope.label == label and getattr(slope, figure)
            ],
        }
        for label, name in enumerate(one.classes)
    ]
    return {
        "title": title,
        "lines": by_class,
        "selected": [slope.step for slope in one.diagnostics.slopes if slope.checkpoint][:1],
    }


def point(found: Estimate) -> dict[str, float | None]:
    """A value of a line with its band."""
    return {"middle": digits(found.value), "low": digits(found.low), "high": digits(found.high)}


def marked(part: PartFound) -> str:
    """A part, and what was found of it."""
    return f"{part.name}: {part.finding}"


def rows(one: Audit, part: PartFound) -> list[dict[str, Any]]:
    """The evidence of a part about each class."""
    return [row(name, label, part.reliance.evidence.of_class(label)) for label, name in enumerate(one.classes)]


def row(label: str, at: int, found: Estimate) -> dict[str, Any]:
    """A row of a chart with its interval, in a class's colour."""
    return {"label": label, "class": at, **{key: digits(value) for key, value in found._asdict().items()}}


def maps(one: Audit) -> list[dict[str, Any]]:
    """Of images, the evidence of each place about each class; strength is the share of the most there is."""
    placed = [part for part in one.parts if part.place]
    if not placed:
        return []
    most = max(max(float(part.reliance.evidence.value.max()) for part in placed), 1e-9)
    made = []
    for label, name in enumerate(one.classes):
        cells = []
        for part in placed:
            assert part.place is not None
            down, across, size = part.place
            value = float(part.reliance.evidence.value[label])
            specific = part.finding == "class-specific" and most_told(part) == label
            strength = round(0.75 * max(value, 0) / most, 3)
            side = 240 / size
            cells.append(
                {"x": across * side, "y": down * side, "side": side, "text": f"{value:.3f}", "strength": strength}
                | {"specific": specific, "title": f"{part.name}: {value:.3f} nats, {part.finding}"}
            )
        made.append({"name": name, "label": label, "picture": one.pictures.get(name, ""), "cells": cells})
    return made
