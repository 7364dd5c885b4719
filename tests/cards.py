"""The cards of docs/methods.md: what is measured of each method is read off the published results."""

import re
import textwrap
from collections.abc import Mapping, Sequence
from pathlib import Path

from clsunbias.experiments.analysis.overview import OverviewLine
from clsunbias.experiments.report.gains import shown

METHODS = Path(__file__).parents[1] / "docs" / "methods.md"
CARD = re.compile(r"^### (?P<label>.+)\n(?P<text>(?:(?!^#).*\n)*?)Measured: (?:.+\n)+", re.MULTILINE)


def with_measured(text: str, lines: Sequence[OverviewLine], costs: Mapping[str, float]) -> str:
    """The page with what is measured of each card's method; of one that is not, that.

    Args:
        text: of the page.
        lines: of the published table, over data sets.
        costs: of each overlay a step's over one of ERM.
    """
    by_label = {line.row: line for line in lines}

    def card(found: re.Match[str]) -> str:
        said = measured(by_label.get(found["label"])) + cost(found["text"], costs)
        return f"### {found['label']}\n{found['text']}{textwrap.fill(said, 120, break_on_hyphens=False)}\n"

    return CARD.sub(card, text)


def cost(text: str, costs: Mapping[str, float]) -> str:
    """What a step of a card's method costs, by its dearest overlay; nothing where one is not known, such as a refit."""
    own = set(re.findall(r"`((?:objectives|remedies)/\w+)\.yaml`", text)) - {"objectives/erm"}
    return f" A step costs {max(costs[name] for name in own):.2f} times ERM's." if own and own <= costs.keys() else ""


def measured(line: OverviewLine | None) -> str:
    """What is measured of a method."""
    if line is None:
        return "Measured: not yet."
    ahead = f"{100 * line.ahead:.0f} % of the methods are ahead, on {line.datasets} data set{'s' * (line.datasets > 1)}"
    if line.gain is None or line.ranking is None or line.threshold is None:
        return f"Measured: {ahead}."
    ranking = shown(line.ranking, line.ranking_low, line.ranking_high)
    threshold = shown(line.threshold, line.threshold_low, line.threshold_high)
    counts = {"above": line.shown_ranking, "below": line.lost_ranking}
    sets = " and ".join(f"{side} 0 on {count}" for side, count in counts.items() if count)
    said = f"Measured: ranking part {ranking}, threshold part {threshold}; {ahead}"
    said += f"; the ranking part's interval is {sets}." if sets else "."
    return said.replace("-", "\N{MINUS SIGN}")
