"""Networks. A linear model is ``torch.nn.Linear``; anything of the right shape works by its import path."""

from clsunbias.models.vision import SmallConvNet

__all__ = ["SmallConvNet"]
