"""Data sets: one LightningDataModule each, fetched a batch at a time."""

from clsunbias.data.augmentation import Jitter
from clsunbias.data.balanced import ClassBalanced, SpeakerBalanced
from clsunbias.data.base import Batch, DataModule, Split
from clsunbias.data.medmnist import BreastMNIST, RetinaMNIST
from clsunbias.data.resampling import Resample
from clsunbias.data.samplers import ShuffledBatches
from clsunbias.data.speech import Speech
from clsunbias.data.tabular import Tabular
from clsunbias.data.toy import Toy
from clsunbias.data.units import Units

__all__ = [
    "Batch",
    "BreastMNIST",
    "ClassBalanced",
    "DataModule",
    "Jitter",
    "Resample",
    "RetinaMNIST",
    "ShuffledBatches",
    "SpeakerBalanced",
    "Speech",
    "Split",
    "Tabular",
    "Toy",
    "Units",
]
