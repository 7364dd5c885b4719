"""Opening a run of W&B, online or offline, so that a run that goes on is one there."""

import json
import os
import secrets
import socket
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit
from urllib.request import getproxies

from clsunbias.dashboards.transaction_logs import mend, rows
from clsunbias.files import write_json
from clsunbias.privacy import run_name
from clsunbias.terminal import note

if TYPE_CHECKING:
    import wandb

    from clsunbias.dashboards.logger import Wandb

TIMEOUT = 10.0
"""Seconds that the service may take to accept a run, and again to take its last figures, before a run ends without."""

SYNC = "WANDB_PROGRAM=clsunbias wandb sync"
"""The command that sends what is offline, and not where on this machine its own program lies."""

STEP = "trainer/global_step"
"""The axis of all curves: optimiser steps done."""


def open_run(out: Path, shown: "Wandb", config: Mapping[str, Any], config_sha256: str) -> "tuple[wandb.Run, int]":
    """Opens a run, or the one that an interrupted process has begun; offline where online is not possible.

    Returns:
        The run, and the last step that it has from before, −1 if none: logged again, a step would be there twice.
    """
    if "wandb" not in sys.modules:  # a process that started this one may have a service, in which runs outlive us
        os.environ.pop("WANDB_SERVICE", None)
    import wandb  # takes a second, which a run without it saves

    # Its own lines would come between those of the run's progress.
    settings = wandb.setup(settings=wandb.Settings(silent=True)).settings
    folder = out / "wandb"
    folder.mkdir(parents=True, exist_ok=True)
    in_sweep = "WANDB_SWEEP_ID" in os.environ  # whose agent says which run this is, and of what project
    run_id = (in_sweep and os.environ.get("WANDB_RUN_ID")) or stored_id(folder / "run.json", config_sha256, shown.group)
    about: dict[str, Any] = {
        "dir": out,
        "group": shown.group,
        "tags": [tag[:64] for tag in dict.fromkeys(shown.tags)],  # the service takes no longer ones
        "name": run_name(out, config["objective"], config["seed_everything"]),
        "job_type": "search" if config.get("withhold_test") else "run",
        "config": dict(config),
    }
    if not in_sweep:
        about |= {"id": run_id, "project": shown.project or os.environ.get("WANDB_PROJECT") or "clsunbias"}
    earlier = list(folder.glob(f"*run-*-{run_id}/run-{run_id}.wandb"))
    mode = os.environ.get("WANDB_MODE") or settings.mode
    if mode in {"online", "run"}:
        if run := open_online(about, settings.base_url):
            for log in earlier:  # the service gets these rows now; sent another time they would be there twice
                log.with_name(f"{log.name}.synced").touch()
            return run, run.starting_step - 1
        mode = "offline"
    logged = max((int(row["_step"]) for log in earlier if mend(log) for row in rows(log)), default=-1)
    return init(mode, about), logged


def init(mode: Any, about: Mapping[str, Any]) -> "wandb.Run":
    """A run whose curves are over optimiser steps, and which gets what we log and nothing else."""
    import wandb

    settings = wandb.Settings(
        silent=True,
        console="off",  # it would take over what the process prints
        init_timeout=TIMEOUT,
        finish_timeout=TIMEOUT,
        finish_timeout_raises=True,
        save_code=False,
        disable_git=True,
        host="undisclosed",  # the machine, its name and whose it is are nobody's business
        program="clsunbias",
        x_disable_meta=True,
        x_disable_machine_info=True,
        x_disable_stats=True,
        x_transaction_log_flush_interval=1.0,  # a second is what a killed process loses
        x_save_requirements=False,  # result.json has the versions that matter
    )
    # create_new: a worker process has many runs, and must not take one for another
    run = wandb.init(mode=mode, resume="allow", reinit="create_new", settings=settings, **about)
    run.define_metric(STEP)
    run.define_metric("*", step_metric=STEP)
    return run


def open_online(about: Mapping[str, Any], url: str) -> "wandb.Run | None":
    """A run of the service at a URL; where that is not possible it says why, and there is none."""
    import wandb

    if not (problem := offline_because(url)):
        try:
            return init("online", about)
        except Exception as error:  # of the service or the network, of which wandb has many kinds
            problem = f"{error}".splitlines()[0]
            wandb.teardown()  # it would go on trying, and keep the run's id for itself
    note(f"W&B goes on offline: {problem}")
    return None


def stored_id(path: Path, config_sha256: str, group: str | None) -> str:
    """The id that an interrupted run of the same config has left in its folder, else a new one, left there.

    It is no hash of folder and config: a run that is deleted and done again must not go on in the old one, nor one in
    the same folder of another machine.
    """
    if path.exists() and (found := json.loads(path.read_text()))["config_sha256"] == config_sha256:
        return str(found["id"])
    run_id = secrets.token_hex(5)
    write_json(path, {"id": run_id, "group": group, "config_sha256": config_sha256})
    return run_id


def offline_because(url: str) -> str:
    """Why there is no use in trying to reach the service; nothing if there is."""
    import wandb

    if not wandb.login(prompt=False, verify=False):
        return "there is no login (wandb login)"
    parts = urlsplit(url)
    if parts.scheme in getproxies():
        return ""  # what is behind a proxy cannot be told from here
    try:
        socket.create_connection((parts.hostname, parts.port or {"http": 80}.get(parts.scheme, 443)), 2).close()
    except OSError as error:
        return f"{url} cannot be reached ({error})"
    return ""
