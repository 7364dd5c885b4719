"""What is worked out of a corpus once, and kept beside its features."""

from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
import numpy.typing as npt

from clsunbias.errors import InputError
from clsunbias.files import atomic
from clsunbias.terminal import note

Arrays = Mapping[str, npt.NDArray[np.generic]]


def kept(path: Path, work_out: Callable[[], Arrays]) -> Arrays:
    """Arrays from a file of an earlier run, or worked out and written to it.

    In a folder that cannot be written nothing is kept, so that a run on a shared corpus goes on.

    Raises:
        InputError: the file is there, and is not as it was written.
    """
    if path.is_file():
        try:
            with np.load(path, allow_pickle=False) as arrays:
                return {name: arrays[name] for name in arrays.files}
        except Exception as error:  # a damaged file makes the reader fail in any way at all
            raise InputError(f"{path} is not as it was written ({error or type(error).__name__}); delete it") from error
    found = work_out()
    try:
        with atomic(path) as temporary, temporary.open("wb") as file:
            np.savez_compressed(file, allow_pickle=False, **found)
    except OSError as error:
        note(f"{path} cannot be written ({error.strerror}), so that the next run works it out again")
    return found
