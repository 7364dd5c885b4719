"""Images of one's own that cannot be: each in one message before training, and what is made of unusual ones."""

import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from clsunbias.data import ImageFolder
from clsunbias.data.image_files import Decoder
from clsunbias.errors import InputError
from tests.images import picture, write_cells, write_folders
from tests.test_cli import fit


def decoded(image: Image.Image, kind: str = "PNG", decoder: Decoder | None = None, **options: Any) -> Any:
    """What a decoder of 28×28 makes of an image that is written as a file of a kind."""
    content = io.BytesIO()
    image.save(content, kind, **options)
    return (decoder or Decoder(28))(content.getvalue())


GREY = np.arange(28 * 28, dtype=np.uint8).reshape(28, 28)
COLOUR = np.stack([GREY, GREY // 2, 255 - GREY], 2)


def test_every_mode_becomes_the_colours_it_means() -> None:
    """Grey, palette, transparency, CMYK, 16 and 12 bits, one bit; channels are as asked."""
    for image in (Image.fromarray(GREY), Image.fromarray(GREY).convert("LA"), Image.fromarray(GREY).convert("P")):
        np.testing.assert_array_equal(decoded(image), np.stack([GREY] * 3))
    np.testing.assert_array_equal(decoded(Image.fromarray(GREY), decoder=Decoder(28, 1)), GREY[None])
    np.testing.assert_array_equal(decoded(Image.fromarray(COLOUR), "BMP"), COLOUR.transpose(2, 0, 1))
    alpha = np.dstack([COLOUR, np.full((28, 28), 255, np.uint8)])
    np.testing.assert_array_equal(decoded(Image.fromarray(alpha)), COLOUR.transpose(2, 0, 1))
    alpha[:14, :, 3] = 0
    found = decoded(Image.fromarray(alpha))
    assert not found[:, :14].any()
    np.testing.assert_array_equal(found[:, 14:], COLOUR.transpose(2, 0, 1)[:, 14:])
    red = Image.new("CMYK", (28, 28), (0, 255, 255, 0))
    assert decoded(red, "TIFF")[:, 0, 0].tolist() == [255, 0, 0]
    deep = Image.fromarray(GREY.astype(np.uint16) * 257)
    for kind in ("PNG", "TIFF"):
        np.testing.assert_array_equal(decoded(deep, kind), np.stack([GREY] * 3))
    twelve = Image.fromarray(np.full((28, 28), 4095, np.uint16))
    assert decoded(twelve, "PNG", Decoder(28, bits=12)).min() == 255
    assert decoded(Image.fromarray(GREY > 100)).max() == 255


def test_shape_and_turning() -> None:
    """The middle square, or black beside it; as EXIF says; a large JPEG nearly as by its whole decoding."""
    wide = np.zeros((28, 84), np.uint8)
    wide[:, 28:56] = 200
    assert decoded(Image.fromarray(wide)).min() == 200
    padded = decoded(Image.fromarray(wide), decoder=Decoder(28, 1, fit="pad"))[0]
    assert not padded[:9].any()
    assert padded[12:16, 11:17].min() > 150
    exif = Image.Exif()
    exif[0x0112] = 6  # to be turned by a quarter
    turned = decoded(Image.fromarray(COLOUR), "PNG", exif=exif)
    np.testing.assert_array_equal(turned, np.rot90(COLOUR, -1).transpose(2, 0, 1))
    rows = np.linspace(0, 255, 1200)
    large = Image.fromarray(np.add.outer(rows / 2, rows / 2).astype(np.uint8))
    exact = np.asarray(large.resize((28, 28), Image.Resampling.BICUBIC)).astype(int)
    assert abs(decoded(large, "JPEG", Decoder(28, 1), quality=95)[0] - exact).max() <= 4


UNREADABLE: dict[str, tuple[Callable[[Path], object], str]] = {
    "cut.png": (lambda path: path.write_bytes(written(picture(0, 1))[:200]), "cut.png ("),
    "empty.jpg": (Path.touch, "empty.jpg (it is no image)"),
    "frames.tif": (
        lambda path: picture(0, 1).save(path, save_all=True, append_images=[picture(0, 2)]),
        "frames.tif (it holds 2 frames",
    ),
    "moving.gif": (
        lambda path: picture(0, 1).save(path, save_all=True, append_images=[picture(0, 2)]),
        "moving.gif (it holds 2 frames",
    ),
    "real.tif": (Image.fromarray(np.ones((9, 9), np.float32)).save, "real.tif (its pixels are real numbers"),
    "text.png": (lambda path: path.write_text("text"), "text.png (it is no image)"),
}


def written(image: Image.Image) -> bytes:
    """An image as the content of a PNG file."""
    content = io.BytesIO()
    image.save(content, "PNG")
    return content.getvalue()


def test_all_bad_files_are_named_at_once(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """With their reasons, before training; left out when asked, which is said and counted in the record."""
    folder = write_folders(tmp_path / "mine")
    for name, (write, _) in UNREADABLE.items():
        write(folder / "ill" / name)
    (folder / "ill" / "notes.txt").write_text("not by its name")
    options = ("--data.root", str(tmp_path), "--data.path", "mine", "--data.size", "28", "--trainer.max_epochs", "1")
    assert fit("image_folder", tmp_path / "run", *options) == 2
    told = " ".join(capfd.readouterr().err.split())
    assert "6 of 30 images cannot be read" in told
    assert all(f"ill/{message}" in told for _, message in UNREADABLE.values())
    assert "left out, being in no class or no images by their names: ill/notes.txt" in told
    assert not (tmp_path / "run").exists()
    assert fit("image_folder", tmp_path / "run", *options, "--data.skip_bad", "true") == 0
    assert "they are left out" in capfd.readouterr().err
    assert '"left_out": 6' in (tmp_path / "run" / "result.json").read_text()


def cells(tmp_path: Path, change: Callable[[pd.DataFrame], pd.DataFrame], **options: Any) -> ImageFolder:
    """The blood cells after a change of their table."""
    change(write_cells(tmp_path)).to_csv(tmp_path / "cells.csv", index=False)
    return ImageFolder(tmp_path / "cells.csv", **{"size": 28, "group": "patient", **options})


def without(frame: pd.DataFrame, label: str, but: int) -> pd.DataFrame:
    """A table with few smears that have a class."""
    few = frame["patient"].isin(frame["patient"][frame["label"] == label].unique()[:but])
    return frame[(frame["label"] != label) | few]


TABLES: dict[str, tuple[Callable[[pd.DataFrame], pd.DataFrame], dict[str, Any], str]] = {
    "files that are not there": (
        lambda frame: frame.assign(path=frame["path"].where(frame["label"] != "wbc", "gone/" + frame["patient"])),
        {},
        "12 of 44 files that .* not there: gone/00000, gone/00001, gone/00002 and 9 more; paths are relative",
    ),
    "a file twice": (lambda frame: pd.concat([frame, frame[:1]]), {}, "lists files more than once: cells/00000_rbc_0"),
    "no path": (lambda frame: frame.assign(path=""), {}, "path is empty in row 2"),
    "decimals": (lambda frame: frame.assign(label=np.arange(len(frame)) / 8), {}, "label holds numbers with decimals"),
    "many labels": (lambda frame: frame.assign(label=frame["path"]), {}, "holds 44 different labels .* more than 20"),
    "numbers of records": (lambda frame: frame.assign(label=range(len(frame))), {}, "44 different labels"),
    "one class": (lambda frame: frame.assign(label="rbc"), {}, "there must be two classes or more"),
    "two spellings": (
        lambda frame: frame.assign(label=np.where(frame["path"].str.endswith("0.png"), "Ill", "ill ")),
        {},
        "spells what may be one class in several ways",
    ),
    "a class of one patient": (lambda frame: without(frame, "platelet", 1), {}, "class 'platelet' has 1, so that"),
    "a class of two patients": (lambda frame: without(frame, "wbc", 2), {}, "class 'wbc' has 2, so that"),
    "an unknown column": (lambda frame: frame.assign(age=1, sex="f"), {}, "of which nothing is said: 'age', 'sex'"),
    "a column that is not there": (lambda frame: frame, {"attributes": ["site"]}, "has no column 'site'"),
    "no group": (lambda frame: frame, {"group": None}, "of which nothing is said: 'patient'"),
    "a group that is empty": (lambda frame: frame.assign(patient=""), {}, "patient is empty in row 2"),
    "a label in no class": (
        lambda frame: frame,
        {"classes": {"cell": ["rbc", "wbc"], "other": ["x"]}},
        "data.classes leaves out 'platelet'",
    ),
    "a label in two classes": (
        lambda frame: frame,
        {"classes": {"cell": ["rbc", "wbc"], "other": ["platelet", "wbc"]}},
        "data.classes names 'wbc' more than once",
    ),
    "a label that is not there": (
        lambda frame: frame,
        {"classes": {"cell": ["rbc", "wbc"], "other": ["platelet", "virus"]}},
        "data.classes names 'virus', which .* does not hold",
    ),
    "a class without labels": (
        lambda frame: frame,
        {"classes": {"cell": ["rbc", "wbc", "platelet"], "other": []}},
        "data.classes gives 'other' no label",
    ),
    "one group of labels": (lambda frame: frame, {"classes": {"cell": ["rbc"]}}, "two classes or more"),
    "a pattern that finds nothing": (
        lambda frame: frame,
        {"group": None, "ignore": ["patient"], "group_pattern": "(smear)"},
        "finds nothing in 44 paths",
    ),
    "a pattern that is none": (
        lambda frame: frame,
        {"group": None, "ignore": ["patient"], "group_pattern": "cells"},
        "is no pattern with a part in brackets",
    ),
    "a patient in two splits": (
        lambda frame: frame.assign(part=np.where(frame["label"] == "wbc", "test", "train")),
        {"split": "part"},
        "'00000' has images in more than one split",
    ),
}


@pytest.mark.parametrize("case", TABLES)
def test_tables_that_cannot_be(case: str, tmp_path: Path) -> None:
    """What is wrong, where, and how to mend it, before an image is read."""
    change, options, message = TABLES[case]
    with pytest.raises(InputError, match=message):
        cells(tmp_path, change, **options).load()


def test_more_than_the_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Refused where they are to be held, with what keeps them in a file; that is what a smaller limit does."""
    monkeypatch.setenv("CLSUNBIAS_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr("os.sysconf", lambda name: {"SC_PHYS_PAGES": 20, "SC_PAGE_SIZE": 4096}[name])
    with pytest.raises(
        InputError, match=r"44 images of 28×28 would take .* a smaller data.memory keeps them in a file"
    ):
        cells(tmp_path, lambda frame: frame).load()
    assert len(ImageFolder(tmp_path / "cells.csv", size=28, group="patient", memory=1000).load()["train"]) > 20


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"size": 20}, "28 to 224; got 20"),
        ({"size": 500}, "28 to 224; got 500"),
        ({"bits": 8}, "9 to 16; got 8"),
        ({"group": "patient", "group_pattern": "(.)"}, "both say whose an image is"),
    ],
)
def test_options_that_cannot_be(options: dict[str, Any], message: str) -> None:
    """Before any file is looked for."""
    with pytest.raises(InputError, match=message):
        ImageFolder(Path("mine"), **options)


def test_folders_that_cannot_be(tmp_path: Path) -> None:
    """Nothing there, no folders, one that is empty, columns of what has none; bits that are not enough."""
    with pytest.raises(InputError, match="mine is missing"):
        ImageFolder(Path("mine"), tmp_path).load()
    (tmp_path / "mine").mkdir()
    with pytest.raises(InputError, match="has no folders of images; it must hold one for each class"):
        ImageFolder(tmp_path / "mine").load()
    write_folders(tmp_path / "mine")
    with pytest.raises(InputError, match="is a folder, which has no columns patient"):
        ImageFolder(tmp_path / "mine", group="patient").load()
    deep = Image.fromarray(np.full((28, 28), 5000, np.uint16))
    deep.save(tmp_path / "mine" / "ill" / "deep.png")
    with pytest.raises(InputError, match=r"deep.png \(it has pixels from 5000 to 5000, outside 0 to 4095"):
        ImageFolder(tmp_path / "mine", bits=12).load()
    (tmp_path / "mine" / "empty").mkdir()
    with pytest.raises(InputError, match="empty holds no images; a folder is a class"):
        ImageFolder(tmp_path / "mine").load()
