"""What the README and the pages of docs show works as it stands there."""

import contextlib
import json
import re
import shlex
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import torch
import yaml
from sklearn.datasets import load_breast_cancer

import clsunbias
from clsunbias.__main__ import EXPERIMENTS, main

ROOT = Path(__file__).parents[1]
PAGES = {path: path.read_text() for path in [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]}
TEXT = "\n\n".join(PAGES.values())
QUIET = ["--trainer.enable_progress_bar", "false"]
COMMANDS = sorted(
    {
        " ".join(command.split("  #")[0].split())
        for block in re.findall(r"```bash\n(.*?)```", TEXT.replace("\\\n", ""), re.DOTALL)
        for command in re.findall(r"^clsunbias (.*)", block, re.MULTILINE)
    }
)
SNIPPETS = dict(re.findall(r"```(?:python|yaml)\n(?=# (\w+\.\w+)\n)(.*?)```", TEXT, re.DOTALL))
"""Name and text of each file that a reader is to save."""


@pytest.fixture
def reader(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, medmnist_root: Path) -> Path:
    """A folder in which somebody has saved every file that the pages show, and has run what they say comes before."""
    for name, text in SNIPPETS.items():
        (tmp_path / name).write_text(text)
    for run in re.findall(r"--config (runs/(\w+)/\S+/config\.yaml)", TEXT):
        saved = tmp_path / run[0]
        saved.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / "configs" / f"{run[1]}.yaml", saved)
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setenv("CLSUNBIAS_DATA", str(medmnist_root))
    return tmp_path


def test_there_is_something_to_test() -> None:
    """Pages, commands and files are found in the text."""
    assert len(PAGES) >= 9
    assert len(COMMANDS) >= 30
    assert {"worst_class.py", "wisconsin.py", "focal_dro.yaml", "focal_dro.py", "my_grid.yaml"} <= SNIPPETS.keys()


@pytest.mark.parametrize("command", COMMANDS)
def test_commands_are_understood(command: str, reader: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Options of experiments are checked against the classes that they name, those of others against the help."""
    name, *options = shlex.split(command)
    if name in EXPERIMENTS:
        with pytest.raises(SystemExit) as ended:
            main([name, *options, "--print_config"])
        assert ended.value.code in {0, None}
        return
    corpus = options[:1] if name == "prepare" else []
    if name == "decide":  # a rule's own options are listed with it
        corpus = ["--rule", options[options.index("--rule") + 1]]
    with contextlib.suppress(SystemExit):
        main([name, *corpus, "--help"])
    shown = capsys.readouterr().out
    for option in options:
        assert not option.startswith("--") or option.partition("=")[0] in shown, option
    if name == "reproduce":
        assert options[0] in SNIPPETS or (ROOT / "configs" / "tables" / f"{options[0]}.yaml").is_file()


@pytest.mark.parametrize("name", ["worst_class", "wisconsin"])
def test_extensions_run(name: str, reader: Path) -> None:
    """The file, saved under its name, trains with the command printed for it."""
    assert sum(bool(line) for line in SNIPPETS[f"{name}.py"].splitlines()) <= 15
    (command,) = [command for command in COMMANDS if f"{name}." in command]
    assert main([*shlex.split(command), "--out", "run", "--trainer.max_epochs", "5", *QUIET]) == 0
    result = json.loads((reader / "run" / "result.json").read_text())
    assert name in {result["objective"], result["dataset"]}


def test_one_experiment_three_ways(reader: Path) -> None:
    """The overlay and the command are the same run; the Python block trains the same parts."""
    (command,) = [command for command in COMMANDS if "--anneal.lam null" in command]
    asked = {
        "file": ["fit", "--config", "configs/retina.yaml", "--config", "focal_dro.yaml"],
        "shell": shlex.split(command),
    }
    for name, options in asked.items():
        assert main([*options, "--trainer.max_epochs", "1", *QUIET, "--out", name]) == 0
    ours, theirs = (json.loads((reader / name / "result.json").read_text()) for name in asked)
    assert ours["objective"] == "group_dro_focal"
    assert ours["config_sha256"] == theirs["config_sha256"]
    assert ours["predictions_sha256"] == theirs["predictions_sha256"]
    scope: dict[str, Any] = {}
    quiet = "max_epochs=1, enable_progress_bar=False, logger=False, enable_checkpointing=False"
    exec(SNIPPETS["focal_dro.py"].replace("max_epochs=150", quiet), scope)
    assert scope["model"].objective.name == "group_dro_focal"
    assert scope["trainer"].callback_metrics["val/macro_f1"] >= 0


def test_a_loop_of_ones_own() -> None:
    """The objective in a loop moves the model."""
    (code,) = re.findall(r"```python\n(objective = .*?)```", TEXT, re.DOTALL)
    model = torch.nn.Linear(2, 1)
    scope = {
        "cu": clsunbias,
        "model": model,
        "optimizer": torch.optim.SGD(model.parameters(), lr=0.1),
        "class_counts": torch.tensor([3, 1]),
        "loader": [(torch.ones(4, 2), torch.tensor([0, 0, 0, 1]))],
    }
    before = model.weight.detach().clone()
    exec(code, scope)
    assert not torch.equal(before, model.weight)


def test_a_grid_of_ones_own(reader: Path) -> None:
    """The grid runs on a table as it says, and so does the command for such a table; then the run is read back."""
    table = load_breast_cancer(as_frame=True).frame.rename(columns={"target": "diagnosis"})
    table["diagnosis"] = table["diagnosis"].map({0: "malignant", 1: "benign"})
    (reader / "data").mkdir()
    table.to_csv(reader / "data" / "my_table.csv", index=False)
    grid = yaml.safe_load(SNIPPETS["my_grid.yaml"])
    grid["columns"]["clinic"]["set"]["trainer.max_epochs"] = 2
    (reader / "my_grid.yaml").write_text(yaml.safe_dump(grid))
    assert main(["reproduce", "my_grid.yaml", "--jobs", "1", "--seeds", "2", "--data-root", "data"]) == 0
    for file in ("my_grid.md", "my_grid.tex", "my_grid.csv", "my_grid_comparisons.csv", "my_grid_runs.csv"):
        assert (reader / "results" / file).is_file()
    (code,) = re.findall(r"```python\n(run = cu.*?)```", TEXT, re.DOTALL)
    finished = next((reader / "results" / "runs").rglob("result.json")).parent
    exec(code.replace("runs/retina/erm/0", str(finished)), {"cu": clsunbias})


def test_links_and_files_are_there() -> None:
    """Every link to a file or a heading, every config, picture and make target that is named."""
    makefile = (ROOT / "Makefile").read_text()
    for page, text in PAGES.items():
        for link in re.findall(r"\]\((?!https?:)([^)]*)\)", text):
            path, _, heading = link.partition("#")
            target = (page.parent / path).resolve() if path else page
            assert target.exists(), f"{page.name}: {link}"
            if heading:
                headings = re.findall(r"^#+ (.*)", target.read_text(), re.MULTILINE)
                assert heading in {re.sub(r"[^\w -]", "", name.lower()).replace(" ", "-") for name in headings}, link
        for path in re.findall(r"\bconfigs/[\w/]+\.\w+", text):
            assert (ROOT / path).exists(), f"{page.name}: {path}"
        for path in re.findall(r"`(\w+_\w+\.yaml)`", text):
            assert list((ROOT / "configs").rglob(path)) or path in SNIPPETS, f"{page.name}: {path}"
        for goal in re.findall(r"make ([a-z][a-z0-9]*(?:-[a-z0-9]+)*)(?=[`; ]+[-#A-Z`.;]|$)", text, re.MULTILINE):
            assert re.search(rf"^{goal}:", makefile, re.MULTILINE), f"{page.name}: make {goal}"


def test_every_page_is_reached_from_the_readme() -> None:
    """By a link of its own."""
    for page in (ROOT / "docs").glob("*.md"):
        assert f"(docs/{page.name})" in PAGES[ROOT / "README.md"], page.name


@pytest.mark.parametrize("page", ["README.md", "docs/paper.md"])
def test_table_2_is_that_of_the_results(page: str) -> None:
    """Every cell, with its mark, is what the published cells and comparisons say."""
    results = ROOT / "docs" / "results"
    cells = pd.read_csv(results / "table2.csv").query("metric == 'test/macro_f1'")
    judged = pd.read_csv(results / "table2_comparisons.csv").query("metric == 'test/macro_f1' and baseline == 'ERM'")
    verdicts = judged.set_index(["row", "protocol", "column"])["verdict"]
    header, *rows = re.findall(
        r"^\| +(?:\| BreastMNIST|(?:ERM|G-DRO|Cls-unbias)[^|]*, ).*", PAGES[ROOT / page], re.MULTILINE
    )
    columns = [name.strip() for name in header.strip("|").split("|")][1:]
    assert columns == ["BreastMNIST", "RetinaMNIST ≥ 2", "RetinaMNIST ≥ 3", "VOICED"]
    seen = 0
    for line in rows:
        label, *shown = [cell.strip() for cell in line.strip("|").split("|")]
        method, _, protocol = label.rpartition(", ")
        for column, cell in zip(columns, shown, strict=True):
            found = cells[(cells["row"] == method) & (cells["column"] == column)]
            if protocol == "published":
                assert cell.startswith("–" if column == "VOICED" else f"{found['published'].iloc[0]:.3f} ± ")
                continue
            name = "tuned (speech)" if (column, protocol) == ("VOICED", "tuned") else protocol
            (one,) = found[found["protocol"] == name].to_dict("records")
            mark = {"better": " ▲", "worse": " ▼"}.get(verdicts.get((method, name, column), ""), "")
            assert cell == f"{one['value']:.3f} ± {one['sd']:.3f}{mark}", (label, column)
            seen += 1
    assert seen >= 24


def test_the_readmes_make_targets_are_listed() -> None:
    """``make`` without a target lists each with what it does."""
    listed = subprocess.run(["make"], cwd=ROOT, check=True, capture_output=True, text=True).stdout
    for goal in ("setup", "test", "test-slow", "lint", "bench", "reproduce-table1", "reproduce-table4"):
        assert re.search(rf"^  make {goal} +\w", listed, re.MULTILINE)
