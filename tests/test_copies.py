"""Copies in data of one's own: ``clsunbias study`` keeps them in one split, and leaves out those of two classes."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import yaml
from PIL import Image

from clsunbias.__main__ import main
from clsunbias.data.twins import row_copies
from clsunbias.experiments.own_data.copies import free_name, group_copies
from clsunbias.experiments.own_data.looking import look
from clsunbias.experiments.own_data.understanding import Asked
from tests.fakes import table_of
from tests.test_leaks import images

COLUMN = "data.init_args."

ALL = ("--dry-run", "--minutes", "100000")
"""What is planned does not depend on how fast the machine is."""


def settings(out: Path) -> dict[str, object]:
    """What a written grid sets for its data."""
    found: dict[str, object] = yaml.safe_load((out / "study.yaml").read_text())["columns"]["data"]["set"]
    return found


def table_with_copies(folder: Path, **more: Any) -> Path:
    """Sixty rows: 3 is written again as 20 and nearly as 40, 5 as 21; 8 (of class 1) and 9 are one, of two classes."""
    frame = table_of(60, 4)
    x = [f"x{index}" for index in range(4)]
    frame["label"] = (np.arange(60) % 3 == 2).astype(int)
    frame.loc[[3, 20, 5, 21, 40, 8, 9], "label"] = [1, 1, 0, 0, 1, 1, 0]
    frame.loc[20, x] = frame.loc[3, x]
    frame.loc[40, x] = frame.loc[3, x] + 1e-4
    frame.loc[21, x] = frame.loc[5, x]
    frame.loc[9, x] = frame.loc[8, x]
    frame.assign(**more).to_csv(folder / "clinic.csv", index=False)
    return folder / "clinic.csv"


def write_images(folder: Path) -> Path:
    """Forty images in two folders: 0 again as PNG, 1 as JPEG, and 2 in the other folder."""
    pixels = images(np.random.default_rng(0), 40)
    for number, one in enumerate(pixels):
        home = folder / ("well", "ill")[number % 2]
        home.mkdir(parents=True, exist_ok=True)
        Image.fromarray(one).save(home / f"{number}.png")
    Image.fromarray(pixels[0]).save(folder / "well" / "again.png")
    Image.fromarray(pixels[1]).save(folder / "ill" / "anew.jpg", quality=90)
    Image.fromarray(pixels[2]).save(folder / "ill" / "other.png")
    return folder


def test_groups_are_components() -> None:
    """Of copies and of patients; copies of two classes stay out and join nobody."""
    labels = pd.Series(list("aaabab"))
    pairs = [(0, 1), (1, 2), (2, 3)]
    alone = group_copies(pairs, labels, None, list("ABCDEF"))
    assert alone is not None
    assert (alone.pairs, alone.left_out, alone.joined) == (1, 2, 0)
    assert alone.groups.to_dict() == {0: "A", 1: "A", 4: "E", 5: "F"}
    owned = group_copies(pairs, labels, pd.Series(["p", "q", "q", "r", "q", "r"]), list("ABCDEF"))
    assert owned is not None
    assert owned.groups.to_dict() == {0: "p", 1: "p", 4: "p", 5: "r"}
    assert owned.joined == 1
    assert group_copies([], labels, None, list("ABCDEF")) is None
    assert free_name(["group", "copy_group"]) == "copy_copy_group"


def test_rows_equal_by_chance_are_no_copies() -> None:
    """Of a table of few categories many rows are equal."""
    x = np.random.default_rng(0).integers(0, 2, (60, 3)).astype(float)
    assert row_copies(x) == []


def test_a_table_with_copies_is_studied(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Every fold's first run finds no leak; what was done is said, and stands in the grid and in a table to edit."""
    path, out = table_with_copies(tmp_path), tmp_path / "out"
    assert main(["study", str(path), "--label", "label", "--out", str(out), *ALL]) == 0
    said = " ".join(capsys.readouterr().out.split())
    for part in ("58 rows", "2 rows are left out", "4 pairs of rows are copies", "5 folds of groups", "clinic.csv"):
        assert part in said
    written = pd.read_csv(out / "data" / "clinic.csv")
    assert written["group"].nunique() == 55
    assert written.loc[written["group"] == "row 5", "x0"].count() == 3
    assert settings(out)[COLUMN + "group"] == "group"
    assert settings(out)[COLUMN + "path"] == str((out / "data" / "clinic.csv").resolve())
    assert "# Note: 4 pairs of rows" in (out / "study.yaml").read_text()


def test_leaks_that_are_allowed_are_kept(tmp_path: Path) -> None:
    """Every row counts by itself then."""
    found = look(Asked(table_with_copies(tmp_path), "label", allow_leaks=True), tmp_path / "out")
    assert (len(found.labels), found.patients) == (60, None)


def test_copies_join_patients(tmp_path: Path) -> None:
    """Who share a row are one; their column is no feature; a column called group stays one."""
    group = np.arange(60) % 7
    group[[20, 40, 21, 9]] = group[[3, 3, 5, 8]]
    path = table_with_copies(tmp_path, patient=[f"p{row}" for row in range(60)], group=group)
    found = look(Asked(path, "label", "patient"), tmp_path / "out")
    assert found.settings[COLUMN + "group"] == "copy_group"
    assert "patient" in found.settings[COLUMN + "ignore"]
    assert "group" not in found.settings[COLUMN + "ignore"]
    assert found.patients is not None
    assert found.patients.nunique() == 55
    assert found.whose == "patients"
    assert "3 patients are one with another" in found.remarks[-1]


def test_a_folder_with_copies_is_studied(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Images of a folder are listed with their groups; what is listed is found, and no fold has a leak."""
    out = tmp_path / "out"
    assert main(["study", str(write_images(tmp_path / "scans")), "--out", str(out), *ALL]) == 0
    said = " ".join(capsys.readouterr().out.split())
    for part in ("41 rows", "2 images are left out", "2 pairs of images are copies", "5 folds of groups"):
        assert part in said
    listing = pd.read_csv(out / "data" / "scans.csv")
    assert list(listing) == ["path", "label", "group"]
    assert all((out / "data" / path).is_file() for path in listing["path"])
    twice = listing[listing["group"].duplicated(keep=False)].groupby("group")["path"].agg(list)
    assert [sorted(Path(path).name for path in own) for own in twice] == [["1.png", "anew.jpg"], ["0.png", "again.png"]]


def test_a_list_of_images_with_copies(tmp_path: Path) -> None:
    """Its other columns stay; where copies differ in an attribute, it is shown by image."""
    write_images(tmp_path / "scans")
    files = sorted((tmp_path / "scans").rglob("*.*"))
    frame = pd.DataFrame({"path": [f"scans/{file.parent.name}/{file.name}" for file in files]})
    frame = frame.assign(label=[file.parent.name for file in files], age=np.arange(len(files)), site="A")
    frame.to_csv(tmp_path / "list.csv", index=False)
    found = look(Asked(tmp_path / "list.csv", "label", attributes=("age",)), tmp_path / "out")
    assert found.settings[COLUMN + "headline"] == "image"
    assert found.settings[COLUMN + "ignore"] == ["site"]
    assert set(pd.read_csv(tmp_path / "out" / "data" / "list.csv")) == {"path", "label", "age", "site", "group"}


def test_without_copies_nothing_is_written(tmp_path: Path) -> None:
    """The table is studied as it lies there."""
    table_of(40, 3).to_csv(tmp_path / "clinic.csv", index=False)
    found = look(Asked(tmp_path / "clinic.csv", "label"), tmp_path / "out")
    assert found.settings[COLUMN + "path"] == str((tmp_path / "clinic.csv").resolve())
    assert found.patients is None
    assert not (tmp_path / "out").exists()
