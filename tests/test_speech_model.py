"""The speech network: its statistics by hand, padding that leaves no trace, gradients and number formats."""

import math

import pytest
import torch
from torch import Tensor

from clsunbias.commands.model_check import check_model
from clsunbias.data import Toy
from clsunbias.errors import InputError
from clsunbias.module import Classifier
from clsunbias.networks import FrameStatistics
from clsunbias.networks.speech import pool_statistics
from clsunbias.objectives import ERM

NAN = float("nan")


def gradients(model: FrameStatistics, *batches: Tensor) -> tuple[Tensor, ...]:
    """Gradients of the sum of all logits."""
    return torch.autograd.grad(torch.stack([model(batch).sum() for batch in batches]).sum(), list(model.parameters()))


def test_statistics_by_hand() -> None:
    """1, 3, 2 has mean 2, standard deviation √(2/3) and steps of 2 and 1; a constant has no spread and no steps."""
    frames = torch.tensor([[[1.0, 5.0], [3.0, 5.0], [2.0, 5.0], [9.0, 9.0]]])
    found = pool_statistics(frames, torch.tensor([[True, True, True, False]]))
    torch.testing.assert_close(found, torch.tensor([[2, 5, math.sqrt(2 / 3), 0, 1.5, 0]]))


def test_network_is_the_papers() -> None:
    """[512, 128, 128, 12], three statistics of 12 numbers, and one logit."""
    shapes = [tuple(value.shape) for value in FrameStatistics(512, 12).parameters() if value.ndim == 2]
    assert shapes == [(128, 512), (128, 128), (12, 128), (1, 36)]


@pytest.mark.parametrize("dtype", [torch.float32, torch.float16])
def test_padding_leaves_no_trace(dtype: torch.dtype) -> None:
    """Logits and gradients of a padded row are those of the row cut to its own length."""
    torch.manual_seed(0)
    model = FrameStatistics(6, 3, hidden=8, outputs=2)
    rows = torch.randn(3, 9, 6).to(dtype)
    padded = rows.clone()
    padded[1, 4:] = NAN
    padded[2, 1:] = NAN
    cut = [rows[:1], rows[1:2, :4], rows[2:, :1]]
    torch.testing.assert_close(model(padded), torch.cat([model(row.float()) for row in cut]))
    for one, other in zip(gradients(model, padded), gradients(model, *cut), strict=True):
        torch.testing.assert_close(one, other)


def test_gradients_are_finite_without_spread() -> None:
    """Frames all alike, and a single frame, give a standard deviation of 0, where a root's gradient is infinite."""
    model = FrameStatistics(2, 3, hidden=4)
    frames = torch.ones(2, 5, 2)
    frames[1, 1:] = NAN
    assert all(gradient.isfinite().all() for gradient in gradients(model, frames))
    spread = torch.zeros(1, 4, 2, requires_grad=True)
    pooled = pool_statistics(spread, torch.ones(1, 4, dtype=torch.bool))
    (gradient,) = torch.autograd.grad(pooled[:, 2:].sum(), spread)
    assert torch.equal(gradient, torch.zeros(1, 4, 2))


def test_statistics_keep_full_precision_under_autocast() -> None:
    """Steps of 0.1 % are lost in bfloat16; the layers before may be coarse, the statistics are not."""
    frames = 1 + torch.arange(8.0).reshape(1, 8, 1) * 1e-3
    valid = torch.ones(1, 8, dtype=torch.bool)
    found = pool_statistics(frames, valid)
    model, pooled = FrameStatistics(1, 2, hidden=4), list[Tensor]()
    model.head.register_forward_pre_hook(lambda _, inputs: pooled.extend(inputs))
    with torch.autocast("cpu", torch.bfloat16):
        torch.testing.assert_close(pool_statistics(frames, valid), found, rtol=0, atol=0)
        model(frames)
    assert pooled[0].dtype == torch.float32


def test_a_broken_feature_is_not_taken_for_padding() -> None:
    """NaN in a frame whose first feature is a number shows in the logit."""
    frames = torch.zeros(2, 5, 3)
    frames[1, 2, 1] = NAN
    assert FrameStatistics(3, 2)(frames).isnan().flatten().tolist() == [False, True]


def test_other_features_are_refused_by_name() -> None:
    """The message has both numbers; the trial before training adds whose rows they are."""
    with pytest.raises(RuntimeError, match=r"features 512.*\(2, 7, 80\)"):
        FrameStatistics(512, 12)(torch.zeros(2, 7, 80))
    data = Toy()
    data.setup("fit")
    with pytest.raises(InputError, match=r"FrameStatistics cannot take .* of shape .* with features 512"):
        check_model(Classifier(FrameStatistics(512, 12), ERM()), data, data.splits["train"].x)
