"""Checkpoints, and a run that goes on from one."""

import copy
import io
import pickle
import tarfile
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import torch
from hypothesis import strategies as st
from torch import nn

from clsunbias.checkpoints import load_weights
from tests.fuzz.bases import finished_runs, half_run
from tests.fuzz.cases import Case, Expected, command
from tests.fuzz.images import Touch, zipped
from tests.fuzz.spoiling import ODD, spoilt_bytes, spoilt_tree


@cache
def weights() -> dict[str, Any]:
    """A checkpoint of a layer large enough that a fault is likely to hit its numbers."""
    model = nn.Linear(64, 32)
    return {"state_dict": {f"network.{name}": value for name, value in model.state_dict().items()}, "global_step": 41}


@st.composite
def checkpoint_cases(draw: st.DrawFn) -> Case:
    """Weights that stand alone, with no record to tie them to."""
    whole = copy.deepcopy(weights())
    content = saved(whole)
    name = draw(st.sampled_from(["bytes", "tree", "tensor", *CHECKPOINTS]))
    if name == "bytes":
        spoilt, name = draw(spoilt_bytes(content))
        return Case({"it.ckpt": spoilt}, [name], "either", ["it.ckpt"])
    if name in CHECKPOINTS:
        expected, make = CHECKPOINTS[name]
        return Case({"it.ckpt": make(whole)}, [name], expected, ["it.ckpt"])
    if name == "tensor":
        key = draw(st.sampled_from(sorted(whole["state_dict"])))
        value = whole["state_dict"][key]
        tensors = (
            *ODD,
            value.double(),
            value.long(),
            value * float("nan"),
            value.to_sparse(),
            value[..., :1],
            value.bool(),
        )
        place = draw(st.integers(0, len(tensors) - 1))
        whole["state_dict"][key] = tensors[place]
        return Case({"it.ckpt": saved(whole)}, [f"{key} is {tensors[place]!r:.60}"], "either", ["it.ckpt"])
    tree, name, _ = draw(spoilt_tree(whole))
    return Case({"it.ckpt": saved(tree)}, [name], "either", ["it.ckpt"])


def saved(content: Any, **options: Any) -> bytes:
    """What torch writes."""
    file = io.BytesIO()
    torch.save(content, file, **options)
    return file.getvalue()


def packed(content: bytes) -> bytes:
    """A tar file of it."""
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w") as archive:
        about = tarfile.TarInfo("it.ckpt")
        about.size = len(content)
        archive.addfile(about, io.BytesIO(content))
    return file.getvalue()


CHECKPOINTS: dict[str, tuple[Expected, Callable[[Any], bytes]]] = {
    "as it should be": ("right", saved),
    "the older format": ("right", lambda whole: saved(whole, _use_new_zipfile_serialization=False)),
    "code in it": ("refused", lambda whole: saved({**whole, "more": Touch()})),
    "code alone": ("refused", lambda whole: pickle.dumps(Touch())),
    "a whole model": ("refused", lambda whole: saved(nn.Linear(2, 1))),
    "weights alone": ("refused", lambda whole: saved(whole["state_dict"])),
    "a list": ("refused", lambda whole: saved([1, 2])),
    "pairs": ("either", lambda whole: saved(list(whole.items()))),
    "a tensor": ("refused", lambda whole: saved(torch.zeros(3))),
    "in a tar file": ("refused", lambda whole: packed(saved(whole))),
    "a zip file of something else": ("refused", lambda whole: zipped({"a": b"b"})),
    "names that are numbers": ("refused", lambda whole: saved({"state_dict": {1: torch.zeros(1)}})),
    "zeros to no end": ("refused", lambda whole: zipped({"it/data.pkl": bytes(500_000_000)})),
}


def read_checkpoint(case: Case) -> str:
    """Loads weights; they are those of the file that was saved, unless the values in it were changed."""
    model = nn.Module()
    model.network = nn.Linear(64, 32)
    clean = weights()["state_dict"]
    load_weights(model, Path("it.ckpt"))
    if Path("pwned").exists():
        return "it ran code"
    if not all(value.isfinite().all() for value in model.state_dict().values()):
        return "weights that are no finite numbers were taken"
    same = all(torch.equal(value, clean[name]) for name, value in model.state_dict().items())
    given = any(change.startswith(("network.", "state_dict")) for change in case.changes)
    return "" if same or given else "other weights than were saved"


@st.composite
def resume_cases(draw: st.DrawFn) -> Case:
    """A run that was interrupted, with one of its files spoilt."""
    files, last = dict(half_run()), "run/checkpoints/last.ckpt"
    if draw(st.booleans()):
        tree, change, _ = draw(spoilt_tree(torch.load(io.BytesIO(files[last]), weights_only=True)))
        name, files[last] = last, saved(tree)
    else:
        name = draw(st.sampled_from([last, last, "run/config.yaml", "run/metrics.csv"]))
        files[name], change = draw(spoilt_bytes(files[name]))
    return Case(files, [f"{name}: {change}"], "either", ["last.ckpt", "run"])


def read_resume(case: Case) -> str:
    """The same command goes on, or starts anew, and ends as a run that was not disturbed."""
    command("fit", "--config", "toy.yaml", "--seed_everything", "1", "--out", "run", "--save_every", "0")
    clean = finished_runs()["runs/a/predictions.csv"]
    return "" if Path("run/predictions.csv").read_bytes() == clean else "its predictions are not those of the whole run"
