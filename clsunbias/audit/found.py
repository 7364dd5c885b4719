"""What an audit has found: of a model and a split, part by part, feature by feature."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, NamedTuple

from clsunbias.audit.association import Association
from clsunbias.audit.diagnosed import Diagnostics
from clsunbias.audit.estimates import ByClass, Estimate
from clsunbias.audit.gap import Gap
from clsunbias.audit.probes import Decoded
from clsunbias.audit.reliance import Reliance
from clsunbias.audit.stress import Stress
from clsunbias.experiments.analysis.statistics import Floats, Labels
from clsunbias.experiments.analysis.subgroups import SubgroupLine
from clsunbias.experiments.analysis.verdicts import holm

ALPHA = 0.05

Finding = Literal["class-specific", "used, not shown to be specific", "no use shown"]


class PartFound(NamedTuple):
    """What a part of the input is to a model.

    Attributes:
        name: of the part.
        kind: such as ``column``.
        place: row, column and size of the grid, of a place in an image.
        reliance: rise of the class losses, evidence about the classes, and what can be read about them.
        used_p: of the hypothesis that without the part no loss rises, corrected for the number of parts.
        specific_p: of the hypothesis that as much can be read off it about all classes, corrected likewise.
        stress: the classes' F1 and losses with the part changed.
    """

    name: str
    kind: str
    place: tuple[int, int, int] | None
    reliance: Reliance
    used_p: float
    specific_p: float
    stress: Sequence[Stress]

    @property
    def finding(self) -> Finding:
        """What may be said of it."""
        if self.used_p >= ALPHA:
            return "no use shown"
        return "class-specific" if self.specific_p < ALPHA else "used, not shown to be specific"


def tested(name: str, kind: str, place: tuple[int, int, int] | None, found: Reliance, target: Labels) -> PartFound:
    """A part with p-values that are yet to be corrected; its specificity is tested only if it is used."""
    used = found.rise.positive_p()
    return PartFound(name, kind, place, found, used, found.read.specific_p(target) if used < ALPHA else 1.0, [])


def corrected_parts(parts: Sequence[PartFound]) -> list[PartFound]:
    """Parts with their p-values corrected for the number of them (Holm)."""
    used, specific = (corrected([getattr(one, p) for one in parts]) for p in ("used_p", "specific_p"))
    return [one._replace(used_p=p, specific_p=q) for one, p, q in zip(parts, used, specific, strict=True)]


class FeatureFound(NamedTuple):
    """What a feature tells about the classes in the data; of a model that is not at hand, how its losses go with it.

    Attributes:
        name: of the feature.
        told: I_c of each class.
        tells_p: of the hypothesis that it tells nothing, corrected for the number of features.
        specific_p: of the hypothesis that it tells as much about all classes, corrected likewise.
        associations: of the losses of each class with it.
    """

    name: str
    told: ByClass
    tells_p: float
    specific_p: float
    associations: Sequence[Association] = ()

    @property
    def finding(self) -> Literal["class-specific", "tells, not shown to be specific", "tells nothing that is shown"]:
        """What may be said of it."""
        if self.tells_p >= ALPHA:
            return "tells nothing that is shown"
        return "class-specific" if self.specific_p < ALPHA else "tells, not shown to be specific"


class AttributeFound(NamedTuple):
    """A group within a class: how well a probe finds it, and how near its direction lies to the class's."""

    attribute: str
    group: str
    label: int
    units: int
    decoded: Decoded
    nearness: Estimate


class SilenceFound(NamedTuple):
    """How well a probe finds a class by the quietest frames alone, and by the others."""

    label: int
    quiet: Decoded
    loud: Decoded


@dataclass(frozen=True)
class Audit:
    """An audit of a model on a split.

    Attributes:
        name: of the model.
        source: the run folder or the file.
        classes: their names.
        split: that parts were looked at on.
        unit: what is counted.
        units: names of the split's units.
        target: their classes.
        prob: their probabilities, ``(U, C)``.
        gaps: by split, then ``as it is`` and ``without imbalance``.
        parts: nothing without a model.
        features: of the data.
        simulated: whether the data are made up.
        method: what trained it; of runs with the same settings but for the seed, the same.
        seed: of the training.
        settings: all that does, but for the seed.
    """

    name: str
    source: Path
    classes: tuple[str, ...]
    split: str
    unit: str
    units: Sequence[str]
    target: Labels
    prob: Floats
    gaps: Mapping[str, Mapping[str, Gap]]
    parts: Sequence[PartFound]
    features: Sequence[FeatureFound]
    simulated: bool = False
    method: str = ""
    seed: int = 0
    settings: str = ""
    attributes: Sequence[AttributeFound] = ()
    subgroups: Sequence[SubgroupLine] = ()
    silence: Sequence[SilenceFound] = ()
    pictures: Mapping[str, str] = field(default_factory=dict)
    diagnostics: Diagnostics = field(default_factory=Diagnostics)

    @property
    def specific(self) -> list[PartFound]:
        """Parts that are class-specific, the most evidence first."""
        found = [one for one in self.parts if one.finding == "class-specific"]
        return sorted(found, key=lambda one: -one.reliance.evidence.value.mean())


class Change(NamedTuple):
    """What a part is to another model, less what it is to the first, on the same units; p corrected for all parts."""

    method: str
    name: str
    reliance: Reliance
    specific_p: float
    total_p: float


def corrected(p_values: Sequence[float]) -> list[float]:
    """P-values corrected for their number."""
    return holm(p_values) if p_values else []


def changes(first: Audit, other: Audit) -> list[Change]:
    """How a model's reliance differs from the first's, part by part."""
    theirs = {one.name: one.reliance for one in first.parts}
    made = []
    for one in other.parts:
        before = theirs[one.name]
        moved = one.reliance - before
        total = moved.rise.two_sided_p()
        made.append(Change(other.name, one.name, moved, moved.evidence.equal_p(first.target), total))
    specific, total_p = (corrected([getattr(one, name) for one in made]) for name in ("specific_p", "total_p"))
    return [one._replace(specific_p=p, total_p=q) for one, p, q in zip(made, specific, total_p, strict=True)]
