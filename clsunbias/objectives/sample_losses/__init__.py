"""Losses of one sample. Each goes with every way of combining class risks."""

from clsunbias.objectives.sample_losses.base import (
    ALIKE,
    CountedLoss,
    CrossEntropy,
    SampleLoss,
    cross_entropy,
    log_odds,
    smallest_class,
)
from clsunbias.objectives.sample_losses.focusing import Asymmetric, Encouraging, Focal, LabelSmoothing
from clsunbias.objectives.sample_losses.margins import LDAM, LogitAdjusted, LogitVariation, VectorScaling
from clsunbias.objectives.sample_losses.overlap import SelfAdjustingDice

__all__ = [
    "ALIKE",
    "LDAM",
    "Asymmetric",
    "CountedLoss",
    "CrossEntropy",
    "Encouraging",
    "Focal",
    "LabelSmoothing",
    "LogitAdjusted",
    "LogitVariation",
    "SampleLoss",
    "SelfAdjustingDice",
    "VectorScaling",
    "cross_entropy",
    "log_odds",
    "smallest_class",
]
