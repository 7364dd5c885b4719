"""Data sets: exact draws of the toy, the official image files and new images."""

import re
from collections.abc import Callable
from pathlib import Path

import medmnist
import numpy as np
import pytest
import torch
from PIL import Image

from clsunbias.__main__ import main
from clsunbias.data import BreastMNIST, MedMNIST, RetinaMNIST, Split, Toy
from clsunbias.data.images import read_images
from clsunbias.data.official import official_npz
from clsunbias.errors import InputError
from tests.fakes import write_medmnist


def counts(split: Split) -> list[int]:
    """Rows of each of two classes."""
    return torch.bincount(split.target, minlength=2).tolist()


@pytest.mark.parametrize(("positive_fraction", "train"), [(0.5, [500, 500]), (0.1, [900, 100])])
def test_toy_has_exact_counts_and_shares(
    positive_fraction: float, train: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The paper's rows per class; and, with modes too far apart to overlap, its exact shares of high features."""
    monkeypatch.setattr("clsunbias.data.toy.HIGH", 1000.0)
    splits = Toy(positive_fraction).load()
    sizes = {name: counts(split) for name, split in splits.items()}
    assert sizes == {"train": train, "val": [124, 124], "test_1": [250, 250], "test_2": [252, 252]}
    for name, f2_high in {"train": (1, 0.5), "val": (1, 0.5), "test_1": (1, 1), "test_2": (0.5, 0.5)}.items():
        for label in (0, 1):
            high = (splits[name].x[splits[name].target == label] > 500).double().mean(0).tolist()
            assert high[1] == f2_high[label]
            assert high[0] == pytest.approx((0.1, 0.9)[label], abs=0.005)  # val and test_2 round to whole rows
            assert name in {"val", "test_2"} or high[0] == (0.1, 0.9)[label]


# Rows of each block in the authors' order: f1 low, f1 high, f2 low, f2 high.
TRAIN_BLOCKS = [(0, 50, 0, 50), (450, 0, 0, 450), (50, 0, 25, 25), (0, 450, 225, 225)]
TEST_2_BLOCKS = [(226, 0, 113, 113), (0, 26, 13, 13), (0, 226, 113, 113), (26, 0, 13, 13)]


@pytest.mark.parametrize(("split", "blocks"), [("train", TRAIN_BLOCKS), ("test_2", TEST_2_BLOCKS)])
def test_toy_rows_are_the_authors_draw(split: str, blocks: list[tuple[int, int, int, int]]) -> None:
    """Redrawn literally with the legacy generator: each feature's low values first, then the block's rows shuffled."""
    random = np.random.RandomState(42)
    expected = []
    for f1_low, f1_high, f2_low, f2_high in blocks:
        f1 = [random.randn() for _ in range(f1_low)] + [random.randn() + 3 for _ in range(f1_high)]
        f2 = [random.randn() for _ in range(f2_low)] + [random.randn() + 3 for _ in range(f2_high)]
        rows = np.array([f1, f2]).T.copy()
        random.shuffle(rows)
        expected.append(rows)
    found = Toy().load()[split]
    np.testing.assert_array_equal(found.x[:].numpy(), np.concatenate(expected).astype(np.float32))
    assert found.target.tolist() == sorted(found.target.tolist())


def test_a_split_without_a_class_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """The message names the split and the class; a batch of one row is refused as well."""
    data = Toy()
    one_class = Split(torch.zeros(3, 2), torch.tensor([1, 1, 1]))
    monkeypatch.setattr(data, "load", lambda: {**Toy().load(), "val": one_class})
    with pytest.raises(InputError, match="the val split has no sample of class 'negative'"):
        data.setup("fit")
    with pytest.raises(InputError, match="batch_size must be at least 2"):
        BreastMNIST(batch_size=1)


def test_official_class_counts(official_root: Path) -> None:
    """Rows of each class in each official split, for every binarisation of the five grades."""
    grades = {"train": [486, 128, 206, 194, 66], "val": [54, 12, 28, 20, 6], "test": [174, 46, 92, 68, 20]}
    for lowest in (1, 2, 3, 4):
        splits = RetinaMNIST(official_root, positive_from=lowest).load()
        for name, sizes in grades.items():
            assert counts(splits[name]) == [sum(sizes[:lowest]), sum(sizes[lowest:])]
    breast = {name: counts(split) for name, split in BreastMNIST(official_root).load().items()}
    assert breast == {"train": [147, 399], "val": [21, 57], "test": [42, 114]}


@pytest.mark.parametrize(("kind", "channels"), [(BreastMNIST, 1), (RetinaMNIST, 3)])
def test_images_keep_their_pixels(
    kind: type[BreastMNIST] | type[RetinaMNIST], channels: int, medmnist_root: Path
) -> None:
    """Channels first, 0 to 255 as −1 to 1, and the training class counts are those of the file."""
    data = kind(medmnist_root)
    data.setup("fit")
    with np.load(medmnist_root / f"{kind.flag}.npz") as arrays:
        pixels, labels = arrays["test_images"], arrays["train_labels"].reshape(-1)
    x = data.splits["test"].x[:]
    assert x.shape[1:] == (channels, 28, 28)
    restored = ((x + 1) * 127.5).round().to(torch.uint8).permute(0, 2, 3, 1)
    np.testing.assert_array_equal(restored.numpy(), pixels.reshape(-1, 28, 28, channels))
    positive = int((labels >= (1 if kind is BreastMNIST else 2)).sum())
    assert data.class_counts.tolist() == [len(labels) - positive, positive]


@pytest.mark.parametrize("lowest", [0, 5, -1])
def test_binarisation_outside_the_grades_is_refused(lowest: int) -> None:
    """Before any file is looked for."""
    with pytest.raises(InputError, match=f"1 to 4; got {lowest}"):
        RetinaMNIST(positive_from=lowest)


def test_only_the_official_file_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Missing while offline, truncated or altered: each says which file and what is wrong; the right one is taken."""

    def offline(**_: object) -> None:
        raise RuntimeError("no network")

    monkeypatch.setattr(medmnist, "BreastMNIST", offline)
    with pytest.raises(InputError, match=r"breastmnist\.npz is missing and could not be downloaded \(no network\)"):
        official_npz("breastmnist", tmp_path / "new")
    assert not list(tmp_path.rglob("*.npz"))
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match="file"):  # a root that cannot be a folder
        official_npz("breastmnist", tmp_path / "file")
    digest = write_medmnist(tmp_path, "breastmnist", {"train": 8, "val": 4, "test": 4})
    monkeypatch.setitem(medmnist.INFO["breastmnist"], "MD5", digest)
    path = tmp_path / "breastmnist.npz"
    assert official_npz("breastmnist", tmp_path) == path
    content = path.read_bytes()
    for wrong in (content[:-1], content[:-1] + bytes([content[-1] ^ 1]), b""):
        path.write_bytes(wrong)
        with pytest.raises(InputError, match=rf"not the official file.*expected {digest} \({len(wrong)} bytes\)"):
            official_npz("breastmnist", tmp_path)


@pytest.mark.parametrize(("channels", "shape"), [(1, (5, 28, 28)), (3, (5, 28, 28, 3))])
def test_images_are_read_as_they_are(channels: int, shape: tuple[int, ...], tmp_path: Path) -> None:
    """From a folder in the order of names, from one file, and from an npz of either name: the same pixels."""
    pixels = np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / ".hidden").write_text("passed over")
    for name, image in zip("dbeca", pixels, strict=True):
        Image.fromarray(image).save(tmp_path / "folder" / f"{name}.png")
    np.savez(tmp_path / "one.npz", anything=pixels)
    np.savez(tmp_path / "two.npz", images=pixels, labels=np.zeros(5))
    whole = pixels.reshape(5, 28, 28, channels)
    names, found = read_images(tmp_path / "folder", 28, channels)
    assert names == ["a.png", "b.png", "c.png", "d.png", "e.png"]
    np.testing.assert_array_equal(found, whole[[4, 1, 3, 0, 2]])
    np.testing.assert_array_equal(read_images(tmp_path / "folder" / "b.png", 28, channels)[1], whole[1:2])
    for file in ("one.npz", "two.npz"):
        names, found = read_images(tmp_path / file, 28, channels)
        assert names == ["0", "1", "2", "3", "4"]
        np.testing.assert_array_equal(found, whole)


def arrays(path: Path, **content: object) -> None:
    """An npz of arrays."""
    np.savez(path, allow_pickle=True, **{name: np.asarray(value) for name, value in content.items()})


GREY = np.zeros((28, 28), np.uint8)
UNREADABLE: dict[str, tuple[str, Callable[[Path], object], str]] = {
    "nothing there": ("a", lambda path: None, "a does not exist"),
    "empty folder": ("a", Path.mkdir, "a holds no images"),
    "no image": ("a.png", lambda path: path.write_text("text"), "a.png is not an image"),
    "empty image": ("a.png", Path.touch, "a.png is not an image"),
    "wrong size": ("a.png", Image.new("L", (28, 32)).save, "28×32 image of mode L; the model takes 28×28 of mode L"),
    "wrong mode": ("a.png", Image.new("RGB", (28, 28)).save, "mode RGB; the model takes 28×28 of mode L"),
    "palette": ("a.png", Image.new("P", (28, 28)).save, "mode P; the model takes 28×28 of mode L"),
    "16 bits": ("a.png", Image.new("I;16", (28, 28)).save, "mode I;16; the model takes"),
    "no npz": ("a.npz", lambda path: path.write_text("text"), "a.npz is not an .npz file"),
    "empty npz": ("a.npz", Path.touch, "a.npz is not an .npz file"),
    "npy called npz": ("a.npz", lambda path: np.save(path.open("wb"), GREY[None]), "a.npz is not an .npz file"),
    "no array of images": (
        "a.npz",
        lambda path: arrays(path, x=[1], y=[2]),
        "holds x, y; it must hold an array 'images'",
    ),
    "no rows": ("a.npz", lambda path: arrays(path, images=GREY[None][:0]), "uint8 of shape (0, 28, 28)"),
    "one image": ("a.npz", lambda path: arrays(path, images=GREY), "uint8 of shape (28, 28); the model"),
    "real numbers": ("a.npz", lambda path: arrays(path, images=GREY[None] / 255), "float64 of shape (1, 28, 28)"),
    "objects": ("a.npz", lambda path: arrays(path, images=[None]), "object of shape (1,); the model takes"),
}


@pytest.mark.parametrize("case", UNREADABLE)
def test_what_cannot_be_read_is_named(case: str, tmp_path: Path) -> None:
    """Nothing is resized, converted or unpickled, and no other kind of error comes through."""
    name, write, message = UNREADABLE[case]
    write(tmp_path / name)
    with pytest.raises(InputError, match=re.escape(message)):
        read_images(tmp_path / name, 28, channels=1)


def test_a_licence_is_the_data_sets_own(tmp_path: Path) -> None:
    """As MedMNIST says; none where nobody says."""
    assert BreastMNIST(tmp_path).licence.startswith("CC BY 4.0: MedMNIST v2")
    assert MedMNIST("dermamnist", tmp_path).licence.startswith("CC BY-NC 4.0: MedMNIST v2")
    assert MedMNIST("mine.npz", tmp_path).licence == ""
    assert "made up" in Toy().licence


def test_data_sets_that_do_not_say_what_they_are(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    """Without a name, with one that MedMNIST does not have, one without classes: each in one message."""
    command = ["fit", "--config", "breast", "--out", str(tmp_path / "run"), "--data.root", str(tmp_path)]
    assert main([*command, "--data", "clsunbias.data.MedMNIST"]) == 2
    assert "flag" in capfd.readouterr().err
    assert main([*command, "--data", "clsunbias.data.MedMNIST", "--data.flag", "mine"]) == 2
    assert "MedMNIST has no 2-D data set 'mine'; its are pathmnist, " in capfd.readouterr().err
    monkeypatch.delattr(Toy, "class_names")
    with pytest.raises(InputError, match="toy names no classes: give it class_names"):
        Toy().setup("fit")
