"""``clsunbias study``: what it understands of a data set, what it refuses, and the grid that it writes."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import soundfile
import yaml

from clsunbias.__main__ import main
from clsunbias.errors import InputError
from clsunbias.experiments.own_data.design import Trial, choose, sizes
from clsunbias.experiments.own_data.looking import look
from clsunbias.experiments.own_data.understanding import Asked, Understood
from tests.fakes import table_of


def patients(rows: int = 80) -> pd.DataFrame:
    """Two rows of each patient: numbers, words, names of records, a column that says nothing, one that is empty."""
    frame = table_of(rows, 3)
    label = np.array(["well", "ill"])[(np.arange(rows) // 2 % 4 == 0).astype(int)]
    return frame.assign(
        sex=np.resize(["f", "m", "m"], rows),
        ward=np.resize(["a", "b", "c", "a", "b"], rows),
        record=np.arange(rows) + 700,
        device="X1",
        note=[""] * (rows - 1) + ["late"],
        patient=[f"p{row // 2}" for row in range(rows)],
        label=label,
    )


def understood(frame: pd.DataFrame, folder: Path, **asked: object) -> Understood:
    """What is understood of a table."""
    frame.to_csv(folder / "clinic.csv", index=False)
    said = Asked(folder / "clinic.csv", **{"label": "label", "patient": "patient", **asked})  # type: ignore[arg-type]
    return look(said, folder / "out")


def test_a_table_is_understood(tmp_path: Path) -> None:
    """Which columns are of use, which words, whose the rows are; the ill are positive, whoever is rarer."""
    found = understood(patients(), tmp_path)
    assert (found.kind, found.classes) == ("table", ("well", "ill"))
    assert found.counts() == {"well": 60, "ill": 20}
    assert found.counts(found.patients) == {"well": 30, "ill": 10}
    assert found.settings["data.init_args.ignore"] == ["record", "device", "note"]
    assert found.settings["model.network"]["init_args"]["in_features"] == 3 + 1 + 3
    assert [remark.partition(":")[0] for remark in found.remarks] == [
        f"left out {name}" for name in ("'record'", "'device'", "'note'")
    ]


def test_of_two_unknown_names_the_rarer_is_positive(tmp_path: Path) -> None:
    """And what is asked for goes before."""
    frame = patients().replace({"label": {"well": "B", "ill": "A"}})
    assert understood(frame, tmp_path).classes == ("B", "A")
    assert understood(frame, tmp_path, classes=["A", "B"]).classes == ("A", "B")


FAULTS: dict[str, tuple[Callable[[pd.DataFrame], pd.DataFrame], str]] = {
    "a measurement": (lambda frame: frame.assign(label=frame["x0"]), "numbers with decimals"),
    "names": (lambda frame: frame.assign(label=frame["patient"]), "40 different labels"),
    "one class": (lambda frame: frame.assign(label="well"), "there is one class only"),
    "a patient of two": (
        lambda frame: frame.assign(label=["ill", *frame["label"][1:-1], "ill"]),
        "1 of 40 patients have rows of more than one class, such as 'p39'",
    ),
    "an empty label": (lambda frame: frame.assign(label=["", *frame["label"][1:]]), "label is empty in row 2"),
    "no features": (lambda frame: frame[["label", "patient", "device", "record"]], "no column of features"),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_what_is_no_data_set(fault: str, tmp_path: Path) -> None:
    """Each is said by the column it is in."""
    change, said = FAULTS[fault]
    with pytest.raises(InputError) as caught:
        understood(change(patients()), tmp_path)
    assert said in str(caught.value)
    assert "clinic.csv" in str(caught.value)


def test_a_column_of_patients_is_not_passed_over(tmp_path: Path) -> None:
    """It is to be named, or to be left out; it may be of as many values as rows, or say who is ill."""
    frame = patients().rename(columns={"patient": "Subject ID"})
    with pytest.raises(InputError, match=r"'Subject ID' .* \(40 values in 80 rows\): give --patient 'Subject ID'"):
        understood(frame, tmp_path, patient=None)
    assert understood(frame, tmp_path, patient=None, ignore=["Subject ID"]).patients is None
    for values in (range(80), frame["label"]):
        assert understood(frame.assign(**{"Subject ID": values}), tmp_path, patient=None).patients is None


def test_a_class_with_two_patients_has_no_folds(tmp_path: Path) -> None:
    """It is named, with how many it takes."""
    frame = patients()
    frame = frame[(frame["label"] == "well") | frame["patient"].isin(["p0", "p4"])]
    with pytest.raises(InputError, match=r"class 'ill' has 2 patients, and 3 are needed"):
        choose(understood(frame, tmp_path), Trial(1, 0.1, 10), 10, 2)


def test_time_says_how_much_is_run(tmp_path: Path) -> None:
    """The largest design that fits; the smallest, if none does; folds as the smallest class allows."""
    found = understood(patients(), tmp_path)
    designs = [choose(found, Trial(1, 0.01, 10), minutes, 2) for minutes in (60, 3, 0.1)]
    assert [one.size for one in designs][::2] == [sizes("table")[0], sizes("table")[-1]]
    assert designs[1].minutes(2) <= 3 < designs[0].minutes(2)
    assert [one.folds for one in designs] == [5, 5, 3]
    assert designs[0].runs == 5 * 5 * 4 * 3


def test_recordings_are_prepared(tmp_path: Path) -> None:
    """A column that names sounds makes a manifest, of speakers; missing files are counted and named."""
    (tmp_path / "raw").mkdir()
    for name in range(12):
        wave = np.random.default_rng(name).uniform(-0.5, 0.5, 16000)
        soundfile.write(tmp_path / "raw" / f"{name}.wav", wave, 8000)
    frame = pd.DataFrame(
        {"file": [f"raw/{name}.wav" for name in range(12)], "label": ["no", "yes"] * 6, "age": range(30, 42)}
    )
    found = understood(frame, tmp_path, patient=None)
    assert (found.kind, found.settings["data.init_args.front_end.init_args.sample_rate"]) == ("recordings", 8000)
    assert (tmp_path / "out" / "data" / "manifest.csv").is_file()
    frame.loc[[2, 3], "file"] = ["raw/x.wav", "raw/y.wav"]
    with pytest.raises(InputError, match=r"2 of 12 files in column 'file' are not there, such as 'raw/x.wav'"):
        understood(frame, tmp_path, patient=None)


def test_a_dry_run_says_and_writes_the_grid(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Counts, what is left out, how long; the grid's comments are kept when it is edited, and nothing is run."""
    patients().to_csv(tmp_path / "clinic.csv", index=False)
    options = ["study", str(tmp_path / "clinic.csv"), "--label", "label", "--patient", "patient"]
    options += ["--out", str(tmp_path / "out"), "--dry-run"]
    assert main(options) == 0
    said = capsys.readouterr().out
    for part in (
        "clinic.csv: table, 80 rows",
        "ill (positive)",
        "left out 'record'",
        "5 folds of patients",
        "min with",
    ):
        assert part in " ".join(said.split())
    path = tmp_path / "out" / "study.yaml"
    assert yaml.safe_load(path.read_text())["baselines"] == ["erm"]
    path.write_text("# mine\n" + path.read_text())
    assert main(options) == 0
    assert "is used as it stands" in capsys.readouterr().out
    assert path.read_text().startswith("# mine")
    assert [one.name for one in (tmp_path / "out").iterdir()] == ["study.yaml"]


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["nowhere.csv", "--label", "x"], "there is no nowhere.csv"),
        ([".", "--label", "x"], "is a folder, whose folders are its classes: it has no columns x"),
        (["."], "has no folders of images"),
        (["clinic.csv"], "--label COLUMN"),
        (["clinic.csv", "--label", "diagnosis"], "no column 'diagnosis'; it has 'x0'"),
        (["clinic.csv", "--label", "label", "--attributes", "sex,age"], "no column 'age'"),
        (["clinic.csv", "--label", "label", "--minutes", "0"], "--minutes must be above 0"),
    ],
)
def test_what_is_asked_wrongly(
    options: list[str], said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """One message, and nothing is left."""
    monkeypatch.chdir(tmp_path)
    patients().to_csv("clinic.csv", index=False)
    assert main(["study", *options]) == 2
    assert said in capsys.readouterr().err
    assert not Path("studies").exists()
