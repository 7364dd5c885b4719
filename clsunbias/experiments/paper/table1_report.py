"""Table 1 as it is read: the paper's seeds beside the published figures, then the repetition, by selection rule."""

from collections.abc import Sequence

from clsunbias.experiments.analysis.cells import Cell
from clsunbias.experiments.paper.toy_runs import RULES, SPLITS
from clsunbias.experiments.report.sections import Section

HEADER = ["", *(f"{split.replace('_', ' ')} {side}" for split in SPLITS for side in ("neg", "pos")), "w1", "w2"]
TITLES = {"authors": "the authors' selection rule", "last": "our rule, the last validation (iteration 996)"}
"""What each rule of RULES is called."""


def parts(cells: Sequence[Cell]) -> list[Section | str]:
    """Tables and paragraphs, in order."""
    single, repeated = [cell for cell in cells if cell.n == 1], [cell for cell in cells if cell.n > 1]
    collapse = {rule: by_row(single, rule)["3 ERM"][1].value for rule in RULES}
    report: list[Section | str] = [beside_published(single, rule) for rule in RULES]
    report.append(
        f"**Row 3's collapse is a selection artefact.** The same training run has a train pos-acc of "
        f"{collapse['authors']:.3f} at the iteration that the authors' rule picks (the first it may) and "
        f"{collapse['last']:.3f} at its end: the rule divides a balanced validation loss by an imbalanced training "
        "loss, and the ratio only grows while ERM learns."
    )
    if repeated:
        report += [over_seeds(repeated, rule) for rule in RULES]
        report.append(
            'The repetition draws data and initialisation anew, training and test noise independently. "2 − 1" and '
            '"4 − 3" are the paired differences between Cls-unbias and ERM.'
        )
    return report


def beside_published(cells: Sequence[Cell], rule: str) -> Section:
    """The paper's seeds under a rule: of each row ours, what is published, and the difference."""
    lines = []
    for label, group in by_row(cells, rule).items():
        lines.append([label, *(f"{cell.value:.3f}" for cell in group)])
        lines.append(["published", *(f"{cell.published:.3f}" for cell in group)])
        lines.append(["difference", *(signed(cell) for cell in group)])
    return Section(f"The paper's seeds, {TITLES[rule]}", HEADER, lines)


def over_seeds(cells: Sequence[Cell], rule: str) -> Section:
    """The repetition under a rule: mean and half the interval of each row and paired difference."""
    lines = [
        [label, *(f"{cell.value:.3f} ±{half_width(cell):.3f}" for cell in group)]
        for label, group in by_row(cells, rule).items()
    ]
    return Section(f"Mean over {cells[0].n} seeds ± half its 95 % interval, {TITLES[rule]}", HEADER, lines)


def signed(cell: Cell) -> str:
    """The difference from the published figure, with its sign, and no sign of zero."""
    return f"{round(cell.difference or 0.0, 3) + 0.0:+.3f}"


def half_width(cell: Cell) -> float:
    """Half the width of the cell's interval."""
    return ((cell.high or 0.0) - (cell.low or 0.0)) / 2


def by_row(cells: Sequence[Cell], rule: str) -> dict[str, list[Cell]]:
    """The cells of one selection rule, by row."""
    rows: dict[str, list[Cell]] = {}
    for cell in cells:
        if cell.selection == repr(RULES[rule]):
            rows.setdefault(cell.row, []).append(cell)
    return rows
