"""A run's folder: one process at a time, checkpoints that were cut off, data that changed, where a path leads."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch
from filelock import FileLock

from clsunbias.__main__ import main
from tests.fakes import table_of
from tests.processes import command, kill_in_the_middle
from tests.test_cli import CONFIGS, SHORT_TOY, fit

LONG = ("--trainer.max_epochs", "400", "--save_every", "0")


def test_one_process_at_a_time(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """A second one says so at once, and touches nothing."""
    (tmp_path / "run" / "checkpoints").mkdir(parents=True)
    with FileLock(tmp_path / "run" / "checkpoints" / ".lock"):
        assert fit("toy_balanced", tmp_path / "run", *SHORT_TOY) == 2
    assert "another process is at the run in" in capfd.readouterr().err
    assert not (tmp_path / "run" / "config.yaml").exists()
    assert fit("toy_balanced", tmp_path / "run", *SHORT_TOY) == 0


@pytest.mark.parametrize("left", [0, 1000])
def test_a_checkpoint_that_was_cut_off_is_started_over(
    left: int, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """The same command says which file is of no use, trains from the start and ends as an undisturbed run does."""
    out, whole = tmp_path / "run", tmp_path / "whole"
    assert fit("toy_balanced", whole, *SHORT_TOY) == 0
    assert fit("toy_balanced", out, *SHORT_TOY) == 0
    (out / "result.json").unlink()
    torn = (out / "checkpoints" / "selected.ckpt").read_bytes()[:left]
    (out / "checkpoints" / "last.ckpt").write_bytes(torn)
    capfd.readouterr()
    assert fit("toy_balanced", out, *SHORT_TOY) == 0
    assert "last.ckpt is not a checkpoint that can be read" in capfd.readouterr().err
    assert (out / "predictions.csv").read_bytes() == (whole / "predictions.csv").read_bytes()


def test_saving_leaves_no_half_of_a_checkpoint(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """If writing fails on the way (a full disk), the checkpoint before it stays whole."""
    from clsunbias.callbacks import Checkpoints
    from clsunbias.selection import LastStep

    good = tmp_path / "checkpoints" / "last.ckpt"
    good.parent.mkdir()
    good.write_bytes(b"the one before")

    class Strategy:
        def reduce_boolean_decision(self, due: bool, all: bool) -> bool:
            return due

    class Full:
        strategy = Strategy()
        is_global_zero = True

        def save_checkpoint(self, path: Path) -> None:
            path.write_bytes(b"half")
            raise OSError("no space left on device")

    callback = Checkpoints({tmp_path: LastStep()}, every_seconds=0)
    with pytest.raises(OSError, match="no space"):
        callback.on_train_epoch_end(Full(), torch.nn.Identity())  # type: ignore[arg-type]
    assert good.read_bytes() == b"the one before"


def test_a_home_folder_is_meant_by_its_sign(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    """``--out=~/x``, ``--data.root=~/data`` and $CLSUNBIAS_DATA, where no shell has replaced it."""
    home = tmp_path / "home"
    (home / "data").mkdir(parents=True)
    table_of(60, 30).to_csv(home / "data" / "my_table.csv", index=False)
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.chdir(tmp_path)
    command = ["fit", "--config", str(CONFIGS / "tabular.yaml"), "--trainer.max_epochs", "2"]
    assert main([*command, "--out=~/one", "--data.root=~/data"]) == 0, capfd.readouterr().err
    monkeypatch.setenv("CLSUNBIAS_DATA", "~/data")
    assert main([*command, "--out=~/two", "--init_from=~/one"]) == 0, capfd.readouterr().err
    assert main(["test", "--config=~/two/config.yaml"]) == 0
    assert (home / "two" / "result.json").exists()
    assert not (tmp_path / "~").exists()


@pytest.mark.slow
def test_a_killed_run_does_not_go_on_with_other_data(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """It is said that they have changed; with the old ones put back, it goes on."""
    table, out = tmp_path / "my_table.csv", tmp_path / "run"
    table_of(600, 30).to_csv(table, index=False)
    before = table.read_bytes()
    options = ("--data.root", str(tmp_path), *LONG)
    kill_in_the_middle(command("tabular", out, *options), out, epoch=5)
    table_of(500, 30).to_csv(table, index=False)
    assert fit("tabular", out, *options) == 2
    assert "the data have changed" in capfd.readouterr().err
    table.write_bytes(before)
    assert subprocess.run(command("tabular", out, *options), capture_output=True, check=False).returncode == 0


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_a_run_with_its_own_status(number: signal.Signals, tmp_path: Path) -> None:
    """Never 0, and no traceback: a line that says that the same command goes on, which it does."""
    out = tmp_path / "run"
    options = ("--trainer.max_steps", "100000", "--save_every", "0")
    with subprocess.Popen(command("toy_balanced", out, *options), stderr=subprocess.PIPE, text=True) as run:
        while run.poll() is None and not (out / "checkpoints" / "last.ckpt").exists():
            time.sleep(0.05)
        run.send_signal(number)
        _, error = run.communicate(timeout=60)
    assert run.returncode == 128 + number
    assert f"stopped by {number.name}" in error
    assert "Traceback" not in error
    assert not (out / "result.json").exists()


def test_a_reader_that_has_enough(tmp_path: Path) -> None:
    """``clsunbias configs | head -1`` is no accident."""
    done = subprocess.run(
        f"{sys.executable} -m clsunbias configs | head -1", shell=True, capture_output=True, text=True, check=True
    )
    assert done.stdout.count("\n") == 1
    assert done.stderr == ""


def test_a_locale_without_utf_8(tmp_path: Path) -> None:
    """Configs hold λ and τ; they are read, and results written, as UTF-8 all the same."""
    locales = tmp_path / "locales"
    locales.mkdir()
    made = subprocess.run(["localedef", "-i", "en_US", "-f", "ISO-8859-1", locales / "en_US.ISO-8859-1"], check=False)
    if made.returncode:
        pytest.skip("there is no localedef to make such a locale with")
    environment = {**os.environ, "LOCPATH": str(locales), "LC_ALL": "en_US.ISO-8859-1"}
    run = command("toy_imbalanced", tmp_path / "run", *SHORT_TOY)
    done = subprocess.run(run, env=environment, capture_output=True, check=False)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "run" / "result.json").exists()
