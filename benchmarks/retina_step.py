"""A training step through Lightning over one of a plain loop, on RetinaMNIST (configs/retina.yaml)."""

import copy
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import torch
import yaml
from torch import Tensor, nn
from torch.nn import functional as F

from benchmarks.timing import Row, Training, check_same, fit, in_turn, ratio_row, threads
from clsunbias.data import DataModule, RetinaMNIST, Split
from clsunbias.data_paths import data_root
from clsunbias.files import CONFIGS
from clsunbias.objectives import ClsUnbias, widen
from clsunbias.schedules import Linear, WarmupCosine, progress

CONFIG = CONFIGS / "retina.yaml"
EPOCHS = 5
REPETITIONS = 7

BinaryObjective = Callable[[Tensor, Tensor, float, float], Tensor]
"""Loss of logits ``(B, 1)`` and targets ``(B,)`` at λ and τ."""


class RandomRetina(RetinaMNIST):
    """Noise in the shapes of RetinaMNIST, where the real file is not at hand: a step takes the same time."""

    def load(self) -> dict[str, Split]:
        generator = torch.Generator().manual_seed(0)
        return {
            split: Split(
                torch.rand(size, self.channels, self.size, self.size, generator=generator) * 2 - 1,
                torch.randint(2, (size,), generator=generator),
            )
            for split, size in (("train", 1080), ("val", 120), ("test", 400))
        }


def cls_unbias(logit: Tensor, target: Tensor, lam: float, tau: float) -> Tensor:
    """Cls-unbias as a script for two classes would have it: logit ``(B, 1)``, both classes in the batch."""
    losses = F.cross_entropy(F.pad(logit, (1, 0)), target, reduction="none")
    member = F.one_hot(target, 2).float()
    risks = (losses.unsqueeze(1) * member).sum(0) / member.sum(0)
    return ((tau * risks.detach()).softmax(0) * risks).sum() + lam * (risks[0] - risks[1]).abs()


def suite_objective(logit: Tensor, target: Tensor, lam: float, tau: float) -> Tensor:
    """The same from the suite, which rounds as its training does."""
    return ClsUnbias(lam, tau)(widen(logit), target)["loss"]


@torch.no_grad()
def validate(network: nn.Module, val: Split, device: str = "cpu") -> tuple[float, float]:
    """Mean loss and macro-F1 of the validation split."""
    network.eval()
    logit, target = network(val.x[:].to(device)).squeeze(1), val.target.to(device)
    loss = F.binary_cross_entropy_with_logits(logit, target.float())
    positive, true = logit > 0, target == 1
    sides = ((positive, true), (~positive, ~true))
    f1 = [2 * (ours & theirs).sum() / (ours.sum() + theirs.sum()) for ours, theirs in sides]
    network.train()
    return float(loss), float(f1[0] + f1[1]) / 2


def plain_loop(
    network: nn.Module,
    data: DataModule,
    objective: BinaryObjective = cls_unbias,
    path: Path = CONFIG,
    epochs: int = EPOCHS,
    device: str = "cpu",
    precision: str = "32-true",
) -> float:
    """The same training, of a config with annealing and a warm-up, without Lightning; returns its seconds.

    The network is on the device; batches go there one by one, as Lightning sends them.
    """
    config = yaml.safe_load(path.read_text())
    lam, tau = (Linear(**config["anneal"][name]["init_args"]) for name in ("lam", "tau"))
    warmup = WarmupCosine(**config["model"]["lr_schedule"]["init_args"])
    train, val = data.splits["train"], data.splits["val"]
    began = time.perf_counter()
    sampler = data.train_sampler(train)
    total, step = epochs * len(sampler), 0
    optimizer = torch.optim.Adam(network.parameters(), **config["model"]["optimizer"]["init_args"])
    scheduler = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda done: warmup(progress(done, total)))
    network.train()
    for epoch in range(epochs):
        sampler.set_epoch(epoch)
        for rows in sampler:
            at = progress(step, total)
            x, target = (of[rows].to(device, non_blocking=True) for of in (train.x, train.target))
            with torch.autocast(device, torch.bfloat16, enabled=precision == "bf16-mixed"):
                loss = objective(network(x), target, lam(at), tau(at))
            optimizer.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            optimizer.step()
            scheduler.step()
            step += 1
        validate(network, val, device)
    return time.perf_counter() - began


def in_default_format(network: nn.Module) -> nn.Module:
    """A copy in the contiguous memory format: its parts in a row, as the network's own forward asks for another."""
    return nn.Sequential(*copy.deepcopy(network).children()).to(memory_format=torch.contiguous_format)


def check(ours: Training) -> None:
    """Makes sure that a training through Lightning and the plain loops do the same work."""
    x, target = ours.data.splits["train"].x[:64], ours.data.splits["train"].target[:64]
    # By parts where rounding differs, since rounding may grow over many steps, and by result where it does not.
    torch.testing.assert_close(in_default_format(ours.before)(x), ours.before(x))
    logit = ours.before(x)
    torch.testing.assert_close(cls_unbias(logit, target, 1.5, 5.0), suite_objective(logit, target, 1.5, 5.0))
    network = copy.deepcopy(ours.before)
    plain_loop(network, ours.data, suite_objective)
    check_same(ours.after, network)


def on_gpu(options: Sequence[str], data: str, precision: str) -> Row:
    """A step through Lightning over a plain loop's on a GPU, in single or mixed precision."""
    options = [*options, "--trainer.precision", precision]
    ours = fit(*options, accelerator="gpu")
    lightning, plain = in_turn(
        REPETITIONS,
        lambda: fit(*options, accelerator="gpu").seconds,
        lambda: plain_loop(copy.deepcopy(ours.before), ours.data, device="cuda", precision=precision),
    )
    what = f"retina_step on {torch.cuda.get_device_name()}, {precision}: through Lightning over a plain loop"
    return ratio_row(f"{what} ({data}, {ours.steps} steps)", lightning, plain)


def measure() -> Sequence[Row]:
    """Both ratios, from the same rounds; on a GPU, too, where there is one."""
    real = (data_root(None) / "retinamnist.npz").exists()
    options = ["--config", str(CONFIG), "--trainer.max_epochs", str(EPOCHS)]
    if not real:
        options += ["--data", f"{RandomRetina.__module__}.{RandomRetina.__name__}"]
    ours = fit(*options)
    check(ours)
    lightning, plain, default = in_turn(
        REPETITIONS,
        lambda: fit(*options).seconds,
        lambda: plain_loop(copy.deepcopy(ours.before), ours.data),
        lambda: plain_loop(in_default_format(ours.before), ours.data),
    )
    data = "RetinaMNIST" if real else "random tensors in the shapes of RetinaMNIST, whose file was not found"
    what = f"retina_step: a step through Lightning over a plain loop's ({data}, {ours.steps} steps, {threads()})"
    free = "retina_step, with what is free to take: over a plain loop in the default memory format"
    ratios = [ratio_row(what, lightning, plain, "≤", 1.05), ratio_row(free, lightning, default, "<", 1.0)]
    precisions = ("32-true", "bf16-mixed") if torch.cuda.is_available() else ()
    return [*ratios, *(on_gpu(options, data, precision) for precision in precisions)]
