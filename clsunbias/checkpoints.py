"""Reading the weights of a checkpoint back into a model."""

import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from lightning.fabric.plugins import TorchCheckpointIO
from torch import Tensor, nn

from clsunbias.errors import InputError, listed
from clsunbias.experiments.running.run import FILES, read_record
from clsunbias.terminal import note

SHOWN = 5
"""Differing tensors that an error names."""


def selected_weights(run_or_checkpoint: Path) -> Path:
    """The checkpoint that a path means: that of the selected weights if it is the folder of a run, else itself.

    Raises:
        InputError: it is that of a finished run, and not as the run left it.
    """
    path = run_or_checkpoint.expanduser()
    path = path / FILES["selected"] if path.is_dir() else path
    run = path.parent.parent
    if path.name == Path(FILES["selected"]).name and (run / "result.json").is_file():
        read_record(run)[0].file("selected")
    return path


class ReadBefore(TorchCheckpointIO):
    """Hands Lightning a checkpoint that has been read and checked, once; its memory is free then.

    Args:
        checkpoint: its content.
    """

    def __init__(self, checkpoint: dict[str, Any]) -> None:
        self.checkpoint: dict[str, Any] | None = checkpoint

    def load_checkpoint(self, path: Any, *args: Any, **kwargs: Any) -> dict[str, Any]:
        checkpoint, self.checkpoint = self.checkpoint, None
        return super().load_checkpoint(path, *args, **kwargs) if checkpoint is None else checkpoint


def load_weights(model: nn.Module, path: Path, fresh: Sequence[str] = ()) -> dict[str, Any]:
    """Loads a checkpoint's weights, and nothing else of it, into a model; returns all that it holds.

    Args:
        model: a model of the same structure.
        path: a checkpoint that ``fit`` wrote; read with ``weights_only=True``, so that it cannot run code.
        fresh: dotted names of the model's parts that keep the weights they have, whatever the checkpoint holds.

    Raises:
        InputError: no such file, no checkpoint, or the checkpoint of another model.
    """
    checkpoint = read_checkpoint(path)
    weights: dict[str, Tensor] = checkpoint["state_dict"]
    fresh = (*fresh, "objective")  # what it has come to in training is of use to that training alone
    kept = {name: value for name, value in model.state_dict().items() if is_part_of(name, fresh)}
    weights = {name: value for name, value in weights.items() if not is_part_of(name, fresh)} | kept
    found = {name: tuple(value.shape) for name, value in weights.items()}
    expected = {name: tuple(value.shape) for name, value in model.state_dict().items()}
    differing = [name for name in sorted(expected | found) if expected.get(name) != found.get(name)]
    if differing:
        shown = "; ".join(
            f"{name} is {found.get(name, 'absent')} there and {expected.get(name, 'absent')} here"
            for name in differing[:SHOWN]
        )
        more = f"; and {len(differing) - SHOWN} more" if len(differing) > SHOWN else ""
        raise InputError(
            f"{path} is the checkpoint of another model: {shown}{more}; give the config it was trained with "
            "(--init_from can leave parts alone: --fresh head)"
        )
    wrong = [name for name, value in weights.items() if not bool(value.isfinite().all())]
    if wrong:
        raise InputError(f"{path} holds weights that are no finite numbers ({listed(wrong)}); give another checkpoint")
    model.load_state_dict(weights)
    return checkpoint


def is_part_of(name: str, parts: Sequence[str]) -> bool:
    """Whether a tensor belongs to one of some parts."""
    return any(name.startswith(f"{part}.") for part in parts)


def check_resumable(path: Path, checkpoint: Mapping[str, Any]) -> None:
    """Raises InputError if a checkpoint holds weights alone, so that training cannot go on from it."""
    if "optimizer_states" not in checkpoint:
        raise InputError(
            f"{path} holds weights alone, without the state of a training to go on with; start a new one from them "
            f"with --init_from {path}"
        )


def read_if_whole(path: Path) -> dict[str, Any] | None:
    """A checkpoint to go on from, if there is one; of one that was cut off it is said that it is of no use."""
    try:
        return read_checkpoint(path) if path.is_file() else None
    except InputError as error:
        note(f"{error}; starting anew")
        return None


def read_checkpoint(path: Path) -> dict[str, Any]:
    """A checkpoint's content; raises InputError if there is none, or it cannot be read."""
    if not path.is_file():
        raise InputError(f"there is no checkpoint {path}; give that of a finished run, or train first")
    try:
        check_sums(path)
        checkpoint = dict(torch.load(path, map_location="cpu", weights_only=True))
    except Exception as error:  # a file of another kind makes the reader fail in any way at all
        raise InputError(f"{path} is not a checkpoint that can be read: {error or type(error).__name__}") from error
    weights = checkpoint.get("state_dict")
    if not isinstance(weights, dict) or not all(
        isinstance(name, str) and isinstance(value, Tensor) for name, value in weights.items()
    ):
        raise InputError(f"{path} is not a checkpoint that can be read: it has no weights under 'state_dict'")
    if odd := [name for name, value in weights.items() if value.layout is not torch.strided or value.is_quantized]:
        raise InputError(f"{path} is not a checkpoint that can be read: {odd[0]} is no plain tensor, as weights are")
    return checkpoint


def check_sums(path: Path) -> None:
    """Raises InputError if a part of a checkpoint is not what was written, which torch reads without a word."""
    if zipfile.is_zipfile(path):
        with zipfile.ZipFile(path) as archive:
            if damaged := archive.testzip():
                raise InputError(f"{damaged} in it is damaged (it does not fit its checksum)")
