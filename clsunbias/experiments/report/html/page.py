"""The page: template, style and script in one file that asks the network for nothing."""

import itertools
from collections.abc import Mapping, Sequence
from importlib.resources import files

from jinja2 import Environment, PackageLoader, StrictUndefined
from markdown_it import MarkdownIt
from markupsafe import Markup, escape

from clsunbias import __version__
from clsunbias.experiments.analysis.intervals import FEWEST
from clsunbias.experiments.report.build import PUBLISHED
from clsunbias.experiments.report.html.findings import findings
from clsunbias.experiments.report.html.pack import pack
from clsunbias.experiments.report.html.summary import summaries
from clsunbias.experiments.report.labels import COLOURS
from clsunbias.experiments.report.sections import NO_DATA, SIGNS, Entry, Label, Measured, Section
from clsunbias.experiments.report.study_parts import StudyPart, study_parts
from clsunbias.experiments.study import Study

SCRIPTS = ("theme", "scores", "ranking", "views", "charts", "training", "figures", "gallery", "explorer")


def page(studies: Sequence[Study], name: str) -> str:
    """The whole page that shows some studies, given the name of its file."""
    parts = [part for study in studies for part in study_parts(study)]
    data, shown = pack(parts)
    said = summaries(shown)
    methods = list(dict.fromkeys(arm["method"] for arm in data["arms"]))
    kinds = {part.simulated for part in parts}
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
    return environment.get_template("report.html.j2").render(
        title=" · ".join(dict.fromkeys(study.grid.title for study in studies)),
        parts=[(part, findings(part)) for part in parts],
        published=PUBLISHED,
        fewest=FEWEST,
        anything_simulated=True in kinds,
        all_simulated=kinds == {True},
        missing=[line for study in studies for line in study.missing],
        extra=[line for study in studies for line in study.extra],
        commands=list(dict.fromkeys(line for study in studies for line in study.commands)),
        report=f"{studies[-1].report} --html {name}",
        selections=distinct(parts, "selection"),
        ties=ties(parts),
        versions=distinct(parts, "versions"),
        cards=[one.card for one in shown],
        summaries=said,
        named=[one["label"] for one in data["datasets"] if any(split["names"] for split in one["splits"].values())],
        warnings=[text for one in said for text in one.warnings],
        version=__version__,
        style=Markup((assets / "report.css").read_text()),
        script=Markup("\n".join((assets / f"{script}.js").read_text() for script in SCRIPTS)),
        records={**data, "methods": methods, "colours": COLOURS},
    )


def distinct(parts: Sequence[StudyPart], field: str) -> list[str]:
    """What the records say in a field, each once; a mapping as ``name value, …``."""
    arms = [by_seed for part in parts for by_seed in part.study.finished.values()]
    found = [record.result[field] for by_seed in arms for record in by_seed.values()]
    shown = [", ".join(f"{name} {v}" for name, v in one.items()) if isinstance(one, Mapping) else one for one in found]
    return list(dict.fromkeys(shown))


def ties(parts: Sequence[StudyPart]) -> str:
    """In how many runs several validations had the score that was selected, if in any."""
    arms = [by_seed for part in parts for by_seed in part.study.finished.values()]
    tied = [int(record.result.get("tied_validations", 1)) for by_seed in arms for record in by_seed.values()]
    several = [count for count in tied if count > 1]
    if not several:
        return ""
    return f"{len(several)} of {len(tied)} runs selected among up to {max(several)} validations of one score, by loss"


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
