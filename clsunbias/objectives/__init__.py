"""What training minimises. Each objective is one class, written once for ``(B, C)`` logits."""

from clsunbias.objectives.base import ClassRiskObjective, Objective, widen
from clsunbias.objectives.class_risks import ClassRisks, class_risks
from clsunbias.objectives.cls_unbias import ClsUnbias, max_min, mean_pairwise, variance
from clsunbias.objectives.erm import ERM, ClassWeightedERM, PerClassERM
from clsunbias.objectives.group_dro import GroupDRO
from clsunbias.objectives.ranking import APLoss
from clsunbias.objectives.regrouped import Regrouped
from clsunbias.objectives.sample_losses import CrossEntropy, Focal, SampleLoss

__all__ = [
    "ERM",
    "APLoss",
    "ClassRiskObjective",
    "ClassRisks",
    "ClassWeightedERM",
    "ClsUnbias",
    "CrossEntropy",
    "Focal",
    "GroupDRO",
    "Objective",
    "PerClassERM",
    "Regrouped",
    "SampleLoss",
    "class_risks",
    "max_min",
    "mean_pairwise",
    "variance",
    "widen",
]
