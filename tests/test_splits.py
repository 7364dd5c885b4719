"""Splits of groups: stratified, a function of their seed, and each group in one of them."""

from collections import Counter
from functools import partial
from typing import Any

import pandas as pd
import pytest

from clsunbias.errors import InputError
from clsunbias.splits import SplitPlan
from tests.speech_trees import fails


def drawn(plan: SplitPlan, splits: str = "", groups: int = 40) -> dict[str, str]:
    """Split of each of 40 groups, every fourth of them positive, with two rows each."""
    names = splits.split(" ")
    rows = pd.DataFrame(
        [
            (f"{number:02d}", int(number % 4 == 0), names[number % len(names)])
            for number in range(groups)
            for _ in range(2)
        ],
        columns=["group", "label", "split"],
    )
    rows["split"] = plan.assign(rows, (0.2, 0.3))
    assert (rows.groupby("group")["split"].nunique() == 1).all()
    return dict(zip(rows["group"], rows["split"], strict=True))


def cells(found: dict[str, str]) -> dict[tuple[str, bool], int]:
    """Groups of each split and class."""
    return dict(Counter((split, int(name) % 4 == 0) for name, split in found.items()))


def test_splits_are_stratified_and_follow_from_their_seed() -> None:
    """Shares of each class; the corpus's own where none are given; official test groups stay, and no others come."""
    own = drawn(SplitPlan())
    shares = {("train", False): 15, ("train", True): 5, ("val", False): 6, ("val", True): 2}
    assert cells(own) == shares | {("test", False): 9, ("test", True): 3}
    assert cells(drawn(SplitPlan(val=0.1, test=0.5)))["val", False] == 3
    assert drawn(SplitPlan()) == own != drawn(SplitPlan(seed=1))
    kept = drawn(SplitPlan(), "test test   ")  # two of five are official
    assert all((split == "test") == (int(name) % 5 < 2) for name, split in kept.items())
    assert cells(kept)["val", False] + cells(kept)["val", True] == round(0.2 * 24)
    assert len(set(drawn(SplitPlan(), "train val test").values()) ^ {"train", "val", "test"}) == 0


@pytest.mark.parametrize(("splits", "part"), [("", "test"), ("test    ", "val")])
def test_every_group_is_once_in_the_part_that_folds_go_round(splits: str, part: str) -> None:
    """Each fold keeps both classes; val is the next fold's test, or, with official test groups, the part itself."""
    folds = [drawn(SplitPlan(folds=4, fold=fold), splits) for fold in range(4)]
    held = [{name for name, split in fold.items() if split == part} for fold in folds]
    official = {name for name in folds[0] if splits and int(name) % 5 == 0}
    assert sorted(name for one in held for name in one) == sorted(set(folds[0]) - official)
    assert all({int(name) % 4 == 0 for name in one} == {True, False} for one in held)
    if part == "test":
        assert [{name for name, split in fold.items() if split == "val"} for fold in folds] == [*held[1:], held[0]]
    else:
        assert all({name for name, split in fold.items() if split == "test"} == official for fold in folds)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"val": 0.0}, r"lie between 0 and 1 and leave some to train on; got \[0.0\]"),
        ({"val": 0.5, "test": 0.5}, r"leave some to train on; got \[0.5, 0.5\]"),
        ({"folds": 2}, "at least 3 folds, counted from 0; got fold 0 of 2"),
        ({"folds": 5, "fold": 5}, "got fold 5 of 5"),
        ({"folds": 5, "val": 0.2}, "not both"),
    ],
)
def test_wrong_plans(settings: dict[str, Any], message: str) -> None:
    """Shares and folds that cannot be."""
    with pytest.raises(InputError, match=message):
        SplitPlan(**settings)


def test_too_few_groups_to_split() -> None:
    """The classes that there are, and why it cannot be done."""
    for plan in (SplitPlan(), SplitPlan(folds=8)):
        fails(partial(drawn, plan, groups=5), "5 groups (by class: {0: 3, 1: 2}) cannot be split so: ")
