"""Groups within the classes as a table, a file and a part of a model card."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import pandas as pd

from clsunbias.experiments.analysis.cells import row_label
from clsunbias.experiments.analysis.scores import Scored
from clsunbias.experiments.analysis.split_scores import SplitScores
from clsunbias.experiments.analysis.subgroups import DRAWS, GAP, LEAST, Place, SubgroupLine, subgroups
from clsunbias.experiments.attributes import Grouping
from clsunbias.experiments.report.decision_part import HEADING as DECISIONS
from clsunbias.experiments.report.labels import class_names, metric_name
from clsunbias.experiments.report.sections import Entry, Section, markdown_table
from clsunbias.files import write_csv, write_text

if TYPE_CHECKING:
    from clsunbias.experiments.study import Study

HEADING = "\n## Groups within the classes\n"
"""The heading of a card's part on them, which ends with the card or where its decisions begin."""

NOT_LOOKED_AT = "- Groups within the classes (age, sex, site) were not looked at.\n"
"""What a card says without that part."""

HOW = (
    "Of groups within the classes: 95 % intervals over units (and, of several runs, over these too); a class of which "
    f"a group has fewer than {LEAST} units has none, and it is said how many more it would need. A gap is the largest "
    f"less the smallest value over groups of {LEAST} units or more; it is shown (▲) where p < 0.05 after Holm's "
    "correction for all gaps of the table, of a test that deals the groups out anew within each class "
    f"{DRAWS} times. No mark means that no gap is shown, not that there is none."
)


class ArmGroups(NamedTuple):
    """The groups of a method on a split of a data set, whose classes are named."""

    classes: Sequence[str]
    lines: Sequence[SubgroupLine]


def arm_groups(study: "Study", scored: Scored) -> list[ArmGroups]:
    """The groups of a method on each split of the headline; none of a study that asks for none."""
    grid, arm = study.grid, scored.arm
    if study.grouping is None:
        return []
    splits = dict.fromkeys(name.partition("/")[0].partition("@")[0] for name in grid.metrics)
    labels = grid.columns[arm.column].label, grid.protocols[arm.protocol].label, row_label(grid, arm)
    result = next(iter(scored.records.values())).result
    return [
        grouped((*labels, split), scored.splits[split], class_names(result), study.grouping)
        for split in splits
        if split in scored.splits
    ]


def grouped(place: Place, scores: SplitScores, names: Sequence[str], grouping: Grouping) -> ArmGroups:
    """The groups of some scores; classes without names are numbered."""
    classes = names or [f"class {label}" for label in range(scores.prob.shape[2])]
    return ArmGroups(classes, subgroups(place, scores, classes, grouping.of_units(place[3], scores.units)))


def subgroup_sections(several: Sequence[ArmGroups]) -> list[Section | str]:
    """A table for each method, data set and split, then how to read them; nothing without any."""
    made: list[Section | str] = []
    for classes, lines in several:
        metrics = list(dict.fromkeys(line.metric for line in lines))
        header = ["", "units", *(metric_name(metric, classes) for metric in metrics)]
        rows: list[list[Entry]] = []
        for key in dict.fromkeys((line.attribute, line.group) for line in lines):
            cells = {line.metric: line for line in lines if (line.attribute, line.group) == key}
            units = max(line.units for line in cells.values())
            rows.append([": ".join(key), str(units), *(shown(cells.get(metric)) for metric in metrics)])
        dataset, protocol, row, split = lines[0][:4]
        settings = f", {protocol}" if protocol else ""
        made.append(Section(f"Groups of {dataset} ({split}): {row}{settings}", header, rows))
    return [*made, HOW] if made else []


def shown(line: SubgroupLine | None) -> str:
    """A metric of a group, or a gap, as a table has it."""
    if line is None or line.value is None:
        return "–"
    value = f"{line.value:.3f}"
    if line.group == GAP:
        return f"{value}{' ▲' if line.shown else ''} (p {line.p_corrected:.3f})"
    if line.needed:
        return f"{value} ({line.needed} units too few)"
    return value if line.low is None else f"{value} ({line.low:.3f} to {line.high:.3f})"


def write_subgroups(folder: Path, several: Sequence[ArmGroups]) -> Path:
    """Writes ``subgroups.csv`` into a folder; returns the file."""
    path = folder / "subgroups.csv"
    lines = [line for one in several for line in one.lines]
    write_csv(path, pd.DataFrame(lines, columns=SubgroupLine._fields))
    return path


def card_with_groups(card: str, several: Sequence[ArmGroups]) -> str:
    """A model card with a part on groups, in place of the one it may have had, before its part on decisions."""
    before, _, after = card.partition(HEADING)
    decisions = (after or before).partition(DECISIONS)
    rest = "".join(decisions[1:])
    kept = (before if after else decisions[0]).replace(NOT_LOOKED_AT, "").rstrip("\n")
    parts = [
        one if isinstance(one, str) else f"{one.title}\n\n{markdown_table(one.header, one.lines)}"
        for one in subgroup_sections(several)
    ]
    return f"{kept}\n{HEADING}\n" + "\n".join(parts).rstrip("\n") + f"\n{rest}"


def keep_groups(runs: Path, several: Sequence[ArmGroups]) -> list[Path]:
    """Writes ``subgroups.csv`` beside some runs and, of a single run, into its card; returns the files."""
    written, card = [write_subgroups(runs, several)], runs / "MODEL_CARD.md"
    if card.is_file():
        write_text(card, card_with_groups(card.read_text(encoding="utf-8"), several))
        written.append(card)
    return written
