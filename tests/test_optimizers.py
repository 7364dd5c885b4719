"""Sharpness-aware optimisers and sign descent against twins by hand, and through the front door."""

from copy import deepcopy
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import torch
from torch import Tensor, nn

from clsunbias.errors import InputError
from clsunbias.optimizers import SAM, ImbSAM, SignDescent
from tests.test_cli import fit
from tests.test_errors import fails

CLASS = "clsunbias.optimizers"


def rows(seed: int = 0) -> tuple[Tensor, Tensor]:
    """Thirty rows, a fifth of them of class 0."""
    target = (torch.arange(30) % 5 > 0).long()
    x = torch.randn(30, 4, generator=torch.Generator().manual_seed(seed)) + target.unsqueeze(1)
    return x, target


def network() -> nn.Sequential:
    """A small network, always the same."""
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(4, 5), nn.Tanh(), nn.Linear(5, 2))


def slopes(model: nn.Module, weights: dict[str, Tensor], part: Tensor | None = None) -> dict[str, Tensor]:
    """Gradients at some weights of the mean loss, through the rows of a part alone."""
    x, target = rows()
    weights = {name: value.detach().requires_grad_() for name, value in weights.items()}
    logits = torch.func.functional_call(model, weights, x)
    losses = nn.functional.cross_entropy(logits, target, reduction="none")
    loss = (losses if part is None else losses[part]).sum() / len(losses)
    return dict(zip(weights, torch.autograd.grad(loss, list(weights.values())), strict=True))


def uphill(weights: dict[str, Tensor], slope: dict[str, Tensor], rho: float) -> dict[str, Tensor]:
    """W + ρ·g/‖g‖."""
    norm = torch.cat([value.flatten() for value in slope.values()]).norm()
    return {name: value + rho * slope[name] / norm for name, value in weights.items()}


def stepped(model: nn.Module, optimizer: torch.optim.Optimizer, part: bool = False) -> dict[str, Tensor]:
    """The weights after a step; of an optimiser that asks for passes over some classes, with those."""
    x, target = rows()

    def closure() -> Tensor:
        optimizer.zero_grad()
        logits = model(x)
        classes = getattr(optimizer, "classes", None)
        if classes is not None:
            logits = torch.where(classes[target].unsqueeze(1), logits, logits.detach())
        loss = nn.functional.cross_entropy(logits, target)
        loss.backward()  # type: ignore[no-untyped-call]
        return loss

    optimizer.step(closure)  # type: ignore[arg-type]
    return {name: value.detach().clone() for name, value in model.named_parameters()}


def test_sam_steps_with_the_gradient_uphill() -> None:
    """W − lr·∇L(w + ρ·g/‖g‖), by hand."""
    model = network()
    before = {name: value.detach().clone() for name, value in model.named_parameters()}
    expected = slopes(model, uphill(before, slopes(model, before), 0.3))
    after = stepped(model, SAM(model.parameters(), lr=0.1, rho=0.3, base=torch.optim.SGD))
    for name, value in after.items():
        torch.testing.assert_close(value, before[name] - 0.1 * expected[name])


def test_imbsam_takes_the_tails_gradient_uphill() -> None:
    """W − lr·(∇L_head(w) + ∇L_tail(w + ρ·g_tail/‖g_tail‖)), by hand; the tail is class 0, which is the smaller."""
    model = network()
    before = {name: value.detach().clone() for name, value in model.named_parameters()}
    tail = rows()[1] == 0
    above = slopes(model, uphill(before, slopes(model, before, tail), 0.3), tail)
    head = slopes(model, before, ~tail)
    optimizer = ImbSAM(model.parameters(), lr=0.1, rho=0.3, base=torch.optim.SGD)
    optimizer.setup(torch.bincount(rows()[1]))
    assert optimizer.tail is not None
    assert optimizer.tail.tolist() == [True, False]
    for name, value in stepped(model, optimizer).items():
        torch.testing.assert_close(value, before[name] - 0.1 * (head[name] + above[name]))
    assert optimizer.classes is None


@pytest.mark.parametrize("kind", [SAM, ImbSAM])
def test_without_a_step_uphill_it_is_the_base_optimiser(kind: type[SAM]) -> None:
    """ρ = 0, bit for bit, over several steps of Adam with weight decay."""
    ours, plain = network(), network()
    optimizer = kind(ours.parameters(), lr=0.01, rho=0.0, weight_decay=0.1)
    base = torch.optim.Adam(plain.parameters(), lr=0.01, weight_decay=0.1)
    for _ in range(4):
        first, second = stepped(ours, optimizer), stepped(plain, base)
    assert all(torch.equal(value, second[name]) for name, value in first.items())


def test_state_and_rate_are_the_bases_own() -> None:
    """A state that is loaded goes on as the other does, at the rate that a schedule has set."""
    ours, other = network(), network()
    optimizer = SAM(ours.parameters(), lr=0.01)
    stepped(ours, optimizer)
    other.load_state_dict(ours.state_dict())
    again = SAM(other.parameters(), lr=5.0)
    again.load_state_dict(deepcopy(optimizer.state_dict()))
    for one in (optimizer, again):
        one.param_groups[0]["lr"] = 0.003
    first, second = stepped(ours, optimizer), stepped(other, again)
    assert all(torch.equal(value, second[name]) for name, value in first.items())


def test_sign_descent() -> None:
    """Each weight moves by lr against its slope's sign; with momentum by the sign of the moment."""
    weight = nn.Parameter(torch.tensor([1.0, 1.0, 1.0]))
    optimizer = SignDescent([weight], lr=0.5, momentum=0.5)
    for gradient in ([3.0, -0.01, 0.0], [-1.0, -0.01, 2.0]):  # moments 3, −.01, 0, then .5, −.015, 2
        weight.grad = torch.tensor(gradient)
        optimizer.step()
    assert weight.tolist() == [0.0, 2.0, 0.5]
    weight.grad = torch.tensor([-1.0, 1.0, 0.0])
    SignDescent([weight], lr=0.25).step()
    assert weight.tolist() == [0.25, 1.75, 0.5]


def test_what_cannot_be(tmp_path: Path, medmnist_root: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """Numbers out of range, no class of the tail, a trainer that hides or adds up passes: before training."""
    for make in (lambda: SAM([nn.Parameter(torch.ones(1))], rho=-1.0), lambda: SignDescent([], momentum=1.0)):
        with pytest.raises(InputError):
            make()
    with pytest.raises(InputError, match="model"):
        ImbSAM([nn.Parameter(torch.ones(1))], fewer_than=3).setup(torch.tensor([5, 5]))
    # Made-up images have as many of either class: some are left out, so that one is of the tail.
    tail = ["--data.resample", "clsunbias.data.Subsample", "--data.resample.size", "40"]
    tail += ["--data.resample.positive_fraction", "0.75"]
    cases = [
        (["--model.optimizer.rho", "-1"], "rho must be"),
        (["--model.optimizer.fewer_than", "3"], "none of the classes"),
        ([*tail, "--trainer.precision", "16-mixed"], "take bf16-mixed"),
        ([*tail, "--trainer.accumulate_grad_batches", "2"], "raise data.batch_size"),
    ]
    start = ["fit", "--config", "breast", "--config", "objectives/erm", "--out", str(tmp_path / "run")]
    start += ["--data.root", str(medmnist_root), "--model.optimizer", f"{CLASS}.ImbSAM"]
    for options, said in cases:
        fails(
            [*start, "--data.root", str(medmnist_root), "--model.optimizer", f"{CLASS}.ImbSAM", *options], capfd, said
        )
    assert not (tmp_path / "run").exists()


def curves(out: Path, *options: str, config: str = "toy_imbalanced") -> pd.DataFrame:
    """Those of a short run."""
    objective = "group_dro" if "--dro" in options else "erm"
    options = tuple(one for one in options if one != "--dro")
    assert fit(config, out, *options, objective=objective) == 0
    return pd.read_csv(out / "metrics.csv")


TOY = ("--trainer.max_steps", "11", "--selection", "clsunbias.selection.LastStep", "--model.lr_schedule", "null")


@pytest.mark.parametrize("kind", ["SAM", "ImbSAM"])
@pytest.mark.parametrize("dro", [(), ("--dro",)], ids=["erm", "dro"])
def test_runs_without_a_step_uphill_are_the_base_optimisers(kind: str, dro: Any, tmp_path: Path) -> None:
    """The same curves to the bit; with one they differ, though the first step records the same loss."""
    base = curves(tmp_path / "base", *TOY, *dro, "--model.optimizer.init_args.lr", "0.05")
    options = (*TOY, *dro, "--model.optimizer", f"{CLASS}.{kind}", "--model.optimizer.lr", "0.05")
    flat = curves(tmp_path / "flat", *options, "--model.optimizer.rho", "0")
    pd.testing.assert_frame_equal(flat, base, check_exact=True)
    steep = curves(tmp_path / "steep", *options, "--model.optimizer.rho", "0.5")
    assert steep["train/objective"][0] == base["train/objective"][0]
    assert (steep["train/objective"] != base["train/objective"])[1:].all()
    again = curves(tmp_path / "again", *options, "--model.optimizer.rho", "0.5")
    pd.testing.assert_frame_equal(steep, again, check_exact=True)


def test_images_and_a_batch_without_the_tail(tmp_path: Path, medmnist_root: Path) -> None:
    """Batches of two rows, some without a row of the tail, which a pass over the tail takes all the same."""
    options = ["--data.root", str(medmnist_root), "--data.batch_size", "2", "--trainer.max_epochs", "1"]
    options += ["--model.optimizer", f"{CLASS}.ImbSAM", "--data.resample", "clsunbias.data.Subsample"]
    options += ["--data.resample.size", "20", "--data.resample.positive_fraction", "0.8"]
    found = curves(tmp_path / "run", *options, config="breast")
    assert found["val/loss"].notna().all()
