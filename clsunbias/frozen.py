"""Features of a frozen backbone: computed once before training, and kept for the next run."""

import hashlib
from collections.abc import Iterator

import numpy as np
import torch
from lightning.pytorch.utilities import rank_zero_only
from torch import Tensor, nn

from clsunbias.data.base import DataModule
from clsunbias.data.pixels import Pixels
from clsunbias.data.split import Split
from clsunbias.data_paths import cache_folder
from clsunbias.files import atomic, writing
from clsunbias.module import Classifier
from clsunbias.terminal import note


def use_features(model: Classifier, data: DataModule, device: torch.device) -> None:
    """Lets the head of a model with a frozen backbone train on features computed here, if that is the same.

    It is where the network has a method ``features`` of which its head makes logits, and inputs are not augmented.

    Args:
        model: whose part ``backbone`` is frozen.
        data: with its splits loaded.
        device: where the features are computed.
    """
    features = getattr(model.network, "features", None)
    if not callable(features) or getattr(data, "augment", None):
        return
    for split in data.splits.values():
        split.features = kept(model.network, split, data.evaluation_rows, device)
    model.reads_features = True


def kept(network: nn.Module, split: Split, together: int, device: torch.device) -> Tensor:
    """Features float32 ``(N, D)`` of a split's rows, from the file of an earlier run or computed and written to one.

    The file's name is the hash of backbone and rows; one that cannot be read is written anew.
    """
    path = cache_folder() / "features" / f"{digest(network.get_submodule('backbone'), split, together)}.npy"
    try:
        found = torch.from_numpy(np.load(path))
        if len(found) == len(split):
            say(f"features of {len(split)} rows are taken from {path}")
            return found
    except (OSError, ValueError, EOFError):
        pass  # there is none yet, or it was cut off
    made = computed(network, split, together, device)
    elsewhere = "give another folder in $CLSUNBIAS_CACHE"
    with writing(path, elsewhere), atomic(path) as temporary, temporary.open("wb") as file:
        np.save(file, made.numpy(), allow_pickle=False)
    say(f"features of {len(split)} rows are computed once, and kept in {path}")
    return made


@rank_zero_only
def say(text: str) -> None:
    """Prints it, once for all processes."""
    note(text)


def digest(backbone: nn.Module, split: Split, together: int) -> str:
    """Hash of a backbone, its weights and the rows of a split."""
    found = hashlib.sha256(repr(backbone).encode())
    for name, value in backbone.state_dict().items():
        found.update(name.encode())
        found.update(value.detach().cpu().contiguous().numpy().tobytes())
    for rows in parts(split, together):
        x = split.x.as_bytes()[rows] if isinstance(split.x, Pixels) else split.x[rows]
        found.update(x.contiguous().numpy().tobytes())
    return found.hexdigest()


def computed(network: nn.Module, split: Split, together: int, device: torch.device) -> Tensor:
    """Features of a split's rows; the network, whose frozen backbone is in evaluation mode, is left where it was."""
    home = next(network.parameters()).device
    network.to(device)
    with torch.no_grad():
        made = [network.features(split.x[rows].to(device)).float().cpu() for rows in parts(split, together)]  # type: ignore[operator]
    network.to(home)
    return torch.cat(made)


def parts(split: Split, together: int) -> Iterator[Tensor]:
    """Numbers of the rows, some at a time."""
    yield from torch.split(torch.arange(len(split)), together)
