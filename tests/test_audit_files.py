"""``clsunbias audit --predictions FILE --features FILE``: what is said of a model that is not at hand, and refused."""

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy.special import expit

from clsunbias.__main__ import main
from tests.test_audit_measures import toy

Frame = pd.DataFrame


def tables(units: int = 600) -> tuple[Frame, Frame]:
    """Predictions of a linear model on the toy, and its features: two numbers, a text, and one that is noise."""
    x, target = toy(units)
    names = [f"p{number}" for number in range(units)]
    prob = expit(x @ np.array([1.166, -0.699]) - 0.057)
    random = np.random.default_rng(1)
    features = {
        "unit": names,
        "f1": x[:, 0],
        "f2": x[:, 1],
        "site": np.where(target + random.normal(size=units) > 1.2, "north", "south"),
        "noise": random.normal(size=units),
    }
    return pd.DataFrame({"unit": names, "label": target, "prob": prob}), pd.DataFrame(features)


@pytest.fixture
def audit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any) -> Callable[..., tuple[int, str]]:
    """Audits two tables; returns the status, and what was printed or complained of."""
    monkeypatch.chdir(tmp_path)

    def run(predictions: Frame, features: Frame | None, *options: str) -> tuple[int, str]:
        predictions.to_csv("predictions.csv", index=False)
        given = ["--predictions", "predictions.csv"]
        if features is not None:
            features.to_csv("features.csv", index=False)
            given += ["--features", "features.csv"]
        status = main(["audit", *given, *options])
        said = capsys.readouterr()
        return status, str(said.err if status else said.out)

    return run


def test_what_features_tell_and_how_losses_go_with_them(audit: Callable[..., tuple[int, str]]) -> None:
    """f2 is class-specific in the data; the loss goes with what the model reads, not with noise; and it is said so."""
    predictions, features = tables()
    features.loc[3, "f1"] = np.nan
    status, said = audit(predictions, features.sample(frac=1, random_state=0), "--out", "out")
    assert status == 0
    assert "The model is not at hand" in said
    found: Any = pd.read_csv("out/features.csv").set_index(["feature", "class"])
    assert set(found.loc["f2"]["finding"]) == {"class-specific"}
    assert found.loc[("f2", 0), "index_low"] > 0
    assert set(found.loc["f1"]["finding"]) == {"tells, not shown to be specific"}
    assert set(found.loc["noise"]["finding"]) == {"tells nothing that is shown"}
    assert set(found.loc["site"]["tells_p"] < 0.05) == {True}
    assert (found.loc["f1"]["loss_p"] < 0.01).all()
    assert (found.loc["noise"]["loss_p"] > 0.01).all()
    assert not Path("out/parts.csv").exists()
    assert json.loads(Path("out/audit.json").read_text())["gaps"][0]["split"] == "test"
    assert "not what the model reads" in Path("out/audit.html").read_text()


def test_every_split_has_its_gap(audit: Callable[..., tuple[int, str]]) -> None:
    """Also that of training rows; the one that is audited has the features."""
    predictions, features = tables()
    split = np.array(["train", "val", "test"])[np.arange(600) % 3]
    assert audit(predictions.assign(split=split), features.assign(split=split), "--out", "out")[0] == 0
    gaps = pd.read_csv("out/gaps.csv")
    assert set(gaps["split"]) == {"train", "val", "test"}
    assert audit(predictions.assign(split=split), None, "--split", "val", "--out", "alone")[0] == 0
    made = json.loads(Path("alone/audit.json").read_text())
    assert made["models"][0] | {"source": ""} == {
        **{"name": "predictions", "source": "", "classes": ["0", "1"], "split": "val", "unit": "unit"},
        **{"units": 200, "simulated": False},
    }


def test_what_is_refused(audit: Callable[..., tuple[int, str]]) -> None:
    """One message each, before anything is written."""
    predictions, features = tables()
    rare = predictions["label"].mask(predictions.index > 8, 0)
    cases: list[tuple[str, Frame, Frame | None, list[str]]] = [
        ("all test units are of one class (600 0, 0 1)", predictions.assign(label=0), features, []),
        ("too few test units for an interval", predictions.assign(label=rare), features, []),
        ("it takes 10 units or more of each class", predictions.assign(label=rare), features, []),
        ("the label has 600 different values", predictions.assign(label=np.arange(600) / 7), features, []),
        ("has no features of 200 of the 600 test units", predictions, features.iloc[200:], []),
        ("has units twice: p0", predictions, pd.concat([features, features[:1]]), []),
        ("has no column 'unit'", predictions, features.drop(columns="unit"), []),
        ("has no column of features beside unit", predictions, features[["unit"]], []),
        ("noise is empty", predictions, features.assign(noise=np.nan), []),
        ("has no split 'val'; it has test", predictions, features, ["--split", "val"]),
        ("holds 2 seeds", predictions.assign(seed=np.arange(600) % 2), features, []),
        ("probabilities outside [0, 1]", predictions.assign(prob=predictions["prob"] * 3), features, []),
        ("has no column 'label'", predictions.drop(columns="label"), features, []),
        ("--attributes and --by go with run folders", predictions, features, ["--by", "site"]),
    ]
    for said, ours, theirs, options in cases:
        status, message = audit(ours, theirs, "--out", "out", *options)
        assert status == 2, said
        assert said in message
        assert message.count("clsunbias: error:") == 1
        assert not Path("out").exists()


def test_columns_can_be_left_out(audit: Callable[..., tuple[int, str]]) -> None:
    """An empty column, or one that is no feature, by its name."""
    predictions, features = tables()
    assert audit(predictions, features.assign(noise=np.nan), "--ignore", "noise,site", "--out", "out")[0] == 0
    assert set(pd.read_csv("out/features.csv")["feature"]) == {"f1", "f2"}


def test_files_need_no_torch(tmp_path: Path) -> None:
    """It takes seconds to load, and nothing of it is used."""
    predictions, features = tables(60)
    predictions.to_csv(tmp_path / "p.csv", index=False)
    features.to_csv(tmp_path / "f.csv", index=False)
    code = "import sys; from clsunbias.__main__ import main; "
    code += "main(['audit', '--predictions', 'p.csv', '--features', 'f.csv', '--out', 'out']); "
    code += "sys.exit(bool({'torch', 'lightning', 'sklearn'} & {*sys.modules}))"
    assert subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True).returncode == 0


def test_scores_that_rank_nothing(audit: Callable[..., tuple[int, str]]) -> None:
    """Are said to, by a gap of nothing, rather than given an absurd one."""
    predictions, features = tables()
    status, said = audit(predictions.assign(prob=1 - predictions["prob"]), features)
    assert status == 0
    assert "Without what imbalance does to scores it is +0.000 (+0.000 to +0.000)" in " ".join(said.split())
