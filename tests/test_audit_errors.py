"""The simulation behind the audit's claims, on few sets: what was planted is found, little else; it goes on."""

import json
import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from benchmarks import audit_errors, audit_indices, audit_sets
from benchmarks.audit_errors import audited, main, read
from benchmarks.audit_rates import HALF, interval, rates
from clsunbias.audit.parts import parts_of


def test_what_is_planted_in_the_toy_is_found_and_little_else() -> None:
    """The audit finds f2 at the toy's strength alone; importance and a probe find f1 all the same."""
    done = [audited("toy", share, number) for share in (0.5, 1.0) for number in range(24)]
    found = rates(done).set_index(["planted", "test", "rate"])["value"]
    for name in ("the audit, in the model", "the audit, in the data"):
        assert found["the toy's", name, "found"] >= 0.9
        assert found["the toy's", name, "without cause"] <= 3 / 24
        assert found["nothing", name, "without cause"] <= 3 / 24
    for name in ("permutation importance", "probe of the label"):
        assert found["the toy's", name, "without cause"] == 1


@pytest.mark.parametrize("name", ["table with decoys", "speech"])
def test_sets_of_every_kind_are_audited(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """On fewer rows: a line of results for each test, and signs where they are said to be."""
    monkeypatch.setattr(audit_sets, "ROWS", 120)
    line = audited(name, 0.5, 0)
    assert {"audit", "data", "importance", "probe"} <= {*line}
    assert ("silence" in line) == (name == "speech")
    assert json.loads(json.dumps(line)) == line


def test_images_have_signs_in_two_places(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The planted part is the place whose level goes with the sign; the images themselves tell nothing."""
    random = np.random.default_rng(0)
    pixels = random.integers(0, 255, (80, 28, 28), np.uint8)
    np.savez(tmp_path / "breastmnist.npz", train_images=pixels, val_images=pixels, test_images=pixels)
    monkeypatch.setenv("CLSUNBIAS_DATA", str(tmp_path))
    monkeypatch.setattr(audit_sets, "ROWS", 200)
    audit_sets.pictures.cache_clear()
    made = audit_sets.image(0.5, np.random.default_rng(0), "breastmnist", False)
    audit_sets.pictures.cache_clear()
    (place,) = made.planted
    part = next(one for one in parts_of(made.test.x[:]) if one.name == place)
    assert part.summary is not None
    level = part.summary(made.test.x[:]).numpy()
    assert np.corrcoef(level, made.signs["one"])[0, 1] > 0.6


def test_the_benchmark_goes_on_where_it_stopped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A set that is done is not done again; the table and its picture are made of all lines."""
    monkeypatch.setattr(audit_errors, "STRENGTHS", {HALF: 0.75})
    options = ["--modality", "toy", "--out", str(tmp_path)]
    main([*options, "--sets", "1"])
    first = read(tmp_path / "errors.jsonl")
    main([*options, "--sets", "2"])
    assert read(tmp_path / "errors.jsonl")[:1] == first
    table = pd.read_csv(tmp_path / "errors.csv")
    assert set(table["sets"]) == {2}
    assert {"errors.md", "errors.png"} <= {path.name for path in tmp_path.iterdir()}


def test_an_interval_holds_a_share() -> None:
    """Clopper and Pearson's, at the ends as well."""
    low, high = interval(100, 200)
    assert 0.42 < low < 0.5 < high < 0.58
    assert interval(0, 200)[1] == pytest.approx(0.0183, abs=1e-3)
    assert interval(200, 200)[1] == 1


def test_the_toys_indices_and_their_intervals(monkeypatch: pytest.MonkeyPatch) -> None:
    """f2: −.28 in the data, −.29 in ERM by the losses as they are, −.11 in Cls-unbias; f1 near 0; intervals hold."""
    monkeypatch.setattr(audit_indices, "SETS", 20)
    monkeypatch.setattr(audit_indices, "MANY", 40_000)
    found = {}
    for row in audit_indices.measure():
        mean, truth, held = re.match(r"(\S+) \(truth (\S+), .*\), (\S+)$", row.figure).groups()  # type: ignore[union-attr]
        assert float(mean) == pytest.approx(float(truth), abs=0.04)
        assert float(held) >= 0.8
        found[row.what.partition(":")[0]] = float(truth)
    assert found["ERM, f2, index of the rise of the loss as it is"] == pytest.approx(-0.29, abs=0.03)
    assert found["Cls-unbias, f2, index of the rise of the loss as it is"] == pytest.approx(-0.11, abs=0.03)
    assert found["ERM, f1, index of the rise of the loss as it is"] == pytest.approx(-0.04, abs=0.03)
    assert found["ERM, f2, index of the data"] == pytest.approx(-0.28, abs=0.03)
    assert found["ERM, f1, index of the data"] == pytest.approx(0, abs=0.03)
