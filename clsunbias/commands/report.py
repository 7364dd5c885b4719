"""``clsunbias report``: what a folder of runs shows, in the terminal or as an HTML page. Nothing is run or fetched."""

import os
from dataclasses import replace
from pathlib import Path

from clsunbias.errors import InputError
from clsunbias.files import write_text, writing
from clsunbias.parser import Parser
from clsunbias.terminal import note, say

ABOUT = "Report what a folder of finished runs shows. Nothing is run: no class is imported that a run's config names."


def report(options: list[str]) -> int:
    """Runs ``clsunbias report`` with its options; returns the exit status: 0 only if no run is missing."""
    parser = Parser(prog="clsunbias report", description=ABOUT)
    parser.add_argument("runs", type=Path, help="--out of reproduce, its runs/TABLE, or any folder of runs of fit")
    parser.add_argument("--html", type=Path | None, help="file to write the page to; default: print to the terminal")
    parser.add_argument(
        "--grid", type=str | None, help="table or grid of the runs; default: what their folder is named"
    )
    parser.add_argument("--seeds", type=int | None, help="runs of each cell asked for; default: what the grid says")
    parser.add_argument("--columns", type=str | None, help="data sets to judge; default: those that were begun")
    parser.add_argument("--protocols", type=str | None, help="protocols to judge; default: those that were begun")
    parser.add_argument(
        "--by",
        type=str | None,
        help="attributes, such as sex,age, to show units apart by, in RUNS/subgroups.csv, too",
    )
    parser.add_argument(
        "--attributes",
        type=Path | None,
        help="CSV file with a line a unit: unit, and attributes; default: a run's own",
    )
    parser.add_argument("--data-root", type=Path | None, help="where data lie; default $CLSUNBIAS_DATA, else data/")
    chosen = parser.parse_args(options)
    from clsunbias.experiments.attributes import asked_grouping
    from clsunbias.experiments.grid_runs import grid_study, is_simulated, locate  # slow to import, as help need not be
    from clsunbias.experiments.loose_runs import loose_studies
    from clsunbias.experiments.report.sections import show
    from clsunbias.experiments.report.study_parts import study_parts
    from clsunbias.experiments.report.subgroup_part import keep_groups

    if chosen.html and chosen.html.is_dir():
        raise InputError(f"--html {chosen.html} is a folder; give a file")
    if chosen.data_root:
        os.environ["CLSUNBIAS_DATA"] = str(chosen.data_root.resolve())
    located = locate(chosen.runs, chosen.grid)
    for name in ("seeds", "columns", "protocols"):
        if located is None and chosen[name] is not None:
            raise InputError(f"--{name} is for runs of a grid; {chosen.runs} is not named after one: give --grid")
    if located and is_simulated(*located) and not chosen.data_root:
        os.environ["CLSUNBIAS_DATA"] = str(located[1].resolve().parents[1] / "simulated")
    grouping = asked_grouping(chosen.runs, chosen.attributes, chosen.by)
    columns, protocols = (named.split(",") if named else None for named in (chosen.columns, chosen.protocols))
    studies = [grid_study(*located, columns, protocols, chosen.seeds)] if located else loose_studies(chosen.runs)
    studies = [replace(study, grouping=grouping) for study in studies]
    if chosen.html:
        from clsunbias.experiments.report.html.page import page  # which loads data sets, and torch with them

        content = page(studies, chosen.html.name)
        with writing(chosen.html, "give another --html, or mend that"):
            write_text(chosen.html, content)
        size = f"{len(content.encode()) / 1e6:.2f} MB"
        say(f"{chosen.html}, {size}")
    made = [part for study in studies for part in study_parts(study)] if grouping or not chosen.html else []
    if not chosen.html:
        for part in made:
            show(part.study.grid.title, part.parts, "see the page, --html FILE, or a wider terminal")
    if grouping:
        with writing(chosen.runs / "subgroups.csv", "give a folder that can be written"):
            written = keep_groups(chosen.runs, [one for part in made for one in part.groups])
        say(f"groups in {' and '.join(map(str, written))}")
    missing = [f"missing: {line}" for study in studies for line in study.missing]
    for line in (*missing, *(f"left out: {line}" for study in studies for line in study.extra)):
        note(line)
    return int(bool(missing))
