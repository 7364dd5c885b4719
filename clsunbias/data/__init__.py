"""Data sets: one LightningDataModule each, fetched a batch at a time."""

from clsunbias.data.augmentation import Jitter
from clsunbias.data.balanced import ClassBalanced, SpeakerBalanced
from clsunbias.data.base import DataModule
from clsunbias.data.describing import Appearance, Attribute, Subclasses
from clsunbias.data.image_folder import ImageFolder
from clsunbias.data.medmnist import BreastMNIST, MedMNIST, RetinaMNIST
from clsunbias.data.resampler import Resampler
from clsunbias.data.resampling import Subsample
from clsunbias.data.samplers import ShuffledBatches
from clsunbias.data.speech import Speech
from clsunbias.data.split import Batch, Split
from clsunbias.data.tabular import Tabular
from clsunbias.data.toy import Toy
from clsunbias.data.units import Units

__all__ = [
    "Appearance",
    "Attribute",
    "Batch",
    "BreastMNIST",
    "ClassBalanced",
    "DataModule",
    "ImageFolder",
    "Jitter",
    "MedMNIST",
    "Resampler",
    "RetinaMNIST",
    "ShuffledBatches",
    "SpeakerBalanced",
    "Speech",
    "Split",
    "Subclasses",
    "Subsample",
    "Tabular",
    "Toy",
    "Units",
]
