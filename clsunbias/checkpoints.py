"""Reading the weights of a checkpoint back into a model."""

from pathlib import Path

import torch
from torch import nn

from clsunbias.errors import InputError


def load_weights(model: nn.Module, path: Path) -> None:
    """Loads a checkpoint's weights, and nothing else of it, into a model.

    Args:
        model: a model of the same structure.
        path: a checkpoint that ``fit`` wrote; read with ``weights_only=True``, so that it cannot run code.

    Raises:
        InputError: no such file, no checkpoint, or the checkpoint of another model.
    """
    if not path.is_file():
        raise InputError(f"there is no checkpoint {path}; give one with --ckpt_path, or train first")
    try:
        weights = dict(torch.load(path, map_location="cpu", weights_only=True)["state_dict"])
        found = {name: tuple(value.shape) for name, value in weights.items()}
    except Exception as error:  # a file of another kind makes the reader fail in any way at all
        raise InputError(f"{path} is not a checkpoint that can be read: {error}") from error
    expected = {name: tuple(value.shape) for name, value in model.state_dict().items()}
    for name in sorted(expected | found):
        if expected.get(name) != found.get(name):
            raise InputError(
                f"{path} is the checkpoint of another model: {name} has shape {found.get(name, 'none')} there and "
                f"{expected.get(name, 'none')} here; give the config it was trained with"
            )
    model.load_state_dict(weights)
