"""Front ends: what turns segments of speech into frames of features."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from functools import cache
from operator import attrgetter
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, cast

import numpy as np
import numpy.typing as npt

from clsunbias.data_paths import find_data, nowhere
from clsunbias.errors import InputError
from clsunbias.files import sha256_of

if TYPE_CHECKING:
    import torch

Frames = npt.NDArray[np.float32]


@dataclass(frozen=True)
class FrontEnd(ABC):
    """A subclass says what it needs and turns segments of equal length into frames.

    Args:
        normalise: ``segment`` or ``speaker``: each dimension to mean 0 and variance 1 over the frames of a segment, or
            of all segments of a speaker; ``none``.
    """

    normalise: Literal["segment", "speaker", "none"] = "segment"

    @property
    @abstractmethod
    def rate(self) -> float:
        """Samples (or rows of features) per second that it takes."""

    @property
    @abstractmethod
    def dimensions(self) -> int:
        """Numbers in a frame."""

    @abstractmethod
    def frames(self, length: int) -> int:
        """Frames that come of so many samples."""

    @abstractmethod
    def extract(self, segments: npt.NDArray[np.floating]) -> Frames:
        """Frames float32 ``(N, T, dimensions)`` of segments ``(N, samples, …)``."""

    def settings(self) -> dict[str, Any]:
        """What its features depend on, for the index of a cache."""
        return {"front_end": type(self).__name__, **{name: str(value) for name, value in asdict(self).items()}}

    def __call__(self, segments: Sequence[npt.NDArray[np.floating]]) -> Frames:
        """Normalised frames of one speaker's segments, all of one length."""
        frames = self.extract(np.stack(segments))
        if self.normalise == "none":
            return frames
        axes = (0, 1) if self.normalise == "speaker" else 1
        frames -= frames.mean(axes, keepdims=True)
        # A dimension that never moves becomes 0, not noise: its deviation is no less than float16's step.
        frames /= np.maximum(frames.std(axes, keepdims=True), 1e-3)
        return frames


@dataclass(frozen=True)
class LogMel(FrontEnd):
    """Log-mel filter bank by librosa: natural logarithm of power in bands of equal width on the mel scale.

    Args:
        sample_rate: Hz; recordings of other rates are resampled.
        bands: number of bands between 0 and half the sample rate.
        window: seconds.
        hop: seconds.
        normalise: as in :class:`FrontEnd`.

    Raises:
        InputError: bands so narrow that one of them holds no frequency of the window's spectrum.
    """

    sample_rate: int = 16000
    bands: int = 80
    window: float = 0.025
    hop: float = 0.010

    def __post_init__(self) -> None:
        if self.sample_rate < 1000 or self.bands < 1 or not 0 < self.hop <= self.window:
            raise InputError(f"a filter bank needs a rate of at least 1000 Hz, bands, and 0 < hop ≤ window; got {self}")

    rate = property(attrgetter("sample_rate"))
    dimensions = property(attrgetter("bands"))

    @property
    def hop_length(self) -> int:
        """Samples from one frame to the next."""
        return round(self.hop * self.sample_rate)

    def frames(self, length: int) -> int:
        return max(1, length // self.hop_length)

    def extract(self, segments: npt.NDArray[np.floating]) -> Frames:
        import librosa

        window = round(self.window * self.sample_rate)
        size = 1 << (window - 1).bit_length()
        if not librosa.filters.mel(sr=self.sample_rate, n_fft=size, n_mels=self.bands).any(1).all():
            raise InputError(
                f"{self.bands} bands are too many for {self.sample_rate} Hz and a window of {self.window} s: one of "
                "them is empty; ask for fewer bands"
            )
        power = librosa.feature.melspectrogram(
            y=segments,
            sr=self.sample_rate,
            n_fft=size,
            win_length=window,
            hop_length=self.hop_length,
            n_mels=self.bands,
        )
        # The library centres frames and so gives one more than fits.
        power = power[..., : self.frames(segments.shape[1])].swapaxes(1, 2)
        return cast(Frames, np.log(np.maximum(power, 1e-10), dtype=np.float32))


@dataclass(frozen=True)
class Wav2Vec(FrontEnd):
    """512 numbers each 10 ms by wav2vec 1.0 (arXiv 1904.05862), from its published weights.

    Args:
        checkpoint: path of the published ``wav2vec_large.pt``, as seen from where one stands or, if it is not there,
            below $CLSUNBIAS_DATA, else ``data``.
        layer: ``context`` (c) or ``encoder`` (z) of the network; the paper does not say which it takes.
        normalise: as in :class:`FrontEnd`.
    """

    checkpoint: Path = Path("wav2vec_large.pt")
    layer: Literal["encoder", "context"] = "context"

    rate = 16000
    dimensions = 512

    def frames(self, length: int) -> int:
        from clsunbias.networks.wav2vec import frame_count

        return frame_count(length)

    @property
    def weights(self) -> Path:
        """The file of the checkpoint."""
        return find_data(self.checkpoint)

    def settings(self) -> dict[str, Any]:
        if not self.weights.is_file():
            then = (
                "it is wav2vec_large.pt, the weights of wav2vec 1.0 that fairseq publishes (its examples/wav2vec lists "
                "them); put it there, or give its path with --data.front_end.init_args.checkpoint. Log-mel frames need "
                "no weights: --data.front_end clsunbias.speech.LogMel --model.network.init_args.features 80"
            )
            raise InputError(nowhere(self.checkpoint, self.weights, then))
        return super().settings() | {"checkpoint": sha256_of(self.weights)}

    def extract(self, segments: npt.NDArray[np.floating]) -> Frames:
        import torch

        model = load_once(self.weights, self.layer)
        with torch.inference_mode():
            parts = [model(part.float()) for part in torch.split(torch.from_numpy(segments), 8)]
            frames = torch.cat(parts).numpy()
        (_, count, size), samples = frames.shape, segments.shape[1]
        if (count, size) != (self.frames(samples), self.dimensions):
            raise InputError(
                f"{self.checkpoint} makes {count} frames of {size} numbers from {samples} samples, the published "
                f"wav2vec_large.pt would make {self.frames(samples)} of {self.dimensions}"
            )
        return frames


@cache
def load_once(checkpoint: Path, layer: Literal["encoder", "context"]) -> "torch.nn.Module":
    """The network of :class:`Wav2Vec`, once a process."""
    from clsunbias.networks.wav2vec import load

    return load(checkpoint, layer)


@dataclass(frozen=True)
class Precomputed(FrontEnd):
    """Features made elsewhere: ``.npy`` files of frames ``(T, size)``.

    Args:
        size: numbers in a frame.
        frame_rate: frames per second, as given to ``prepare --frame-rate``.
        normalise: as in :class:`FrontEnd`.
    """

    size: int = 512
    frame_rate: float = 100.0

    rate = property(attrgetter("frame_rate"))
    dimensions = property(attrgetter("size"))

    def frames(self, length: int) -> int:
        return length

    def extract(self, segments: npt.NDArray[np.floating]) -> Frames:
        if segments.ndim != 3 or segments.shape[2] != self.size:
            raise InputError(f"features have shape {segments.shape[1:]}, the config says (frames, {self.size})")
        return segments.astype(np.float32)
