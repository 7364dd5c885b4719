"""What a device asks of a training step, tried without one: no word back from it, and no float64.

Each question waits for the device; Apple's have no double precision. Tensors of torch's device "meta" have no values.
"""

import copy
from collections.abc import Callable
from contextlib import nullcontext
from typing import Any

import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from clsunbias.objectives import GroupParity, Objective
from tests.test_contract import EVERY, batch, evaluate, label, made


class NoFloat64(TorchDispatchMode):
    """Refuses an operation that makes float64 on a device."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        out = func(*args, **(kwargs or {}))
        for one in tree_leaves(out):
            doubled = isinstance(one, torch.Tensor) and one.dtype == torch.float64 and one.device.type != "cpu"
            assert not doubled, f"{func} makes float64 on a device"
        return out


@pytest.mark.parametrize("make", [make for make in EVERY if make is not GroupParity], ids=label)
def test_no_objective_asks_back_or_doubles(
    make: Callable[[], Objective] | str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Loss and gradient of a training step, of two and of five classes; GroupParity asks how many groups there are."""
    monkeypatch.setattr(torch, "autocast", lambda *_, **__: nullcontext())  # of which meta has none
    for classes in (2, 5):
        objective = copy.deepcopy(made(make, classes)).train().to("meta")
        logits, target, more = batch(objective, classes, absent=False)
        more = {name: values.to("meta") for name, values in more.items()}
        with NoFloat64():
            loss, gradient = evaluate(objective, logits.to("meta"), target.to("meta"), **more)
        assert loss.dtype == gradient.dtype == torch.float32


def test_both_are_seen() -> None:
    """What the test above would fail by."""
    values = torch.ones(2, device="meta")
    with NoFloat64(), pytest.raises(AssertionError, match="float64 on a device"):
        values.double()
    with pytest.raises(RuntimeError, match="meta"):
        values.sum().item()
