"""Which class a label belongs to: several labels may make one, and what cannot be classes is refused."""

import math
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress

from clsunbias.errors import InputError, listed, shortened

MOST = 20
"""Classes beyond which a column is rather one of numbers or names, unless each of its values is named as a class."""

Label = str | int | float | bool


def check_labels(labels: Iterable[str], where: str) -> None:
    """Raises InputError for labels that are measurements or names rather than classes.

    Args:
        labels: of all rows.
        where: the file and its column, for the message.
    """
    found = sorted(set(labels))
    numbers: list[float] = []
    with suppress(ValueError):  # of labels that are no numbers
        numbers = [float(label) for label in found]
    if any(math.isfinite(number) and number != int(number) for number in numbers):
        raise InputError(
            f"{where} holds numbers with decimals ({listed(map(shortened, found), 3)}): a measurement, which would be "
            "regression; cut it into classes, or name them (data.classes)"
        )
    if len(found) > MOST:
        raise InputError(
            f"{where} holds {len(found)} different labels ({listed(map(shortened, found), 3)}): more than {MOST} "
            "classes are taken only where each is named; name them, or group them (data.classes), or give another "
            "column"
        )


def group_labels(
    classes: Mapping[str, Sequence[Label]], labels: Iterable[str], where: str
) -> tuple[tuple[str, ...], dict[str, int]]:
    """Names of classes that labels are grouped into, in their order, and the class of each label.

    Args:
        classes: labels of each class.
        labels: all that there are.
        where: the file and its column, for messages.

    Raises:
        InputError: fewer than two classes, a label that is in none or in two of them, or one that is not there.
    """
    if len(classes) < 2:
        raise InputError(f"data.classes must name two classes or more, each with its labels; got {dict(classes)}")
    if truth := [name for name, own in classes.items() for label in own if isinstance(label, bool)]:
        raise InputError(f"data.classes: a label of {shortened(truth[0])} is a truth value to YAML; put it in quotes")
    number = {name: index for index, name in enumerate(classes)}
    pairs = [(str(label), number[name]) for name, own in classes.items() for label in own]
    grouped = dict(pairs)
    named = [label for label, _ in pairs]
    there = sorted(set(labels))
    for wrong, what in (
        (
            sorted({label for label in named if named.count(label) > 1}),
            "names {} more than once: each has one class",
        ),
        ([label for label in there if label not in grouped], "leaves out {}, which {} holds: give each label a class"),
        ([label for label in named if label not in there], "names {}, which {} does not hold: take it out"),
        ([name for name, own in classes.items() if not own], "gives {} no label"),
    ):
        if wrong:
            raise InputError("data.classes " + what.format(listed(map(shortened, wrong)), where))
    return tuple(classes), grouped
