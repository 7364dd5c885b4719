"""Tables of one's own: CSV files, spoilt in their cells, their header, their form and their bytes."""

import math
from pathlib import Path
from typing import Any

from hypothesis import strategies as st

from clsunbias.data import Tabular
from clsunbias.files import CONFIGS
from tests.fuzz.cases import Case, Expected, command
from tests.fuzz.readings import what_is_wrong_with
from tests.fuzz.sheets import HARMFUL, HARMLESS, NAME, UNSURE, sheets
from tests.fuzz.spoiling import spoilt_bytes


@st.composite
def cases(draw: st.DrawFn) -> Case:
    """A table with at most two things about it."""
    sheet = draw(sheets())
    changes, expected = [], "right"
    for ways, then in (
        (HARMLESS, "right"),
        draw(st.sampled_from([(HARMFUL, "refused"), (UNSURE, "either"), (HARMLESS, "right"), ({}, "right")])),
    ):
        name = draw(st.sampled_from(["", *ways]))
        if name and name not in changes:
            try:
                ways[name](sheet)
            except (ValueError, LookupError):  # what it is about is gone, or is no number
                continue
            changes.append(name)
            expected = then
    content = sheet.content()
    if draw(st.integers(0, 3)) == 0:
        content, name = draw(spoilt_bytes(content))
        changes.append(name)
        expected = "either"
    expected = "either" if sheet.few and expected == "right" else expected
    at = sheet.header.index("diagnosis") if "diagnosis" in sheet.header else math.inf
    classes = len({row[int(at)] for row in sheet.rows if len(row) > at} or "ab")
    names = [NAME, "patients", *sheet.options.get("classes", [])]
    door = draw(st.integers(0, 24)) == 0
    more = {
        "options": sheet.options,
        "door": door,
        "features": len(sheet.header) - len(roles(sheet.options)),
        "classes": classes,
    }
    verdict: Expected = expected  # type: ignore[assignment]
    return Case({NAME: content}, changes, verdict, names, more)


def roles(options: dict[str, Any]) -> list[str]:
    """Columns that are no features."""
    return [
        options["label"],
        *options.get("ignore", []),
        *(options[name] for name in ("group", "split") if name in options),
    ]


def read(case: Case) -> str:
    """Reads a table, or trains on it for a batch, and compares it with another reading of the file."""
    options = {**case.more["options"], "root": Path.cwd()}
    if case.more["door"]:
        given = [part for name, value in options.items() for part in (f"--data.{name}", str(value))]
        outputs = 1 if case.more["classes"] < 3 else case.more["classes"]
        given += ["--model.network.in_features", str(case.more["features"])]
        given += ["--model.network.out_features", str(outputs), "--trainer.fast_dev_run", "true"]
        command("fit", "--config", CONFIGS / "tabular.yaml", *given, "--out", "run")
        return ""
    data = Tabular(**options)
    data.prepare_data()
    data.setup("fit")
    if any(math.isnan(value) for split in data.splits.values() for value in split.x[:].flatten().tolist()):
        return "there are features that are no numbers"
    return what_is_wrong_with(data, Path(NAME))
