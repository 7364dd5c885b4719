"""Fixtures that several test files share."""

import hashlib
import os
from collections.abc import Iterator
from pathlib import Path

os.environ["OMP_NUM_THREADS"] = "1"  # before torch is imported: a test per core, not a thread per core and test

import medmnist
import pytest
import torch

from tests.fakes import SIZES, write_medmnist

torch.set_num_threads(1)


def official_folder() -> Path | None:
    """$CLSUNBIAS_DATA, else ``data``, if it holds both official files."""
    folder = Path(os.environ.get("CLSUNBIAS_DATA") or Path(__file__).parents[1] / "data").resolve()
    for flag in SIZES:
        path = folder / f"{flag}.npz"
        if not path.is_file():
            return None
        if hashlib.md5(path.read_bytes(), usedforsecurity=False).hexdigest() != medmnist.INFO[flag]["MD5"]:
            return None
    return folder


@pytest.fixture
def official_root() -> Path:
    """The folder of the official files; without them the test is skipped."""
    folder = official_folder()
    if folder is None:
        pytest.skip("the official BreastMNIST and RetinaMNIST files are not here")
    return folder


@pytest.fixture(scope="session")
def medmnist_root(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A folder that passes for the official one: the real files if they are here, else fakes whose md5 is accepted."""
    folder = official_folder()
    if folder is not None:
        yield folder
        return
    folder = tmp_path_factory.mktemp("medmnist")
    with pytest.MonkeyPatch.context() as patch:
        for flag, sizes in SIZES.items():
            patch.setitem(medmnist.INFO[flag], "MD5", write_medmnist(folder, flag, sizes))
        yield folder
