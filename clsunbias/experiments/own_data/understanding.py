"""What a data set of one's own is: its kind, its classes, whose rows they are, and what had to be left out."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from shlex import quote
from typing import Any, NamedTuple

import pandas as pd

from clsunbias.data.classes import check_labels
from clsunbias.data.table import cells, read_table
from clsunbias.errors import InputError, listed, shortened
from clsunbias.splits import order_classes

WELL = {"0", "no", "n", "false", "f", "-", "none", "negative", "absent"}
WELL |= {"benign", "control", "healthy", "normal", "well"}
"""What the negative of two classes is often called."""

WHOSE = {f"{who}{end}" for who in ("patient", "subject", "participant", "speaker", "person") for end in ("", "id")}
"""What a column is often called that says whose a row is, less blanks and signs."""


class Asked(NamedTuple):
    """What was said of a data set.

    Attributes:
        path: a CSV file or a folder.
        label: column of the class.
        patient: column of what rows belong to.
        attributes: columns of subgroups.
        classes: labels in order, the negative one first.
        ignore: columns to leave out.
        allow_leaks: whether runs go on although splits share something.
    """

    path: Path
    label: str | None
    patient: str | None = None
    attributes: Sequence[str] = ()
    classes: Sequence[str] = ()
    ignore: Sequence[str] = ()
    allow_leaks: bool = False

    @property
    def named(self) -> list[str]:
        """Columns that are no features."""
        return [name for name in (self.label, self.patient) if name]


@dataclass(frozen=True)
class Understood:
    """A data set, as it was understood.

    Attributes:
        kind: as a reader calls it.
        asked: what was said of it.
        config: the suite's config for such data.
        settings: dotted parameters on top of it.
        labels: the class of each row.
        patients: whose each row is, if that was said.
        classes: in order; of two, the first is the negative one.
        about: what else there is to know, by a heading.
        remarks: what a reader should look at.
    """

    kind: str
    asked: Asked
    config: str
    settings: Mapping[str, Any]
    labels: pd.Series
    patients: pd.Series | None
    classes: Sequence[str]
    about: Mapping[str, str] = field(default_factory=dict)
    remarks: Sequence[str] = ()

    def counts(self, of: pd.Series | None = None) -> dict[str, int]:
        """How many rows each class has or, of something that rows belong to, how many different ones."""
        found = self.labels.groupby(self.labels).size() if of is None else of.groupby(self.labels).nunique()
        return {name: int(found.get(name, 0)) for name in self.classes}

    @property
    def whose(self) -> str:
        """What is parted into folds: patients or, if nobody named them, groups of copies, or each row."""
        if self.patients is None:
            return "rows"
        return "patients" if self.asked.patient or self.kind == "recordings" else "groups"

    @property
    def smallest(self) -> tuple[str, int]:
        """The class with the fewest patients, or rows where these stand alone, and how many it has."""
        counts = self.counts(self.patients)
        return min(counts.items(), key=lambda item: item[1])


def read_asked(asked: Asked) -> tuple[pd.DataFrame, dict[str, str]]:
    """The table of a data set as text, and its header; InputError if a column that was named is not there."""
    frame, header = read_table(asked.path, asked.named)
    for name in (*asked.named, *asked.attributes, *asked.ignore):
        if name not in frame:
            raise InputError(f"{asked.path} has no column {name!r}; it has {listed(map(shortened, frame), 12)}")
    return frame, header


def ordered_classes(asked: Asked, labels: pd.Series) -> tuple[str, ...]:
    """The classes as asked for; else of two the well or the more frequent first, which is negative; of more by name.

    Raises:
        InputError: labels are one class, too many, measurements, or not all in the classes that are asked for.
    """
    found = labels.unique()
    if not asked.classes:
        check_labels(found, f"{asked.path}: {asked.label or 'the folders'}")
    if len(found) < 2:
        raise InputError(f"{asked.path}: every row's {asked.label} is {shortened(found[0])}: there is one class only")
    names = order_classes(labels, asked.classes, asked.path)
    if unknown := sorted(set(found) - set(names)):
        raise InputError(f"{asked.path}: {asked.label} is {listed(map(shortened, unknown))} too; name it in --classes")
    if asked.classes or len(names) > 2:
        return names
    # The well first, else the more frequent.
    return tuple(sorted(names, key=lambda name: (name.casefold() not in WELL, -int((labels == name).sum()))))


def files_of(asked: Asked, frame: pd.DataFrame, column: str) -> pd.Series:
    """The files that a column of paths names, relative to the table; InputError with how many are not there."""
    given = frame[column].fillna("").str.strip()
    found = given.map(lambda path: str((asked.path.parent / path).resolve()))
    absent = [path for path, file in zip(given, found, strict=True) if not Path(file).is_file()]
    if absent:
        raise InputError(
            f"{asked.path}: {len(absent)} of {len(given)} files in column {column!r} are not there, such as "
            f"{listed(map(shortened, absent), 3)} (paths are relative to the table)"
        )
    return found


def roles(
    asked: Asked, frame: pd.DataFrame, may_mix: bool = False
) -> tuple[pd.Series, pd.Series | None, tuple[str, ...]]:
    """Labels of all rows, their patients if that was said, and the classes.

    Raises:
        InputError: a row without, labels that are no classes, a patient of two classes who may not be, or a column that
            seems to name patients and nobody said whether it does.
    """
    assert asked.label is not None, "only a folder has none"
    labels = cells(frame, asked.label, asked.path)
    classes = ordered_classes(asked, labels)
    if asked.patient is None:
        check_nobody_is_forgotten(asked, frame)
        return labels, None, classes
    patients = cells(frame, asked.patient, asked.path)
    torn = labels.groupby(patients).nunique()
    if (torn > 1).any() and not may_mix:
        raise InputError(
            f"{asked.path}: {int((torn > 1).sum())} of {len(torn)} patients have rows of more than one class, such as "
            f"{shortened(torn.idxmax())}; results count patients, so each needs one class"
        )
    return labels, patients, classes


def check_nobody_is_forgotten(asked: Asked, frame: pd.DataFrame) -> None:
    """Raises InputError if a column seems to say whose a row is: without it a patient would be in several folds."""
    for name in frame.columns.difference([asked.label, *asked.attributes, *asked.ignore], sort=False):
        plain = "".join(sign for sign in str(name).casefold() if sign.isalnum())
        if plain in WHOSE and 2 < (several := frame[name].nunique()) < len(frame):  # of two values it says who is ill
            raise InputError(
                f"{asked.path}: column {name!r} seems to say whose a row is ({several} values in {len(frame)} rows): "
                f"give --patient {quote(name)}, so that nobody is in two folds, or --ignore {quote(name)} if not"
            )
