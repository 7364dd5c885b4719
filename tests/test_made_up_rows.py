"""Mixed and made-up training rows: their arithmetic, and that files and pages say that they are made up."""

import json
import math
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
import yaml
from PIL import Image

from clsunbias.data import Mixup
from clsunbias.errors import InputError
from tests.fakes import table_of
from tests.test_cli import fit
from tests.test_errors import fails


def mixed(mixup: Mixup, counts: tuple[float, float], seed: int = 0) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Share of class 1 in each of 2000 mixed rows, whose x is its class; its label; the classes before."""
    target = torch.arange(2000) % 2
    x, label = mixup(target.float().view(-1, 1, 1), target, torch.tensor(counts), seed)
    return x.flatten(), label, target


def test_plain_mixup_draws_the_label_by_its_share() -> None:
    """κ = ∞: of rows whose share of class 1 is about s, a part s has label 1; the same seed mixes the same way."""
    share, label, _ = mixed(Mixup(kappa=math.inf), (9.0, 1.0))
    for low in (0.2, 0.4, 0.6):
        band = (share > low) & (share < low + 0.2)
        assert abs(float(label[band].float().mean()) - low - 0.1) < 0.08
    assert torch.equal(mixed(Mixup(), (9.0, 1.0), 4)[0], mixed(Mixup(), (9.0, 1.0), 4)[0])
    assert not torch.equal(mixed(Mixup(), (9.0, 1.0), 4)[0], mixed(Mixup(), (9.0, 1.0), 5)[0])


@pytest.mark.parametrize("minority", [0, 1])
def test_mixed_rows_count_for_the_smaller_class(minority: int) -> None:
    """Where both classes are in it, and the smaller one's share is above 1 − τ, whichever number that class has."""
    counts = (1.0, 9.0) if minority == 0 else (9.0, 1.0)
    share, label, _ = mixed(Mixup(kappa=3.0, tau=0.5), counts)
    of_minority = share if minority else 1 - share
    inside = (of_minority > 0.5) & (of_minority < 1)
    assert (label[inside] == minority).all()
    less = (of_minority > 0) & (of_minority < 0.5)
    assert 0 < float((label[less] == minority).float().mean()) < 0.5


@pytest.mark.parametrize("wrong", [{"alpha": 0.0}, {"kappa": 0.5}, {"tau": 1.5}])
def test_numbers_of_mixup_out_of_range(wrong: dict[str, float]) -> None:
    """Refused, all three named."""
    with pytest.raises(InputError, match="alpha above 0, kappa of at least 1 and tau"):
        Mixup(**wrong)


def table(folder: Path) -> list[str]:
    """Options for a run on a small table."""
    table_of(80, 3).to_csv(folder / "t.csv", index=False)
    options = ["--data.path", str(folder / "t.csv"), "--model.network.in_features", "3", "--trainer.max_epochs", "2"]
    return [*options, "--seed_everything", "1"]


def test_resamplers_in_turn_and_mixup_by_the_front_door(tmp_path: Path) -> None:
    """SMOTE after label noise, and mixed batches; result, predictions, account and card say what was made up."""
    noise, smote = "clsunbias.data.LabelNoise", "clsunbias.data.SMOTE"
    resample = yaml.safe_dump(
        [{"class_path": noise, "init_args": {"share": 0.1}}, {"class_path": smote, "init_args": {"k": 3}}],
        default_flow_style=True,
    )
    run = tmp_path / "run"
    options = [*table(tmp_path), "--data.resample", resample, "--data.mixup", "clsunbias.data.Mixup"]
    assert fit("tabular", run, *options, objective="erm") == 0
    result = json.loads((run / "result.json").read_text())
    train = pd.read_csv(run / "predictions.csv").query("split == 'train'")
    made = train["unit"].str.startswith("synthetic").sum()
    assert made == result["synthetic_training_rows"] > 10
    assert train["label"].mean() == 0.5
    assert json.loads((run / "inputs.json").read_text())["synthetic_training_rows"] == made
    assert f"{made} of {len(train)} training rows are SYNTHETIC" in (run / "MODEL_CARD.md").read_text()


def test_generated_rows_of_a_table(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """A file for a class, by its number, joins the training rows; a folder of none of the classes is refused."""
    folder = tmp_path / "generated"
    folder.mkdir()
    options = [*table(tmp_path), "--data.generated", str(folder)]
    fails(["fit", "--config", "tabular", *options, "--out", str(tmp_path / "x")], capfd, "made-up rows of no class")
    table_of(7, 3).drop(columns="label").to_csv(folder / "1.csv", index=False)
    assert fit("tabular", tmp_path / "run", *options, objective="erm") == 0
    result = json.loads((tmp_path / "run" / "result.json").read_text())
    assert result["synthetic_training_rows"] == 7
    assert result["units"]["train"] == 48 + 7


def test_generated_images(tmp_path: Path, medmnist_root: Path) -> None:
    """A folder for a class, by its name."""
    folder = tmp_path / "generated" / "malignant"
    folder.mkdir(parents=True)
    for number in range(3):
        Image.fromarray(np.full((28, 28), 60 * number, np.uint8)).save(folder / f"{number}.png")
    options = ["--data.root", str(medmnist_root), "--data.generated", str(folder.parent), "--trainer.max_epochs", "1"]
    assert fit("breast", tmp_path / "run", *options, objective="erm") == 0
    assert json.loads((tmp_path / "run" / "result.json").read_text())["synthetic_training_rows"] == 3
