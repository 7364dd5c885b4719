"""Fixtures that several test files share."""

import hashlib
import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

os.environ["OMP_NUM_THREADS"] = "1"  # before torch is imported: a test per core, not a thread per core and test

import medmnist
import numpy as np
import pytest
import soundfile
import torch

from clsunbias.__main__ import main
from tests.browser import Page, open_page
from tests.fakes import SIZES, write_medmnist
from tests.pages import TOY_COLUMN
from tests.records import RETINA, retina_labels, write_made_up_grid
from tests.records import SPEAKERS as UNITS
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


def write_vowels(raw: Path, speakers: int = 14) -> None:
    """Files in the layout of VOICED, every other speaker healthy and the others hoarse."""
    random = np.random.default_rng(0)
    ill = ("hyperkinetic dysphonia", "hypokinetic dysphonia", "reflux laryngitis")
    lines = ["speaker_id,wav,label,diagnosis_info,diagnosis_hea,sex_info,age_info,VHI,RSI"]
    for number in range(speakers):
        time = np.arange(8000 + 2000 * (number % 3)) / 8000
        vowel = np.sin(2 * np.pi * random.uniform(100, 200) * np.arange(1, 8)[:, None] * time).mean(0)
        soundfile.write(raw / f"{number}.wav", 0.3 * vowel + 0.1 * (number % 2) * random.normal(size=len(time)), 8000)
        diagnosis = ill[number // 2 % 3] if number % 2 else "healthy"
        about = f"{'fm'[number // 2 % 2]},{20 + number},{number % 11},{number % 7}"
        lines.append(f"voice{number:03d},{number}.wav,{number % 2},,{diagnosis},{about}")
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
    (root / "raw" / "voiced_diagnoses").mkdir()
    write_vowels(root / "raw" / "voiced_diagnoses", 48)
    raw, out = str(root / "raw" / "voiced_diagnoses"), str(root / "voiced_diagnoses")
    assert main(["prepare", "voiced", "--classes", "diagnoses", "--raw", raw, "--out", out]) == 0
    return root


@pytest.fixture(scope="session")
def page_folder(tmp_path_factory: pytest.TempPathFactory, medmnist_root: Path) -> Path:
    """Made-up runs on real and on simulated data, under two protocols, and their page, ``page.html``."""
    folder = tmp_path_factory.mktemp("page")
    columns = {"retina": {**RETINA, "configs": {"paper": "retina.yaml", "more": "retina.yaml"}}, "toy": TOY_COLUMN}
    more = {"label": "more seeds", "seeds": 3, "first_seed": 5}
    labels = {"retina": retina_labels(medmnist_root), "toy": UNITS}
    grid = write_made_up_grid(folder, columns, labels, protocols={"more": more})
    options = ["--grid", str(grid), "--data-root", str(medmnist_root)]
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CLSUNBIAS_DATA", "")  # the option sets it: put back afterwards
        assert main(["report", str(folder / "out"), "--html", str(folder / "page.html"), *options]) == 0
    return folder


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    """A Chromium for all tests of a file; without one, or without Playwright, they are skipped."""
    sync_api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    found = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    if found is None:
        pytest.skip("there is no Chromium here")
    options = ("--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update")
    with sync_api.sync_playwright() as playwright:
        made = playwright.chromium.launch(executable_path=found, args=options)
        yield made
        made.close()


@pytest.fixture
def page(browser: Any, page_folder: Path) -> Iterator[Page]:
    """The page on a desktop; whatever a test does, it complains of nothing and asks for nothing."""
    made, complaints = open_page(browser, page_folder / "page.html", viewport={"width": 1280, "height": 900})
    yield made
    assert complaints == []
    made.context.close()
