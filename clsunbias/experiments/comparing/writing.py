"""A comparison printed, and written as Markdown, as a page and as CSV files."""

from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from clsunbias.experiments.comparing.curves import Curves, curves
from clsunbias.experiments.comparing.flips import Flips, flipped_units, flips
from clsunbias.experiments.comparing.judging import Judged
from clsunbias.experiments.comparing.sections import sections
from clsunbias.experiments.report.sections import Section, document, show
from clsunbias.files import write_csv, write_text, writing


def report(judged: Judged, out: Path | None, command: str) -> None:
    """Prints a comparison, and writes it into a folder if one is given.

    Args:
        judged: what is compared.
        out: folder for the Markdown, the page and the CSV files.
        command: what was typed.
    """
    flipped = [one for method in judged.methods[1:] for one in flips(method, judged.methods[0])]
    found, title = curves(judged), f"Compared with {judged.methods[0].predictions.name}"
    parts = sections(judged, flipped, found)
    if out:
        with writing(out, "give another --out, or mend that"):
            write(judged, flipped, found, title, parts, out)
            from clsunbias.experiments.comparing.page import page  # here, since templates take a while to load

            write_text(out / "comparison.html", page(judged, flipped, found, title, command))
    show(title, parts, f"see {out / 'comparison.md'}" if out else "see comparison.md, which --out DIR writes")


def write(
    judged: Judged,
    flipped: Sequence[Flips],
    found: Curves,
    title: str,
    parts: Sequence[Section | str],
    out: Path,
) -> None:
    """Writes a comparison as Markdown and as CSV files."""
    lines = [{**one._asdict(), **chances._asdict()} for one, chances in judged.differences]
    write_csv(out / "comparison.csv", pd.DataFrame(lines))
    write_csv(out / "flips.csv", pd.DataFrame(flipped, columns=Flips._fields))
    write_csv(out / "flipped_units.csv", flipped_units(judged.methods))
    write_csv(out / "calibration.csv", pd.DataFrame(found.calibration))
    write_csv(out / "reliability.csv", pd.DataFrame(found.reliability))
    write_csv(out / "net_benefit.csv", pd.DataFrame(found.benefit))
    write_csv(out / "risk_coverage.csv", pd.DataFrame(found.risk))
    if judged.gains:
        write_csv(out / "gains.csv", pd.DataFrame(judged.gains))
    write_text(out / "comparison.md", document(title, parts))
