"""An iteration through Lightning over one of a plain loop, on the paper's toy (configs/toy_balanced.yaml)."""

import copy
import time
from collections.abc import Sequence

import torch
import yaml
from torch import nn

from benchmarks.retina_step import BinaryObjective, cls_unbias, suite_objective, validate
from benchmarks.timing import Row, check_same, fit, in_turn, ratio_row, threads
from clsunbias.data import DataModule, Toy
from clsunbias.files import CONFIGS
from clsunbias.schedules import Linear, progress

CONFIG = CONFIGS / "toy_balanced.yaml"
REPETITIONS = 7


def plain_loop(network: nn.Module, data: DataModule, objective: BinaryObjective = cls_unbias) -> float:
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
        loss = objective(network(train.x), train.target, lam(at), tau(at))
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        if step % data.validate_every == 0:
            validate(network, val)
    return time.perf_counter() - began


def measure() -> Sequence[Row]:
    """The ratio, with as many validations on both sides."""
    options = ["--config", str(CONFIG)]
    ours = fit(*options)
    network = copy.deepcopy(ours.before)
    plain_loop(network, ours.data, suite_objective)
    check_same(ours.after, network)
    lightning, plain = in_turn(
        REPETITIONS,
        lambda: fit(*options).seconds,
        lambda: plain_loop(copy.deepcopy(ours.before), ours.data),
    )
    what = f"toy_step: an iteration through Lightning over a plain loop's ({ours.steps} iterations, {threads()})"
    return [ratio_row(what, lightning, plain, "≤", 3.0)]
