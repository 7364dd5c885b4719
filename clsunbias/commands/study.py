"""``clsunbias study``: from a CSV file or a folder to a comparison of objectives, in one command."""

import shlex
from pathlib import Path

from clsunbias.commands.report import report
from clsunbias.commands.reproduce import reproduce
from clsunbias.errors import InputError
from clsunbias.files import check_out, write_text
from clsunbias.parser import Parser
from clsunbias.terminal import note, say

GRID = "study.yaml"

ABOUT = "Look at a data set, write a grid that suits it, run it, and report: a table, a page, a card for every run."


def main(options: list[str]) -> int:
    """Runs ``clsunbias study`` with its options; returns the exit status: 0 only if every run is done."""
    parser = Parser(prog="clsunbias study", description=ABOUT)
    parser.add_argument("data", type=Path, help="CSV file of features, images or recordings; a folder of either")
    parser.add_argument("--label", type=str | None, help="column of the class")
    parser.add_argument("--patient", type=str | None, help="column of whose a row is: patients are never split")
    parser.add_argument("--attributes", type=str | None, help="columns of subgroups, separated by commas")
    parser.add_argument("--classes", type=str | None, help="labels in order, by commas, the negative one first")
    parser.add_argument("--ignore", type=str | None, help="columns to leave out, separated by commas")
    parser.add_argument("--allow-leaks", action="store_true", help="train although folds share copies, and say so")
    parser.add_argument("--out", type=Path | None, help="where all goes; default studies/NAME of the data")
    parser.add_argument("--minutes", type=float, default=10.0, help="that it may take: says how much is run")
    parser.add_argument("--jobs", type=int | None, help="worker processes, one thread each; default: one for each core")
    parser.add_argument("--dask", type=str | None, help="address of a Dask scheduler whose workers do the runs")
    parser.add_argument("--dry-run", action="store_true", help="look, say and write the grid, and stop there")
    chosen = parser.parse_args(options)
    if chosen.minutes <= 0 or (chosen.jobs is not None and chosen.jobs < 1):
        raise InputError("--minutes must be above 0, and --jobs at least 1")
    data = chosen.data.expanduser()
    if not data.exists():
        raise InputError(f"there is no {data}; give a CSV file or a folder")
    out: Path = chosen.out or Path("studies", data.resolve().stem)
    check_out(out)
    path, again = out / GRID, shlex.join(["clsunbias", "reproduce", str(out / GRID), "--out", str(out)])
    if path.is_file():
        say(f"{path} is there and is used as it stands; to have it made anew, delete it")
    else:
        from joblib import cpu_count

        from clsunbias.experiments.own_data.design import as_yaml, choose
        from clsunbias.experiments.own_data.looking import look
        from clsunbias.experiments.own_data.trial import try_out
        from clsunbias.experiments.own_data.understanding import Asked
        from clsunbias.experiments.own_data.words import say_design, say_understood

        lists = {name: tuple((chosen[name] or "").split(",")) if chosen[name] else () for name in LISTS}
        understood = look(Asked(data, chosen.label, chosen.patient, **lists, allow_leaks=chosen.allow_leaks), out)
        say_understood(understood)
        note("trying it out: short runs of every fold ...")
        jobs = chosen.jobs or cpu_count()
        design = choose(understood, try_out(understood), chosen.minutes, jobs)
        say_design(understood, design, jobs)
        write_text(path, as_yaml(understood, design, path, out))
        say(f"{path}: the same as a file to edit")
    if chosen.dry_run:
        say(f"nothing is run; to run it: {again}")
        return 0
    jobs_and_dask = [part for name in ("jobs", "dask") if chosen[name] for part in (f"--{name}", str(chosen[name]))]
    status = reproduce([str(path), "--out", str(out), *jobs_and_dask])
    page = out / "study.html"
    by = ["--by", chosen.attributes] if chosen.attributes else []
    report([str(out / "runs" / path.stem), "--grid", str(path), "--html", str(page), *by])
    return status


LISTS = ("attributes", "classes", "ignore")
