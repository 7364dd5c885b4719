"""A training step through Lightning over one of a plain loop, on RetinaMNIST (configs/retina.yaml)."""

import copy
import time
from collections.abc import Sequence

import torch
import yaml
from torch import Tensor, nn
from torch.nn import functional as F

from benchmarks.timing import Row, Training, check_same, fit, in_turn, ratio_row, threads
from clsunbias.data import DataModule, RetinaMNIST, Split
from clsunbias.data.medmnist import data_root
from clsunbias.experiments.runner import CONFIGS
from clsunbias.schedules import Linear, WarmupCosine, progress

CONFIG = CONFIGS / "retina.yaml"
EPOCHS = 5
REPETITIONS = 7


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
    losses = F.binary_cross_entropy_with_logits(logit.squeeze(1), target.float(), reduction="none")
    positive = target == 1
    risks = torch.stack([losses[~positive].mean(), losses[positive].mean()])
    return ((tau * risks.detach()).softmax(0) * risks).sum() + lam * (risks[0] - risks[1]).abs()


@torch.no_grad()
def validate(network: nn.Module, val: Split) -> tuple[float, float]:
    """Mean loss and macro-F1 of the validation split."""
    network.eval()
    logit = network(val.x).squeeze(1)
    loss = F.binary_cross_entropy_with_logits(logit, val.target.float())
    predicted, true = logit > 0, val.target == 1
    f1 = [
        2 * (one & other).sum() / (one.sum() + other.sum()) for one, other in ((predicted, true), (~predicted, ~true))
    ]
    network.train()
    return float(loss), float(f1[0] + f1[1]) / 2


def plain_loop(network: nn.Module, data: DataModule) -> float:
    """The same training without Lightning; returns its seconds."""
    config = yaml.safe_load(CONFIG.read_text())
    lam, tau = (Linear(**config["anneal"][name]["init_args"]) for name in ("lam", "tau"))
    warmup = WarmupCosine(**config["model"]["lr_schedule"]["init_args"])
    train, val = data.splits["train"], data.splits["val"]
    began = time.perf_counter()
    sampler = data.train_sampler(train)
    total, step = EPOCHS * len(sampler), 0
    optimizer = torch.optim.Adam(network.parameters(), **config["model"]["optimizer"]["init_args"])
    scheduler = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda done: warmup(progress(done, total)))
    network.train()
    for epoch in range(EPOCHS):
        sampler.set_epoch(epoch)
        for rows in sampler:
            at = progress(step, total)
            loss = cls_unbias(network(train.x[rows]), train.target[rows], lam(at), tau(at))
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            scheduler.step()
            step += 1
        validate(network, val)
    return time.perf_counter() - began


def measure() -> Sequence[Row]:
    """Both ratios, from the same rounds."""
    real = (data_root(None) / "retinamnist.npz").exists()
    options = ["--config", str(CONFIG), "--trainer.max_epochs", str(EPOCHS)]
    if not real:
        options += ["--data", f"{RandomRetina.__module__}.{RandomRetina.__name__}"]
    runs: list[Training] = []  # the plain loops start from the newest one's weights

    def lightning() -> float:
        runs[:] = [fit(*options)]
        return runs[0].seconds

    def plain() -> float:
        network = copy.deepcopy(runs[0].before)
        seconds = plain_loop(network, runs[0].data)
        check_same(runs[0].after, network)
        return seconds

    def contiguous() -> float:
        # Its parts one after the other, without the network's own forward, which would change the memory format.
        network = nn.Sequential(*copy.deepcopy(runs[0].before).children())
        network.to(memory_format=torch.contiguous_format)
        seconds = plain_loop(network, runs[0].data)
        check_same(runs[0].after, network)
        return seconds

    ours, same, default = in_turn(REPETITIONS, lightning, plain, contiguous)
    data = "RetinaMNIST" if real else "random tensors in the shapes of RetinaMNIST, whose file was not found"
    what = f"retina_step: a step through Lightning over a plain loop's ({data}; {threads()})"
    free = "retina_step, with what is free to take: over a plain loop in the default memory format"
    return [ratio_row(what, ours, same, "≤", 1.05), ratio_row(free, ours, default, "<", 1.0)]
