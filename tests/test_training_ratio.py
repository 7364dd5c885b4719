"""The grid of shares of the small class in training batches."""

import json
import re
from pathlib import Path

import pytest

from clsunbias.experiments.grid import load_grid
from clsunbias.experiments.plan import arms
from clsunbias.files import CONFIGS
from clsunbias.replicas.training import train_together
from tests.fakes import table_of

SHARE = "data.init_args.sampler.init_args.share"


def test_rows_are_what_they_are_called() -> None:
    """Each method as it is and at the same shares, with all else alike."""
    rows = load_grid(CONFIGS / "tables" / "training_ratio.yaml").rows
    shares: dict[str, list[float]] = {"erm": [], "cls_unbias": []}
    for name, row in rows.items():
        method, other = re.sub(r"_\d+$", "", name), {key: value for key, value in row.set.items() if key != SHARE}
        assert other == rows[method].set
        if name == method:
            assert (row.config, SHARE in row.set) == (f"objectives/{method}.yaml", False)
        else:
            assert row.config == [f"objectives/{method}.yaml", "remedies/minority_share.yaml"]
            assert row.label == f"{rows[method].label} at {100 * row.set[SHARE]:.0f} %"
            shares[method].append(row.set[SHARE])
    assert shares["erm"] == shares["cls_unbias"] == sorted(shares["erm"])


def test_cells_of_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """On a small table with the breast cancer table's columns: the smallest and the largest share, and none."""
    table = table_of(120, 30)
    table.assign(target=1 - table.pop("label")).to_csv(tmp_path / "breast_cancer.csv", index=False)
    monkeypatch.setenv("CLSUNBIAS_DATA", str(tmp_path))
    grid = load_grid(CONFIGS / "tables" / "training_ratio.yaml")
    made = {arm.row: arm.seed(0) for arm in arms(grid, ["breast_cancer"], ["plain"], tmp_path / "runs", CONFIGS)}
    rows = ("erm", "erm_05", "erm_65", "cls_unbias_65")
    train_together([made[row] for row in rows])
    found = [json.loads((made[row].out / "result.json").read_text())["test"] for row in rows]
    assert len({one["loss"] for one in found}) == 4
    assert {name.partition("/")[2] for name in (*grid.metrics, *grid.also)} <= found[0].keys()
    assert found[1]["loss_pos"] > found[0]["loss_pos"] > found[2]["loss_pos"]  # the class is 25 % of the rows
