"""Methods over their seeds as CSV tables."""

from collections.abc import Sequence

from clsunbias.audit.seeds import Averaged, Pair
from clsunbias.audit.several import Matched
from clsunbias.audit.tables import Line, spread


def seed_lines(averages: Sequence[Averaged]) -> list[Line]:
    """A line for each method, part and class."""
    return [
        {"method": one.method, "part": one.part, "class": one.label, "seeds": one.seeds, "specific": one.specific}
        | spread("evidence", one.evidence)
        | spread("index", one.mean_index)
        | {"index_sd": one.index_sd}
        | spread("read_index", one.mean_read)
        | {"together": one.finding, "together_p": one.specific_p}
        for one in averages
    ]


def pair_lines(compared: Sequence[Pair]) -> list[Line]:
    """A line for each two methods, part and class."""
    return [
        {"method": one.method, "baseline": one.baseline, "part": one.part, "class": one.label}
        | spread("evidence", one.evidence)
        | spread("index", one.mean_index)
        | {"p": one.p}
        for one in compared
    ]


def gain_lines(against: Sequence[Matched]) -> list[Line]:
    """A line for each part of each gain over seeds."""
    return [{**gain._asdict(), "seeds": one.seeds} for one in against for gain in one.gains]
