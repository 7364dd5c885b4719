"""Places where nothing can be written: one message, nothing half-written, and what is done is kept."""

import resource
import subprocess
from pathlib import Path

import pytest

from tests.processes import command
from tests.test_cli import SHORT_TOY, fit
from tests.test_errors import TOY, fails


def test_an_output_that_can_be_no_folder(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """A file, a place below a file, a link to nothing, a name that is too long."""
    (tmp_path / "file").write_text("mine")
    (tmp_path / "link").symlink_to(tmp_path / "nowhere" / "deep")
    before = sorted(tmp_path.rglob("*"))
    for out, said in (
        ("file", "file is no folder; give another"),
        ("file/below", "file is no folder; give another"),
        ("link", "link is no folder; give another"),
        ("x" * 300, "File name too long"),
    ):
        fails(["fit", *TOY, *SHORT_TOY, "--out", str(tmp_path / out)], capfd, said)
    assert sorted(tmp_path.rglob("*")) == before
    assert (tmp_path / "file").read_text() == "mine"


def test_files_of_other_commands_in_places_that_are_none(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """A page below a file, configs below a file."""
    (tmp_path / "file").touch()
    assert fit("toy_balanced", tmp_path / "runs" / "a", *SHORT_TOY) == 0
    fails(
        ["report", str(tmp_path / "runs"), "--html", str(tmp_path / "file" / "page.html")],
        capfd,
        "give another --html",
    )
    fails(["configs", "--copy", str(tmp_path / "file" / "below")], capfd, "give another path")


@pytest.mark.parametrize(
    "bytes_of_a_file", [3000, *(pytest.param(size, marks=pytest.mark.slow) for size in (100, 9000))]
)
def test_a_disk_that_is_full(bytes_of_a_file: int, tmp_path: Path) -> None:
    """No file can be longer (which the system says as it says that a disk is full): no traceback; then it goes on."""
    run = command("toy_balanced", tmp_path / "run", *SHORT_TOY, "--save_every", "0")

    def limit() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (bytes_of_a_file, resource.RLIM_INFINITY))

    full = subprocess.run(run, preexec_fn=limit, capture_output=True, text=True, check=False)
    assert full.returncode == 2, full.stderr
    assert "let files grow larger" in full.stderr
    assert "Traceback" not in full.stderr
    assert not list(tmp_path.rglob("*.part"))
    assert not (tmp_path / "run" / "result.json").exists()
    assert subprocess.run(run, capture_output=True, check=False).returncode == 0
    assert (tmp_path / "run" / "result.json").exists()
