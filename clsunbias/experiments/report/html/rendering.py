"""How pages are made of the templates, the style and the scripts beside this file: nothing is fetched by a reader."""

import itertools
from collections.abc import Mapping, Sequence
from importlib.resources import files
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markdown_it import MarkdownIt
from markupsafe import Markup, escape

from clsunbias import __version__
from clsunbias.experiments.report.labels import COLOURS
from clsunbias.experiments.report.sections import NO_DATA, SIGNS, Entry, Label, Measured, Section


def render(template: str, scripts: Sequence[str], records: Mapping[str, Any], **values: Any) -> str:
    """A page.

    Args:
        template: its file.
        scripts: names of its scripts, in order.
        records: what these work on.
        **values: what the template shows.
    """
    assets = files(__package__)
    environment = Environment(
        loader=PackageLoader("clsunbias.experiments.report.html", "."),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=StrictUndefined,
    )
    environment.policies["json.dumps_kwargs"] = {"ensure_ascii": False, "separators": (",", ":")}
    environment.filters |= {"prose": prose, "cell": cell, "methods": methods_of, "data_first": data_first}
    return environment.get_template(template).render(
        **values,
        records={**records, "colours": COLOURS},
        version=__version__,
        style=Markup((assets / "report.css").read_text()),
        script=Markup("\n".join((assets / f"{script}.js").read_text() for script in scripts)),
    )


def prose(text: str) -> Markup:
    """A paragraph of a report, Markdown, as HTML; HTML in it is shown, not used."""
    return Markup(MarkdownIt("commonmark", {"html": False}).render(text))


def cell(entry: Entry, baseline: str) -> Markup:
    """An entry of a table, its mark in words too, for those who do not see it."""
    if not isinstance(entry, Measured):
        return escape(entry)
    shown = escape(entry.mean)
    if entry.difference is not None:
        shown += Markup('<span class="difference"> ({:+.3f})</span>').format(entry.difference)
    if entry.mark:
        said = "chosen" if entry.mark == "chosen" else f"{entry.mark} than {baseline}"
        inner = Markup('<span aria-hidden="true">{}</span><span class="hidden"> {}</span>')
        shown += Markup(' <span class="mark {}">{}</span>').format(entry.mark, inner.format(SIGNS[entry.mark], said))
    if entry.dagger:
        shown += Markup(
            ' <span aria-hidden="true">†</span><span class="hidden"> some run never predicts a class</span>'
        )
    return shown + (", simulated" if entry.simulated else "")


def data_first(section: Section) -> Section:
    """A section with the columns of data sets that are not there at its end."""
    absent = [any(row[at] == NO_DATA for row in section.rows) for at in range(len(section.header))]
    order = sorted(range(len(absent)), key=absent.__getitem__)
    rows = [[row[at] for at in order] for row in section.rows]
    return Section(section.title, [section.header[at] for at in order], rows)


def methods_of(section: Section) -> list[tuple[str, list[tuple[str, Sequence[Entry]]]]]:
    """Rows of a section by method: of each its rows, a protocol (nothing where a label has none) and the entries."""
    rows = [(row[0] if isinstance(row[0], Label) else Label(str(row[0]), ""), row[1:]) for row in section.rows]
    return [
        (method, [(label.protocol, entries) for label, entries in group])
        for method, group in itertools.groupby(rows, key=lambda row: row[0].method)
    ]
