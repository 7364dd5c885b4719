"""Data sets: one LightningDataModule each, held in memory and fetched a batch at a time."""

from clsunbias.data.augmentation import Jitter
from clsunbias.data.base import Batch, DataModule, Split
from clsunbias.data.medmnist import BreastMNIST, RetinaMNIST
from clsunbias.data.resampling import Resample
from clsunbias.data.toy import Toy

__all__ = ["Batch", "BreastMNIST", "DataModule", "Jitter", "Resample", "RetinaMNIST", "Split", "Toy"]
