"""Networks of torchvision and timm, from scratch or from a file of weights, whole or behind a frozen backbone."""

from abc import ABC, abstractmethod
from importlib import import_module
from pathlib import Path
from typing import Any, ClassVar, Literal, cast

import torch
from torch import Tensor, nn

from clsunbias.errors import InputError, listed
from clsunbias.terminal import note


class Pretrained(nn.Module, ABC):
    """A backbone of another package and a linear head: the parts ``backbone`` and ``head``.

    Weights come from a file, read as weights alone. The file's own head is left out, its first convolution is summed
    over its input channels where this one has one channel, and it is said which tensors had no use. With the backbone
    frozen (``--freeze backbone``), and images not augmented, its features are computed once and kept.

    Args:
        channels: input channels, 1 (grey) or 3 (RGB).
        outputs: logits; 1 for two classes, C for more.
        weights: a file of the network's weights, such as torchvision's ``resnet18-f37072fd.pth``; None starts anew.

    Raises:
        InputError: a file that holds no weights, or those of another network.
    """

    def __init__(self, channels: int = 3, outputs: int = 1, weights: Path | None = None) -> None:
        super().__init__()
        self.channels = channels
        self.backbone, width = self.make(channels)
        if weights is not None:
            load_backbone(self.backbone, weights, type(self).__name__)
        self.head = nn.Linear(width, outputs)

    @abstractmethod
    def make(self, channels: int) -> tuple[nn.Module, int]:
        """The backbone, without a head, and how many numbers it makes of an image."""

    def features(self, images: Tensor) -> Tensor:
        """What the head gets of images float ``(B, channels, H, W)``: float ``(B, width)``."""
        return cast(Tensor, self.backbone(images))

    def forward(self, images: Tensor) -> Tensor:
        """Logits ``(B, outputs)``."""
        return cast(Tensor, self.head(self.features(images)))


class Torchvision(Pretrained, ABC):
    """A network of torchvision; see :class:`Pretrained`.

    Args:
        channels: input channels, 1 (grey) or 3 (RGB).
        outputs: logits; 1 for two classes, C for more.
        stem: ``small`` begins with a 3×3 convolution and neither stride nor pooling, for images of about 28×28 pixels,
            of which the usual one leaves a single position.
        weights: a file of torchvision's weights of the network; None starts anew.
    """

    builder: ClassVar[str]
    """Name of torchvision's function that makes it."""
    first: ClassVar[str]
    """Dotted name of its first convolution."""
    pooling: ClassVar[str | None] = None
    """Dotted name of the pooling after it."""
    last: ClassVar[str]
    """Name of its head."""

    def __init__(
        self,
        channels: int = 3,
        outputs: int = 1,
        stem: Literal["usual", "small"] = "usual",
        weights: Path | None = None,
    ) -> None:
        self.stem = stem
        super().__init__(channels, outputs, weights)

    def make(self, channels: int) -> tuple[nn.Module, int]:
        from torchvision import models  # here, since it takes a second that other networks save

        network: nn.Module = getattr(models, self.builder)(weights=None)
        small = self.stem == "small"
        old = cast(nn.Conv2d, network.get_submodule(self.first))
        if small or channels != old.in_channels:
            how: dict[str, Any] = {"kernel_size": old.kernel_size, "stride": old.stride, "padding": old.padding}
            how = {"kernel_size": 3, "padding": 1} if small else how
            convolution = nn.Conv2d(channels, old.out_channels, bias=old.bias is not None, **how)
            nn.init.kaiming_normal_(convolution.weight, mode="fan_out", nonlinearity="relu")
            network.set_submodule(self.first, convolution)
        if small and self.pooling:
            network.set_submodule(self.pooling, nn.Identity())
        head = network.get_submodule(self.last)
        linear = next(part for part in head.modules() if isinstance(part, nn.Linear))
        network.set_submodule(self.last, nn.Identity())
        return network, linear.in_features


class ResNet18(Torchvision):
    """ResNet-18 (arXiv 1512.03385) of torchvision; see :class:`Torchvision`."""

    builder, first, pooling, last = "resnet18", "conv1", "maxpool", "fc"


class ResNet50(Torchvision):
    """ResNet-50 (arXiv 1512.03385) of torchvision; see :class:`Torchvision`."""

    builder, first, pooling, last = "resnet50", "conv1", "maxpool", "fc"


class DenseNet121(Torchvision):
    """DenseNet-121 (arXiv 1608.06993) of torchvision; see :class:`Torchvision`."""

    builder, first, pooling, last = "densenet121", "features.conv0", "features.pool0", "classifier"


class EfficientNetB0(Torchvision):
    """EfficientNet-B0 (arXiv 1905.11946) of torchvision; see :class:`Torchvision`."""

    builder, first, last = "efficientnet_b0", "features.0.0", "classifier"


class Timm(Pretrained):
    """Any image network of timm, by its name there; see :class:`Pretrained`. It needs the extra ``timm``.

    Args:
        model: timm's name, such as ``convnext_tiny``.
        channels: input channels, 1 (grey) or 3 (RGB).
        outputs: logits; 1 for two classes, C for more.
        weights: a file of timm's weights of the network; None starts anew.
    """

    def __init__(self, model: str, channels: int = 3, outputs: int = 1, weights: Path | None = None) -> None:
        self.model = model
        super().__init__(channels, outputs, weights)

    def make(self, channels: int) -> tuple[nn.Module, int]:
        try:
            timm = import_module("timm")
        except ImportError as error:
            raise InputError("Timm needs timm, of the extra 'timm': pip install 'clsunbias[timm]'") from error
        try:
            backbone = timm.create_model(self.model, pretrained=False, in_chans=channels, num_classes=0)
        except RuntimeError as error:
            raise InputError(f"timm has no network {self.model!r}: {error}") from error
        return backbone, int(backbone.num_features)


def load_backbone(backbone: nn.Module, path: Path, network: str) -> None:
    """Loads a file of weights into a backbone, and says which of its tensors have no use.

    Raises:
        InputError: no such file, one that holds no weights, or none for a tensor of the backbone.
    """
    found = read_weights(path)
    expected = backbone.state_dict()
    first = next(name for name in expected if name.endswith("weight"))
    if first in found and expected[first].shape[1] == 1 and found[first].ndim == 4 and found[first].shape[1] > 1:
        found[first] = found[first].sum(1, keepdim=True)  # grey is the same in all of its channels
        note(f"{path}: {first} is summed over its channels, for grey images")
    batches = {name for name in expected if name.endswith("num_batches_tracked")}  # which older files lack
    wrong = [
        f"{name} is {tuple(found[name].shape) if name in found else 'absent'} there and {tuple(value.shape)} here"
        for name, value in expected.items()
        if name not in batches and (name not in found or found[name].shape != value.shape)
    ]
    small = [one for one in wrong if one.startswith(first)]
    if len(wrong) > len(small):
        raise InputError(
            f"{path} holds the weights of another network than {network}: {len(wrong)} of {len(expected)} tensors do "
            f"not fit: {'; '.join(wrong[:3])}; give those of {network}, or take the network that they are of"
        )
    if small:
        del found[first]
        note(f"{path}: the first convolution starts anew, since {small[0]}")
    if unused := [name for name in found if name not in expected]:
        note(f"{path}: no use for {listed(unused)}; the head starts anew")
    backbone.load_state_dict({**expected, **{name: found[name] for name in found if name in expected}})


def read_weights(path: Path) -> dict[str, Tensor]:
    """Tensors by their names, of a file of a state, or of one under ``state_dict`` or ``model``; else InputError."""
    path = path.expanduser()
    if not path.is_file():
        raise InputError(f"there are no weights {path}; give a file that is there, or leave weights out to start anew")
    try:
        content = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # a file of another kind makes the reader fail in any way at all
        reason = str(error).partition("\n")[0] or type(error).__name__
        raise InputError(f"{path} is not a file of weights that can be read: {reason}") from error
    for key in ("state_dict", "model"):
        if isinstance(content, dict) and isinstance(content.get(key), dict):
            content = content[key]
    if not isinstance(content, dict) or not content or not all(isinstance(one, Tensor) for one in content.values()):
        raise InputError(f"{path} is not a file of weights: it holds no tensors by their names")
    if wrong := [name for name, value in content.items() if not bool(value.isfinite().all())]:
        raise InputError(f"{path} holds weights that are no finite numbers ({listed(wrong)})")
    return {name.removeprefix("module."): value for name, value in content.items()}  # of DataParallel
