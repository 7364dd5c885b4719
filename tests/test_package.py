"""The wheel: whole, with the configs inside, and at home in any folder."""

import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

ROOT = Path(__file__).parents[1]


def files_below(folder: Path) -> set[str]:
    """Paths of all files, relative to a folder, but for what Python compiles."""
    return {
        path.relative_to(folder).as_posix()
        for path in folder.rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }


def test_the_wheel_holds_the_package_and_the_configs(tmp_path: Path) -> None:
    """Every file of both; unpacked, it finds configs by the names that they have in the source tree."""
    source, site = tmp_path / "source", tmp_path / "site"
    for folder in ("clsunbias", "configs"):
        shutil.copytree(ROOT / folder, source / folder, ignore=shutil.ignore_patterns("__pycache__"))
    for file in ("pyproject.toml", "setup.py", "README.md", "LICENSE"):
        shutil.copy(ROOT / file, source)
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "wheel", "--no-deps", "--no-build-isolation"]
    subprocess.run([*pip, "--wheel-dir", str(tmp_path), str(source)], check=True, capture_output=True)
    (wheel,) = tmp_path.glob("*.whl")
    with zipfile.ZipFile(wheel) as unpacked:
        unpacked.extractall(site)
    configs = {f"configs/{path}" for path in files_below(ROOT / "configs")}
    assert files_below(site / "clsunbias") == files_below(ROOT / "clsunbias") | configs

    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    code = "from clsunbias.files import find_config; print(find_config('configs/objectives/erm.yaml'))"
    for command, shown in (
        (["-c", code], str(site / "clsunbias" / "configs" / "objectives" / "erm.yaml")),
        (["-m", "clsunbias", "configs"], "objectives/erm  "),
    ):
        done = subprocess.run(
            [sys.executable, *command], cwd=elsewhere, env={"PYTHONPATH": str(site)}, capture_output=True, text=True
        )
        assert done.returncode == 0, done.stderr
        assert shown in done.stdout
