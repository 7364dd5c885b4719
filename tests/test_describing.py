"""Resamplers that say more of each training row: subclasses, looks and groups, from the rows to a run with them."""

from pathlib import Path

import pandas as pd
import pytest
import torch

from clsunbias.data import Appearance, Attribute, Split, Subclasses, Units
from clsunbias.errors import InputError
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
        "subclass_contrastive": (),
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
