"""Networks. A linear model is ``torch.nn.Linear``; anything of the right shape works by its import path."""

from clsunbias.networks.speech import FrameStatistics
from clsunbias.networks.vision import SmallConvNet

__all__ = ["FrameStatistics", "SmallConvNet"]
