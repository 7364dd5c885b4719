"""A report and workspaces of W&B that set the methods of each group of runs side by side."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any
from unicodedata import category

from clsunbias.dashboards.service import STEP
from clsunbias.errors import InputError

OF_ALL = {"loss", "loss_gap", "macro_f1"}


@dataclass(frozen=True)
class Group:
    """Runs that are compared.

    Attributes:
        name: on W&B.
        simulated: whether the data are.
        class_losses: names of the classes' losses.
        class_f1s: names of the classes' F1s.
        sides: which class is called neg and which pos, in brackets; nothing where they go by their names.
        test: the split that is tested.
    """

    name: str
    simulated: bool
    class_losses: tuple[str, ...]
    class_f1s: tuple[str, ...]
    sides: str
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
        if name not in found or "test" in result:  # a search's runs have no test
            found[name] = group_of(name, result)
    if not found:
        raise InputError(f"{folder} holds no finished run that is on W&B; run fit or reproduce with --wandb true")
    return list(found.values())


def group_of(name: str, result: Mapping[str, Any]) -> Group:
    """The group of a run with a result."""
    binary = "loss_pos" in result["val"]
    names = [metric for metric in result["val"] if metric not in OF_ALL and not (binary and "/" in metric)]
    sides = zip(("neg", "pos"), result.get("class_names") or ("neg", "pos"), strict=False)
    return Group(
        name,
        result["simulated"],
        tuple(metric for metric in names if metric.startswith("loss")),
        tuple(metric for metric in names if metric.endswith("_f1") or metric.startswith("f1/")),
        f" ({', '.join(f'{side}: {label}' for side, label in sides if side != label)})" if binary else "",
        "test" if "test" in result else "val",
    )


def panels(group: Group, reports: Any) -> list[Any]:
    """What is shown of a group by the package's module of reports, runs of a method taken together."""
    seeds = {"groupby": reports.Config("method"), "groupby_aggfunc": "mean", "groupby_rangefunc": "stddev"}
    curves = {
        f"Class losses in training{group.sides}": [f"train/{name}" for name in group.class_losses],
        f"Class losses on validation{group.sides}": [f"val/{name}" for name in group.class_losses],
        "Gap of the class losses": ["train/loss_gap", "val/loss_gap"],
        f"F1 of each class on validation{group.sides}": [f"val/{name}" for name in group.class_f1s],
        "λ": ["lam"],
        "τ": ["tau"],
        "Learning rate": ["lr"],
    }
    bars = {f"{name}{group.sides}": name for name in group.class_f1s} | {"macro_f1": "macro_f1", "loss_gap": "loss_gap"}
    made = [
        *(reports.LinePlot(title=title, x=STEP, y=names, **seeds) for title, names in curves.items()),
        *(
            reports.BarPlot(
                title=f"{group.test} {title} of the selected checkpoints, over seeds",
                metrics=[f"selected/{group.test}/{name}"],
                **seeds,
            )
            for title, name in bars.items()
        ),
    ]
    for at, panel in enumerate(made):  # three in a row
        panel.layout = reports.Layout(x=8 * (at % 3), y=6 * (at // 3), w=8, h=6)
    return made


def literal(text: str) -> str:
    """A text in a filter's language, which takes an operator for one even within quotes."""
    signs = [sign if sign.isalnum() or sign in " /_-" else rf"\U{ord(sign):08x}" for sign in text]
    return f"'{''.join(signs)}'"


def build(found: Sequence[Group], tables: Mapping[str, str], project: str, entity: str) -> tuple[Any, list[Any]]:
    """The report, with a section for each group and each table (name → Markdown), and a workspace for each group.

    Raises:
        InputError: wandb-workspaces is not installed.
    """
    try:
        reports: Any = import_module("wandb_workspaces.reports.v2")
        workspaces: Any = import_module("wandb_workspaces.workspaces")
        expr: Any = import_module("wandb_workspaces.expr")
    except ImportError as error:
        raise InputError("a dashboard needs the extra 'wandb-report': pip install 'clsunbias[wandb-report]'") from error
    about = {"entity": entity, "project": project}
    blocks, made = [], []
    for group in found:
        title = f"{group.name}{', SIMULATED data' if group.simulated else ''}"
        # Runs of a search have seeds of their own, and no test.
        these = f"Config('group') = {literal(group.name)} and Config('withhold_test') = {group.test == 'val'}"
        runs = reports.Runset(name="all methods", filters=these, groupby=["config.method"])
        blocks += [reports.H2(text=title), reports.PanelGrid(runsets=[runs], panels=panels(group, reports))]
        section = workspaces.Section(name=title, panels=panels(group, reports), is_open=True)
        made.append(
            workspaces.Workspace(
                **about,
                name="".join("_" if category(sign)[0] in "SC" else sign for sign in f"Class losses: {title}"),
                sections=[section],
                settings=workspaces.WorkspaceSettings(x_axis=STEP),
                runset_settings=workspaces.RunsetSettings(filters=these, groupby=[expr.Config("method")]),
            )
        )
    for name, text in tables.items():
        blocks += [reports.H2(text=name), reports.MarkdownBlock(text=text)]
    report = reports.Report(
        **about,
        title="Class losses by method",
        description="Curves: mean and standard deviation over seeds. Bars: of the checkpoints that the selection rule "
        "chose. Intervals and verdicts are in the tables.",
        blocks=blocks,
        width="fluid",
    )
    return report, made


def specification(report: Any, workspaces: Sequence[Any]) -> dict[str, Any]:
    """All of it as the service takes it."""
    return {"report": as_json(report), "workspaces": [as_json(workspace) for workspace in workspaces]}


def as_json(made: Any) -> Any:
    """A report or a workspace as the service takes it."""
    return made._to_model().model_dump(mode="json", by_alias=True, exclude_none=True)
