"""What is worked out of a corpus once, and kept beside its features."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt

from clsunbias.errors import InputError
from clsunbias.files import atomic
from clsunbias.terminal import note

Arrays = Mapping[str, npt.NDArray[Any]]
Read = TypeVar("Read")


def kept(path: Path, work_out: Callable[[], Arrays], read: Callable[[Arrays], Read]) -> Read:
    """What is read of arrays from a file of an earlier run, or of those worked out and written to it.

    In a folder that cannot be written nothing is kept, so that a run on a shared corpus goes on.

    Args:
        path: of the file.
        work_out: makes the arrays.
        read: makes what is wanted of them; it fails with arrays that are none of ``work_out``'s.

    Raises:
        InputError: the file is there, and is not as it was written.
    """
    if path.is_file():
        try:
            with np.load(path, allow_pickle=False) as arrays:
                return read(arrays)
        except Exception as error:  # a damaged file makes the reader fail in any way at all
            raise InputError(f"{path} is not as it was written ({error or type(error).__name__}); delete it") from error
    found = work_out()
    try:
        with atomic(path) as temporary, temporary.open("wb") as file:
            np.savez_compressed(file, allow_pickle=False, **found)
    except OSError as error:
        note(f"{path} cannot be written ({error.strerror}), so that the next run works it out again")
    return read(found)
