"""What else is known of a model class by class: drift, labels, whether it knows its mistakes, slopes, fewer bits."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pandas as pd
import torch

from clsunbias.audit.compressed import compressed
from clsunbias.audit.curvature import ROWS, slopes
from clsunbias.audit.diagnosed import Diagnostics, Slope, of_scores
from clsunbias.audit.frechet import Distance, distances
from clsunbias.audit.representation import Groups, penultimate
from clsunbias.data.split import Split
from clsunbias.errors import InputError
from clsunbias.experiments.analysis.statistics import Floats, Labels
from clsunbias.experiments.analysis.verdicts import holm
from clsunbias.experiments.running.run import Record
from clsunbias.module import Classifier
from clsunbias.runs import LoadedRun
from clsunbias.slopes import from_log

MOST_ROWS = 4000
"""Rows of another split that are looked at."""


def of_run(folder: Path, run: LoadedRun, name: str, logs: Floats, groups: Groups, compress: bool) -> Diagnostics:
    """All of it, of a run and the split of that name with the groups of its units.

    Args:
        folder: of the run.
        run: whose data are set up.
        name: of the split that is audited.
        logs: log-probabilities of its units, ``(U, C)``.
        groups: the group of each unit by attribute.
        compress: whether the model is exported with fewer bits, which takes seconds.
    """
    splits, classes = run.data.splits, logs.shape[1]
    target = splits[name].units[0].target.numpy()
    made = of_scores(logs, target, name == "train")
    bent = slopes_of(folder, run)
    turned = compressed(run.model, splits[name], run.data.free, classes) if compress else []
    apart = drift(run.model, splits, name, groups, classes)
    return replace(made, distances=apart, slopes=bent, compressed=turned)


def slopes_of(folder: Path, run: LoadedRun) -> list[Slope]:
    """Slopes at the checkpoint, among those that were looked at while training, in the order of steps."""
    train, at = run.data.splits["train"], int(run.result["step"])
    counts = torch.bincount(train.target, minlength=len(run.data.class_names)).clamp(max=ROWS).tolist()
    looked = from_log(Record(folder, run.result).metrics(), dict(zip(run.data.class_names, counts, strict=True)))
    found = [one._replace(checkpoint=True) for one in slopes(run.model, train, len(counts), at)]
    return sorted([*found, *(one for one in looked if one.step != at)], key=lambda one: (one.step, one.label))


def drift(model: Classifier, splits: Mapping[str, Split], name: str, groups: Groups, classes: int) -> list[Distance]:
    """How far a split's units lie from those of the other splits, and a group's from those of the others in the split.

    P-values are corrected for their number; nothing of a network without a last layer that is linear.
    """
    try:
        features = {other: penultimate(model, some(split)) for other, split in splits.items()}
    except InputError:
        return []
    targets = {other: some(split).units[0].target.numpy() for other, split in splits.items()}
    here = name, features[name], targets[name]
    made = distances(here, [(other, features[other], targets[other]) for other in splits if other != name], classes)
    for attribute, found in groups.items():
        if len(found) == len(targets[name]):
            made += between_groups(attribute, found, features[name], targets[name], classes)
    p_values = holm([one.p for one in made]) if made else []
    return [one._replace(p=p) for one, p in zip(made, p_values, strict=True)]


def between_groups(
    attribute: str, found: pd.Categorical, features: Floats, target: Labels, classes: int
) -> list[Distance]:
    """How far the units of each group lie from those of the attribute's others; of two groups the second alone."""
    names, made = list(found.categories), []
    for code in range(1 if len(names) == 2 else 0, len(names)):
        own, others = found.codes == code, (found.codes >= 0) & (found.codes != code)
        one = f"{attribute} {names[code]}", features[own], target[own]
        if own.any() and others.any():
            made += distances(one, [(f"other {attribute}", features[others], target[others])], classes)
    return made


def some(split: Split) -> Split:
    """A split, or enough of its rows, drawn with a fixed seed."""
    if len(split) <= MOST_ROWS:
        return split
    return split.take(torch.randperm(len(split), generator=torch.Generator().manual_seed(0))[:MOST_ROWS])
