"""Checkpoints that are not what was saved: bits that turned, weights that are no numbers, names that are none."""

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from clsunbias.__main__ import main
from clsunbias.checkpoints import load_weights
from clsunbias.errors import InputError
from tests.test_cli import SHORT_TOY, fit


class Layer(nn.Module):
    """A model of one layer."""

    def __init__(self) -> None:
        super().__init__()
        self.network = nn.Linear(8, 4)


def turn_a_bit(path: Path, of: bytes) -> None:
    """Turns a bit of a file in the middle of some bytes that it holds."""
    content = bytearray(path.read_bytes())
    content[content.index(of) + len(of) // 2] ^= 16
    path.write_bytes(content)


def test_a_bit_that_turned(tmp_path: Path) -> None:
    """Torch would read other weights and say nothing."""
    model, path = Layer(), tmp_path / "it.ckpt"
    torch.save({"state_dict": model.state_dict()}, path)
    load_weights(Layer(), path)
    turn_a_bit(path, model.network.weight.detach().numpy().tobytes())
    assert torch.load(path, weights_only=True)["state_dict"].keys() == model.state_dict().keys()
    with pytest.raises(InputError, match=r"it\.ckpt is not a checkpoint that can be read: .* is damaged"):
        load_weights(Layer(), path)


@pytest.mark.parametrize("older", [True, False])
def test_both_formats_of_torch_are_read(older: bool, tmp_path: Path) -> None:
    """That without checksums, too."""
    model, other, path = Layer(), Layer(), tmp_path / "it.ckpt"
    torch.save({"state_dict": model.state_dict()}, path, _use_new_zipfile_serialization=not older)
    load_weights(other, path)
    assert torch.equal(model.network.weight, other.network.weight)


def numbered(weights: dict[Any, Any]) -> dict[Any, Any]:
    """Weights whose names are numbers."""
    return dict(enumerate(weights.values()))


def infinite(weights: dict[str, Any]) -> dict[str, Any]:
    """Weights one of which is infinite."""
    weights["network.bias"][2] = float("inf")
    return weights


def no_numbers(weights: dict[str, Any]) -> dict[str, Any]:
    """Weights that are NaN."""
    return {name: value * float("nan") for name, value in weights.items()}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (numbered, "no weights under 'state_dict'"),
        (lambda _: {1: torch.zeros(1), "a": torch.zeros(1)}, "no weights under 'state_dict'"),
        (
            lambda weights: {**weights, "network.bias": weights["network.bias"].to_sparse()},
            r"network\.bias is no plain",
        ),
        (infinite, r"no finite numbers \(network\.bias\)"),
        (no_numbers, r"no finite numbers \(network\.weight, network\.bias\)"),
    ],
)
def test_weights_that_are_none(
    change: Callable[[dict[str, Any]], dict[Any, Any]], message: str, tmp_path: Path
) -> None:
    """They are refused before a model has any of them."""
    model = Layer()
    before = model.network.weight.clone()
    torch.save({"state_dict": change(dict(Layer().state_dict()))}, tmp_path / "it.ckpt")
    with pytest.raises(InputError, match=message):
        load_weights(model, tmp_path / "it.ckpt")
    assert torch.equal(model.network.weight, before)


def test_a_run_does_not_start_from_damaged_weights(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """Of a checkpoint that lies by itself, which no record vouches for."""
    assert fit("toy_balanced", tmp_path / "run", *SHORT_TOY) == 0
    alone = tmp_path / "alone.ckpt"
    shutil.copy(tmp_path / "run" / "checkpoints" / "selected.ckpt", alone)
    weight = torch.load(alone, weights_only=True)["state_dict"]["network.weight"]
    turn_a_bit(alone, weight.numpy().tobytes())
    assert fit("toy_balanced", tmp_path / "next", *SHORT_TOY, "--init_from", str(alone)) == 2
    assert main(["test", "--config", str(tmp_path / "run" / "config.yaml"), "--ckpt_path", str(alone)]) == 2
    assert capfd.readouterr().err.count("is damaged") == 2


def test_an_interrupted_run_does_not_go_on_from_a_damaged_state(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """It starts anew, says so, and ends as an undisturbed run."""
    options = (*SHORT_TOY, "--save_every", "0")
    for name in ("run", "whole"):
        assert fit("toy_balanced", tmp_path / name, *options) == 0
    last = tmp_path / "run" / "checkpoints" / "last.ckpt"
    (tmp_path / "run" / "result.json").unlink()
    weight = torch.load(last, weights_only=True)["state_dict"]["network.weight"]
    turn_a_bit(last, weight.numpy().tobytes())
    capfd.readouterr()
    assert fit("toy_balanced", tmp_path / "run", *options) == 0
    assert "is damaged" in capfd.readouterr().err
    whole = tmp_path / "whole" / "predictions.csv"
    assert (tmp_path / "run" / "predictions.csv").read_bytes() == whole.read_bytes()
