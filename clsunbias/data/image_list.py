"""Which image files a data set has, and what is said of each: folders named by class, or a CSV file."""

import re
from collections.abc import Mapping, Sequence
from pathlib import Path

import pandas as pd
from PIL import Image

from clsunbias.data.classes import Label, check_labels, group_labels
from clsunbias.data.table import as_labelled, cells, read_table, split_cells
from clsunbias.errors import InputError, listed, shortened
from clsunbias.files import is_stray
from clsunbias.splits import SPLIT_NAMES, SplitPlan, order_classes
from clsunbias.terminal import warn

PATH = "path"
"""The column of files in a CSV file."""

LEAST = 3
"""Groups of a class that training, validation and test need."""


def image_suffixes() -> set[str]:
    """Endings of names of files that Pillow can open, in lower case."""
    return {suffix for suffix, kind in Image.registered_extensions().items() if kind in Image.OPEN}


def from_folders(folder: Path) -> pd.DataFrame:
    """Images of folders that are named by class, which may lie in folders that are named by split.

    What a desktop leaves is passed over, files that are no images by their names are left out, which is said.

    Returns:
        ``path`` (relative), ``file``, ``label``, ``split`` (empty if folders do not say) of each image, by path.

    Raises:
        InputError: no folders, or one of them without an image.
    """
    tops = folders_in(folder)
    by_split = bool(tops) and all(top.name.lower() in SPLIT_NAMES for top in tops)
    of_class = {one: SPLIT_NAMES[top.name.lower()] for top in tops for one in folders_in(top)} if by_split else {}
    rows, others, suffixes = [], [], image_suffixes()
    for top in of_class or tops:
        files = sorted(file for file in top.rglob("*") if file.is_file() and not is_stray(file.relative_to(folder)))
        images = [file for file in files if file.suffix.lower() in suffixes]
        others += [file.relative_to(folder).as_posix() for file in files if file not in set(images)]
        if not images:
            raise InputError(f"{top} holds no images; a folder is a class: fill it, or take it out")
        rows += [(file.relative_to(folder).as_posix(), file, top.name, of_class.get(top, "")) for file in images]
    if not rows:
        raise InputError(f"{folder} has no folders of images; it must hold one for each class, named by it")
    others += [file.name for file in folder.iterdir() if file.is_file() and not is_stray(Path(file.name))]
    if others:
        warn(f"{folder}: left out, being in no class or no images by their names: {listed(others)}")
    return pd.DataFrame(rows, columns=[PATH, "file", "label", "split"])


def folders_in(folder: Path) -> list[Path]:
    """Folders of a folder by name, but for what a desktop leaves."""
    return sorted(one for one in folder.iterdir() if one.is_dir() and not is_stray(Path(one.name)))


def from_csv(path: Path, label: str, split: str | None, named: Sequence[str], ignore: Sequence[str]) -> pd.DataFrame:
    """Images that a CSV file lists, as :func:`from_folders`, with the further columns that are named.

    Args:
        path: of the CSV file, beside which the images lie.
        label: column of the class.
        split: column of the split, if there is one.
        named: further columns.
        ignore: columns to leave out.

    Raises:
        InputError: no such column, or one of which nothing is said; files that are not there, or listed twice.
    """
    known = [PATH, label, *([split] if split else []), *named]
    frame, _ = read_table(path, known)
    if absent := [name for name in [*known, *ignore] if name not in frame]:
        raise InputError(
            f"{path} has no column {listed(map(repr, absent))}; it has {listed(map(shortened, frame), 20)}"
        )
    if unknown := [str(name) for name in frame if name not in {*known, *ignore}]:
        raise InputError(
            f"{path} has columns of which nothing is said: {listed(map(repr, unknown))}; name each as data.group "
            "(whose an image is), data.split, in data.attributes (sex, age, site), or in data.ignore"
        )
    names = cells(frame, PATH, path)
    if clash := {PATH, "file", "label", "split", "at"} & set(named):
        raise InputError(
            f"{path}: an attribute or group cannot be called {listed(sorted(clash))} here: rename the column"
        )
    rows = pd.DataFrame({PATH: names, "file": [path.parent / name.replace("\\", "/") for name in names]})
    missing = [name for name, file in zip(names, rows["file"], strict=True) if not file.is_file()]
    if missing:
        raise InputError(
            f"{len(missing)} of {len(names)} files that {path} lists are not there: {listed(missing, 3)}; paths are "
            "relative to the folder of the CSV file"
        )
    if twice := sorted(set(names[names.duplicated()])):
        raise InputError(f"{path} lists files more than once: {listed(twice, 3)}; keep one line of each")
    rows["label"], rows["split"] = cells(frame, label, path), split_cells(frame, split, path)
    return rows.join(frame[[*dict.fromkeys(named)]])


def numbered(
    rows: pd.DataFrame, classes: Sequence[Label] | Mapping[str, Sequence[Label]], where: str, path: Path
) -> tuple[tuple[str, ...], pd.DataFrame]:
    """Names of the classes, and the rows with the number of the class in place of the label.

    Raises:
        InputError: labels that cannot be classes, or do not fit those that are named.
    """
    labels = rows["label"]
    if isinstance(classes, Mapping):
        names, number = group_labels(classes, labels, where)
    else:
        if not classes:
            check_labels(labels, where)
        names = order_classes(labels, as_labelled(classes, labels, path), path)
        names, number = group_labels({name: [name] for name in names}, labels, where)
    return names, rows.assign(label=labels.map(number).astype(int))


def groups_of(rows: pd.DataFrame, column: str | None, pattern: str | None, path: Path) -> pd.Series:
    """Whose each image is: as a column says, or what a pattern finds in its path; else its own.

    Raises:
        InputError: a pattern that is none or finds nothing in a path.
    """
    if column:
        return cells(rows, column, path)
    if not pattern:
        return rows[PATH]
    try:
        found = rows[PATH].str.extract(pattern, expand=True).iloc[:, 0]
    except (re.error, ValueError) as error:
        raise InputError(f"data.group_pattern {pattern!r} is no pattern with a part in brackets: {error}") from error
    if without := rows[PATH][found.isna()].tolist():
        raise InputError(f"data.group_pattern {pattern!r} finds nothing in {len(without)} paths: {listed(without, 3)}")
    return found


def assigned(rows: pd.DataFrame, plan: SplitPlan, classes: Sequence[str], of: str) -> "pd.Series[str]":
    """The split of each image; no group is in two.

    A group of several classes is drawn by the one that fewest groups have, one of a kind that is rarer than
    :data:`LEAST` with the most common kind.

    Raises:
        InputError: a group in two splits, or a class in too few groups.
    """
    torn = rows.groupby("group")["split"].nunique()
    if (torn > 1).any():
        raise InputError(f"{of}: {shortened(torn.idxmax())} has images in more than one split")
    held = rows.drop_duplicates(["group", "label"])
    count = held["label"].value_counts()
    drawn = held[held["split"] == ""]["label"].value_counts()
    for label, name in enumerate(classes):
        if 0 < (groups := int(drawn.get(label, 0))) < LEAST and count[label] == groups:
            raise InputError(
                f"{of}: class {name!r} has {groups}, so that training, validation and test cannot "
                "each have one; add some, say which split each is in (data.split), or group classes (data.classes)"
            )
    kind = held.assign(count=held["label"].map(count)).sort_values(["count", "label"], kind="stable")
    kind_of = kind.drop_duplicates("group").set_index("group")["label"]
    if len(held) > len(kind_of):
        sizes = kind_of.value_counts()
        kind_of = kind_of.where(kind_of.map(sizes) >= LEAST, sizes.index[0])
    drawn_by = rows.assign(label=rows["group"].map(kind_of))[["group", "label", "split"]]
    return plan.assign(drawn_by, of=of, classes=classes)
