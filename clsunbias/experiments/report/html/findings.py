"""What a table's verdicts come to, in plain sentences."""

from collections import Counter
from collections.abc import Sequence

from clsunbias.experiments.analysis.comparison import Comparison
from clsunbias.experiments.analysis.statistics import lower_is_better
from clsunbias.experiments.report.build import headline
from clsunbias.experiments.report.labels import metric_label
from clsunbias.experiments.report.notes import Cells, Comparisons, too_few
from clsunbias.experiments.report.study_parts import StudyPart


def findings(part: StudyPart) -> list[tuple[str, str]]:
    """Paragraphs by protocol: what the headline metric shows, of the published order too, how near the means are."""
    grid = part.study.grid
    said = []
    if part.simulated:
        said.append(("", "The data are simulated: the figures say how the methods do on them, nothing about patients."))
    for name, protocol in grid.protocols.items():
        found = headline(grid, name, part.comparisons)
        if found:
            sentences = [differences(list(found.values()), metric_label(grid.metrics[0]))]
            sentences += [*published_order(found, part.cells), *nearness(part, name)]
            said.append((protocol.label, " ".join(sentences)))
    if not part.comparisons:
        said.append(("", "No two methods here have two runs in common: nothing is compared."))
    return said


def differences(found: Sequence[Comparison], metric: str) -> str:
    """Which of some comparisons show a difference."""
    judged = [one for one in found if one.verdict]
    if not judged:
        return too_few({one.n for one in found})
    different = [one for one in judged if one.verdict != "no difference shown"]
    if not different:
        return (
            f"no difference in {metric} is shown (comparisons: {len(judged)}). "
            "That is no proof that the methods are equal."
        )
    listed = "; ".join(
        f"{one.row} is {one.verdict} than {one.baseline} on {one.column} "
        f"({one.difference:+.3f}, {one.low:+.3f} to {one.high:+.3f})"
        for one in different
    )
    left = len(judged) - len(different)
    rest = f" No difference is shown in the others ({left}), which is no proof that there is none."
    return f"{listed}.{rest if left else ''}"


def published_order(found: Comparisons, cells: Cells) -> list[str]:
    """How many of the differences between published means are shown by our runs."""
    counts: Counter[str] = Counter()
    for (ours, baseline, name), one in found.items():
        said, other = cells[ours, name].published, cells[baseline, name].published
        if one.verdict and said is not None and other is not None and said != other:
            expected = "better" if (said > other) != lower_is_better(name.partition("/")[2]) else "worse"
            counts[{expected: "shown", "no difference shown": "open"}.get(one.verdict, "contradicted")] += 1
    if not counts:
        return []
    return [
        f"Differences between published means: {counts.total()}, of which our runs show {counts['shown']}, "
        f"contradict {counts['contradicted']}, and leave {counts['open']} open."
    ]


def nearness(part: StudyPart, protocol: str) -> list[str]:
    """How many means under a protocol lie near the published ones."""
    columns = part.study.grid.columns
    near = [
        abs(cell.difference) <= sd
        for (arm, metric), cell in part.cells.items()
        if arm.protocol == protocol and metric in part.study.grid.metrics and cell.difference is not None
        if (sd := columns[arm.column].published[arm.row][metric][1]) is not None
    ]
    if not near:
        return []
    return [f"Means within one published standard deviation of the published mean: {sum(near)} of {len(near)}."]
