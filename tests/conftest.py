"""Fixtures that several test files share."""

import hashlib
import os
from collections.abc import Iterator
from pathlib import Path

os.environ["OMP_NUM_THREADS"] = "1"  # before torch is imported: a test per core, not a thread per core and test

import medmnist
import numpy as np
import pytest
import soundfile
import torch

from clsunbias.__main__ import main
from tests.fakes import SIZES, write_medmnist
from tests.speech_trees import write_lines

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


SPEAKERS = {"daic_woz": 12, "modma": 10, "adress": 14}
"""Of the made-up corpora, who speak 14 s each on average."""


def write_vowels(raw: Path) -> None:
    """Fourteen files in the layout of VOICED, every other speaker healthy and the others hoarse."""
    random = np.random.default_rng(0)
    lines = ["speaker_id,wav,label,diagnosis_info"]
    for number in range(14):
        time = np.arange(8000 + 2000 * (number % 3)) / 8000
        vowel = np.sin(2 * np.pi * random.uniform(100, 200) * np.arange(1, 8)[:, None] * time).mean(0)
        soundfile.write(raw / f"{number}.wav", 0.3 * vowel + 0.1 * (number % 2) * random.normal(size=len(time)), 8000)
        lines.append(f"voice{number:03d},{number}.wav,{number % 2},")
    write_lines(raw / "labels.csv", lines)


@pytest.fixture(scope="session")
def speech_root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data root with every speech corpus, tiny and made up, by the commands that make and prepare it."""
    root = tmp_path_factory.mktemp("speech")
    for corpus, speakers in SPEAKERS.items():
        options = ["--speakers", str(speakers), "--hours", str(speakers * 14 / 3600)]
        assert main(["simulate", corpus, "--out", str(root / "raw" / corpus), *options]) == 0
    (root / "raw" / "voiced").mkdir()
    write_vowels(root / "raw" / "voiced")
    for corpus in (*SPEAKERS, "voiced"):
        assert main(["prepare", corpus, "--raw", str(root / "raw" / corpus), "--out", str(root / corpus)]) == 0
    return root
