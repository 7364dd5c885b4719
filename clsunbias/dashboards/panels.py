"""A report and a workspace of W&B that set ERM and Cls-unbias side by side, a section for each group of runs."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

from clsunbias.dashboards.service import STEP
from clsunbias.errors import InputError


@dataclass(frozen=True)
class Group:
    """Runs that are compared: their name on W&B, names of the classes' losses and F1s, and the split that is tested."""

    name: str
    simulated: bool
    class_losses: tuple[str, ...]
    class_f1s: tuple[str, ...]
    test: str


def groups(folder: Path) -> list[Group]:
    """The groups of the finished runs below a folder that were shown on W&B.

    Raises:
        InputError: there are none.
    """
    found: dict[str, Group] = {}
    for path in sorted(folder.rglob("wandb/run.json")):
        record = path.parents[1] / "result.json"
        if not record.exists():
            continue
        name, result = json.loads(path.read_text())["group"], json.loads(record.read_text())
        names = [name for name in result["val"] if name not in {"loss", "loss_gap", "macro_f1"}]
        losses = tuple(one for one in names if one.startswith("loss"))
        f1s = tuple(one for one in names if one.endswith("_f1") or one.startswith("f1/"))
        if name not in found or "test" in result:  # a search's runs have no test
            found[name] = Group(name, result["simulated"], losses, f1s, "test" if "test" in result else "val")
    if not found:
        raise InputError(f"{folder} holds no finished run that is on W&B; run fit or reproduce with --wandb true")
    return list(found.values())


def panels(group: Group, reports: Any) -> list[Any]:
    """What is shown of a group by the package's module of reports, runs of a method taken together."""
    seeds = {"groupby": reports.Config("objective"), "groupby_aggfunc": "mean", "groupby_rangefunc": "stddev"}
    curves = {
        "Class losses in training": [f"train/{name}" for name in group.class_losses],
        "Class losses on validation": [f"val/{name}" for name in group.class_losses],
        "Gap of the class losses": ["train/loss_gap", "val/loss_gap"],
        "F1 of each class on validation": [f"val/{name}" for name in group.class_f1s],
        "λ, τ and learning rate": ["lam", "tau", "lr"],
    }
    made = [
        *(reports.LinePlot(title=title, x=STEP, y=names, **seeds) for title, names in curves.items()),
        *(
            reports.BarPlot(title=f"{group.test} {name} over seeds", metrics=[f"{group.test}/{name}"], **seeds)
            for name in (*group.class_f1s, "macro_f1", "loss_gap")
        ),
    ]
    for at, panel in enumerate(made):  # three in a row
        panel.layout = reports.Layout(x=8 * (at % 3), y=6 * (at // 3), w=8, h=6)
    return made


def build(found: Sequence[Group], tables: Mapping[str, str], project: str, entity: str) -> tuple[Any, Any]:
    """The report, with a section for each group and each table (name → Markdown), and the workspace.

    Raises:
        InputError: wandb-workspaces is not installed.
    """
    try:
        reports: Any = import_module("wandb_workspaces.reports.v2")
        workspaces: Any = import_module("wandb_workspaces.workspaces")
    except ImportError as error:
        raise InputError("a dashboard needs the extra 'wandb-report': pip install 'clsunbias[wandb-report]'") from error
    blocks, sections = [], []
    for group in found:
        title = f"{group.name}{', SIMULATED data' if group.simulated else ''}"
        runs = reports.Runset(  # of the report's own project
            name="ERM and Cls-unbias",
            filters=f"Config('group') = '{group.name}' and Config('objective') in ['erm', 'cls_unbias']",
            groupby=["config.objective"],
        )
        blocks += [reports.H2(text=title), reports.PanelGrid(runsets=[runs], panels=panels(group, reports))]
        sections.append(workspaces.Section(name=title, panels=panels(group, reports), is_open=True))
    for name, text in tables.items():
        blocks += [reports.H2(text=name), reports.MarkdownBlock(text=text)]
    about = {"entity": entity, "project": project}
    report = reports.Report(
        **about,
        title="ERM against Cls-unbias",
        description="Curves: mean and standard deviation over seeds. Intervals and verdicts are in the tables.",
        blocks=blocks,
        width="fluid",
    )
    settings = workspaces.WorkspaceSettings(x_axis=STEP)
    return report, workspaces.Workspace(**about, name="Class losses", sections=sections, settings=settings)


def specification(report: Any, workspace: Any) -> dict[str, Any]:
    """Both as the service takes them."""
    both = {"report": report, "workspace": workspace}
    return {
        name: one._to_model().model_dump(mode="json", by_alias=True, exclude_none=True) for name, one in both.items()
    }
