"""A study's tables, those of ``clsunbias reproduce``, apart for real and for simulated data."""

from collections.abc import Sequence
from typing import NamedTuple

from clsunbias.experiments.analysis.comparison import results
from clsunbias.experiments.analysis.gains import GainLine, gains, split_gains
from clsunbias.experiments.analysis.overview import over_all
from clsunbias.experiments.analysis.scores import Scored
from clsunbias.experiments.analysis.specifications import curves, summary
from clsunbias.experiments.report.build import contrast_section, parts, search_sections
from clsunbias.experiments.report.gains import gain_sections
from clsunbias.experiments.report.notes import Cells, Comparisons, classes_of
from clsunbias.experiments.report.overview import overview_sections
from clsunbias.experiments.report.sections import Section
from clsunbias.experiments.report.specifications import curve_sections
from clsunbias.experiments.report.subgroup_part import ArmGroups, arm_groups, subgroup_sections
from clsunbias.experiments.study import Study, shown


class StudyPart(NamedTuple):
    """A part of a study, its data real or simulated: its results, and its tables and paragraphs, the headline first."""

    study: Study
    simulated: bool
    cells: Cells
    comparisons: Comparisons
    parts: Sequence[Section | str]
    groups: Sequence[ArmGroups]

    @property
    def labels(self) -> list[str]:
        """Of the data sets that have runs."""
        columns = dict.fromkeys(arm.column for arm in self.study.finished)
        return [self.study.grid.columns[name].label for name in columns]


def sections(
    study: Study, scored: Sequence[Scored], cells: Cells, comparisons: Comparisons, split: Sequence[GainLine]
) -> list[Section | str]:
    """Tables and paragraphs of a study: its results, gains split, contrasts, and what a search saw and chose.

    Of a grid of specifications, what its curves come to.
    """
    if study.grid.specifications:
        found = curves(study.grid, scored)
        return curve_sections(study.grid, found, [summary(study.name, curve) for curve in found])
    return [
        *parts(study.grid, study.columns, study.absent, cells, comparisons, classes_of(scored)),
        *gain_sections(split),
        *contrast_section(study.grid, scored),
        *search_sections(study.grid, study.scores, study.ended),
    ]


def study_parts(study: Study) -> list[StudyPart]:
    """The real and the simulated part of a study, each if it is there; p-values are corrected for the whole."""
    scored, all_cells, all_comparisons = results(study.name, study.grid, study.finished)
    split_by_arm = {} if study.grid.specifications else split_gains(study.grid, scored)
    all_gains = gains(study.name, study.grid, split_by_arm)
    made = []
    for simulated in (False, True):
        part = shown(study, simulated)
        if not part.finished:
            continue
        cells = {key: cell for key, cell in all_cells.items() if key[0] in part.finished}
        comparisons = {key: one for key, one in all_comparisons.items() if key[0] in part.finished}
        ours = [one for one in scored if one.arm in part.finished]
        split = [line for (arm, _), line in all_gains.items() if arm in part.finished]
        groups = [found for one in ours for found in arm_groups(part, one)]
        methods = overview_sections(part.grid, *over_all(study.name, part.grid, ours, split_by_arm))
        tables = [*sections(part, ours, cells, comparisons, split), *methods, *subgroup_sections(groups)]
        made.append(StudyPart(part, simulated, cells, comparisons, tables, groups))
    return made
