"""Every overlay of a remedy by the front door, and averages over the end of a run."""

from pathlib import Path

import pandas as pd
import pytest

from tests.fakes import table_of
from tests.test_cli import CONFIGS, fit
from tests.test_errors import fails

ELSEWHERE = {"segment_attention", "expert_aggregation"}
OVERLAYS = sorted({path.stem for path in (CONFIGS / "remedies").glob("*.yaml")} - ELSEWHERE)
"""All but the ones for speech and for a run of three experts, which are tested where they belong."""


@pytest.fixture(scope="module")
def start(tmp_path_factory: pytest.TempPathFactory) -> tuple[list[str], Path]:
    """Options for a run on a small table with two logits, and one that is finished."""
    folder = tmp_path_factory.mktemp("start")
    table_of(120, 3).to_csv(folder / "t.csv", index=False)
    options = ["--data.path", str(folder / "t.csv"), "--model.network", "torchvision.ops.MLP"]
    options += ["--model.network.in_channels", "3", "--model.network.hidden_channels", "[4, 2]"]
    assert fit("tabular", folder / "run", *options, "--trainer.max_epochs", "1", objective="erm") == 0
    return options, folder / "run"


@pytest.mark.parametrize("name", OVERLAYS)
def test_every_overlay_runs(name: str, start: tuple[list[str], Path], tmp_path: Path) -> None:
    """On a table, after ERM, from a finished run; those that need more are given it."""
    options, run = start
    units = pd.DataFrame({"unit": range(2, 122), "sex": ["m", "f", "f"] * 40})
    units.to_csv(tmp_path / "sex.csv", index=False)
    groups = ["--data.resample.path", str(tmp_path / "sex.csv"), "--data.resample.column", "sex"]
    more = {
        "crt": ["--freeze", "0", "--fresh", "3"],
        "wise_ft": ["--model.refit.other", str(run)],
        "attribute_balanced": ["--data.resample", "clsunbias.data.Attribute", *groups],
    }.get(name, [])
    overlay = ["--config", f"remedies/{name}", "--init_from", str(run), *more]
    if "refit" not in (CONFIGS / "remedies" / f"{name}.yaml").read_text():
        overlay += ["--trainer.max_epochs", "2"]
    assert fit("tabular", tmp_path / "run", *options, *overlay, objective="erm") == 0


def test_an_average_over_the_end_of_a_run(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """Until then the curves are those of the run without it; then validation scores another network."""
    options = ["--trainer.max_steps", "41", "--model.lr_schedule", "null", "--model.optimizer.init_args.lr", "0.3"]
    options += ["--selection", "clsunbias.selection.Best"]
    late = "clsunbias.averaging.LateAverage"
    assert fit("toy_imbalanced", tmp_path / "plain", *options, objective="erm") == 0
    assert fit("toy_imbalanced", tmp_path / "late", *options, "--trainer.callbacks+", late, objective="erm") == 0
    plain, averaged = (pd.read_csv(tmp_path / name / "metrics.csv") for name in ("plain", "late"))
    same = plain["val/loss"] == averaged["val/loss"]
    assert same[plain["step"] <= 30].all()
    assert not same[plain["step"] > 32].any()
    assert (plain["train/objective"] == averaged["train/objective"]).all(), "the steps themselves are the same"
    wrong = f'{{"class_path": "{late}", "init_args": {{"start": 1.0}}}}'
    command = ["fit", "--config", "toy_imbalanced", "--out", str(tmp_path / "x"), "--trainer.callbacks+", wrong]
    fails(command, capfd, "share of the run")
