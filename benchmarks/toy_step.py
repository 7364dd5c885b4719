"""An iteration through Lightning over one of a plain loop, on the paper's toy (configs/toy_balanced.yaml)."""

import copy
import time
from collections.abc import Sequence

import torch
import yaml
from torch import nn

from benchmarks.retina_step import cls_unbias, validate
from benchmarks.timing import Row, Training, check_same, fit, in_turn, ratio_row, threads
from clsunbias.data import DataModule, Toy
from clsunbias.experiments.runner import CONFIGS
from clsunbias.schedules import Linear, progress

CONFIG = CONFIGS / "toy_balanced.yaml"
REPETITIONS = 7


def plain_loop(network: nn.Module, data: DataModule) -> float:
    """The same training without Lightning; returns its seconds."""
    assert isinstance(data, Toy)
    config = yaml.safe_load(CONFIG.read_text())
    lam, tau = (Linear(**config["anneal"][name]["init_args"]) for name in ("lam", "tau"))
    total = config["trainer"]["max_steps"]
    train, val = data.splits["train"], data.splits["val"]
    began = time.perf_counter()
    optimizer = torch.optim.Adam(network.parameters(), **config["model"]["optimizer"]["init_args"])
    network.train()
    for step in range(total):
        at = progress(step, total)
        # The batch is the whole split: a script has no reason to fetch its rows one by one.
        loss = cls_unbias(network(train.x), train.target, lam(at), tau(at))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        if step % data.validate_every == 0:
            validate(network, val)
    return time.perf_counter() - began


def measure() -> Sequence[Row]:
    """The ratio, with as many validations on both sides."""
    runs: list[Training] = []  # the plain loop starts from the newest one's weights

    def lightning() -> float:
        runs[:] = [fit("--config", str(CONFIG))]
        return runs[0].seconds

    def plain() -> float:
        network = copy.deepcopy(runs[0].before)
        seconds = plain_loop(network, runs[0].data)
        check_same(runs[0].after, network)
        return seconds

    ours, same = in_turn(REPETITIONS, lightning, plain)
    what = f"toy_step: an iteration through Lightning over a plain loop's ({threads()})"
    return [ratio_row(what, ours, same, "≤", 3.0)]
