"""Splits: their names, and how groups without one are drawn: stratified by class, with a seed of their own.

Shared by tables and speech corpora. It stands outside :mod:`clsunbias.data` because that package needs torch, which
preparing a corpus does not.
"""

import math
import re
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path

import pandas as pd

from clsunbias.errors import InputError, listed, shortened

SPLITS = ("train", "val", "test")
SPLIT_NAMES = {"train": "train", "val": "val", "valid": "val", "validation": "val", "dev": "val", "test": "test"}
"""What a table may call each split."""

NUMBER = r"[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d{1,3})?"
"""A number as it is written, in lower case."""


@dataclass(frozen=True)
class SplitPlan:
    """How groups without a split get one. No group (a speaker, a patient, a row that stands alone) is ever in two.

    Args:
        val: share of the undecided groups for validation; default the data set's own.
        test: share of them for the test, unless the data set has test groups; default the data set's own.
        folds: instead of shares, this many parts: ``fold`` is the test (or, if the data set has test groups, the
            validation) part, the next one validation, the rest training. 0 for none.
        fold: which part, from 0.
        seed: of the draw; apart from the seed of a run.

    Raises:
        InputError: shares that leave nothing to train on, or no such fold.
    """

    val: float | None = None
    test: float | None = None
    folds: int = 0
    fold: int = 0
    seed: int = 0

    def __post_init__(self) -> None:
        shares = [share for share in (self.val, self.test) if share is not None]
        if any(not 0 < share < 1 for share in shares) or sum(shares) >= 1:
            raise InputError(f"the shares of val and test lie between 0 and 1 and leave some to train on; got {shares}")
        if self.folds and (self.folds < 3 or not 0 <= self.fold < self.folds):
            raise InputError(f"there are at least 3 folds, counted from 0; got fold {self.fold} of {self.folds}")
        if self.folds and shares:
            raise InputError(
                "give shares for val and test, or folds, not both; folds in place of shares that a config has: "
                "--data.plan '{val: null, test: null, folds: 5}'"
            )

    def assign(
        self,
        rows: pd.DataFrame,
        shares: tuple[float, float] = (0.2, 0.2),
        of: str = "groups",
        classes: Sequence[str] = (),
    ) -> "pd.Series[str]":
        """The split of each row: its own, or else the one drawn for its group.

        Args:
            rows: ``group``, ``label`` and ``split`` (empty where undecided); a group's rows agree in both.
            shares: of ``val`` and ``test`` where the plan names none.
            of: what an error calls the groups.
            classes: name of each label, so that the order in which they are numbered changes no draw; if there are
                none, it does.

        Raises:
            InputError: too few groups of a class, which are named.
        """
        groups = rows.drop_duplicates("group").set_index("group")
        undecided = groups.loc[groups["split"] == "", "label"].sort_index()
        if undecided.empty:
            return rows["split"]
        ranks = {classes.index(name): rank for rank, name in enumerate(in_order(classes))}
        named = undecided.map(dict(enumerate(classes))) if classes else undecided
        counts = named.value_counts()
        try:
            labels = undecided.map(ranks) if classes else undecided
            if few := [str(label) for label, count in counts.items() if count < (self.folds or 2)]:
                parts = f"{self.folds} folds, or take fewer" if self.folds else "each of its splits"
                raise ValueError(f"class {listed(few)} has too few for {parts}; add some, or join or leave out classes")
            held_out = self.draw(labels, shares, has_test=bool((groups["split"] == "test").any()))
        except ValueError as error:
            reason = str(error).partition(" Classes with too few members")[0]  # which are all listed there
            by_class = listed(f"{label}: {count}" for label, count in counts.items())
            what = f"{len(undecided)} {of} (by class: {{{by_class}}})"
            raise InputError(f"{what} cannot be split so: {reason}") from error
        split_of = {group: split for split, part in held_out.items() for group in part}
        return rows["split"].where(rows["split"] != "", rows["group"].map(split_of).fillna("train"))

    def draw(self, labels: "pd.Series[int]", shares: tuple[float, float], has_test: bool) -> dict[str, list[object]]:
        """Of undecided groups those held out for ``val`` and, unless there are test groups already, for ``test``."""
        from sklearn.model_selection import StratifiedKFold, train_test_split

        names = labels.index.to_numpy()
        if self.folds:
            folds = StratifiedKFold(self.folds, shuffle=True, random_state=self.seed).split(names, labels)
            parts = [list(names[part]) for _, part in folds]
            if has_test:
                return {"val": parts[self.fold]}
            return {"test": parts[self.fold], "val": parts[(self.fold + 1) % self.folds]}
        val, test = self.val or shares[0], self.test or shares[1]
        held_out = {}
        rest = names
        if not has_test:
            rest, held_out["test"] = train_test_split(rest, test_size=test, stratify=labels, random_state=self.seed)
        size = round(val * len(names))
        held_out["val"] = train_test_split(rest, test_size=size, stratify=labels.loc[rest], random_state=self.seed)[1]
        return held_out


def order_classes(labels: Iterable[str], classes: Sequence[str], path: Path) -> tuple[str, ...]:
    """Classes as given, else the different labels of a file, by size if all are numbers, else by the alphabet.

    Raises:
        InputError: fewer than two classes, one of them given twice, or labels that differ in nothing but spelling.
    """
    names = tuple(classes or in_order(set(labels)))
    if not classes:
        check_spelling(names, path)
    if len(names) < 2 or len(set(names)) < len(names):
        raise InputError(f"{path}: there must be two classes or more, each once; they are: {listed(names)}")
    return names


def in_order(labels: Iterable[str]) -> list[str]:
    """Labels by size if all are numbers, else by the alphabet."""
    found = sorted(labels)
    with suppress(ValueError):  # of labels that are no numbers
        size = {label: float(label) for label in found}
        return sorted(found, key=size.__getitem__) if all(map(math.isfinite, size.values())) else found
    return found


def check_spelling(labels: Iterable[str], path: Path) -> None:
    """Raises InputError with labels that are :func:`spelled_alike`."""
    if twins := spelled_alike(labels):
        raise InputError(
            f"{path} spells what may be one class in several ways: {listed(twins)}; write each in one way, or, if they "
            "are different classes, name every one of them (data.classes, or --classes of prepare)"
        )


def spelled_alike(names: Iterable[str]) -> list[str]:
    """Names that are equal but for case, blanks or the digits of the same number, each time together."""
    spellings: dict[str | Decimal, list[str]] = {}
    for name in dict.fromkeys(names):
        plain = "".join(name.casefold().split())
        number = Decimal(plain) if re.fullmatch(NUMBER, plain) else None
        spellings.setdefault(plain if number is None else number, []).append(name)
    return [" and ".join(map(shortened, same)) for same in spellings.values() if len(same) > 1]
