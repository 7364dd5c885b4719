"""An audit printed, and written as Markdown, CSV, JSON and a page."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import pandas as pd

from clsunbias.audit.found import Audit
from clsunbias.audit.sections import change_sections, notes, sections
from clsunbias.audit.seed_sections import seed_sections
from clsunbias.audit.seed_tables import gain_lines, pair_lines, seed_lines
from clsunbias.audit.seeds import averaged, by_method, pairs, parts_by_method
from clsunbias.audit.several import Compared, check_same, compared, matched, named_apart
from clsunbias.audit.tables import as_json, tables
from clsunbias.audit.words import about, sentences
from clsunbias.experiments.report.sections import Section, document, show
from clsunbias.files import write_csv, write_json, write_text, writing
from clsunbias.terminal import say

TITLE = "Does it lean on class-specific features?"


def report(audits: Sequence[Audit], out: Path | None, command: str) -> None:
    """Prints audits, and writes them into a folder if one is given.

    Args:
        audits: of models on the same units, the first one the baseline.
        out: folder for the page, the Markdown, the CSV files and audit.json.
        command: what was typed.
    """
    methods = by_method(audits)
    over_seeds: list[Section | str] = []
    more: dict[str, pd.DataFrame] = {}
    audits = named_apart(audits)
    if len(methods) < len(audits):
        for other in audits[1:]:
            check_same(audits[0], other)
        named, classes = parts_by_method(methods), audits[0].classes
        averages, differences, against = averaged(named, classes), pairs(named, classes), matched(methods)
        over_seeds = seed_sections(methods, averages, differences, against)
        more = {
            "seeds": pd.DataFrame(seed_lines(averages)),
            "pairs": pd.DataFrame(pair_lines(differences)),
            "flips": pd.DataFrame([flip for one in against for flip in one.flipped]),
            "gains": pd.DataFrame(gain_lines(against)),
        }
    several = [] if over_seeds else compared(audits)
    made = tables(audits, several) | {name: frame for name, frame in more.items() if len(frame)}
    if out:
        with writing(out, "give another --out, or mend that"):
            write(audits, several, over_seeds, made, out, command)
    show(TITLE, over_seeds[:1] or in_short(audits, several), "")
    say(
        f"Everything is in {out}: audit.html, audit.md, audit.json"
        if out
        else "--out DIR writes all of it, with a page"
    )


def all_sections(
    audits: Sequence[Audit], several: Sequence[Compared], over_seeds: Sequence[Section | str]
) -> list[Section | str]:
    """Methods over seeds, every audit, then what differs."""
    made = [*over_seeds, *(part for one in audits for part in sections(one))]
    for found in several:
        made += change_sections(audits[0], found)
    return [*made, *notes(audits)]


def in_short(audits: Sequence[Audit], several: Sequence[Compared]) -> list[Section | str]:
    """What is said of each model, and of each against the first."""
    made: list[Section | str] = [text for one in audits for text in (about(one), *sentences(one))]
    for found in several:
        made.append(change_sections(audits[0], found)[0])
    return made


def write(
    audits: Sequence[Audit],
    several: Sequence[Compared],
    over_seeds: Sequence[Section | str],
    made: Mapping[str, pd.DataFrame],
    out: Path,
    command: str,
) -> None:
    """Writes everything; audit.json last."""
    from clsunbias.audit.page import page  # here, since templates take a while to load

    for name, frame in made.items():
        write_csv(out / f"{name}.csv", frame)
    write_text(out / "audit.md", document(TITLE, all_sections(audits, several, over_seeds)))
    write_text(out / "audit.html", page(audits, several, over_seeds, TITLE, command))
    said = [" ".join([about(one), *sentences(one)]) for one in audits]
    write_json(out / "audit.json", as_json(audits, said, made))
