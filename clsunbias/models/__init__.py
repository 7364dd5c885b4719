"""Networks. A linear model is ``torch.nn.Linear``; anything of the right shape works by its import path."""

from clsunbias.models.speech import FrameStatistics
from clsunbias.models.vision import SmallConvNet

__all__ = ["FrameStatistics", "SmallConvNet"]
