"""Networks. A linear model is ``torch.nn.Linear``; anything of the right shape works by its import path."""

from clsunbias.networks.pretrained import DenseNet121, EfficientNetB0, ResNet18, ResNet50, Timm
from clsunbias.networks.speech import FrameStatistics
from clsunbias.networks.tables import Perceptron
from clsunbias.networks.vision import SmallConvNet

__all__ = [
    "DenseNet121",
    "EfficientNetB0",
    "FrameStatistics",
    "Perceptron",
    "ResNet18",
    "ResNet50",
    "SmallConvNet",
    "Timm",
]
