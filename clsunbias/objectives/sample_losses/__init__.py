"""Losses of one sample. Each goes with every way of combining class risks."""

from clsunbias.objectives.sample_losses.base import CountedLoss, CrossEntropy, SampleLoss, cross_entropy, log_odds
from clsunbias.objectives.sample_losses.focusing import Asymmetric, Encouraging, Focal, LabelSmoothing
from clsunbias.objectives.sample_losses.margins import (
    LDAM,
    AdaptiveMargin,
    LogitAdjusted,
    LogitVariation,
    VectorScaling,
)
from clsunbias.objectives.sample_losses.overlap import SelfAdjustingDice

__all__ = [
    "LDAM",
    "AdaptiveMargin",
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
]
