"""``clsunbias dashboard``: a report of W&B for the runs of a folder, and a workspace for each data set."""

from pathlib import Path

from clsunbias.dashboards.panels import build, groups, specification
from clsunbias.errors import InputError
from clsunbias.files import write_json
from clsunbias.parser import Parser
from clsunbias.terminal import say


def main(options: list[str]) -> int:
    """Runs ``clsunbias dashboard`` with its options; returns the exit status."""
    parser = Parser(
        prog="clsunbias dashboard", description="A report of W&B, methods side by side, and a workspace by data set."
    )
    parser.add_argument("runs", type=Path, help="folder of runs, or reproduce's --out, whose tables are shown, too")
    parser.add_argument("--project", type=str, required=True, help="project of W&B that the runs are in")
    parser.add_argument("--entity", type=str, default="", help="whose project; default that of the login")
    parser.add_argument("--out", type=Path | None, help="file of the specification; default RUNS/dashboard.json")
    parser.add_argument("--publish", type=bool, nargs="?", const=True, default=False, help="put all of it on W&B")
    chosen = parser.parse_args(options)
    tables = {path.stem: path.with_suffix(".md").read_text() for path in sorted(chosen.runs.glob("*.tex"))}
    found = groups(chosen.runs)
    report, workspaces = build(found, tables, chosen.project, chosen.entity)
    path = chosen.out or chosen.runs / "dashboard.json"
    write_json(path, specification(report, workspaces))
    say(f"specification in {path}")
    if not chosen.publish:
        return 0
    try:
        if not chosen.entity:
            import wandb

            report, workspaces = build(found, tables, chosen.project, wandb.Api().default_entity or "")
        for made in (report, *workspaces):
            made.save()
    except Exception as error:  # of the service, the login or the network, of which wandb has many kinds
        raise InputError(f"W&B did not take the dashboard: {error}; its specification is in {path}") from error
    for made in (report, *workspaces):
        say(made.url)
    return 0
