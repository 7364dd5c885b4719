"""wav2vec 1.0: blocks by hand, frames, and reading of checkpoints in the published structure."""

import argparse
import sys
from collections import OrderedDict
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import torch

from clsunbias.errors import InputError
from clsunbias.networks.wav2vec import Aggregator, Architecture, Encoder, Wav2VecNetwork, frame_count, load

SMALL = Architecture(channels=4, encoder=((10, 5), (4, 2), (4, 2), (1, 1)), aggregator=(2, 3))
SETTINGS: dict[str, Any] = {
    "conv_feature_layers": "[(4, 10, 5)] + [(4, 4, 2)] * 2 + [(4, 1, 1)]",
    "conv_aggregator_layers": "[(4, 2, 1), (4, 3, 1)]",
    "skip_connections_agg": True,
    "skip_connections_feat": False,
    "residual_scale": 0.5,
    "log_compression": True,
    "no_conv_bias": False,
    "agg_zero_pad": False,
    "aggregator": "cnn",
}


def small(architecture: Architecture = SMALL) -> Wav2VecNetwork:
    """A model with random weights, also where training starts from 0 or 1."""
    torch.manual_seed(0)
    model = Wav2VecNetwork(architecture)
    for parameter in model.parameters():
        torch.nn.init.normal_(parameter)
    return model.eval()


def published(model: Wav2VecNetwork, **settings: Any) -> dict[str, Any]:
    """A checkpoint of a model in the published structure, with the head that only training needs."""
    head = {"wav2vec_predictions.project_to_steps.weight": torch.zeros(4, 4, 1, 12)}
    return {
        "args": argparse.Namespace(arch="wav2vec", **SETTINGS | settings),
        "model": OrderedDict(model.state_dict() | head),
        "optimizer_history": [{"optimizer_name": "FairseqAdam", "num_updates": 400_000}],
        "extra_state": {"val_loss": 0.1},
    }


def test_encoder_block_by_hand() -> None:
    """Samples 0, 1, 3: sums 1, 4 and differences −1, −2; mean 0.5 and variance 5.25 over all four; log(1 + ReLU)."""
    encoder = Encoder(Architecture(channels=2, encoder=((2, 1),)))
    weight = torch.tensor([[[1.0, 1.0]], [[1.0, -1.0]]])
    encoder.load_state_dict({"conv_layers.0.0.weight": weight}, strict=False)
    found = encoder(torch.tensor([[0.0, 1.0, 3.0]]))
    scaled = torch.tensor([0.5, 3.5]) / 5.25**0.5
    torch.testing.assert_close(found, torch.stack([(1 + scaled).log(), torch.zeros(2)])[None])


@pytest.mark.parametrize(
    ("zero_padding", "normalised"),
    [
        (False, [0, 0, 4 / (32 / 3) ** 0.5]),  # 1, 1, 3, 4 → 4, 8, 12: mean 8, variance 32/3
        (True, [0, 1 / 122**0.5, 13 / 122**0.5]),  # 0, 1, 3, 4 → 3, 8, 12: mean 23/3, variance 122/9
    ],
)
def test_aggregator_block_by_hand(zero_padding: bool, normalised: list[float]) -> None:
    """Frames 1, 3, 4 with weights 1 (frame before) and 2 (this frame) and bias 1; then (ReLU + frames)·√0.5."""
    aggregator = Aggregator(Architecture(channels=1, aggregator=(2,), zero_padding=zero_padding))
    weights = {"conv_layers.0.1.weight": torch.tensor([[[1.0, 2.0]]]), "conv_layers.0.1.bias": torch.ones(1)}
    aggregator.load_state_dict(weights, strict=False)
    frames = torch.tensor([1.0, 3.0, 4.0])
    found = aggregator(frames[None, None])
    torch.testing.assert_close(found[0, 0], (torch.tensor(normalised) + frames) * 0.5**0.5)


def test_aggregator_looks_back_only() -> None:
    """Without normalisation, which sees the whole row, a frame changes the contexts from it on and none before."""
    layers = [
        part for layer in small().feature_aggregator.conv_layers.children() for part in list(layer.children())[:2]
    ]
    convolutions = torch.nn.Sequential(*layers)
    frames = torch.randn(1, 4, 9)
    other = frames.clone()
    other[:, :, 5] += 1
    changed = (convolutions(frames) != convolutions(other)).any(1)
    assert changed.flatten().tolist() == [False] * 5 + [True] * 4  # kernels 2 and 3 reach three frames on


def test_rows_do_not_meet() -> None:
    """A row's features are the same alone and in a batch."""
    model, samples = small(), torch.randn(3, 400)
    torch.testing.assert_close(model(samples)[1:2], model(samples[1:2]))


def test_frames_of_the_published_model() -> None:
    """The first at 465 samples, then one per 160 (10 ms); a segment of 3.84 s has 382 frames of 512 features."""
    assert [frame_count(samples) for samples in (464, 465, 624, 625, 61_440)] == [0, 1, 1, 2, 382]
    with torch.device("meta"):
        model = Wav2VecNetwork(Architecture())
        assert model(torch.zeros(2, 61_440)).shape == (2, 382, 512)
    assert sum(value.numel() for value in model.parameters()) == 29_390_848
    with pytest.raises(InputError, match="464 samples are too few"):
        model(torch.zeros(1, 464))


@pytest.mark.parametrize("samples", [55, 74, 75, 400])
def test_frames_are_counted_as_they_come(samples: int) -> None:
    """The count of a number of samples is the length of what they give."""
    assert small()(torch.randn(1, samples)).shape == (1, frame_count(samples, SMALL.encoder), 4)


@pytest.mark.parametrize(
    ("architecture", "settings"),
    [
        ({}, {}),
        ({"bias": False, "zero_padding": True}, {"no_conv_bias": True, "agg_zero_pad": True}),
        ({"skip_connections": False}, {"skip_connections_agg": False}),
        ({"residual_scale": 0.9, "log_compression": False}, {"residual_scale": 0.9, "log_compression": False}),
    ],
)
def test_checkpoint_comes_back(tmp_path: Path, architecture: dict[str, Any], settings: dict[str, Any]) -> None:
    """A checkpoint gives the features of the model that it was written from, frozen and without random numbers."""
    model = small(Architecture(**SMALL.__dict__ | architecture))
    torch.save(published(model, **settings), tmp_path / "small.pt", _use_new_zipfile_serialization=False)
    random, samples = torch.get_rng_state(), torch.randn(2, 400)
    torch.set_rng_state(random)
    loaded = load(tmp_path / "small.pt")
    assert torch.equal(torch.get_rng_state(), random)
    assert torch.equal(loaded(samples), model(samples))
    assert not loaded.training
    assert not loaded(samples).requires_grad
    encoded = load(tmp_path / "small.pt", layer="encoder")(samples)
    assert torch.equal(encoded, model.feature_extractor(samples).transpose(1, 2))


def test_checkpoint_with_records_of_training(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Published files may hold meters of fairseq, and weights in half precision; neither needs fairseq."""
    module = ModuleType("fairseq.meters")
    meter = type("AverageMeter", (), {"__module__": "fairseq.meters"})
    monkeypatch.setattr(module, "AverageMeter", meter, raising=False)
    model = small()
    checkpoint = published(model) | {"extra_state": {"train_meters": OrderedDict(loss=meter())}}
    checkpoint["model"] = {name: value.half() for name, value in checkpoint["model"].items()}
    with monkeypatch.context() as patch:
        patch.setitem(sys.modules, "fairseq", ModuleType("fairseq"))
        patch.setitem(sys.modules, "fairseq.meters", module)
        torch.save(checkpoint, tmp_path / "small.pt")
    samples = torch.randn(1, 400)
    torch.testing.assert_close(load(tmp_path / "small.pt")(samples), model.half().float()(samples))


def test_what_is_no_checkpoint_is_refused(tmp_path: Path) -> None:
    """A missing file, any file, checkpoints of something else, and one that would run code."""
    path = tmp_path / "file.pt"
    with pytest.raises(InputError, match="there are no wav2vec weights"):
        load(path)
    path.write_text("not a checkpoint")
    with pytest.raises(InputError, match=r"file\.pt is not a checkpoint of wav2vec 1\.0"):
        load(path)
    later = argparse.Namespace(conv_feature_layers="[(4, 10, 5)]")  # wav2vec 2.0 has no aggregator
    contents: list[Any] = [{"state_dict": {}}, {"model": Path("code")}, {"model": {}, "args": later}]
    for content in contents:
        torch.save(content, path)
        with pytest.raises(InputError, match=r"file\.pt is not a checkpoint of wav2vec 1\.0"):
            load(path)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"vq_type": "gumbel"}, "vq_type is 'gumbel', not 'none'"),
        ({"skip_connections_feat": True}, "skip_connections_feat is True, not False"),
        ({"conv_aggregator_layers": "[(4, 2, 2)]"}, "has a stride"),
        ({"conv_aggregator_layers": "__import__('os')"}, "ValueError: malformed"),
        (
            {"conv_aggregator_layers": "[(4, 2, 1)]"},
            r"feature_aggregator\.conv_layers\.1\.1\.bias has shape \(4,\) there",
        ),
        ({"conv_feature_layers": "[(4, 9, 5)]"}, r"has shape \(4, 1, 10\) there and \(4, 1, 9\) here"),
        ({"conv_aggregator_layers": "[(4, 2, 1), (4, 3, 1), (4, 4, 1)]"}, r"has shape none there and \(4,\) here"),
    ],
)
def test_settings_of_another_model_are_refused(tmp_path: Path, settings: dict[str, Any], message: str) -> None:
    """Settings that are not of wav2vec 1.0, and weights that lack a name, have one more, or another shape."""
    torch.save(published(small(), **settings), tmp_path / "small.pt")
    with pytest.raises(InputError, match=message):
        load(tmp_path / "small.pt")
