"""The page: template, style and script in one file that asks the network for nothing."""

from collections.abc import Mapping, Sequence

from clsunbias.experiments.analysis.intervals import FEWEST
from clsunbias.experiments.analysis.use import THRESHOLDS
from clsunbias.experiments.report.build import PUBLISHED
from clsunbias.experiments.report.html.findings import findings
from clsunbias.experiments.report.html.pack import pack
from clsunbias.experiments.report.html.rendering import render
from clsunbias.experiments.report.html.specifications import specification_page
from clsunbias.experiments.report.html.summary import summaries
from clsunbias.experiments.report.study_parts import StudyPart, study_parts
from clsunbias.experiments.study import Study

SCRIPTS = (
    *("theme", "looks", "scores", "ranking", "use", "views", "charts"),
    *("training", "figures", "gallery", "explorer"),
)


def page(studies: Sequence[Study], name: str) -> str:
    """The whole page that shows some studies, given the name of its file."""
    if studies[0].grid.specifications:
        return specification_page(studies[0])
    parts = [part for study in studies for part in study_parts(study)]
    data, shown = pack(parts)
    said = summaries(shown)
    methods = list(dict.fromkeys(arm["method"] for arm in data["arms"]))
    kinds = {part.simulated for part in parts}
    return render(
        "report.html.j2",
        SCRIPTS,
        {**data, "methods": methods, "thresholds": THRESHOLDS},
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
