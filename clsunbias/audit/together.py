"""What the parts of an input are to several trainings of a method together."""

from collections.abc import Sequence

import numpy as np

from clsunbias.audit.estimates import ByClass
from clsunbias.audit.found import PartFound, corrected_parts, tested
from clsunbias.audit.reliance import Reliance
from clsunbias.experiments.analysis.statistics import Labels


def together(trainings: Sequence[Sequence[PartFound]], target: Labels) -> list[PartFound]:
    """Means over trainings of what each part is to them, tested as that of one training is; without stress.

    One training may happen to read a part of all classes alike, and what it does on these units has noise of its own.
    How often five find what is there, and what is not: ``python -m benchmarks.audit_errors``.

    Args:
        trainings: the parts as each found them, of the same units.
        target: the units' classes, ``(U,)``.
    """
    made = []
    for seeds in zip(*trainings, strict=True):
        first, each = seeds[0], [one.reliance for one in seeds]
        means = (mean_by_class([getattr(one, name) for one in each]) for name in Reliance._fields)
        made.append(tested(first.name, first.kind, first.place, Reliance(*means), target))
    return corrected_parts(made)


def mean_by_class(found: Sequence[ByClass]) -> ByClass:
    """The mean over trainings of a quantity of each class, on the same units."""
    value, influence = (np.mean([getattr(one, name) for one in found], axis=0) for name in ("value", "influence"))
    return ByClass(value, influence, found[0].fewest)
