"""A first stage without labels: its views, its loss pair by pair, and what it reads and trains."""

import math
from pathlib import Path

import pandas as pd
import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from clsunbias.errors import InputError
from clsunbias.objectives import FacilityLocation, SelfSupervised
from clsunbias.objectives.self_supervised import view
from tests.fakes import table_of
from tests.test_cli import FIRST_STAGES, fit
from tests.test_errors import fails


def test_the_term_pair_by_pair() -> None:
    """Each of six views finds its partner among the five others; two views of a row drawn twice have three."""
    features = torch.randn(6, 4, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    unit = F.normalize(features, dim=1)
    target = torch.tensor([0, 1, 1, 0, 1, 1])
    for row in (torch.tensor([5, 7, 9, 5, 7, 9]), torch.tensor([5, 7, 5, 5, 7, 5])):
        losses = []
        for one in range(6):
            scores = {other: math.exp(float(unit[one] @ unit[other]) / 0.3) for other in range(6) if other != one}
            partners = [other for other in scores if row[other] == row[one]]
            losses.append(sum(-math.log(scores[other] / sum(scores.values())) for other in partners) / len(partners))
        objective = SelfSupervised(temperature=0.3)
        loss = objective(torch.zeros(6, 2), target, features=features, row=row)["loss"]
        assert loss.item() == pytest.approx(sum(losses) / 6, rel=1e-5)
    assert objective.watched()["spread"] == pytest.approx(float(1 - unit.mean(0).square().sum()) ** 0.5, rel=1e-5)


def shapes() -> dict[str, Tensor]:
    """Rows of every kind, each value of a row its number."""
    number = torch.arange(40.0)
    return {
        "columns": number.view(40, 1).repeat(1, 12),
        "frames": number.view(40, 1, 1).repeat(1, 30, 3),
        "images": number.view(40, 1, 1, 1).repeat(1, 3, 28, 28),
    }


@pytest.mark.parametrize("kind", ["columns", "frames", "images"])
def test_views_take_parts_of_other_rows(kind: str) -> None:
    """As large a share as asked for, whole frames and pixels, nothing of the row itself; a seed gives one view."""
    x = shapes()[kind]
    made = view(x, 0.3, 6, seed=1).round()  # images are moved between pixels
    own = torch.arange(40.0).view(-1, *[1] * (x.ndim - 1))
    assert float((made != own).float().mean()) == pytest.approx(0.3, abs=0.06)
    assert set(made.flatten().tolist()) == set(range(40)), "values come from rows of the batch alone"
    if x.ndim > 2:
        across = made if kind == "images" else made.transpose(1, 2)
        assert (across == across[:, :1]).all(), "a frame or a pixel is taken whole"
    assert torch.equal(made, view(x, 0.3, 6, seed=1).round())
    assert not torch.equal(made, view(x, 0.3, 6, seed=2).round())


def test_padding_of_frames_stays() -> None:
    """No frame becomes padding, and none that is padding becomes speech."""
    x = torch.randn(8, 20, 2)
    x[:4, 10:] = torch.nan
    assert torch.equal(view(x, 0.9, 5, seed=0).isnan(), x.isnan())


def test_a_batch_of_views() -> None:
    """Twice as many rows, what is said of each row twice; without numbers of rows they are counted."""
    batch = {"x": torch.randn(5, 7), "target": torch.arange(5) % 2, "group": torch.arange(5)}
    made = SelfSupervised().training_batch(batch, 3)
    assert made["x"].shape == (10, 7)
    assert torch.equal(made["target"], batch["target"].repeat(2))
    assert torch.equal(made["group"], batch["group"].repeat(2))
    assert made["row"].tolist() == [*range(5), *range(5)]
    assert not torch.equal(made["x"][:5], made["x"][5:])
    assert FacilityLocation().training_batch(batch, 3) is batch


def backbone(run: Path) -> dict[str, Tensor]:
    """The selected weights of a run but for those of the last layer."""
    state = torch.load(run / "checkpoints" / "selected.ckpt")["state_dict"]
    return {name: value for name, value in state.items() if not name.startswith("network.3")}


def test_labels_are_not_read_and_a_second_stage_follows(tmp_path: Path) -> None:
    """Weights are the same when the training labels are shuffled; any objective starts from them."""
    table = table_of(120, 5)
    table["split"] = ["train", "train", "val", "train", "test", "train"] * 20
    shuffled = table.copy()
    train = table["split"] == "train"
    shuffled.loc[train, "label"] = table.loc[train, "label"].to_numpy()[::-1].copy()
    shuffled = shuffled.assign(label=shuffled["label"].astype(int))
    assert (shuffled["label"] != table["label"]).any()
    network = ["--model.network", "torchvision.ops.MLP", "--model.network.in_channels", "5"]
    network += ["--model.network.hidden_channels", "[8, 1]", "--data.split", "split"]
    for name, one in (("a", table), ("b", shuffled)):
        one.to_csv(tmp_path / f"{name}.csv", index=False)
        options = ["--data.path", str(tmp_path / f"{name}.csv"), *network, "--trainer.max_epochs", "2"]
        assert fit("tabular", tmp_path / name, *options, objective="self_supervised") == 0
    first, again = backbone(tmp_path / "a"), backbone(tmp_path / "b")
    assert all(torch.equal(first[name], again[name]) for name in first)
    curves = pd.read_csv(tmp_path / "a" / "metrics.csv")
    assert curves["train/spread"].between(0.05, 1).all()
    options = ["--data.path", str(tmp_path / "a.csv"), *network, "--trainer.max_epochs", "1"]
    start = ["--init_from", str(tmp_path / "a"), "--fresh", "3", "--freeze", "0"]
    assert fit("tabular", tmp_path / "second", *options, *start, objective="group_dro") == 0
    second = backbone(tmp_path / "second")
    assert all(torch.equal(first[name], second[name]) for name in first)


def test_what_cannot_be_trained_so_is_said(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """A linear model, by every first stage; a frozen backbone; numbers out of range; rows of another shape."""
    for overlay in sorted(FIRST_STAGES):
        command = ["fit", "--config", "configs/toy_imbalanced.yaml", "--out", str(tmp_path / "run")]
        command += ["--config", f"configs/objectives/{overlay}.yaml"]
        fails(command, capfd, f"{overlay} with a base_weight of 0 trains", "in Linear nothing there is left to train")
    assert not (tmp_path / "run").exists()
    with pytest.raises(InputError, match="share must lie between 0 and 1, got 1"):
        SelfSupervised(share=1)
    with pytest.raises(InputError, match="parts must be at least 2, got 1"):
        SelfSupervised(parts=1)
    with pytest.raises(InputError, match=r"these rows have shape \(2, 2, 2, 2\)"):
        view(torch.zeros(3, 2, 2, 2, 2), 0.5, 4, 0)


def test_collapse_is_said_once(capfd: pytest.CaptureFixture[str]) -> None:
    """When all rows have the same features."""
    objective = SelfSupervised()
    objective(torch.zeros(4, 2), torch.tensor([0, 1, 0, 1]), features=torch.ones(4, 3), row=torch.tensor([0, 1, 0, 1]))
    assert objective.watched() == {"spread": pytest.approx(0, abs=1e-3)}
    objective.watched()
    assert capfd.readouterr().err.count("all but the same") == 1
