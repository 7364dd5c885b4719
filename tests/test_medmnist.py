"""Any 2-D data set of MedMNIST, sizes and groups of classes; files of one's own; grades."""

import json
from pathlib import Path
from typing import Any

import medmnist
import numpy as np
import pytest
import torch
from sklearn.metrics import cohen_kappa_score, confusion_matrix

from clsunbias.data import BreastMNIST, MedMNIST, RetinaMNIST
from clsunbias.errors import InputError
from clsunbias.metrics import quadratic_kappa
from tests.fakes import write_medmnist
from tests.test_cli import fit


def own_file(path: Path, size: int = 28, **changes: Any) -> Path:
    """A file of one's own: grey images, labels 1 and 4 in turn."""
    arrays: dict[str, Any] = {}
    for split in ("train", "val", "test"):
        arrays[f"{split}_images"] = np.full((12, size, size), 7, np.uint8)
        arrays[f"{split}_labels"] = np.array([1, 4] * 6)
    np.savez(path, allow_pickle=False, **(arrays | changes))
    return path


def test_the_papers_data_sets_are_settings_of_it(medmnist_root: Path) -> None:
    """The same rows and classes, to the bit."""
    pairs: list[tuple[MedMNIST, MedMNIST]] = [
        (
            BreastMNIST(medmnist_root),
            MedMNIST("breastmnist", medmnist_root, classes={"malignant": [0], "normal or benign": [1]}),
        ),
        (RetinaMNIST(medmnist_root, 3), MedMNIST("retinamnist", medmnist_root, positive_from=3)),
    ]
    for one, other in pairs:
        assert (one.class_names, one.name, one.ordered) == (other.class_names, other.name, other.ordered)
        for (name, split), (again, same) in zip(one.load().items(), other.load().items(), strict=True):
            assert name == again
            assert split.x[:].dtype == torch.float32
            assert torch.equal(split.x[:], same.x[:])
            assert torch.equal(split.target, same.target)


def test_larger_images_and_all_classes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The file of that size, by its own sum; labels in groups; several data sets are none for here."""
    digest = write_medmnist(tmp_path, "bloodmnist", {"train": 16, "val": 8, "test": 8})
    monkeypatch.setitem(medmnist.INFO["bloodmnist"], "MD5", digest)
    data = MedMNIST("bloodmnist", tmp_path)
    data.setup("fit")
    assert (len(data.class_names), data.class_names[0], data.ordered) == (8, "basophil", False)
    assert data.splits["val"].target.tolist() == list(range(8))
    large = MedMNIST("bloodmnist", tmp_path, 64, {"other": [0, 1, 2, 3, 4, 5, 6], "platelet": [7]})
    (tmp_path / "bloodmnist_64.npz").write_bytes((tmp_path / "bloodmnist.npz").read_bytes())
    with pytest.raises(InputError, match=r"bloodmnist_64\.npz is not the official file"):
        large.load()
    monkeypatch.setitem(medmnist.INFO["bloodmnist"], "MD5_64", digest)
    with pytest.raises(InputError, match=r"train_images is uint8 of shape \(16, 28, 28, 3\); needed"):
        large.load()
    assert (large.name, large.class_names) == ("bloodmnist_64", ("other", "platelet"))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"flag": "nothing"}, "MedMNIST has no 2-D data set 'nothing'; its are pathmnist"),
        ({"flag": "organmnist3d"}, "no 2-D data set 'organmnist3d'"),
        ({"flag": "chestmnist"}, "an image of chestmnist may have several labels"),
        ({"flag": "retinamnist", "positive_from": 5}, "the lowest positive grade, 1 to 4; got 5"),
        ({"flag": "retinamnist", "positive_from": 2, "classes": {"a": [0], "b": [1]}}, "give one of them"),
        ({"flag": "retinamnist", "classes": {"a": [0, 1, 2], "b": [3]}}, "leaves out '4'"),
        ({"flag": "retinamnist", "classes": {"a": [0, 1, 2], "b": [2, 3, 4]}}, "names '2' more than once"),
        ({"flag": "retinamnist", "classes": {"a": [0, 1, 2], "b": [3, 4, 5]}}, "names '5', which"),
    ],
)
def test_what_it_cannot_be(options: dict[str, Any], message: str) -> None:
    """Before any file is looked for."""
    with pytest.raises(InputError, match=message):
        MedMNIST(**options)


def test_a_file_of_ones_own(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """With the same arrays: a run is tied to it by its hash, and it is said that nobody knows its sum."""
    own_file(tmp_path / "mine.npz", train_images=np.random.default_rng(0).integers(0, 255, (12, 28, 28), np.uint8))
    options = ["--data", "clsunbias.data.MedMNIST", "--data.flag", "mine.npz", "--data.root", str(tmp_path)]
    options += ["--data.allow_leaks", "true"]  # three images are of one colour
    assert fit("breast", tmp_path / "run", *options, "--trainer.max_epochs", "1") == 0
    told = " ".join(capfd.readouterr().err.split())
    assert "mine.npz is no official file: its sum is not checked, the record holds its hash" in told
    result = json.loads((tmp_path / "run" / "result.json").read_text())
    assert (result["dataset"], result["class_names"], len(result["source_sha256"])) == ("mine", ["1", "4"], 64)


def test_grades_that_do_not_begin_at_0(tmp_path: Path) -> None:
    """They are cut by what they are, not by their place."""
    data = MedMNIST(str(own_file(tmp_path / "mine.npz")), positive_from=3)
    assert data.load()["test"].target.tolist() == [0, 1] * 6
    assert data.class_names == ("grade < 3", "grade ≥ 3")


WRONG: dict[str, tuple[dict[str, Any], str]] = {
    "no labels": ({"val_labels": np.zeros((3, 2))}, r"val_labels is float64 of shape \(3, 2\); needed is one whole"),
    "another size": (
        {"test_images": np.zeros((12, 30, 28), np.uint8)},
        r"test_images is uint8 of shape \(12, 30",
    ),
    "real numbers": ({"train_images": np.zeros((12, 28, 28))}, "train_images is float64"),
    "mixed": ({"train_images": np.zeros((12, 28, 28, 3), np.uint8)}, "grey images in one split, colour in another"),
    "one class": ({f"{split}_labels": np.ones(12, int) for split in ("train", "val", "test")}, "two classes or more"),
}


@pytest.mark.parametrize("case", WRONG)
def test_a_file_that_cannot_be(case: str, tmp_path: Path) -> None:
    """What is wrong with which array."""
    changes, message = WRONG[case]
    with pytest.raises(InputError, match=message):
        MedMNIST(str(own_file(tmp_path / "mine.npz", **changes))).load()


def test_files_that_are_none(tmp_path: Path) -> None:
    """Not there, of another kind, without a split."""
    with pytest.raises(InputError, match=r"mine\.npz is missing"):
        MedMNIST("mine.npz", tmp_path).load()
    (tmp_path / "mine.npz").write_text("text")
    with pytest.raises(InputError, match=r"mine\.npz is not an \.npz file as MedMNIST's are"):
        MedMNIST("mine.npz", tmp_path).load()
    np.savez(tmp_path / "mine.npz", train_images=np.zeros((1, 28, 28), np.uint8))
    with pytest.raises(InputError, match="train_labels"):
        MedMNIST("mine.npz", tmp_path).load()


def test_grades_have_a_kappa(medmnist_root: Path, tmp_path: Path) -> None:
    """That of scikit-learn; in the record and the curves beside macro-F1, where classes are grades."""
    random = np.random.default_rng(0)
    true, predicted = random.integers(0, 5, 200), random.integers(0, 5, 200)
    confusion = torch.from_numpy(confusion_matrix(true, predicted)).double()
    expected = cohen_kappa_score(true, predicted, weights="quadratic")
    assert float(quadratic_kappa(confusion)) == pytest.approx(expected, abs=1e-12)
    options = ("--data.root", str(medmnist_root), "--trainer.max_epochs", "2")
    select = ("--selection.metric", "val/quadratic_kappa")
    assert fit("retina_grades", tmp_path / "run", *options, *select) == 0
    result = json.loads((tmp_path / "run" / "result.json").read_text())
    assert result["class_names"] == ["0", "1", "2", "3", "4"]
    assert -1 <= result["test"]["quadratic_kappa"] <= 1
    assert "val/quadratic_kappa" in (tmp_path / "run" / "metrics.csv").read_text().splitlines()[0]
