"""Copies within a data set: rows that are one and the same go into one group, which no two splits share."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from clsunbias.experiments.own_data.understanding import Understood

GROUP = "group"
"""The column that says so, unless the table has another of that name."""


@dataclass(frozen=True)
class Copies:
    """What the copies among rows come to.

    Attributes:
        pairs: copies of the same class that were found.
        kept: the rows that stay, by their index: all but copies of each other that are of two classes.
        groups: of each that stays, the name of its group: a patient, or the first row of it.
        left_out: rows that do not stay.
        joined: patients who are one with another now.
    """

    pairs: int
    kept: pd.Index
    groups: pd.Series
    left_out: int
    joined: int

    def remarks(self, what: str, where: object) -> list[str]:
        """What a reader should know: how many, what was done, and where it can be changed."""
        said = []
        if self.left_out:
            said.append(
                f"{self.left_out} {what} are left out: each is a copy, or nearly, of one of another class, and which "
                "label is right is not for a program to say; mend the labels, and they are taken"
            )
        if self.pairs:
            patients = f"; {self.joined} patients are one with another so" if self.joined else ""
            said.append(
                f"{self.pairs} pairs of {what} are copies, or nearly: they are one group, which is in one split and "
                f"counts once{patients}; groups to edit: {where}"
            )
        return said


def group_copies(
    pairs: Sequence[tuple[int, int]], labels: pd.Series, patients: pd.Series | None, names: Sequence[str]
) -> Copies | None:
    """Connected components of copies and of patients; None where there are no copies.

    Args:
        pairs: places of rows that are copies of each other.
        labels: the class of each row.
        patients: whose each row is, if that is known.
        names: what each row is called.
    """
    if not len(pairs):
        return None
    one, other = np.array(pairs, np.int64).T
    label = labels.to_numpy()
    torn = label[one] != label[other]
    stays = np.ones(len(labels), bool)
    stays[np.concatenate([one[torn], other[torn]])] = False
    own = stays[one] & stays[other]
    ends = [(one[own], other[own])]
    whose = np.arange(len(labels)) if patients is None else pd.factorize(patients)[0]
    if patients is not None:
        first = pd.Series(np.arange(len(labels))).groupby(whose).transform("first").to_numpy()
        ends.append((first, np.arange(len(labels))))
    rows, columns = (np.concatenate(side) for side in zip(*ends, strict=True))
    size = (len(labels), len(labels))
    graph = coo_array((np.ones(len(rows), bool), (rows, columns)), shape=size)
    _, component = connected_components(graph, directed=False)
    called = pd.Series(names if patients is None else patients.to_numpy(), labels.index, dtype=str)[stays]
    groups = called.groupby(component[stays]).transform("first")
    joined = 0 if patients is None else len(np.unique(whose[stays])) - len(np.unique(component[stays]))
    return Copies(int(own.sum()), labels.index[stays], groups, int((~stays).sum()), joined)


def in_groups(found: Understood, copies: Copies, file: Path, group: str, what: str) -> Understood:
    """A data set whose copies are in one group, and those of two classes left out, as a file lists them.

    Args:
        found: the data set as it lay there.
        copies: among its rows.
        file: with the rows that stay, and their groups.
        group: the file's column of groups; that of patients, who are in them, is no feature.
        what: a reader calls the rows.
    """
    patient = [found.asked.patient] if found.asked.patient else []
    settings = {
        **found.settings,
        "data.init_args.path": str(file.resolve()),
        "data.init_args.group": group,
        "data.init_args.ignore": [*found.settings.get("data.init_args.ignore", []), *patient],
    }
    labels, remarks = found.labels[copies.kept], [*found.remarks, *copies.remarks(what, file)]
    return replace(found, settings=settings, labels=labels, patients=copies.groups, remarks=remarks)


def free_name(taken: Sequence[str]) -> str:
    """A name for the column of groups that a table does not have."""
    name = GROUP
    while name in taken:
        name = f"copy_{name}"
    return name
