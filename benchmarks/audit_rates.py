"""How often each test of the audit's benchmark finds something, as a table and a picture."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pandas as pd
from scipy.stats import binomtest

from benchmarks.audit_modalities import MODALITIES
from clsunbias.experiments.report.sections import markdown_table
from clsunbias.files import write_csv, write_text

TRAININGS = 5

HALF = "half the toy's"
STRENGTHS = {"nothing": 1.0, HALF: 0.75, "the toy's": 0.5}
"""P(sign | positive); the negatives' is 1."""

TESTS = {
    "audit": "the audit, in the model",
    "together": f"the audit, {TRAININGS} trainings together",
    "data": "the audit, in the data",
    "importance": "permutation importance",
    "probe": "probe of the label",
    "attributes": "probe of who has the sign",
    "silence": "label from silence",
}


LEGEND = """# Error rates of the audit

Of so many sets, the share in which a test names what is planted, a sign that tells about one class more, and in which
it names anything else, with the 95 % intervals of Clopper and Pearson. Planted: the toy's strength, where half of the
positives have the sign and all negatives; half of it, where three quarters have; nothing, where all have. A sign of
both classes is in every set. *Probe of who has the sign*: found that of one class, without cause that of both; *label
from silence*: whether the quietest frames tell the label, which here they do, by the hums. How sets are made and what
follows: [audit](../../audit.md#how-far-it-can-be-believed).

"""


def interval(hits: int, sets: int) -> tuple[float, float]:
    """The 95 % interval of a share of sets (Clopper and Pearson)."""
    low, high = binomtest(hits, sets).proportion_ci()
    return float(low), float(high)


def rates(done: Sequence[dict[str, Any]]) -> pd.DataFrame:
    """A line for each modality, strength, test and kind of rate."""
    made = []
    for modality in MODALITIES:
        for strength, share in STRENGTHS.items():
            own = [one for one in done if one["modality"] == modality and one["share"] == share]
            for test, name in TESTS.items():
                results = [one[test] for one in own if test in one]
                for at, kind in enumerate(("found", "without cause")):
                    if results and (kind == "without cause" or share < 1):
                        hits = sum(one[at] for one in results)
                        low, high = interval(hits, len(results))
                        line = {"modality": modality, "planted": strength, "test": name, "rate": kind}
                        made.append(
                            line | {"value": hits / len(results), "low": low, "high": high, "sets": len(results)}
                        )
    return pd.DataFrame(made)


def told(line: Any) -> str:
    """A rate with its interval."""
    return f"{line.value:.3f} ({line.low:.3f} to {line.high:.3f})"


def write(done: Sequence[dict[str, Any]], out: Path) -> None:
    """Writes errors.csv, errors.md and errors.png of the sets that are done."""
    from benchmarks.audit_figure import draw  # which takes a while to load

    found = rates(done)
    write_csv(out / "errors.csv", found)
    keys = ["modality", "planted", "test", "sets"]
    by_kind = {
        (kind, *key): told(line)
        for kind, lines in found.groupby("rate")
        for key, line in zip(lines[keys].itertuples(index=False, name=None), lines.itertuples(), strict=True)
    }
    rows = [
        [*map(str, key), *(by_kind.get((kind, *key), "–") for kind in ("found", "without cause"))]
        for key in dict.fromkeys(found[keys].itertuples(index=False, name=None))
    ]
    write_text(out / "errors.md", LEGEND + markdown_table([*keys, "found", "found without cause"], rows))
    draw(found, out / "errors.png")
