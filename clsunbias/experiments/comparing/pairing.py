"""Methods brought onto the same units, classes and seeds, in the order of the first, or told why they cannot be."""

import dataclasses
from collections.abc import Sequence

import numpy as np

from clsunbias.errors import InputError, listed
from clsunbias.experiments.comparing.faults import check_enough, check_labels, check_units, told_seeds
from clsunbias.experiments.comparing.reading import Part, Predictions, is_unnamed


def paired(methods: Sequence[Predictions]) -> list[Predictions]:
    """The methods on the same units, classes and seeds, their names told apart; the first is the baseline.

    A method whose file has no validation rows has none here; so have all if the baseline has none.

    Raises:
        InputError: the units, labels, classes or seeds of two do not fit, or the units are too few.
    """
    seeds = shared_seeds(methods)
    names = [one.name for one in methods]
    classes = shared_classes(methods)
    made: list[Predictions] = []
    for one in methods:
        order = class_order(one, classes)
        parts = {}
        for split, part in one.parts.items():
            runs = [one.seeds.index(seed) for seed in seeds] if seeds else [0]
            parts[split] = Part(part.units, np.argsort(order)[part.target], part.prob[runs][:, :, order])
        name = one.name if names.count(one.name) == 1 else str(one.source)
        kept = seeds or one.seeds
        ordered = dataclasses.replace(one, name=name, classes=classes, seeds=kept, parts=parts)
        made.append(on_units_of(made[0] if made else None, ordered))
    target = made[0].parts["test"].target
    check_enough(made[0].source, classes, np.bincount(target, minlength=len(classes)).tolist())
    return made


def shared_seeds(methods: Sequence[Predictions]) -> tuple[object, ...]:
    """The seeds that all methods have; none if each has one run, which is paired whatever its seed.

    Raises:
        InputError: they share fewer than two.
    """
    if all(len(one.seeds) == 1 for one in methods):
        return ()
    shared = tuple(seed for seed in methods[0].seeds if all(seed in one.seeds for one in methods))
    if len(shared) < 2:
        told = "; ".join(f"{one.source} has {told_seeds(one.seeds)}" for one in methods)
        both = f"only {shared[0]} is" if shared else "none is"
        raise InputError(
            f"runs are paired by seed, and {both} in all: {told}. Give the same seeds of each, two or more, or one run "
            "of each, which is paired over units alone"
        )
    return shared


def shared_classes(methods: Sequence[Predictions]) -> tuple[str, ...]:
    """The classes of all methods, by the first names that are given; raises InputError if they are not the same."""
    known = next((one for one in methods if not is_unnamed(one.classes)), methods[0])
    for one in methods:
        same = set(one.classes) == set(known.classes)
        if not (same or (is_unnamed(one.classes) and len(one.classes) == len(known.classes))):
            raise InputError(
                f"{one.source} has the classes {listed(one.classes, 12)}, {known.source} has "
                f"{listed(known.classes, 12)}: a comparison is of methods for the same classes"
            )
    return ("negative", "positive") if known.classes == ("0", "1") else known.classes


def class_order(one: Predictions, classes: Sequence[str]) -> list[int]:
    """Where each class stands in the columns of a method; classes without names are in order."""
    unnamed = is_unnamed(one.classes)
    return list(range(len(classes))) if unnamed else [one.classes.index(name) for name in classes]


def on_units_of(baseline: Predictions | None, one: Predictions) -> Predictions:
    """A method with its units in the order of the baseline's."""
    if baseline is None:
        return one
    parts = {}
    for split, ours in baseline.parts.items():
        if split not in one.parts:
            continue
        theirs = one.parts[split]
        check_units(str(baseline.source), ours.units, str(one.source), theirs.units, split)
        order = theirs.units.get_indexer(ours.units)
        parts[split] = Part(ours.units, theirs.target[order], theirs.prob[:, order])
        check_labels(baseline, one, split, ours, parts[split])
    return dataclasses.replace(one, parts=parts)
