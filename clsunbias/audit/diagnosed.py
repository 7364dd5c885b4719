"""What diagnostics find of a model class by class, and what of it scores alone say: no torch."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np

from clsunbias.audit.estimates import Estimate
from clsunbias.audit.failures import Failures, failures
from clsunbias.audit.frechet import Distance
from clsunbias.audit.label_quality import Mislabelled, Suspect, mislabelled, suspects
from clsunbias.experiments.analysis.statistics import Floats, Labels


class Slope(NamedTuple):
    """The slope and curvature of a class's loss.

    Attributes:
        label: the class.
        step: of training, that it is after.
        rows: of the class that were used.
        norm: squared length of the gradient of its loss.
        noise: variance of single rows' gradients over that: in a batch with so many rows of the class, chance moves the
            weights as far as the class does. None where the gradient is not shown to be other than 0.
        cosine: between that gradient and the one of the other classes' mean loss; None where one of the two is not
            shown to be other than 0.
        largest: second derivative of its loss in the direction in which that is largest.
        smallest: likewise; below 0 on a saddle.
        checkpoint: whether the step is that of the weights that are audited.
    """

    label: int
    step: int
    rows: int
    norm: Estimate
    noise: Estimate | None
    cosine: Estimate | None
    largest: Estimate
    smallest: Estimate
    checkpoint: bool = False


class Compressed(NamedTuple):
    """The units of a class under a model with fewer bits.

    Attributes:
        kind: ``float16`` or ``int8``.
        label: the class.
        units: how many.
        newly_wrong: that were right before.
        newly_right: that were wrong before.
        turned: share of the units whose decision is another, with its interval (Clopper and Pearson).
    """

    kind: str
    label: int
    units: int
    newly_wrong: int
    newly_right: int
    turned: Estimate


@dataclass(frozen=True)
class Diagnostics:
    """What was found; each is empty where it cannot be."""

    distances: Sequence[Distance] = ()
    mislabelled: Sequence[Mislabelled] = ()
    suspects: Sequence[Suspect] = ()
    failures: Sequence[Failures] = ()
    slopes: Sequence[Slope] = ()
    compressed: Sequence[Compressed] = ()

    @property
    def followed(self) -> bool:
        """Whether slopes were looked at while training, too."""
        return not all(one.checkpoint for one in self.slopes)


def of_scores(logs: Floats, target: Labels, trained_on: bool) -> Diagnostics:
    """What scores alone say; of labels nothing where the model was trained on the very units."""
    made = Diagnostics(failures=failures(logs, target))
    prob = np.exp(logs)
    return made if trained_on else replace(made, mislabelled=mislabelled(prob, target), suspects=suspects(prob, target))
