"""docs/methods.md: a card for each method of the grid, and in it what the published results say."""

import re

from clsunbias.experiments.analysis.overview import OverviewLine
from clsunbias.experiments.grid import load_grid
from clsunbias.files import CONFIGS
from tests.cards import METHODS, measured, with_measured
from tests.published import RESULTS, lines_of, step_costs


def test_each_method_has_a_card() -> None:
    """Under its label, with its overlays."""
    text = METHODS.read_text()
    grid = load_grid(CONFIGS / "tables" / "methods.yaml")
    assert sorted(re.findall(r"^### (.+)$", text, re.MULTILINE)) == sorted(row.label for row in grid.rows.values())
    for row in grid.rows.values():
        card = re.search(rf"^### {re.escape(row.label)}\n(.*?)(?=\n##|\Z)", text, re.MULTILINE | re.DOTALL)
        assert card is not None
        own = [row.config] if isinstance(row.config, str) else row.config
        assert all(f"`{overlay}`" in card[1] for overlay in own if overlay != "objectives/erm.yaml"), row.label


def test_cards_say_what_is_measured() -> None:
    """As the published table has it."""
    path = RESULTS / "methods_overview.csv"
    lines = [OverviewLine(**line) for line in lines_of(path.name)] if path.exists() else []
    text = METHODS.read_text()
    assert with_measured(text, lines, step_costs()) == text
    assert text.count("\nMeasured: ") == len(re.findall(r"^### ", text, re.MULTILINE))


def test_what_a_card_says() -> None:
    """Parts with their intervals, how many are ahead, and on how many data sets the ranking part is shown."""
    line = OverviewLine("t", "X", 3, 0.25, 0.1, 0.5, 0.04, 0.01, 0.07, 0.03, 0.01, 0.05, 0.01, -0.01, 0.03, 2, 0)
    said = measured(line)
    assert "ranking part +.030 (+.010 to +.050), threshold part +.010 (−.010 to +.030)" in said
    assert "25 % of the methods are ahead, on 3 data sets" in said
    assert said.endswith("on 3 data sets; the ranking part's interval is above 0 on 2.")
    assert measured(line._replace(shown_ranking=0)).endswith("on 3 data sets.")
    assert measured(line._replace(lost_ranking=1)).endswith("interval is above 0 on 2 and below 0 on 1.")
    assert measured(None) == "Measured: not yet."
    page = "### X\n\nwhat\n\nMeasured: not yet.\n\n### Y\n\nwhat\n\nMeasured: old\nlines.\n"
    made = with_measured(page, [line], {})
    assert "25 % of the methods" in made
    assert made.endswith("### Y\n\nwhat\n\nMeasured: not yet.\n")


def test_what_a_card_says_of_costs() -> None:
    """Of its dearest overlay; nothing of a refit, which trains no steps."""
    costs = {"objectives/focal": 1.0, "remedies/sam": 2.04}
    page = "### X\n\n`objectives/focal.yaml` `remedies/sam.yaml`\n\nMeasured: not yet.\n"
    made = with_measured(
        page + "\n### Y\n\n`objectives/focal.yaml` `remedies/lda.yaml`\n\nMeasured: not yet.\n", [], costs
    )
    assert made.count("A step costs") == 1
    assert "Measured: not yet. A step costs 2.04 times ERM's.\n" in made
