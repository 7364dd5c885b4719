"""What a run tells W&B of patients and of this machine: nothing but what was asked for."""

import os
import re
import socket
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from clsunbias.dashboards.transaction_logs import rows
from clsunbias.privacy import HIDDEN, run_name, without_places
from tests.test_cli import CONFIGS, fit
from tests.test_wandb import logs, opened, summary, table, wait_for_the_end
from tests.test_wandb_service import surroundings
from tests.wandb_server import Service, service


def write_patients(folder: Path) -> Path:
    """A table of patients with two rows each and names that stand out."""
    random = np.random.default_rng(0)
    ill = np.arange(120) // 2 % 2
    columns = {
        "patient": [f"PATIENT-{row // 2:03d}" for row in range(120)],
        "diagnosis": np.array(["well", "ill"])[ill],
    }
    path = folder / "patients.csv"
    pd.DataFrame({**columns, "a": ill + random.normal(size=120)}).to_csv(path, index=False)
    return path


def options(path: Path) -> tuple[str, ...]:
    """Of a short run on the table."""
    named = ("--data.path", str(path), "--data.label", "diagnosis", "--data.group", "patient")
    few = ("--model.network.in_features", "1", "--trainer.max_epochs", "2", "--trainer.enable_progress_bar", "false")
    return (*named, "--data.classes", "[well, ill]", *few)


@pytest.mark.parametrize("names", [False, True])
def test_the_log_of_an_offline_run(names: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Names of units are sent where that is asked for alone; the host, the program and paths are not."""
    monkeypatch.setenv("WANDB_MODE", "offline")
    asked = ("--config", str(CONFIGS / "wandb.yaml"), *(("--wandb.unit_names", "true") if names else ()))
    assert fit("tabular", tmp_path / "run", *asked, *options(write_patients(tmp_path))) == 0
    (log,) = logs(tmp_path / "run")
    wait_for_the_end(log)
    run, config = opened(log)
    assert (run.host, run.display_name) == ("undisclosed", "cls_unbias/0")
    assert config["data"]["init_args"]["path"] == HIDDEN
    assert config["data"]["init_args"]["group"] == "patient"
    assert not any(str(tmp_path) in str(value) for value in (config, summary(log)))
    shown = table(log, rows(log)[-1]["predictions"])
    units = [row[1] for row in shown["data"]]
    assert [str(unit).startswith("PATIENT-") for unit in units] == [names] * len(units)
    written = pd.read_csv(tmp_path / "run" / "predictions.csv")
    assert units == list(written["unit"][written["split"] != "train"] if names else units)
    if not names:
        assert [written["split"][unit] for unit in units] == [row[0] for row in shown["data"]]


def check_bytes(there: Service, folder: Path) -> None:
    """Nothing that came says who a patient is, or whose machine sent it and where on it."""
    everything = b"\n".join(there.sent)
    assert b"probability of ill" in everything
    for secret in ("PATIENT-", str(folder), str(Path(__file__).parents[1]), sys.prefix, "jane-of-the-clinic"):
        assert secret.encode() not in everything, secret
    hosts = re.findall(rb'"host":\s*"([^"]*)"', everything)
    assert {*hosts} <= {b"undisclosed"}
    host = socket.gethostname().encode()
    if len(host) > 4:  # a shorter one may be part of any word
        assert host not in everything


@pytest.mark.slow
@pytest.mark.parametrize("mode", ["online", "offline"])
def test_every_byte_that_is_sent(mode: str, tmp_path: Path) -> None:
    """Of a run that is online, and of one that is sent by the command that is told, in a folder with a space."""
    person = {"USER": "jane-of-the-clinic", "LOGNAME": "jane-of-the-clinic"}
    with service() as there:
        environment = surroundings(mode, there.url, tmp_path) | person
        script = Path(sys.executable).parent / "clsunbias"
        start = [str(script)] if script.exists() else [sys.executable, "-m", "clsunbias"]
        command = [*start, "fit", "--config", str(CONFIGS / "tabular.yaml"), "--wandb", "true"]
        command += [*options(write_patients(tmp_path)), "--out", str(tmp_path / "first run")]
        done = subprocess.run(command, env=environment, check=False, capture_output=True, text=True, cwd=tmp_path)
        assert done.returncode == 0, done.stderr
        if mode == "offline":
            assert not there.sent
            (sync,) = re.findall(r"to send it: (.*)", done.stderr)
            environment |= {"WANDB_MODE": "online", "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}
            shell = ["sh", "-c", sync]
            sent = subprocess.run(shell, env=environment, check=False, cwd=tmp_path, capture_output=True, text=True)
            assert sent.returncode == 0, sent.stdout + sent.stderr
    check_bytes(there, tmp_path)


def test_places() -> None:
    """Paths from the root, out of the working folder or of a home, addresses; names of metrics are none."""
    kept = {"metric": "val/macro_f1", "path": "data/my_table.csv", "class": "I/II", "none": None, "lr": 1e-3}
    assert without_places(kept) == kept
    for place in ("/home/jane/x.csv", "~/x", "../../jane/x", "C:\\jane\\x", "file:///home/jane", "--a=/home/jane"):
        assert without_places({"a": [{"b": place}, Path("/home/jane")]}) == {"a": [{"b": HIDDEN}, HIDDEN]}


def test_a_runs_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Folders elsewhere have no part in it."""
    monkeypatch.chdir(tmp_path)
    assert run_name(Path("runs/retina/erm/1"), "erm", 1) == "erm/1"
    assert run_name(tmp_path / "runs" / "second", "erm", 1) == "runs/second"
    assert run_name(Path(os.sep, "home", "jane"), "erm", 1) == "erm/1"
