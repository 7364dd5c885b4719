"""Data sets: one LightningDataModule each, fetched a batch at a time."""

from clsunbias.data.augmentation import Jitter, Mixup
from clsunbias.data.balanced import AttributeBalanced, ClassBalanced, MinorityShare, SpeakerBalanced
from clsunbias.data.base import DataModule
from clsunbias.data.describing import Appearance, Attribute, Grade, Subclasses
from clsunbias.data.image_folder import ImageFolder
from clsunbias.data.medmnist import BreastMNIST, MedMNIST, RetinaMNIST
from clsunbias.data.neighbours import ADASYN, SMOTE
from clsunbias.data.phases import Expanding, Phases
from clsunbias.data.repeated import Oversampled, Undersampled
from clsunbias.data.resampler import Resampler
from clsunbias.data.resampling import LabelNoise, Subsample
from clsunbias.data.samplers import ShuffledBatches
from clsunbias.data.speech import Speech
from clsunbias.data.split import Batch, Split
from clsunbias.data.tabular import Tabular
from clsunbias.data.thinning import ClusterCentroids, NearMiss, TomekLinks
from clsunbias.data.toy import Toy
from clsunbias.data.units import Units

__all__ = [
    "ADASYN",
    "SMOTE",
    "Appearance",
    "Attribute",
    "AttributeBalanced",
    "Batch",
    "BreastMNIST",
    "ClassBalanced",
    "ClusterCentroids",
    "DataModule",
    "Expanding",
    "Grade",
    "ImageFolder",
    "Jitter",
    "LabelNoise",
    "MedMNIST",
    "MinorityShare",
    "Mixup",
    "NearMiss",
    "Oversampled",
    "Phases",
    "Resampler",
    "RetinaMNIST",
    "ShuffledBatches",
    "SpeakerBalanced",
    "Speech",
    "Split",
    "Subclasses",
    "Subsample",
    "Tabular",
    "TomekLinks",
    "Toy",
    "Undersampled",
    "Units",
]
