"""Trying inputs and faults in a process that has imported and made beforehand what they need."""

import importlib
import json
import os
import shutil
import sys
import tempfile
from collections import Counter
from collections.abc import Collection
from contextlib import redirect_stderr, redirect_stdout
from io import StringIO
from pathlib import Path
from typing import NamedTuple

import torch
from hypothesis import HealthCheck, Phase, given, seed, settings
from joblib.externals.loky.backend.context import set_start_method

from tests.fuzz import bases, caches
from tests.fuzz.cases import Case, save_case, saved_case, try_case
from tests.fuzz.children import Outcome, attempt
from tests.fuzz.faults import trial
from tests.fuzz.kinds import KINDS
from tests.fuzz.works import undisturbed

WARM = (
    *(f"clsunbias.commands.{name}" for name in ("fit", "export", "report", "reproduce", "prepare")),
    *(f"clsunbias.experiments.{name}" for name in ("report.html.page", "outputs", "running.executor")),
    *(f"sklearn.{name}" for name in ("impute", "pipeline", "preprocessing", "model_selection")),
    *("librosa", "onnx", "onnxruntime", "onnxscript"),
)
"""Modules that a command imports when it needs them."""


class Failure(NamedTuple):
    """What went wrong: its kind, the folder that tells how to do it again, and what came of it."""

    kind: str
    folder: Path
    said: str


class Found(NamedTuple):
    """How many of each kind came out how, and what went wrong."""

    counts: Counter[tuple[str, str]]
    failures: list[Failure]


def warm_up(works: Collection[str] = ()) -> None:
    """Imports what children need, and makes the files that they start from, once.

    Args:
        works: commands that are to be disturbed.
    """
    sys.dont_write_bytecode = True
    torch.set_num_threads(1)
    os.environ["WANDB_MODE"] = "disabled"
    for module in WARM:
        importlib.import_module(module)
    # A child whose Lightning starts processes would start this command again: let it start nothing.
    sys.argv, sys.modules["__main__"].__spec__ = ["-c"], None
    set_start_method("fork", force=True)  # of the suite's own workers, which need not import everything again
    with redirect_stdout(StringIO()), redirect_stderr(StringIO()):
        bases.finished_runs()
        bases.half_run()
        caches.prepared_features()
        for work in works:
            undisturbed(work)


def try_inputs(kind: str, count: int, number: int, out: Path) -> Found:
    """Tries inputs of a kind, drawn by a seed; those that go wrong are kept in a folder."""
    found = Found(Counter(), [])
    parent = Path(tempfile.mkdtemp(prefix="fuzz-"))

    @seed(number)
    @settings(
        max_examples=count,
        phases=[Phase.generate],
        database=None,
        deadline=None,
        suppress_health_check=list(HealthCheck),
    )
    @given(KINDS[kind].cases())
    def run(case: Case) -> None:
        outcome, folder = try_case(KINDS[kind], case, parent)
        found.counts[kind, outcome.how] += 1
        if outcome.how == "wrong":
            kept = out / f"{kind}-{number}-{found.counts.total()}"
            shutil.rmtree(kept, ignore_errors=True)
            save_case(kind, case, outcome, kept)
            found.failures.append(Failure(f"{kind} ({', '.join(case.changes)})", kept, outcome.said))
        shutil.rmtree(folder, ignore_errors=True)

    try:
        run()
    finally:
        shutil.rmtree(parent, ignore_errors=True)
    return found


def try_fault(work: str, fault: str, number: int, out: Path) -> Found:
    """Disturbs a command in a new folder, which is kept if that goes wrong."""
    outcome, folder = in_folder(work, fault, number, out)
    if outcome.how != "wrong":
        shutil.rmtree(folder, ignore_errors=True)
        return Found(Counter({(fault, outcome.how): 1}), [])
    kept = out / f"{fault}-{work}-{number}".replace(" ", "-")
    shutil.rmtree(kept, ignore_errors=True)
    folder.rename(kept)
    (kept / "said.txt").write_text(f"{outcome.said}\n")
    (kept / "fault.json").write_text(json.dumps([work, fault, number]))
    return Found(Counter({(fault, "wrong"): 1}), [Failure(f"{fault}, {work}", kept, outcome.said)])


def in_folder(work: str, fault: str, number: int, out: Path) -> tuple[Outcome, Path]:
    """What comes of a fault, and the folder in which it was tried."""
    out.mkdir(parents=True, exist_ok=True)
    folder = Path(tempfile.mkdtemp(dir=out))

    def disturb() -> str:
        os.chdir(folder)
        os.environ["TMPDIR"] = tempfile.tempdir = str(folder)
        return trial(work, fault, number)

    return attempt(disturb, folder, seconds=900, megabytes=2000), folder


def try_again(kept: Path, out: Path) -> Outcome:
    """Tries once more what went wrong, and leaves its new folder to be looked at."""
    out.mkdir(parents=True, exist_ok=True)
    if (kept / "fault.json").is_file():
        work, fault, number = json.loads((kept / "fault.json").read_text())
        warm_up([work])
        outcome, folder = in_folder(work, fault, number, out)
        print(f"{fault}, {work}; in {folder}")
        return outcome
    warm_up()
    kind, case = saved_case(kept)
    outcome, folder = try_case(KINDS[kind], case, out)
    print(f"{kind}: {', '.join(case.changes)}; in {folder}")
    return outcome
