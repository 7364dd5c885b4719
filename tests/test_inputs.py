"""What a run learnt of its data travels with it: new inputs are read without them, and scored to the same digit."""

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pandas as pd
import pytest
import torch
from sklearn.impute import SimpleImputer
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from clsunbias.__main__ import main
from clsunbias.data.scale import fit_scale
from clsunbias.files import sealed, write_json
from tests.fakes import table_of
from tests.test_cli import CONFIGS
from tests.test_errors import fails

SHORT = ["--trainer.max_epochs", "2", "--trainer.enable_progress_bar", "false"]


def table(rows: int = 60) -> pd.DataFrame:
    """Four features with holes, a label, a patient of two rows each, and the record's number."""
    frame = table_of(rows, 4)
    frame.loc[::7, "x1"] = np.nan
    frame["patient"] = [f"p{row // 2}" for row in range(rows)]
    return frame.assign(label=[("well", "ill")[row // 2 % 2] for row in range(rows)], record=np.arange(rows) + 500)


@pytest.fixture(scope="module")
def tables(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """A run that merges patients and one that does not, made of a table that is no longer there."""
    root = tmp_path_factory.mktemp("inputs")
    table().to_csv(root / "my_table.csv", index=False)
    options = ["fit", "--config", str(CONFIGS / "tabular.yaml"), "--data.root", str(root), *SHORT]
    options += ["--model.network.in_features", "4", "--data.missing", "median"]
    several = {"patients": ["--data.group", "patient", "--data.ignore", "[record]"]}
    several["rows"] = ["--data.ignore", "[record, patient]"]
    for name, more in several.items():
        assert main([*options, *more, "--out", str(root / name)]) == 0
    (root / "my_table.csv").unlink()
    return {name: root / name for name in several}


def predict(run: Path, new: Path, *more: str) -> list[str]:
    """The command that scores new inputs, into a folder beside them."""
    return ["predict", "--config", str(run / "config.yaml"), "--input", str(new), "--out", str(new.parent / "p"), *more]


def scores(new: Path) -> pd.DataFrame:
    """What it wrote, by unit."""
    return pd.read_csv(new.parent / "p" / "predictions.csv", dtype={"unit": str}).set_index("unit")


def of_run(run: Path) -> pd.Series:
    """Probabilities of all units that a run left."""
    return pd.read_csv(run / "predictions.csv", dtype={"unit": str}).set_index("unit")["prob_1"]


def test_a_tables_scale_is_scikit_learns() -> None:
    """To the bit, and so is one made of its account."""
    frame = table()[["x0", "x1", "x2", "x3"]].assign(same=3.0)
    scale = fit_scale(frame[:40], True, Path("t.csv"))
    twin = make_pipeline(SimpleImputer(strategy="median"), StandardScaler()).fit(frame[:40])
    expected = torch.from_numpy(twin.transform(frame)).float()
    assert torch.equal(scale(torch.tensor(frame.to_numpy())), expected)
    account = json.loads(json.dumps(scale.account()))
    assert torch.equal(type(scale)(account, True)(torch.tensor(frame.to_numpy())), expected)


def test_patients_without_the_table(tables: dict[str, Path], tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """Columns in any order, one more that is said; rows of a patient are merged as in the run."""
    new = tmp_path / "new.csv"
    table().drop(columns="label").iloc[::-1, ::-1].assign(clinic=3).to_csv(new, index=False)
    assert main(predict(tables["patients"], new)) == 0
    told = capfd.readouterr()
    assert f"{new}: 'clinic' is no feature of the model, and has no part in the scores" in told.err
    assert "30 predictions, one for each patient, in" in told.out
    assert scores(new)["prob_1"].to_dict() == of_run(tables["patients"]).to_dict()
    assert set(scores(new)["prediction"]) <= {"well", "ill"}


def test_rows_go_by_what_names_them(tables: dict[str, Path], tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """A column that names each row, else the number that a spreadsheet shows; empty lines count, but are no rows."""
    new, frame = tmp_path / "new.csv", table().drop(columns="label")
    expected = of_run(tables["rows"])
    frame.to_csv(new, index=False)
    assert main(predict(tables["rows"], new)) == 0
    assert "one for each record, in" in capfd.readouterr().out
    found = scores(new)["prob_1"]
    assert {str(int(str(name)) - 498): value for name, value in found.items()} == expected.to_dict()
    frame.drop(columns=["record", "patient"]).to_csv(new, index=False)
    lines = new.read_text().splitlines()
    new.write_text("\n".join(["", *lines[:3], "", ",,,", *lines[3:], ""]) + "\n")
    assert main(predict(tables["rows"], new)) == 0
    assert "one for each row (numbered as a spreadsheet does, the header being row 1)" in capfd.readouterr().out
    found = scores(new)["prob_1"]
    rows = {str(row): str(row + 1 + 2 * (row > 3)) for row in range(2, 62)}
    assert {name: found[rows[name]] for name in expected.index} == expected.to_dict()


def test_new_rows_that_do_not_fit(tables: dict[str, Path], tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """A missing column is named, as is one that holds no numbers, and a file that is not there."""
    new = tmp_path / "new.csv"
    fails(predict(tables["rows"], new), capfd, "new.csv is missing; give a CSV file that is there")
    table().drop(columns=["x0", "x2"]).to_csv(new, index=False)
    fails(predict(tables["rows"], new), capfd, "new.csv lacks 'x0', 'x2', with which the model was trained")
    table().assign(x0="high").to_csv(new, index=False)
    fails(predict(tables["rows"], new), capfd, "new.csv has cells that are no numbers in 'x0' (such as 'high')")


def test_a_run_whose_inputs_are_not_its_own(
    tables: dict[str, Path], tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """Changed, torn or gone they are refused, by predict and by fit; a run that never had any needs its table."""
    run, new = tmp_path / "run", tmp_path / "new.csv"
    shutil.copytree(tables["rows"], run)
    table().to_csv(new, index=False)
    inputs, kept = run / "inputs.json", (run / "inputs.json").read_text()
    refused = f"{inputs} is missing or not what its record was made with; give another --out, or delete {run}"
    inputs.write_text(kept.replace("0.", "0.1", 1))
    fails(predict(run, new), capfd, refused)
    fails(["fit", "--config", str(run / "config.yaml"), "--out", str(run)], capfd, refused)
    inputs.unlink()
    fails(predict(run, new), capfd, refused)
    result = run / "result.json"
    older = json.loads(result.read_text())
    del older["inputs_sha256"]
    write_json(result, sealed(older))
    fails(predict(run, new), capfd, "my_table.csv is missing")
    table().to_csv(tmp_path / "my_table.csv", index=False)
    assert main(predict(run, new, "--data.root", str(tmp_path))) == 0
    table().assign(x0=0.0).to_csv(tmp_path / "my_table.csv", index=False)
    fails(predict(run, new, "--data.root", str(tmp_path)), capfd, "my_table.csv has changed since the run was made")
    toy = ["predict", "--config", "toy_balanced", "--ckpt_path", str(tables["rows"] / "checkpoints" / "selected.ckpt")]
    more = ["--input", str(new), "--out", str(tmp_path / "p")]
    fails([*toy, *more], capfd, "the model was trained on data of Tabular, the config has Toy")


@pytest.mark.parametrize("missing", ["median", "refuse"])
def test_an_exported_table_takes_rows_as_measured(missing: str, tmp_path: Path) -> None:
    """By its metadata alone: features by name and order, no fill and no scale to be done; predict's probabilities."""
    frame = table() if missing == "median" else table().fillna({"x1": 0.5})
    frame.to_csv(tmp_path / "my_table.csv", index=False)
    options = [
        "--config",
        str(CONFIGS / "tabular.yaml"),
        "--data.root",
        str(tmp_path),
        "--data.missing",
        missing,
        *SHORT,
    ]
    options += ["--model.network.in_features", "4", "--data.ignore", "[record, patient]"]
    assert main(["fit", *options, "--out", str(tmp_path / "run")]) == 0
    assert main(["export", str(tmp_path / "run"), "--onnx", str(tmp_path / "model.onnx")]) == 0
    proto = onnx.load(tmp_path / "model.onnx")
    properties = {one.key: one.value for one in proto.metadata_props}
    assert properties["input_scaling"].startswith("none")
    assert (json.loads(properties["input_shape"]), properties["input_type"]) == (["batch", 4], "float64")
    assert (properties["positive_class"], properties["threshold"]) == ("well", "0.5")
    account = json.loads(properties["inputs"])
    assert account == json.loads((tmp_path / "run" / "inputs.json").read_text())
    rows = frame.iloc[:, ::-1][account["features"]].to_numpy(np.float64)
    session = onnxruntime.InferenceSession(str(tmp_path / "model.onnx"))
    (prob,) = session.run(None, {"x": rows})
    frame.drop(columns="label").to_csv(tmp_path / "new.csv", index=False)
    assert main(predict(tmp_path / "run", tmp_path / "new.csv")) == 0
    np.testing.assert_allclose(prob[:, 1], scores(tmp_path / "new.csv")["prob_1"], atol=1e-6)
    (unknown,) = session.run(None, {"x": np.full((1, 4), np.nan)})
    assert np.isnan(unknown).all() == (missing == "refuse"), "what training refused has no probability"


def test_an_account_says_what_inputs_are(tables: dict[str, Path]) -> None:
    """Features in order, their scale, classes and shape, in plain JSON that the result is tied to."""
    account: dict[str, Any] = json.loads((tables["rows"] / "inputs.json").read_text())
    assert list(account) == [
        *("kind", "class_names", "input_shape", "input_type", "scaling", "features", "missing"),
        *("median", "mean", "deviation"),
    ]
    assert account["features"] == ["x0", "x1", "x2", "x3"]
    assert account["class_names"] == ["ill", "well"]
    assert (account["kind"], account["input_shape"], account["input_type"]) == ("Tabular", [4], "float32")
    result = json.loads((tables["rows"] / "result.json").read_text())
    assert len(result["inputs_sha256"]) == 64
