"""Images of one's own through the front door: folders and CSV files, splits by patient, new images, what is kept."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch

from clsunbias.__main__ import main
from clsunbias.data import ImageFolder, SpeakerBalanced
from clsunbias.runs import load_run
from clsunbias.splits import SplitPlan
from tests.images import picture, write_cells, write_folders
from tests.test_cli import fit

SHORT = ("--trainer.max_epochs", "2", "--data.size", "28")


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A short finished run on a folder for each class."""
    root = tmp_path_factory.mktemp("images")
    write_folders(root / "my_images")
    assert fit("image_folder", root / "run", "--data.root", str(root), *SHORT) == 0
    return root / "run"


def test_a_run_says_what_its_images_were(run: Path) -> None:
    """Classes, units by their paths, none of what a desktop left; size, colour and a hash of the contents."""
    result = json.loads((run / "result.json").read_text())
    assert (result["dataset"], result["class_names"], result["unit"]) == ("my_images", ["healthy", "ill"], "image")
    assert sum(result["units"].values()) == 24
    assert "left_out" not in result
    units = pd.read_csv(run / "predictions.csv")["unit"]
    assert set(units) >= {"healthy/p0_0.png", "ill/p5_11.jpg"}
    assert not units.str.contains("Thumbs|DS_Store|_p0_0").any() or "ill/p0_0.png" in set(units)
    account = json.loads((run / "inputs.json").read_text())
    assert account["input_shape"] == [3, 28, 28]
    assert (account["size"], account["channels"], account["left_out"], len(account["images_sha256"])) == (28, 3, 0, 64)


def test_new_images_are_made_alike(run: Path, tmp_path: Path) -> None:
    """By the run's own account, though the config says another size; a folder, one image, a CSV file, and no data."""
    expected = pd.read_csv(run / "predictions.csv").set_index("unit")["prob_1"]
    home = run.parent / "my_images" / "ill"
    options = ["--config", str(run / "config.yaml"), "--data.size", "64", "--data.root", str(tmp_path)]
    (tmp_path / "new.csv").write_text(f"path,age\n{home / 'p0_0.png'},50\n")
    for source, rows in ((home, 12), (home / "p0_0.png", 1), (tmp_path / "new.csv", 1)):
        out = tmp_path / f"scores_{source.stem}"
        assert main(["predict", *options, "--input", str(source), "--out", str(out)]) == 0
        found = pd.read_csv(out / "predictions.csv")
        assert len(found) == rows
        names = [f"ill/{Path(unit).name}" for unit in found["unit"]]
        np.testing.assert_allclose(found["prob_1"], expected[names], atol=1e-5)


def test_patients_group_every_split(tmp_path: Path) -> None:
    """Of a column, of a pattern in the path; each in one split, every class in each, shares as asked."""
    frame = write_cells(tmp_path, 30)
    data = ImageFolder(tmp_path / "cells.csv", size=28, group="patient", classes=["rbc", "wbc", "platelet"])
    pattern = ImageFolder(tmp_path / "cells.csv", size=28, group_pattern=r"/(\d+)_", ignore=["patient"])
    assert pattern.load().keys() == {"train", "val", "test"}
    data.setup("fit")
    names = {split: rows.units[0].names or [] for split, rows in data.splits.items()}
    assert sorted(name for one in names.values() for name in one) == sorted(frame["path"])
    smears = {split: {name[6:11] for name in one} for split, one in names.items()}
    assert {split: len(one) for split, one in smears.items()} == {"train": 18, "val": 6, "test": 6}
    assert sum(map(len, smears.values())) == len(set.union(*smears.values()))
    assert all(set(split.target.tolist()) == {0, 1, 2} for split in data.splits.values())
    with pytest.raises(ValueError, match="'00000' has images of several classes, so each image is scored"):
        ImageFolder(tmp_path / "cells.csv", size=28, group="patient", headline="group").load()


def test_a_patient_of_one_class_is_scored_as_a_whole(tmp_path: Path) -> None:
    """By the mean of its images, which stand beside it; attributes are those of patients; samplers know them."""
    folder = write_folders(tmp_path / "mine", each=20)
    files = [path.relative_to(tmp_path).as_posix() for path in sorted(folder.rglob("p*.*"))]
    frame = pd.DataFrame({"path": files, "diagnosis": [path.split("/")[1] for path in files]})
    frame["person"] = frame["diagnosis"] + frame["path"].str.extract(r"/(p\d+)_")[0]
    frame["sex"] = np.where(frame["person"].str[-1].isin(list("02468")), "f", "m")
    frame.to_csv(tmp_path / "mine.csv", index=False)
    asked = {"size": 28, "label": "diagnosis", "group": "person", "attributes": ["sex"], "channels": 1}
    data = ImageFolder(tmp_path / "mine.csv", sampler=SpeakerBalanced, **asked)  # type: ignore[arg-type]
    data.setup("fit")
    train = data.splits["train"]
    assert [units.name for units in train.units] == ["person", "image"]
    assert (len(train.units[0].target), len(train), train.x[:].shape[1:]) == (12, 24, (1, 28, 28))
    known = data.attributes
    assert known is not None
    assert (len(known), list(known), known.loc["illp3", "sex"]) == (20, ["sex"], "m")
    assert data.class_counts.tolist() == [6, 6]
    frame.rename(columns={"diagnosis": "note"})[["path", "person", "note"]].to_csv(tmp_path / "new.csv", index=False)
    fresh = ImageFolder(tmp_path / "gone.csv", **asked)  # type: ignore[arg-type]
    fresh.restore(data.account())
    assert [len(units.target) for units in fresh.read(tmp_path / "new.csv").units] == [20, 40]
    frame.loc[0, "sex"] = "unsure"
    frame.to_csv(tmp_path / "mine.csv", index=False)
    with pytest.raises(ValueError, match="'healthyp0' has more than one sex"):
        ImageFolder(tmp_path / "mine.csv", **asked).load()  # type: ignore[arg-type]


def test_folders_of_splits_and_classes_in_groups(tmp_path: Path) -> None:
    """``train/class/…``, also further down; several labels make one class, in the order that is given."""
    for split in ("Train", "val", "test"):
        write_folders(tmp_path / "mine" / split, ("naevus", "wart", "melanoma"), 2)
        (tmp_path / "mine" / split / "wart" / "deeper").mkdir()
        picture(1, 5).save(tmp_path / "mine" / split / "wart" / "deeper" / "x.bmp")
    groups = {"malignant": ["melanoma"], "benign": ["wart", "naevus"]}
    data = ImageFolder(tmp_path / "mine", size=28, classes=groups, allow_leaks=True)
    data.setup("fit")
    assert data.class_names == ("malignant", "benign")
    assert {split: rows.target.bincount().tolist() for split, rows in data.splits.items()} == {
        split: [2, 5] for split in ("train", "val", "test")
    }
    assert "Train/wart/deeper/x.bmp" in (data.splits["train"].units[0].names or [])


def test_many_images_are_mapped_from_a_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The same rows; the file is there for the next run, and another one where an image or the size changes."""
    monkeypatch.setenv("CLSUNBIAS_CACHE", str(tmp_path / "cache"))
    folder = write_folders(tmp_path / "mine")
    (folder / "ill" / "p0_1.jpg").write_bytes(b"no image")

    def load(memory: int, size: int = 28) -> ImageFolder:
        data = ImageFolder(folder, size=size, memory=memory, skip_bad=True, plan=SplitPlan(val=0.25, test=0.25))
        data.setup("fit")
        return data

    held, mapped = load(2**30), load(100)
    cached = sorted((tmp_path / "cache" / "images").iterdir())
    assert [path.suffix for path in cached] == [".bytes", ".json"]
    assert cached[0].stat().st_size == 24 * 3 * 28 * 28
    when = cached[0].stat().st_mtime_ns
    assert (held.left_out, mapped.left_out, load(100).left_out) == (1, 1, 1)
    for name, split in held.splits.items():
        assert torch.equal(split.x[:], mapped.splits[name].x[:])
    assert cached[0].stat().st_mtime_ns == when
    picture(1, 7).save(folder / "ill" / "p0_0.png")
    assert load(100).digest != mapped.digest
    load(100, 32)
    assert len(list((tmp_path / "cache" / "images").iterdir())) == 6


@pytest.mark.slow
def test_an_exported_model_takes_them(run: Path, tmp_path: Path) -> None:
    """The probabilities of the run, from what its data set gives; its metadata say what the images were."""
    onnxruntime = pytest.importorskip("onnxruntime")
    assert main(["export", str(run), "--onnx", str(tmp_path / "model.onnx")]) == 0
    loaded = load_run(run)
    loaded.data.setup("test")
    session = onnxruntime.InferenceSession(str(tmp_path / "model.onnx"))
    (prob,) = session.run(None, {"x": loaded.data.splits["test"].x[:].numpy()})
    expected = loaded.predictions.query("split == 'test'")[["prob_0", "prob_1"]].to_numpy()
    np.testing.assert_allclose(prob, expected, atol=1e-5)
    account = json.loads(session.get_modelmeta().custom_metadata_map["inputs"])
    assert (account["size"], account["fit"], account["class_names"]) == (28, "crop", ["healthy", "ill"])
