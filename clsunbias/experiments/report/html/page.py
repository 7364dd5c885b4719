"""The page: template, style and script in one file that asks the network for nothing."""

import json
import re
from collections.abc import Mapping, Sequence
from importlib.resources import files
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markdown_it import MarkdownIt
from markupsafe import Markup, escape

from clsunbias import __version__
from clsunbias.experiments.report.html.pack import pack
from clsunbias.experiments.report.html.reading import reading
from clsunbias.experiments.report.html.tables import Judged, judged_parts
from clsunbias.experiments.report.plots import COLOURS
from clsunbias.experiments.report.sections import Section
from clsunbias.experiments.study import Study

SCRIPTS = ("theme.js", "scores.js", "charts.js", "views.js", "explorer.js")
MARKS = {"▲": "better", "▼": "worse", "◀": "chosen"}


def page(studies: Sequence[Study], name: str) -> str:
    """The whole page.

    Args:
        studies: to show.
        name: of the page's file.
    """
    parts = [judged for study in studies for judged in judged_parts(study)]
    data, cards = pack(parts)
    methods = list(dict.fromkeys(arm["method"] for arm in data["arms"]))
    kinds = {judged.simulated for judged in parts}
    assets = files(__package__)
    environment = Environment(
        loader=PackageLoader("clsunbias.experiments.report.html", "."),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=StrictUndefined,
    )
    environment.filters |= {"prose": prose, "cell": cell, "table_rows": table_rows}
    return environment.get_template("report.html.j2").render(
        title=" · ".join(dict.fromkeys(study.grid.title for study in studies)),
        parts=[(judged, reading(judged)) for judged in parts],
        is_section=lambda part: isinstance(part, Section),
        anything_simulated=True in kinds,
        all_simulated=kinds == {True},
        missing=[line for study in studies for line in study.missing],
        extra=[line for study in studies for line in study.extra],
        commands=list(dict.fromkeys(line for study in studies for line in study.commands)),
        report=f"{studies[-1].report} --html {name}",
        selections=distinct(parts, "selection"),
        versions=distinct(parts, "versions"),
        cards=cards,
        version=__version__,
        style=Markup((assets / "report.css").read_text()),
        script=Markup("\n".join((assets / script).read_text() for script in SCRIPTS)),
        records=inline_json({**data, "methods": methods, "colours": COLOURS}),
    )


def distinct(parts: Sequence[Judged], field: str) -> list[str]:
    """What the records say in a field, each once; a mapping as ``name value, …``."""
    found = [record.result[field] for judged in parts for one in judged.scored for record in one.records.values()]
    shown = [", ".join(f"{name} {v}" for name, v in one.items()) if isinstance(one, Mapping) else one for one in found]
    return list(dict.fromkeys(shown))


def inline_json(content: Mapping[str, Any]) -> Markup:
    """JSON that may stand in a script element: nothing in it can end that element."""
    text = json.dumps(content, ensure_ascii=False, separators=(",", ":"))
    return Markup(text.replace("<", "\\u003c"))


def prose(text: str) -> Markup:
    """A paragraph of a report, Markdown, as HTML; HTML in it is shown, not used."""
    return Markup(MarkdownIt("commonmark", {"html": False}).render(text))


def cell(text: str, baseline: str) -> Markup:
    """A cell with its verdict's mark in words too, for those who do not see it."""
    said = {"▲": f"better than {baseline}", "▼": f"worse than {baseline}", "◀": "chosen"}
    shown = str(escape(text))
    shown = re.sub(r"( \([+-][\d.]+\))", r'<span class="difference">\1</span>', shown)
    for mark, name in MARKS.items():
        inner = f'<span aria-hidden="true">{mark}</span><span class="hidden"> {escape(said[mark])}</span>'
        shown = shown.replace(mark, f'<span class="mark {name}">{inner}</span>')
    return Markup(shown)


def table_rows(section: Section, judged: Judged) -> list[dict[str, Any]]:
    """Rows of a section: method and protocol apart where the label holds both, and how many rows a method has."""
    labels = ("published", *(protocol.label for protocol in judged.study.grid.protocols.values()))
    rows: list[dict[str, Any]] = []
    for label, *cells in section.rows:
        suffix = next((one for one in labels if label.endswith(f", {one}")), "")
        method = label.removesuffix(f", {suffix}") if suffix else label
        new = not rows or rows[-1]["method"] != method
        rows.append({"method": method, "protocol": suffix, "cells": cells, "first": new, "span": 1})
    for row in rows:
        row["span"] = sum(other["method"] == row["method"] for other in rows)
    return rows
