"""What the README shows works as it stands there."""

import json
import re
import shlex
from pathlib import Path
from typing import Any

import pytest

from clsunbias.__main__ import main

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text()


@pytest.mark.parametrize("name", ["worst_class", "wisconsin"])
def test_the_readmes_extensions_run(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, medmnist_root: Path
) -> None:
    """The code block, saved under its name, trains with the command printed below it."""
    found = re.search(rf"```python\n(# {name}\.py\n.*?)```\n\n```bash\nclsunbias (.*?)```", README, re.DOTALL)
    assert found
    code, command = found.groups()
    assert sum(bool(line) for line in code.splitlines()) <= 15
    (tmp_path / f"{name}.py").write_text(code)
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    (tmp_path / "configs").symlink_to(ROOT / "configs")
    options = ["--out", "run", "--trainer.max_epochs", "5", "--trainer.enable_progress_bar", "false"]
    if name == "worst_class":
        options += ["--data.root", str(medmnist_root)]
    assert main([*shlex.split(command.replace("\\\n", "")), *options]) == 0
    result = json.loads((tmp_path / "run" / "result.json").read_text())
    assert name in {result["objective"], result["dataset"]}


def test_one_experiment_three_ways(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, medmnist_root: Path) -> None:
    """The overlay and the command are the same run; the Python block trains the same parts."""
    yaml_text, command, code = (
        re.search(pattern, README, re.DOTALL)
        for pattern in (
            r"```yaml\n(# focal_dro\.yaml\n.*?)```",
            r"```bash\nclsunbias (fit --config configs/retina.yaml --anneal.*?)```",
            r"```python\n(# focal_dro\.py\n.*?)```",
        )
    )
    assert yaml_text
    assert command
    assert code
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("CLSUNBIAS_DATA", str(medmnist_root))
    Path("focal_dro.yaml").write_text(yaml_text[1])
    short = ["--trainer.max_epochs", "1", "--trainer.enable_progress_bar", "false"]
    asked = {
        "file": ["fit", "--config", "configs/retina.yaml", "--config", "focal_dro.yaml"],
        "shell": shlex.split(command[1].replace("\\\n", "")),
    }
    for name, options in asked.items():
        assert main([*options, *short, "--out", name]) == 0
    ours, theirs = (json.loads((Path(name) / "result.json").read_text()) for name in asked)
    assert ours["objective"] == "group_dro_focal"
    assert ours["config_sha256"] == theirs["config_sha256"]
    assert ours["predictions_sha256"] == theirs["predictions_sha256"]
    scope: dict[str, Any] = {}
    quiet = "max_epochs=1, enable_progress_bar=False, logger=False, enable_checkpointing=False"
    exec(code[1].replace("max_epochs=150", quiet), scope)
    assert scope["model"].objective.name == "group_dro_focal"
    assert scope["trainer"].callback_metrics["val/macro_f1"] >= 0


def test_the_readmes_files_exist() -> None:
    """Every config, picture and make target that the README names is there."""
    for path in re.findall(r"(?:configs|docs)/[\w/]+\.\w+", README):
        assert (ROOT / path).exists(), path
    for path in re.findall(r"`(\w+_\w+\.yaml)`", README):
        assert (ROOT / "configs" / path).exists(), path
    makefile = (ROOT / "Makefile").read_text()
    for target in re.findall(r"make ([a-z][a-z0-9-]+)", README):
        assert re.search(rf"^{target}:", makefile, re.MULTILINE), target
