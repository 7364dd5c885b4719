"""wav2vec 1.0, which turns speech into features, and the reading of its published weights.

Written from the description (Schneider et al. 2019, arXiv 1904.05862, section 2.1) and the settings published with the
weights; names of weights are those of the published ``wav2vec_large.pt``.
"""

import argparse
import ast
import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, cast

import torch
from torch import Tensor, nn

from clsunbias.errors import InputError

Layer = Literal["encoder", "context"]


@dataclass(frozen=True)
class Architecture:
    """The shape of a wav2vec 1.0 model; the defaults are those of the published large model.

    Args:
        channels: channels of every convolution.
        encoder: kernel and stride of each of the encoder's convolutions.
        aggregator: kernel of each of the aggregator's convolutions; their stride is 1.
        bias: whether the aggregator's convolutions have one; the encoder's have none.
        zero_padding: the aggregator sees zeros before the first frame, instead of that frame repeated.
        skip_connections: each layer of the aggregator adds its input to its output.
        residual_scale: the square of what that sum is multiplied by.
        log_compression: the encoder ends in log(1 + z).
    """

    channels: int = 512
    encoder: tuple[tuple[int, int], ...] = ((10, 5), (8, 4), (4, 2), (4, 2), (4, 2), (1, 1), (1, 1))
    aggregator: tuple[int, ...] = tuple(range(2, 14))
    bias: bool = True
    zero_padding: bool = False
    skip_connections: bool = True
    residual_scale: float = 0.5
    log_compression: bool = True


def frame_count(samples: int, encoder: tuple[tuple[int, int], ...] = Architecture.encoder) -> int:
    """Frames that so many samples give: with the published encoder (samples − 465) // 160 + 1, or 0 below 465."""
    for kernel, stride in encoder:
        samples = max(0, (samples - kernel) // stride + 1)
    return samples


def normalised(*convolution: nn.Module, channels: int) -> nn.Sequential:
    """A layer: its convolution, normalised over all channels and the whole length of a row, then ReLU."""
    # The identity has the place of the published model's dropout, so that weights keep their names.
    return nn.Sequential(*convolution, nn.Identity(), nn.GroupNorm(1, channels), nn.ReLU(inplace=True))


class Encoder(nn.Module):
    """z: strided convolutions from samples to frames."""

    def __init__(self, architecture: Architecture) -> None:
        super().__init__()
        channels = architecture.channels
        self.log_compression = architecture.log_compression
        self.conv_layers = nn.Sequential()
        for kernel, stride in architecture.encoder:
            inputs = channels if self.conv_layers else 1
            convolution = nn.Conv1d(inputs, channels, kernel, stride, bias=False)
            self.conv_layers.append(normalised(convolution, channels=channels))

    def forward(self, samples: Tensor) -> Tensor:
        """Frames ``(B, channels, T)`` of samples ``(B, N)``."""
        frames = cast(Tensor, self.conv_layers(samples.unsqueeze(1)))
        return frames.log1p() if self.log_compression else frames  # after ReLU: not negative


class Aggregator(nn.Module):
    """c: convolutions over frames that look back only, though normalisation still sees the whole row."""

    def __init__(self, architecture: Architecture) -> None:
        super().__init__()
        channels = architecture.channels
        self.scale = math.sqrt(architecture.residual_scale) if architecture.skip_connections else None
        pad = nn.ZeroPad1d if architecture.zero_padding else nn.ReplicationPad1d
        self.conv_layers = nn.Sequential()
        for kernel in architecture.aggregator:
            convolution = nn.Conv1d(channels, channels, kernel, bias=architecture.bias)
            self.conv_layers.append(normalised(pad((kernel - 1, 0)), convolution, channels=channels))

    def forward(self, frames: Tensor) -> Tensor:
        """Context ``(B, channels, T)`` of frames ``(B, channels, T)``."""
        for layer in self.conv_layers:
            context = layer(frames)
            frames = context if self.scale is None else (context + frames) * self.scale
        return frames


class Wav2VecNetwork(nn.Module):
    """wav2vec 1.0: a frame of 512 features per 10 ms of speech.

    Every layer normalises a row over its whole length, so a feature depends on all of its row: give each recording or
    segment a row of its own, and rows of different lengths different batches, never padding.

    Args:
        architecture: the shape.
        layer: which features come out: the context c, or the encoder's z. Papers that say "wav2vec features" seldom
            say which.
    """

    def __init__(self, architecture: Architecture, layer: Layer = "context") -> None:
        super().__init__()
        self.architecture = architecture
        self.layer = layer
        self.feature_extractor = Encoder(architecture)
        self.feature_aggregator = Aggregator(architecture)

    def forward(self, samples: Tensor) -> Tensor:
        """Features float32 ``(B, frame_count(N), 512)`` of samples float32 ``(B, N)`` in [−1, 1] at 16 kHz.

        Raises:
            InputError: too few samples for a frame.
        """
        if not frame_count(samples.shape[1], self.architecture.encoder):
            raise InputError(
                f"{samples.shape[1]} samples are too few for one frame of wav2vec: leave that recording out"
            )
        frames = self.feature_extractor(samples)
        if self.layer == "context":
            frames = self.feature_aggregator(frames)
        return cast(Tensor, frames.transpose(1, 2))


def parse_layers(text: str) -> list[tuple[int, int, int]]:
    """Channels, kernel and stride of each layer, as the settings write them: lists, also their sums and multiples."""

    def value(node: ast.expr) -> Any:
        match node:
            case ast.BinOp(left, ast.Add(), right):
                return value(left) + value(right)
            case ast.BinOp(left, ast.Mult(), right):
                return value(left) * value(right)
        return ast.literal_eval(node)

    return [(channels, kernel, stride) for channels, kernel, stride in value(ast.parse(text, mode="eval").body)]


def parse_architecture(settings: dict[str, Any]) -> Architecture:
    """The architecture in a checkpoint's settings; raises KeyError or ValueError for those of another kind of model."""
    wanted = {"aggregator": "cnn", "vq_type": "none", "activation": "relu"}
    # Older files lack the settings that came with later models.
    for name, value in (wanted | {"skip_connections_feat": False, "non_affine_group_norm": False}).items():
        if (settings.get(name) or value) != value:
            raise ValueError(f"the setting {name} is {settings[name]!r}, not {value!r}")
    encoder, aggregator = (parse_layers(settings[f"conv_{part}_layers"]) for part in ("feature", "aggregator"))
    channels = encoder[0][0]
    if {layer[0] for layer in encoder + aggregator} != {channels} or {layer[2] for layer in aggregator} != {1}:
        raise ValueError("its layers differ in channels, or its aggregator has a stride")
    return Architecture(
        channels=channels,
        encoder=tuple((kernel, stride) for _, kernel, stride in encoder),
        aggregator=tuple(kernel for _, kernel, _ in aggregator),
        bias=not settings.get("no_conv_bias", False),
        zero_padding=settings.get("agg_zero_pad", False),
        skip_connections=settings.get("skip_connections_agg", True),
        residual_scale=settings.get("residual_scale", 0.5),
        log_compression=settings.get("log_compression", True),
    )


class Meter:
    """Takes the place of the records of training time and loss that published checkpoints hold; never looked at."""


def read_checkpoint(path: Path) -> tuple[Architecture, dict[str, Tensor]]:
    """Architecture and weights of a published checkpoint; raises InputError as :func:`load`."""
    if not path.is_file():
        raise InputError(
            f"there are no wav2vec weights {path}; they are wav2vec_large.pt on fairseq's page examples/wav2vec"
        )
    known: list[Any] = [argparse.Namespace]
    known += [(Meter, f"fairseq.meters.{kind}") for kind in ("AverageMeter", "StopwatchMeter", "TimeMeter")]
    try:
        with torch.serialization.safe_globals(known):
            checkpoint = torch.load(path, map_location="cpu", weights_only=True)
        weights = {
            name: value.float()  # it may have been trained, and saved, in half precision
            for name, value in checkpoint["model"].items()
            if not name.startswith("wav2vec_predictions.")  # only training needs them
        }
        settings = checkpoint.get("args")
        return Architecture() if settings is None else parse_architecture(vars(settings)), weights
    except Exception as error:  # a file of another kind makes the reader fail in any way at all
        raise InputError(
            f"{path} is not a checkpoint of wav2vec 1.0 that can be read; give the published wav2vec_large.pt "
            f"({type(error).__name__}: {error})"
        ) from error


def load(path: Path, layer: Layer = "context") -> Wav2VecNetwork:
    """A model with published weights, frozen and in evaluation mode.

    The file is read with ``weights_only=True``, so that it cannot run code: one that holds other objects than settings,
    weights and fairseq's meters is refused. Its checksum is not checked, because none is published.

    Args:
        path: ``wav2vec_large.pt``, or another checkpoint of the same kind.
        layer: which features come out.

    Raises:
        InputError: no such file, not a checkpoint of wav2vec 1.0, or weights that do not fit its settings.
    """
    architecture, weights = read_checkpoint(path)
    with torch.device("meta"):  # no random numbers are drawn for weights that are replaced
        model = Wav2VecNetwork(architecture, layer)
    expected = {name: tuple(value.shape) for name, value in model.state_dict().items()}
    found = {name: tuple(value.shape) for name, value in weights.items()}
    for name in sorted(expected | found):
        if expected.get(name) != found.get(name):
            raise InputError(
                f"{path} does not hold the wav2vec 1.0 that its settings describe: {name} has shape "
                f"{found.get(name, 'none')} there and {expected.get(name, 'none')} here"
            )
    model.load_state_dict(weights, assign=True)
    return model.eval().requires_grad_(False)
