"""The measure in the data of a table of features, vectorised by counting, a column at a time."""

from collections.abc import Mapping, Sequence

import numpy as np

from clsunbias.audit.association import association
from clsunbias.audit.found import FeatureFound, corrected
from clsunbias.audit.information import information
from clsunbias.experiments.analysis.statistics import Floats, Labels


def features_found(
    codes: Mapping[str, Labels], target: Labels, classes: int, losses: Floats | None = None
) -> list[FeatureFound]:
    """What features tell about classes.

    Args:
        codes: the bin of each unit, ``(U,)``, by feature.
        target: classes of the units.
        classes: C.
        losses: of the units, whose association with each feature is wanted.
    """
    made: list[FeatureFound] = []
    labels: Sequence[int] = () if losses is None else range(classes)
    for name, code in codes.items():
        told, p = information(code, target, classes)
        found = [association(code, np.asarray(losses), target, label) for label in labels]
        made.append(FeatureFound(name, told, p, told.specific_p(target), found))
    tells, specific = (corrected([getattr(one, p) for one in made]) for p in ("tells_p", "specific_p"))
    by_class = [corrected([one.associations[label].p for one in made]) for label in labels]
    return [
        one._replace(
            tells_p=tells[at],
            specific_p=specific[at],
            associations=[one.associations[label]._replace(p=by_class[label][at]) for label in labels],
        )
        for at, one in enumerate(made)
    ]
