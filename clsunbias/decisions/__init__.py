"""Decision rules: from class probabilities to decisions, chosen on validation scores, without retraining."""

from clsunbias.decisions.base import Decision, DecisionRule, Scores, spread
from clsunbias.decisions.calibration import BiasCorrection, Isotonic, Platt, Temperature
from clsunbias.decisions.confidence import LogitNormalisation
from clsunbias.decisions.corrections import ClassAndSample
from clsunbias.decisions.costs import BayesEnsemble, Cost
from clsunbias.decisions.local import GroupThresholds, NeighbourThreshold, ScoreAndUncertainty
from clsunbias.decisions.priors import EMPrior, PriorCorrection, StatedPrevalence
from clsunbias.decisions.thresholds import F1, BalancedAccuracy, MacroF1, Youden

__all__ = [
    "F1",
    "BalancedAccuracy",
    "BayesEnsemble",
    "BiasCorrection",
    "ClassAndSample",
    "Cost",
    "Decision",
    "DecisionRule",
    "EMPrior",
    "GroupThresholds",
    "Isotonic",
    "LogitNormalisation",
    "MacroF1",
    "NeighbourThreshold",
    "Platt",
    "PriorCorrection",
    "ScoreAndUncertainty",
    "Scores",
    "StatedPrevalence",
    "Temperature",
    "Youden",
    "spread",
]
