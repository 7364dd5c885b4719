"""New weights for a finished run without a step of training: candidates, one an epoch, of which validation selects."""

from clsunbias.refits.base import HeadRefit, Refit, last_linear, train_features
from clsunbias.refits.blend import Blend
from clsunbias.refits.experts import ExpertAggregation
from clsunbias.refits.fitted import LDA, NearestMean, SelfPacedEnsemble, VirtualFeatures
from clsunbias.refits.one_class import OneClass
from clsunbias.refits.prediction_error import PredictionError
from clsunbias.refits.scaled import LearnedScale, TauNorm, WeightAligned

__all__ = [
    "LDA",
    "Blend",
    "ExpertAggregation",
    "HeadRefit",
    "LearnedScale",
    "NearestMean",
    "OneClass",
    "PredictionError",
    "Refit",
    "SelfPacedEnsemble",
    "TauNorm",
    "VirtualFeatures",
    "WeightAligned",
    "last_linear",
    "train_features",
]
