"""The audit of a finished run: its model, on its own data, with each part of the input taken from other units."""

import json
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from rich.progress import track

from clsunbias.audit.balance import fit_balanced
from clsunbias.audit.diagnostics import of_run
from clsunbias.audit.faults import check_asked, check_classes
from clsunbias.audit.features import features_found
from clsunbias.audit.found import Audit, PartFound, corrected_parts, tested
from clsunbias.audit.gap import Gap, gaps
from clsunbias.audit.information import binned
from clsunbias.audit.parts import Part, parts_of
from clsunbias.audit.pictures import mean_pictures
from clsunbias.audit.reliance import draw_donors, reliance
from clsunbias.audit.representation import attributes_found, groups_of, silence_found, subgroups_of
from clsunbias.audit.scoring import Scorer
from clsunbias.audit.stress import stress
from clsunbias.errors import InputError, listed
from clsunbias.experiments.analysis.statistics import Floats, Labels
from clsunbias.experiments.attributes import Grouping
from clsunbias.experiments.running.config import seedless
from clsunbias.results import unit_names
from clsunbias.runs import LoadedRun, load_run
from clsunbias.terminal import console

SCORED = 320_000
"""Rows that are scored for a part, about."""

DRAWS = {2: (4, 32), 3: (8, 8), 4: (8, 16)}
"""Draws of a part at least and at most, by the dimensions of an input."""


def audit_run(
    folder: Path,
    split: str | None = None,
    asked: Sequence[str] = (),
    by: Grouping | None = None,
    compress: bool = False,
) -> Audit:
    """Audits a run.

    Args:
        folder: of the run.
        split: which is audited; default ``test``, or ``val`` where there is no such split.
        asked: names of the parts to look at; default all.
        by: attributes of the units; default those that the data set has.
        compress: whether the model is exported with fewer bits to see which decisions turn.

    Raises:
        InputError: no finished run, no checkpoint, no data, a part that its input has not, one class or too few units.
    """
    run = load_run(folder)
    run.data.prepare_data()
    run.data.setup("test")
    splits = run.data.splits
    name = split or ("test" if "test" in splits else "val")
    if name not in splits:
        raise InputError(f"{folder} has no split {name!r}; it has {listed(splits)}")
    classes, rows = tuple(run.data.class_names), splits[name]
    units = rows.units[0]
    check_classes(folder, name, units.target.numpy(), classes, units.name)
    x = rows.x[:] if len(rows.x[torch.arange(1)].shape) == 2 else rows.x[torch.arange(1)]
    parts = parts_of(x, getattr(run.data, "features", ()))
    check_asked(asked, [part.name for part in parts], folder)
    parts = [part for part in parts if not asked or part.name in asked]
    scorer = Scorer(run.model, rows)
    logs, target = scorer.logs(), scorer.target
    names = [str(one) for one in unit_names(units)]
    groups = groups_of(by or own_attributes(run), name, names)
    made = Audit(
        f"{run.result['objective']}, seed {run.result['seed']}",
        folder,
        classes,
        name,
        units.name,
        names,
        target,
        np.exp(logs),
        gaps_of(run),
        parts_found(scorer, parts, logs),
        features_found(codes_of(scorer, parts, len(classes)), target, len(classes)),
        simulated=bool(run.result["simulated"]),
        method=run.result["objective"],
        seed=int(run.result["seed"]),
        settings=json.dumps(seedless(run.config), sort_keys=True),
        pictures=mean_pictures(rows, classes),
    )
    return replace(
        made,
        attributes=attributes_found(run.model, rows, groups, len(classes)),
        subgroups=subgroups_of(made.name, name, made.prob, target, classes, groups),
        silence=silence_found(rows, len(classes)),
        diagnostics=of_run(folder, run, name, logs, groups, compress),
    )


def own_attributes(run: LoadedRun) -> Grouping | None:
    """What the data set knows of its units beside their classes."""
    if run.data.attributes is None or run.data.attributes.empty:
        return None
    known: Any = run.data.attributes.rename_axis("unit").reset_index()
    known["unit"] = known["unit"].astype(str)
    return Grouping(known, [name for name in known if name not in {"unit", "split"}], "the data set's attributes")


def gaps_of(run: LoadedRun) -> dict[str, dict[str, Gap]]:
    """The gap on each split, by the predictions that the run left."""
    made = {}
    for name, rows in run.predictions.groupby("split", sort=False):
        prob = rows.filter(regex=r"^prob_\d+$").to_numpy(float)
        target = rows["label"].to_numpy(int)
        if np.bincount(target, minlength=prob.shape[1]).min() > 1:
            made[str(name)] = gaps(prob, target)
    return made


def parts_found(scorer: Scorer, parts: Sequence[Part], logs: Floats, asked: int | None = None) -> list[PartFound]:
    """What each part is to the model; draws of each are as many as are asked for, default what is affordable."""
    target, classes = scorer.target, logs.shape[1]
    balanced = fit_balanced(logs, target)
    least, most = DRAWS.get(scorer.split.x[torch.arange(1)].ndim, (8, 8))
    draws = asked or int(np.clip(SCORED // len(scorer.split), least, most))
    donors = draw_donors(target, classes, draws)
    made = []
    for part in shown(parts, "parts of the input"):
        swapped = scorer.swapped(part, donors)
        found = tested(part.name, part.kind, part.place, reliance(logs, target, swapped, balanced), target)
        made.append(found._replace(stress=stress(logs, target, swapped)))
    return corrected_parts(made)


def codes_of(scorer: Scorer, parts: Sequence[Part], classes: int) -> dict[str, Labels]:
    """The bins of what each part has to say of the units."""
    measured = [part for part in parts if part.summary]
    return {part.name: binned(scorer.summaries(part), scorer.target, classes) for part in measured}


def shown(parts: Sequence[Part], what: str) -> Iterable[Part]:
    """Parts one by one, with a progress bar."""
    return track(parts, what, console=console(stderr=True), transient=True)
