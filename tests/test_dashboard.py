"""The report, the workspace and the sweep of W&B, as far as they go without the service."""

import json
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from wandb.sdk.launch.sweeps.utils import create_sweep_command, create_sweep_command_args

from clsunbias.__main__ import main
from clsunbias.dashboards.charts import summary
from clsunbias.dashboards.service import STEP
from tests.test_cli import CONFIGS

SIDES = ("loss_neg", "loss_pos", "neg_f1", "pos_f1", "macro_f1", "loss_gap", "loss")
BINARY = (*SIDES, "f1/benign", "f1/malignant", "loss/benign", "loss/malignant")
FIVE = ("loss/a", "loss/b", "f1/a", "f1/b", "macro_f1", "loss_gap", "loss")


@pytest.fixture
def runs(tmp_path: Path) -> Path:
    """Folders of finished runs of two groups, as ``reproduce --wandb true`` leaves them, and a table."""
    for group, names, simulated in (("table2/breast", BINARY, False), ("table2/simulated five", FIVE, True)):
        for seed in "01":
            run = tmp_path / "runs" / group / "erm" / seed
            (run / "wandb").mkdir(parents=True)
            figures = dict.fromkeys(names, 0.5)
            result = {"simulated": simulated, "val": figures, "test": figures}
            result |= {} if simulated else {"class_names": ["benign", "malignant"]}
            (run / "result.json").write_text(json.dumps(result))
            (run / "wandb" / "run.json").write_text(json.dumps({"id": seed, "group": group, "config_sha256": ""}))
    (tmp_path / "table2.md").write_text("# Table 2\n\n| ERM | 0.500 ± 0.010 |\n")
    (tmp_path / "table2.tex").write_text("")
    (tmp_path / "notes.md").write_text("not for everybody")
    return tmp_path


def found(specification: Any, name: str) -> list[Any]:
    """All values of a name, anywhere in a specification."""
    if isinstance(specification, dict):
        here = [specification[name]] if name in specification else []
        return here + [one for value in specification.values() for one in found(value, name)]
    return [one for value in specification for one in found(value, name)] if isinstance(specification, list) else []


def test_the_specification_of_a_dashboard(runs: Path) -> None:
    """A section for each group with its class losses, gap and F1s, all its methods apart, and the table."""
    assert main(["dashboard", str(runs), "--project", "study", "--entity", "me"]) == 0
    written = json.loads((runs / "dashboard.json").read_text())
    report, workspaces = written["report"], written["workspaces"]
    text = json.dumps(report, ensure_ascii=False)
    assert report["project"] == {"name": "study", "entityName": "me"}
    assert "table2/simulated five, SIMULATED data" in text
    assert "| ERM | 0.500 ± 0.010 |" in text
    assert "not for everybody" not in text, "a file that is no table"
    shown = {tuple(metrics) for metrics in found(report, "metrics")}
    for metrics in (
        ("train/loss_neg", "train/loss_pos"),
        ("train/loss/a", "train/loss/b"),
        ("train/loss_gap", "val/loss_gap"),
        ("val/neg_f1", "val/pos_f1"),
        ("selected/test/pos_f1",),
        ("selected/test/f1/b",),
        ("lam",),
        ("tau",),
        ("lr",),
    ):
        assert metrics in shown
    assert ("val/loss_neg", "val/loss_pos", "val/loss/benign", "val/loss/malignant") not in shown, "each class once"
    titles = found(report, "chartTitle")
    assert "F1 of each class on validation (neg: benign, pos: malignant)" in titles
    assert "test macro_f1 of the selected checkpoints, over seeds" in titles
    assert found(report, "xAxis").count(STEP) == 2 * 7, "every curve, in both groups"
    filters = json.dumps(found(report, "filters"))
    assert "table2/breast" in filters
    assert "cls_unbias" not in filters, "no method is left out"
    names = [section["name"] for one in workspaces for section in found(one, "sections")[0]]
    assert names == ["table2/breast", "table2/simulated five, SIMULATED data"]
    for workspace, group in zip(workspaces, ("table2/breast", "table2/simulated five"), strict=True):
        assert group in json.dumps(found(workspace, "filters")), "runs of other data are not averaged with its own"


def test_a_group_of_any_name(runs: Path) -> None:
    """Quotes and signs in it are no part of a filter's language."""
    for path in runs.rglob("run.json"):
        path.write_text(json.dumps({"id": "1", "group": 'it\'s "<5 = mine"', "config_sha256": ""}))
    assert main(["dashboard", str(runs), "--project", "study"]) == 0
    assert 'it\'s "<5 = mine"' in found(json.loads((runs / "dashboard.json").read_text())["report"], "value")


def test_what_there_is_nothing_to_show_of(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """A folder without runs on W&B, and no project."""
    assert main(["dashboard", str(tmp_path), "--project", "study"]) == 2
    assert "--wandb true" in capfd.readouterr().err
    assert main(["dashboard", str(tmp_path)]) == 2
    assert "project" in capfd.readouterr().err


def test_the_extra_is_named(runs: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """Without wandb-workspaces the message has the command that brings it."""
    monkeypatch.setitem(sys.modules, "wandb_workspaces.reports.v2", None)
    assert main(["dashboard", str(runs), "--project", "study"]) == 2
    assert "pip install 'clsunbias[wandb-report]'" in capfd.readouterr().err


def test_the_sweep_drives_fit(tmp_path: Path, medmnist_root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The command that wandb's agent makes of the file is one that fit takes; each run has a folder of its own."""
    sweep = yaml.safe_load((CONFIGS / "sweep.yaml").read_text())
    values = {
        name: {"value": one["values"][-1] if "values" in one else one["max"]}
        for name, one in sweep["parameters"].items()
    }
    made: list[str] = []
    macros = create_sweep_command_args({"args": values})
    for part in create_sweep_command(sweep["command"]):
        made += macros["args"] if part == "${args}" else [] if part == "${env}" else [part]
    assert made.pop(0) == "clsunbias"
    monkeypatch.chdir(tmp_path)
    (tmp_path / "configs").symlink_to(CONFIGS)
    for name, value in {"SWEEP_ID": "s1", "RUN_ID": "r1", "MODE": "disabled"}.items():
        monkeypatch.setenv(f"WANDB_{name}", value)
    monkeypatch.setenv("CLSUNBIAS_DATA", str(medmnist_root))
    assert main([*made, "--trainer.max_epochs=1"]) == 0
    out = tmp_path / "runs" / "sweep-s1" / "r1"
    result, config = json.loads((out / "result.json").read_text()), yaml.safe_load((out / "config.yaml").read_text())
    assert "test" not in result, "a search must not see it"
    assert config["anneal"]["lam"]["init_args"]["end"] == 2.0
    adam = config["model"]["optimizer"]["init_args"]
    assert (adam["lr"], adam["weight_decay"]) == (0.003, 0.01)
    assert sweep["metric"]["name"] in summary(result)
