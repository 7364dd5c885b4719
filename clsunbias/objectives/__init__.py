"""What training minimises. Each objective is one class, written once for ``(B, C)`` logits."""

from clsunbias.objectives.base import ClassRisks, Objective, class_risks
from clsunbias.objectives.cls_unbias import ClsUnbias, max_min, mean_pairwise, variance
from clsunbias.objectives.erm import ERM, ClassWeightedERM, PerClassERM
from clsunbias.objectives.group_dro import GroupDRO

__all__ = [
    "ERM",
    "ClassRisks",
    "ClassWeightedERM",
    "ClsUnbias",
    "GroupDRO",
    "Objective",
    "PerClassERM",
    "class_risks",
    "max_min",
    "mean_pairwise",
    "variance",
]
