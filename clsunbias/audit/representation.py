"""What a model's features and mistakes say of attributes of the units, and what silence alone says of the label."""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from clsunbias.audit.found import AttributeFound, SilenceFound, corrected
from clsunbias.audit.parts import is_silent
from clsunbias.audit.probes import FOLDS, decoded, nearness
from clsunbias.data.split import Split
from clsunbias.data.units import Units
from clsunbias.errors import InputError
from clsunbias.experiments.analysis.split_scores import SplitScores
from clsunbias.experiments.analysis.statistics import Floats, Labels
from clsunbias.experiments.analysis.subgroups import SubgroupLine, subgroups
from clsunbias.experiments.attributes import Grouping
from clsunbias.module import Classifier
from clsunbias.networks.parts import see

Groups = Mapping[str, pd.Categorical]
"""The group of each unit by attribute."""


def groups_of(by: Grouping | None, split: str, names: Sequence[str]) -> Groups:
    """The groups of a split's units by each attribute."""
    return by.of_units(split, np.array(names, object)) if by else {}


def subgroups_of(
    name: str, split: str, prob: Floats, target: Labels, classes: Sequence[str], groups: Groups
) -> list[SubgroupLine]:
    """Metrics of each group within the classes, and which gaps between groups are shown."""
    if not groups:
        return []
    return subgroups(("", "", name, split), SplitScores(prob[np.newaxis], target, []), classes, groups)


def attributes_found(model: Classifier, split: Split, groups: Groups, classes: int) -> list[AttributeFound]:
    """How well each group is found in the model's features within each class, and how near it lies to the class.

    Of two groups the second alone; a group, or its opposite, of fewer than 10 units of a class is left out.
    """
    if not groups:
        return []
    try:
        features = penultimate(model, split)
    except InputError:  # a network without a last layer that is linear
        return []
    target, made = split.units[0].target.numpy(), []
    for attribute, found in groups.items():
        names = list(found.categories)
        for code in range(1 if len(names) == 2 else 0, len(names)):
            for label in range(classes):
                known = (target == label) & (found.codes >= 0)
                hit = np.where(found.codes < 0, -1, found.codes == code).astype(int)
                if min((hit[known] == 1).sum(), (hit[known] == 0).sum()) < FOLDS:
                    continue
                one = decoded(features[known], hit[known])
                near = nearness(features, hit, target, label)
                made.append(AttributeFound(attribute, str(names[code]), label, int(known.sum()), one, near))
    p_values = corrected([one.decoded.p for one in made])
    return [one._replace(decoded=one.decoded._replace(p=p)) for one, p in zip(made, p_values, strict=True)]


def penultimate(model: Classifier, split: Split) -> Floats:
    """What comes into the network's last layer, ``(U, D)``, means over a unit's rows."""
    rows = []
    with torch.inference_mode():
        for at in torch.split(torch.arange(len(split)), 64):
            _, seen = see(model.network, model.network, split.x[at], ["penultimate"], "the audit of attributes")
            rows.append(seen["penultimate"].float())
    return np.asarray(split.units[0].mean(torch.cat(rows)).double().numpy())


def silence_found(split: Split, classes: int) -> list[SilenceFound]:
    """How far the quietest frames of speech tell the label, beside all the others; nothing of other inputs."""
    if split.x[torch.arange(1)].ndim != 3:
        return []
    units, target = split.units[0], split.units[0].target.numpy()
    quiet, loud = (frame_statistics(split, units, silent) for silent in (True, False))
    made = []
    for label in range(1 if classes == 2 else 0, classes):
        hit = (target == label).astype(int)
        made.append(SilenceFound(label, decoded(quiet, hit), decoded(loud, hit)))
    return made


def frame_statistics(split: Split, units: Units, silent: bool) -> Floats:
    """Mean and deviation of the quietest frames of each unit, or of the others, ``(U, 2 D)``."""
    rows: list[Tensor] = []
    for at in torch.split(torch.arange(len(split)), 64):
        x = split.x[at].float()
        kept = (is_silent(x) == silent) & x.isfinite().all(2)
        weight = kept.unsqueeze(2).double()
        count = weight.sum(1).clamp(min=1)
        mean = (x.nan_to_num().double() * weight).sum(1) / count
        spread = ((x.nan_to_num().double() - mean.unsqueeze(1)).square() * weight).sum(1) / count
        rows.append(torch.cat([mean, spread.sqrt()], 1))
    return np.asarray(units.mean(torch.cat(rows)).numpy())
