"""A study's tables, those of ``clsunbias reproduce``, apart for real and for simulated data."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from clsunbias.experiments.analysis.cells import Cell
from clsunbias.experiments.analysis.comparison import Comparison, results
from clsunbias.experiments.analysis.scores import Scored
from clsunbias.experiments.plan import Arm, choose
from clsunbias.experiments.report.build import contrast_section, parts, search_sections
from clsunbias.experiments.report.sections import Section
from clsunbias.experiments.study import Study, shown


@dataclass(frozen=True)
class StudyPart:
    """A part of a study, real or simulated, with its results.

    Attributes:
        study: the part.
        simulated: which.
        scored: its finished arms.
        cells: of these.
        comparisons: between them.
        parts: tables and paragraphs, the headline first.
    """

    study: Study
    simulated: bool
    scored: Sequence[Scored]
    cells: Mapping[tuple[Arm, str], Cell]
    comparisons: Mapping[tuple[Arm, Arm, str], Comparison]
    parts: Sequence[Section | str]

    @property
    def labels(self) -> list[str]:
        """Of the data sets that have runs."""
        columns = dict.fromkeys(arm.column for arm in self.study.finished)
        return [self.study.grid.columns[name].label for name in columns]


def study_parts(study: Study) -> list[StudyPart]:
    """The real and the simulated part of a study, each if it is there; p-values are corrected for the whole."""
    scored, cells, comparisons = results(study.name, study.grid, study.finished)
    made = []
    for simulated in (False, True):
        part = shown(study, simulated)
        if not part.finished:
            continue
        ours = [one for one in scored if one.arm in part.finished]
        of_cells = {key: cell for key, cell in cells.items() if key[0] in part.finished}
        of_comparisons = {key: one for key, one in comparisons.items() if key[0] in part.finished}
        said = [
            *parts(part.grid, part.columns, part.absent, of_cells, of_comparisons),
            *contrast_section(part.grid, ours),
            *search_sections(part.grid, part.scores, choose(part.grid, part.scores)),
        ]
        made.append(StudyPart(part, simulated, ours, of_cells, of_comparisons, said))
    return made


def report_parts(study: Study) -> list[Sequence[Section | str]]:
    """What the terminal shows of a study."""
    return [part.parts for part in study_parts(study)]
