"""``clsunbias audit`` of runs on images and on speech, tiny ones, through the front door; and of data that are gone."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from clsunbias.__main__ import main
from tests.conftest import write_vowels
from tests.test_audit import fitted


def write_marked(folder: Path, each: int = 90) -> None:
    """Noisy grey images of two classes; of the well ones all, of the ill ones half have a bright mark on the left."""
    random = np.random.default_rng(0)
    for label, name in enumerate(("well", "ill")):
        (folder / name).mkdir(parents=True)
        for number in range(each):
            pixels = random.normal(100, 20, (28, 28))
            if label == 0 or number % 2:
                pixels[8:13, 1:6] += 90
            Image.fromarray(pixels.clip(0, 255).astype(np.uint8)).save(folder / name / f"{number:03d}.png")


@pytest.fixture(scope="module")
def images(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run on marked images."""
    folder = tmp_path_factory.mktemp("marked")
    write_marked(folder / "mine")
    options = ["--config", "objectives/erm.yaml", "--data.root", str(folder), "--data.path", "mine"]
    options += ["--data.size", "28", "--data.channels", "1", "--model.network.channels", "1"]
    fitted("image_folder", folder / "run", *options, "--data.classes", '["well","ill"]', "--trainer.max_epochs", "25")
    return folder


def test_images_are_audited_place_by_place(images: Path, capsys: Any) -> None:
    """The mark is found where it is; a map of either class, bands, diagnostics; no patient's name on the page."""
    capsys.readouterr()
    out = images / "out"
    assert main(["audit", str(images / "run"), "--split", "train", "--out", str(out)]) == 0
    assert "image" in capsys.readouterr().out
    parts: Any = pd.read_csv(out / "parts.csv")
    assert set(parts["kind"]) == {"place", "band"}
    assert parts["part"].nunique() == 20
    evidence = parts[parts["kind"] == "place"].groupby("part")["evidence"].sum()
    assert evidence.idxmax() == "row 2 column 1"
    page = (out / "audit.html").read_text()
    assert page.count('class="map"') == 2
    assert "data:image/png;base64," in page
    assert "000.png" not in page
    assert {"distances.csv", "slopes.csv", "features.csv"} <= {path.name for path in out.iterdir()}
    assert not (out / "silence.csv").exists()


@pytest.mark.slow
def test_speech_is_audited_in_time_and_bands(tmp_path: Path, capsys: Any) -> None:
    """By speakers; silence beside the other frames; too few speakers of a class: how many it takes."""
    (tmp_path / "raw").mkdir()
    write_vowels(tmp_path / "raw", 60)
    assert main(["prepare", "voiced", "--raw", str(tmp_path / "raw"), "--out", str(tmp_path / "voiced")]) == 0
    run = fitted("voiced", tmp_path / "run", "--data.root", str(tmp_path), "--trainer.max_epochs", "5")
    capsys.readouterr()
    assert main(["audit", run, "--out", str(tmp_path / "none")]) == 2
    message = capsys.readouterr().err
    assert "has too few test units for an interval" in message
    assert "it takes 10 speakers or more of each class" in message
    assert not (tmp_path / "none").exists()
    out = tmp_path / "out"
    assert main(["audit", run, "--split", "train", "--out", str(out)]) == 0
    parts: Any = pd.read_csv(out / "parts.csv")
    assert set(parts["kind"]) == {"time", "band", "silence"}
    silence = pd.read_csv(out / "silence.csv")
    assert set(silence["frames"]) == {"quietest fifth", "others"}
    assert silence["auroc"].between(0, 1).all()
    assert json.loads((out / "audit.json").read_text())["models"][0]["unit"] == "speaker"


def test_data_that_are_gone_are_named(images: Path, tmp_path: Path, capsys: Any) -> None:
    """Of a folder of images, and of a table: one message, nothing written."""
    frame = pd.DataFrame({"a": np.random.default_rng(0).normal(size=120), "label": np.arange(120) % 2})
    frame.to_csv(tmp_path / "table.csv", index=False)
    options = ["--data.path", str(tmp_path / "table.csv"), "--model.network.in_features", "1"]
    table = fitted("tabular", tmp_path / "run", *options, "--trainer.max_epochs", "1")
    (tmp_path / "table.csv").unlink()
    (images / "mine").rename(images / "elsewhere")
    try:
        for run, gone in ((table, "table.csv"), (str(images / "run"), "mine")):
            capsys.readouterr()
            assert main(["audit", run, "--out", str(tmp_path / "out")]) == 2
            message = capsys.readouterr().err
            assert gone in message
            assert message.count("clsunbias: error:") == 1
            assert not (tmp_path / "out").exists()
    finally:
        (images / "elsewhere").rename(images / "mine")


def test_data_that_changed_are_refused(tmp_path: Path, capsys: Any) -> None:
    """Other rows than the run was trained on are no data to audit it on."""
    frame = pd.DataFrame({"a": np.random.default_rng(0).normal(size=120), "label": np.arange(120) % 2})
    frame.to_csv(tmp_path / "table.csv", index=False)
    options = ["--data.path", str(tmp_path / "table.csv"), "--model.network.in_features", "1"]
    run = fitted("tabular", tmp_path / "run", *options, "--trainer.max_epochs", "1")
    frame.assign(a=-frame["a"]).to_csv(tmp_path / "table.csv", index=False)
    capsys.readouterr()
    assert main(["audit", run, "--out", str(tmp_path / "out")]) == 2
    assert capsys.readouterr().err.count("clsunbias: error:") == 1
    frame.drop(columns="a").assign(b=1.0).to_csv(tmp_path / "table.csv", index=False)
    assert main(["audit", run, "--out", str(tmp_path / "out")]) == 2
    assert capsys.readouterr().err.count("clsunbias: error:") == 1
