"""Where decoded images are kept: in memory or, if they are many, in a file that is mapped and kept for the next run."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from clsunbias.data.image_files import Decoder, decode, hashes
from clsunbias.data_paths import cache_folder
from clsunbias.errors import InputError, listed
from clsunbias.files import atomic, check_memory, read_json, write_json, writing

LEFT = 1.1
"""Memory that holding images takes, as a multiple of their bytes."""


@dataclass(frozen=True)
class Stored:
    """Decoded images.

    Attributes:
        pixels: uint8 ``(N, channels, size, size)``.
        faults: what is wrong with files that could not be read, by their place; their pixels are 0.
        digest: hash of the files' contents and of how they were decoded.
    """

    pixels: Tensor
    faults: dict[int, str]
    digest: str


def store(files: Sequence[Path], decoder: Decoder, memory: int) -> Stored:
    """Decodes files.

    Args:
        files: N files.
        decoder: of each.
        memory: bytes of images up to which they are held in memory; more are written to a file below
            :func:`~clsunbias.data_paths.cache_folder`, whose name is their hash, and mapped.

    Raises:
        InputError: they are to be held in memory, and are more than the machine's.
    """
    shape = (len(files), decoder.channels, decoder.size, decoder.size)
    needed = int(np.prod(shape))
    if needed <= memory:
        try:
            check_memory(int(LEFT * needed), f"{len(files)} images of {decoder.size}×{decoder.size}")
        except InputError as error:
            raise InputError(f"{error}; a smaller data.memory keeps them in a file instead") from None
    digest = decoder.digest(hashes(files))
    if needed <= memory:
        pixels = np.empty(shape, np.uint8)
        faults = decode(files, decoder, pixels)
        return Stored(torch.from_numpy(pixels), faults, digest)
    path = cache_folder() / "images" / f"{digest}.bytes"
    about = path.with_suffix(".json")
    if not (path.is_file() and path.stat().st_size == needed and about.is_file()):
        with writing(path, "give another folder in $CLSUNBIAS_CACHE"):
            with atomic(path) as temporary:
                mapped = np.memmap(temporary, np.uint8, "w+", shape=shape)
                faults = decode(files, decoder, mapped)
                mapped.flush()
            write_json(about, {str(at): fault for at, fault in faults.items()})
    faults = {int(at): fault for at, fault in read_json(about).items()}
    pixels_of = torch.from_file(str(path), shared=False, size=needed, dtype=torch.uint8)
    return Stored(pixels_of.view(shape), faults, digest)


def say_faults(faults: dict[int, str], names: Sequence[str], where: Path) -> str:
    """All files that cannot be read, each with its reason, fifty of them at most."""
    shown = listed((f"{names[at]} ({fault})" for at, fault in sorted(faults.items())), 50)
    return f"{where}: {len(faults)} of {len(names)} images cannot be read: {shown}"
