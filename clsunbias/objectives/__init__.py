"""What training minimises. Each objective is one class, written once for ``(B, C)`` logits."""

from clsunbias.objectives.adaptive_margin import AdaptiveMargin
from clsunbias.objectives.auxiliary import AuxiliaryGrade
from clsunbias.objectives.base import ClassRiskObjective, Objective, widen
from clsunbias.objectives.class_risks import ClassRisks, class_risks
from clsunbias.objectives.cls_unbias import ClsUnbias, max_min, mean_pairwise, variance
from clsunbias.objectives.contrastive import OrdinalContrastive, SubclassContrastive, SupervisedContrastive
from clsunbias.objectives.erm import ERM, ClassWeightedERM, PerClassERM
from clsunbias.objectives.experts import DiverseExperts
from clsunbias.objectives.gradients import NormalisedGradients
from clsunbias.objectives.group_dro import AccumulatedGroupDRO, GroupDRO
from clsunbias.objectives.invariance import IRM, VRex
from clsunbias.objectives.ordinal import ProportionalOdds
from clsunbias.objectives.parity import GroupParity
from clsunbias.objectives.ranking import APLoss, AUCMargin
from clsunbias.objectives.regrouped import Regrouped
from clsunbias.objectives.representation import RepresentationObjective
from clsunbias.objectives.sample_losses import (
    LDAM,
    Asymmetric,
    CountedLoss,
    CrossEntropy,
    Encouraging,
    Focal,
    LabelSmoothing,
    LogitAdjusted,
    LogitVariation,
    SampleLoss,
    SelfAdjustingDice,
    VectorScaling,
)
from clsunbias.objectives.selective_mixup import SelectiveMixup, macro_f1, macro_recall, worst_recall
from clsunbias.objectives.self_supervised import SelfSupervised
from clsunbias.objectives.set_terms import FacilityLocation, GraphCut, NeuralCollapse
from clsunbias.objectives.soft_f1 import SoftF1
from clsunbias.objectives.weighted import AppearanceWeightedERM, EffectiveNumberERM, PowerWeightedERM

__all__ = [
    "ERM",
    "IRM",
    "LDAM",
    "APLoss",
    "AUCMargin",
    "AccumulatedGroupDRO",
    "AdaptiveMargin",
    "AppearanceWeightedERM",
    "Asymmetric",
    "AuxiliaryGrade",
    "ClassRiskObjective",
    "ClassRisks",
    "ClassWeightedERM",
    "ClsUnbias",
    "CountedLoss",
    "CrossEntropy",
    "DiverseExperts",
    "EffectiveNumberERM",
    "Encouraging",
    "FacilityLocation",
    "Focal",
    "GraphCut",
    "GroupDRO",
    "GroupParity",
    "LabelSmoothing",
    "LogitAdjusted",
    "LogitVariation",
    "NeuralCollapse",
    "NormalisedGradients",
    "Objective",
    "OrdinalContrastive",
    "PerClassERM",
    "PowerWeightedERM",
    "ProportionalOdds",
    "Regrouped",
    "RepresentationObjective",
    "SampleLoss",
    "SelectiveMixup",
    "SelfAdjustingDice",
    "SelfSupervised",
    "SoftF1",
    "SubclassContrastive",
    "SupervisedContrastive",
    "VRex",
    "VectorScaling",
    "class_risks",
    "macro_f1",
    "macro_recall",
    "max_min",
    "mean_pairwise",
    "variance",
    "widen",
    "worst_recall",
]
