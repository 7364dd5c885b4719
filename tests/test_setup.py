"""``make setup``, with a made-up Python that installs nothing: what it refuses, what it says, what it leaves."""

import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]

# As much of an interpreter as the set-up asks for; .venv/bin/python is a copy of it. PIP_FAILS and VENV_FAILS break it.
PYTHON = """#!/usr/bin/env bash
echo "$*" >> "$CALLS"
case "$*" in
  -c*) echo "${VERSION:-3.12}" ;;
  "-m venv"*) mkdir -p .venv/bin; [ -z "$VENV_FAILS" ] || { echo "no ensurepip"; exit 1; }
    cp "$0" .venv/bin/python; echo "#!$PWD/.venv/bin/python" > .venv/bin/pip ;;
  *--editable*)
    [ -z "$PIP_KILLED" ] || kill -9 $PPID
    echo "Collecting torch==2.15.0"; echo "  Downloading torch-2.15.0-cp312-cp312-linux.whl (530.7 MB)"
    echo "  Downloading six-1.0-py3-none-any.whl (8.9 MB)"; echo "  Using cached x_y-1.0-py3-none-any.whl (1.2 GB)"
    [ -z "$PIP_FAILS" ] || { echo "ERROR: no such release" >&2; exit 1; }
    echo "Installing collected packages: six, x_y, torch" ;;
esac
"""


class Folder:
    """A folder with what the set-up reads, under a name with a space, and the made-up Python."""

    def __init__(self, path: Path) -> None:
        self.path = path / "a folder"
        self.path.mkdir()
        for file in ("Makefile", "setup.sh", "setup.py", "pyproject.toml", "constraints.txt"):
            shutil.copy(ROOT / file, self.path)
        self.python = path / "python"
        self.python.write_text(PYTHON)
        self.python.chmod(0o755)
        self.calls = path / "calls"

    def make(self, target: str = "setup", python: str | None = None, **faults: str) -> tuple[int, str]:
        """Exit code and all that is printed."""
        self.calls.write_text("")
        environment = {"PATH": "/usr/local/bin:/usr/bin:/bin", "CALLS": str(self.calls), **faults}
        done = subprocess.run(
            ["make", target, f"PYTHON={python or self.python}"],
            cwd=self.path,
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        return done.returncode, done.stdout

    @property
    def installs(self) -> int:
        """How often the last set-up installed."""
        return self.calls.read_text().count("--editable")


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    """Before the first set-up."""
    return Folder(tmp_path)


def test_steps_are_told_and_done_once(folder: Folder) -> None:
    """With time and size, and the large files of the many; the second set-up has nothing to say."""
    code, told = folder.make()
    assert code == 0, told
    assert "1 of 2: a virtual environment" in told
    assert "about 3 minutes; on Linux 6.7 GB, of which 3 GB are CUDA libraries" in told
    assert "   torch-2.15.0 (530.7 MB)\n   x_y-1.0 (1.2 GB)\n   unpacking 3 packages" in told
    assert "six" not in told
    assert folder.make() == (0, "")
    assert folder.installs == 0


def test_changed_pins_are_installed_in_place(folder: Folder) -> None:
    """Without a new environment."""
    assert folder.make()[0] == 0
    (folder.path / ".venv" / "mine").touch()
    later = (folder.path / ".venv" / "ready").stat().st_mtime + 10
    subprocess.run(["touch", "-d", f"@{later}", str(folder.path / "constraints.txt")], check=True)
    assert folder.make()[0] == 0
    assert folder.installs == 1
    assert (folder.path / ".venv" / "mine").exists()


@pytest.mark.parametrize(
    ("version", "said"), [("3.10", "is 3.10."), ("3.14", "is 3.14."), ("2.7", "is 2.7."), (None, "is not to be had.")]
)
def test_a_python_that_does_not_fit_is_refused(folder: Folder, version: str | None, said: str) -> None:
    """Too old, too new or not there: before anything is made, in one line that says what to do."""
    python = None if version else "no_such_python"
    code, told = folder.make(python=python, VERSION=version or "")
    assert code != 0
    (line,) = [line for line in told.splitlines() if line.startswith("make setup:")]
    assert said in line
    assert "needs one of Python 3.11 3.12 3.13" in line
    assert "make setup PYTHON=python3.12" in line
    assert not (folder.path / ".venv").exists()


def test_the_versions_are_those_of_the_package() -> None:
    """``setup.sh`` cannot read pyproject.toml."""
    found = re.search(r'^supported="(.*)"', (ROOT / "setup.sh").read_text(), re.MULTILINE)
    assert found
    versions = [int(version.removeprefix("3.")) for version in found[1].split()]
    required = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["requires-python"]
    assert required == f">=3.{versions[0]},<3.{versions[-1] + 1}"


@pytest.mark.parametrize("fault", ["PIP_FAILS", "VENV_FAILS"])
def test_a_failed_set_up_leaves_nothing(folder: Folder, fault: str) -> None:
    """And says so below the cause; the next one is whole."""
    code, told = folder.make(**{fault: "1"})
    assert code != 0
    assert "no such release" in told or "no ensurepip" in told
    assert "left nothing behind" in told
    assert not (folder.path / ".venv").exists()
    assert folder.make()[0] == 0
    assert folder.installs == 1


def test_a_killed_set_up_is_made_anew(folder: Folder) -> None:
    """What a kill leaves is no environment, whatever lies in it."""
    assert folder.make(PIP_KILLED="1")[0] != 0
    assert (folder.path / ".venv" / "bin" / "python").exists()
    (folder.path / ".venv" / "torn").touch()
    assert folder.make()[0] == 0
    assert not (folder.path / ".venv" / "torn").exists()
    assert folder.make() == (0, "")


@pytest.mark.parametrize("what", ["moved", "python gone"])
def test_an_environment_that_no_longer_works_is_made_anew(folder: Folder, what: str) -> None:
    """Its scripts name the folder that it was made in; its Python may be a link to one that was removed."""
    assert folder.make()[0] == 0
    if what == "moved":
        folder.path = folder.path.rename(folder.path.with_name("elsewhere"))
    else:
        python = folder.path / ".venv" / "bin" / "python"
        python.unlink()
        python.symlink_to("/nowhere/python")
    assert folder.make()[0] == 0
    assert folder.installs == 1


def test_a_folder_reached_by_a_link_has_one_environment(folder: Folder, tmp_path: Path) -> None:
    """Under either path it is the same and whole."""
    assert folder.make()[0] == 0
    (tmp_path / "link").symlink_to(folder.path)
    folder.path = tmp_path / "link"
    assert folder.make() == (0, "")


def test_an_environment_of_ones_own_is_not_touched(folder: Folder) -> None:
    """A ``.venv`` that other tools made is refused, not deleted."""
    (folder.path / ".venv").mkdir()
    (folder.path / ".venv" / "mine").touch()
    code, told = folder.make()
    assert code != 0
    assert "there is a .venv that it did not make: move it away or delete it" in told
    assert (folder.path / ".venv" / "mine").exists()


@pytest.mark.parametrize("name", ["worst_class.py", "notebook.ipynb", "folder/more.py"])
def test_style_is_checked_of_what_is_the_projects(tmp_path: Path, name: str) -> None:
    """A file of one's own beside it, as the snippets of the documentation, is none of lint's; one inside it is."""
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    ruff = [sys.executable, "-m", "ruff", "check", "--no-cache"]
    bad = tmp_path / name
    bad.parent.mkdir(exist_ok=True)
    bad.write_text("import os\n")
    assert subprocess.run([*ruff, "."], cwd=tmp_path, capture_output=True).returncode == 0
    (tmp_path / "clsunbias").mkdir()
    (tmp_path / "clsunbias" / "bad.py").write_text("import os\n")
    assert subprocess.run([*ruff, "."], cwd=tmp_path, capture_output=True).returncode == 1
