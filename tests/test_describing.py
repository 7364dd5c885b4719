"""Resamplers that say more of each training row: subclasses, looks and groups, from the rows to a run with them."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch

from clsunbias.__main__ import main
from clsunbias.data import Appearance, Attribute, Grade, Split, Subclasses, Units
from clsunbias.errors import InputError
from clsunbias.objectives import ERM, AuxiliaryGrade, GroupDRO
from tests.fakes import table_of
from tests.test_cli import fit
from tests.test_errors import fails


def split() -> Split:
    """Two tight heaps of eight and two rows, the second half of class 1, of patients with two rows each."""
    x = torch.cat([torch.zeros(8, 3), torch.full((2, 3), 9.0)]) + torch.linspace(0, 0.1, 10).unsqueeze(1)
    target = torch.tensor([0] * 8 + [1] * 2)
    of_row = torch.arange(10) // 2
    return Split(x, target, [Units(target[::2], of_row, "patient", ["a", "b", "c", "d", "e"])], {"old": target})


def test_large_classes_are_cut_into_parts_of_the_smallests_size() -> None:
    """Without counts: eight rows beside two are cut in four; rows stay as they are."""
    found = Subclasses()(split())
    sizes = torch.bincount(found.more["subclass"])
    assert len(sizes) == 5
    assert set(found.more["subclass"][8:].tolist()) == {4}
    assert torch.equal(found.x[:], split().x[:])
    assert found.more.keys() == {"old", "subclass"}
    with pytest.raises(InputError, match="no sample of class 0: it cannot be cut"):
        Subclasses()(Split(torch.zeros(3, 2), torch.ones(3, dtype=torch.int64)))


def test_likelihood_is_the_share_of_the_cluster() -> None:
    """Of all rows, whatever their class."""
    found = Appearance(count=2)(split()).more["likelihood"]
    torch.testing.assert_close(found, torch.tensor([0.8] * 8 + [0.2] * 2))
    with pytest.raises(InputError, match="11 clusters need as many training rows, there are 10"):
        Appearance(count=11)(split())
    with pytest.raises(InputError, match="count must be at least 2, so that looks differ; got 1"):
        Appearance(count=1)


def test_groups_are_read_by_unit(tmp_path: Path) -> None:
    """Rows get the value of their patient, and only those of training count."""
    path = tmp_path / "sex.csv"
    frame = pd.DataFrame({"unit": list("edcbaz"), "sex": ["m", "f", "f", "m", "f", "?"]})
    frame.to_csv(path, index=False)
    assert Attribute(path, "sex")(split()).more["group"].tolist() == [0, 0, 1, 1, 0, 0, 0, 0, 1, 1]
    both = pd.concat([frame.assign(split="train"), frame.assign(split="test", sex="x")])
    both.to_csv(path, index=False)
    assert Attribute(path, "sex")(split()).more["group"].tolist() == [0, 0, 1, 1, 0, 0, 0, 0, 1, 1]
    rows = Split(torch.zeros(3, 2), torch.tensor([0, 1, 1]))
    pd.DataFrame({"unit": [0, 1, 2], "site": ["x", "y", "x"]}).to_csv(path, index=False)
    assert Attribute(path, "site")(rows).more["group"].tolist() == [0, 1, 0]


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        ({"unit": list("abcd"), "sex": list("mfmf")}, "has no sex of 1 of 5 training units: e"),
        ({"unit": list("abcde"), "sex": ["m", "f", "", "", "m"]}, "has no sex of 2 of 5 training units: c, d"),
        ({"unit": list("abcdea"), "sex": list("mfmfmf")}, "names units twice: a; where splits share names"),
        ({"unit": list("abcde"), "age": list("12345")}, "has no column 'sex'; it has unit, age"),
        ({"name": list("abcde"), "sex": list("mfmfm")}, "has no column 'unit'; it has name, sex"),
        ({"unit": list("abcde"), "sex": list("mmmmm")}, "the sex of all training units is 'm'; take one that differs"),
    ],
)
def test_what_a_file_of_groups_lacks(columns: dict[str, list[str]], message: str, tmp_path: Path) -> None:
    """One message each."""
    pd.DataFrame(columns).to_csv(tmp_path / "sex.csv", index=False)
    with pytest.raises(InputError, match=message):
        Attribute(tmp_path / "sex.csv", "sex")(split())


def test_a_run_with_each(tmp_path: Path, speech_root: Path) -> None:
    """A table with its subclasses, looks and groups; speech, which is read from a file, with groups."""
    table_of(60, 30).to_csv(tmp_path / "my_table.csv", index=False)
    sex = tmp_path / "sex.csv"
    rows = [str(number) for number in range(200)]
    pd.DataFrame({"unit": rows, "sex": [("f", "m")[int(row) % 2] for row in rows]}).to_csv(sex, index=False)
    short = ("--trainer.fast_dev_run", "true")
    table = ("--data.root", str(tmp_path), *short, "--data.batch_size", "30")
    for objective, options in {
        "subclass_contrastive": (
            *("--model.network", "torchvision.ops.MLP", "--model.network.in_channels", "30"),
            *("--model.network.hidden_channels", "[4, 1]"),
        ),
        "appearance_weighted_erm": (),
        "group_parity": ("--data.resample.path", str(sex)),
    }.items():
        assert fit("tabular", tmp_path / "run", *table, *options, objective=objective) == 0
    manifest = pd.read_csv(speech_root / "modma" / "manifest.csv", dtype=str)
    speakers = sorted(set(manifest["speaker"]))
    pd.DataFrame({"unit": speakers, "sex": ["f" if index % 2 else "m" for index in range(len(speakers))]}).to_csv(
        sex, index=False
    )
    speech = ("--data.root", str(speech_root), *short, "--data.resample.path", str(sex))
    assert fit("modma", tmp_path / "run", *speech, objective="group_parity") == 0


def test_clusters_are_for_rows_in_memory(tmp_path: Path, speech_root: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """Speech has none; that is said before anything is read."""
    command = ["fit", "--config", "configs/modma.yaml", "--data.root", str(speech_root), "--out", str(tmp_path / "run")]
    for overlay, name in (("subclass_contrastive", "Subclasses"), ("appearance_weighted_erm", "Appearance")):
        fails([*command, "--config", f"configs/objectives/{overlay}.yaml"], capfd, f"{name} is for rows in memory")


def test_grades_are_read_by_unit_or_from_medmnists_own_file(tmp_path: Path) -> None:
    """A number of the patient, scaled over rows; of an npz file its training labels."""
    pd.DataFrame({"unit": list("edcba"), "score": ["9", "0", "0", "1.5", "3"]}).to_csv(tmp_path / "s.csv", index=False)
    numbers = torch.tensor([3, 3, 1.5, 1.5, 0, 0, 0, 0, 9, 9])
    expected = (numbers - numbers.mean()) / numbers.std(correction=0)
    torch.testing.assert_close(Grade(tmp_path / "s.csv", "score")(split()).more["grade"], expected)
    np.savez(tmp_path / "own.npz", train_labels=numbers.int().numpy()[:, None])
    found = Grade(tmp_path / "own.npz")(split()).more["grade"]
    torch.testing.assert_close(found, (numbers.int() - 2.6) / float(numbers.int().double().std(correction=0)))


@pytest.mark.parametrize(
    ("entries", "message"),
    [
        (["1", "2", "mild", "3", "grave"], "the grade must be a number, got grave, mild|mild, grave"),
        (["1", "", "2", "3", "4"], "has no grade of 1 of 5 training units"),
        (["1", "inf", "2", "3", "4"], "the grade must be a number, got inf"),
        (["2"] * 5, "the grade of all training rows is 2: take another"),
    ],
)
def test_what_a_file_of_grades_lacks(entries: list[str], message: str, tmp_path: Path) -> None:
    """One message each; a file of another data set's labels, and one that is none, as well."""
    pd.DataFrame({"unit": list("abcde"), "grade": entries}).to_csv(tmp_path / "g.csv", index=False)
    with pytest.raises(InputError, match=message):
        Grade(tmp_path / "g.csv")(split())
    np.savez(tmp_path / "own.npz", train_labels=np.zeros((7, 1)))
    with pytest.raises(InputError, match="has 7 train_labels, the training split 10 rows"):
        Grade(tmp_path / "own.npz")(split())
    for path in ("none.npz", "g.npz"):
        (tmp_path / "g.npz").write_text("no archive")
        with pytest.raises(InputError, match="has no train_labels"):
            Grade(tmp_path / path)(split())


def test_a_grade_beside_the_class(tmp_path: Path, medmnist_root: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """By hand; then RetinaMNIST's own grades by the front door: training has them, predictions need none."""
    logits, target = torch.tensor([[0.0, 1.0, 0.5], [2.0, -1.0, -1.0]]), torch.tensor([1, 0])
    objective = AuxiliaryGrade(weight=2.0, base=GroupDRO(1.0))
    found = objective(logits, target, grade=torch.tensor([1.5, -1.0]))
    assert float(found["loss"] - GroupDRO(1.0)(logits[:, :2], target)["loss"]) == pytest.approx(2 * 0.5)
    assert torch.equal(objective.class_logits(logits), logits[:, :2])
    plain = AuxiliaryGrade(weight=0)(logits, target, grade=torch.zeros(2))["loss"]
    torch.testing.assert_close(plain, ERM()(logits[:, :2], target)["loss"])
    assert (objective.outputs(2), objective.name) == (3, "auxiliary_grade_group_dro")

    path = ("--data.resample.path", str(medmnist_root / "retinamnist.npz"))
    given = ("--data.root", str(medmnist_root), "--trainer.max_epochs", "1", *path)
    run = tmp_path / "run"
    assert fit("retina", run, *given, "--model.network.outputs", "3", objective="auxiliary_grade") == 0
    frame = pd.read_csv(run / "predictions.csv")
    np.testing.assert_allclose(frame["prob_0"] + frame["prob_1"], 1, atol=1e-6)
    np.savez(tmp_path / "new.npz", images=np.zeros((2, 28, 28, 3), np.uint8))
    new = ["--input", str(tmp_path / "new.npz"), "--out", str(tmp_path / "new")]
    assert main(["predict", "--config", str(run / "config.yaml"), *new]) == 0
    command = ["fit", "--config", "retina", "--config", "objectives/auxiliary_grade", "--out", str(tmp_path / "x")]
    fails([*command, *given], capfd, "auxiliary_grade needs 3 a row", "outputs to 3")
    missing = ["--data.resample", "null", "--model.network.outputs", "3", "--data.root", str(medmnist_root)]
    fails([*command, *missing], capfd, "needs grade of each training row")
    mixed = [*given, "--model.network.outputs", "3", "--data.mixup", "clsunbias.data.Mixup"]
    fails([*command, *mixed], capfd, "mixup mixes rows", "auxiliary_grade needs grade of each")
    assert not (tmp_path / "x").exists()
