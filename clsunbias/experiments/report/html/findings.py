"""What a table's verdicts come to, in plain sentences."""

from collections.abc import Sequence

from clsunbias.experiments.analysis.comparison import Comparison
from clsunbias.experiments.analysis.statistics import lower_is_better
from clsunbias.experiments.report.labels import metric_label
from clsunbias.experiments.report.study_parts import StudyPart


def findings(part: StudyPart) -> list[tuple[str, str]]:
    """What is shown on the headline metric, what of the published order is, and how near the means come.

    Returns:
        Paragraphs: a protocol, or nothing, and sentences about it.
    """
    grid = part.study.grid
    said = []
    if part.simulated:
        said.append(("", "The data are simulated: the figures say how the methods do on them, nothing about patients."))
    for name, protocol in grid.protocols.items():
        found = [
            one
            for (arm, _, metric), one in part.comparisons.items()
            if (arm.protocol, metric) == (name, grid.metrics[0])
        ]
        if found:
            sentences = [differences(found, metric_label(grid.metrics[0]))]
            said.append((protocol.label, " ".join([*sentences, *published_order(part, name), *nearness(part, name)])))
    if not part.comparisons:
        said.append(("", "No two methods here have two runs in common: nothing is compared."))
    return said


def differences(found: Sequence[Comparison], metric: str) -> str:
    """Which of some comparisons show a difference."""
    different = [one for one in found if one.verdict != "no difference shown"]
    if not different:
        return (
            f"no difference in {metric} is shown (comparisons: {len(found)}). "
            "That is no proof that the methods are equal."
        )
    listed = "; ".join(
        f"{one.row} is {one.verdict} than {one.baseline} on {one.column} "
        f"({one.difference:+.3f}, {one.low:+.3f} to {one.high:+.3f})"
        for one in different
    )
    left = len(found) - len(different)
    rest = f" No difference is shown in the others ({left}), which is no proof that there is none."
    return f"{listed}.{rest if left else ''}"


def published_order(part: StudyPart, protocol: str) -> list[str]:
    """How many of the differences between published means are shown by our runs under a protocol."""
    grid, name = part.study.grid, part.study.grid.metrics[0]
    less = lower_is_better(name.partition("/")[2])
    counts = {"better": 0, "no difference shown": 0, "worse": 0}
    for (ours, baseline, metric), one in part.comparisons.items():
        published = grid.columns[ours.column].published
        pair = published.get(ours.row, {}).get(name), published.get(baseline.row, {}).get(name)
        if (ours.protocol, metric) == (protocol, name) and pair[0] and pair[1] and pair[0][0] != pair[1][0]:
            opposite = {"better": "worse", "worse": "better"}.get(one.verdict, one.verdict)
            counts[one.verdict if (pair[0][0] > pair[1][0]) != less else opposite] += 1
    total = sum(counts.values())
    if not total:
        return []
    return [
        f"Differences between published means: {total}, of which our runs show {counts['better']}, "
        f"contradict {counts['worse']}, and leave {counts['no difference shown']} open."
    ]


def nearness(part: StudyPart, protocol: str) -> list[str]:
    """How many means under a protocol lie near the published ones."""
    columns = part.study.grid.columns
    near = [
        abs(cell.difference) <= columns[arm.column].published[arm.row][metric][1]
        for (arm, metric), cell in part.cells.items()
        if arm.protocol == protocol and metric in part.study.grid.metrics and cell.difference is not None
    ]
    if not near:
        return []
    return [f"Means within one published standard deviation of the published mean: {sum(near)} of {len(near)}."]
