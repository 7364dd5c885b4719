"""Images of one's own: folders named by class, or a CSV file that lists them."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from clsunbias.data.classes import Label
from clsunbias.data.image_data import ImageData
from clsunbias.data.image_files import Decoder
from clsunbias.data.image_list import PATH, assigned, from_csv, from_folders, groups_of, image_suffixes, numbered
from clsunbias.data.image_store import say_faults, store
from clsunbias.data.leaks import warn_of_spellings
from clsunbias.data.pixels import Pixels
from clsunbias.data.split import Split
from clsunbias.data.table import cells, read_table
from clsunbias.data.units import Units
from clsunbias.data_paths import find_data, nowhere
from clsunbias.errors import InputError, listed, shortened
from clsunbias.files import files_to_score
from clsunbias.splits import SPLITS, SplitPlan
from clsunbias.terminal import warn


class ImageFolder(ImageData):
    """Images of one's own, of any kind and size, as :class:`~clsunbias.data.image_files.Decoder` makes them alike.

    Either a folder for each class, named by it (which may lie in folders ``train``, ``val`` and ``test``), or a CSV
    file with a column ``path``, relative to it, and a column of labels; every further column must be named below. A
    report shows no pictures of them.

    Args:
        path: the folder or the file, as seen from where one stands or, if it is not there, below root.
        root: folder of data; default $CLSUNBIAS_DATA, else ``data``.
        size: height and width that images are brought to, 28 to 224.
        channels: 1 (grey) or 3 (colour).
        label: column of the class.
        classes: labels in the order of the classes, the negative one first, or labels of each class, such as
            ``{benign: [nevus, wart], malignant: [melanoma]}``; default all labels, sorted.
        group: column of whose an image is, such as a patient; all of one's images are drawn into one split.
        group_pattern: in place of a column, a regular expression whose first part in brackets finds it in the path.
        split: column that says train, val (also valid, validation or dev) or test; where it is empty, the plan draws.
        attributes: columns that say more of an image or patient, such as sex, age or site.
        ignore: columns to leave out.
        headline: what the main figures count: each ``image``, or each ``group``, by the mean of its images'
            probabilities, with images beside it. None: groups, if there are any and each is of one class.
        ordered: whether the classes are grades.
        bits: that a grey pixel of more than 8 bits uses, such as 12 of 16.
        fit: of an image that is no square, ``crop`` takes the middle, ``pad`` puts black beside it.
        skip_bad: whether files that cannot be read are left out, which is said and counted, rather than refused.
        memory: bytes of pixels that are held in memory; more are kept in a file, which is mapped.
        plan: how images, or groups, are drawn: by class, with a seed of its own; default 60, 20 and 20 %.
        options: of every data set of images (:class:`~clsunbias.data.image_data.ImageData`).

    Raises:
        InputError: options that contradict, or are outside their range.
    """

    def __init__(
        self,
        path: Path,
        root: Path | None = None,
        size: int = 64,
        channels: Literal[1, 3] = 3,
        label: str = "label",
        classes: Sequence[Label] | Mapping[str, Sequence[Label]] = (),
        group: str | None = None,
        group_pattern: str | None = None,
        split: str | None = None,
        attributes: Sequence[str] = (),
        ignore: Sequence[str] = (),
        headline: Literal["group", "image"] | None = None,
        ordered: bool = False,
        bits: int = 16,
        fit: Literal["crop", "pad"] = "crop",
        skip_bad: bool = False,
        memory: int = 2**32,
        plan: SplitPlan | None = None,
        **options: Any,
    ) -> None:
        super().__init__(**options)
        if group and group_pattern:
            raise InputError("data.group and data.group_pattern both say whose an image is: give one of them")
        self.asked, self.path = path, find_data(path, root)
        self.name = self.path.stem
        self.decoder = Decoder(size, channels, bits, fit)
        self.label, self.split, self.classes = label, split, classes
        self.group, self.group_pattern, self.headline = group, group_pattern, headline
        self.columns, self.ignore = list(attributes), list(ignore)
        self.ordered, self.skip_bad, self.memory = ordered, skip_bad, memory
        self.plan = plan or SplitPlan()
        self.attributes = pd.DataFrame()
        """Attributes of each unit, by its name."""
        self.digest, self.by_group = "", False

    @property
    def source(self) -> Path | None:
        return None if self.path.is_dir() else self.path

    def listing(self) -> pd.DataFrame:
        """Every image: ``path``, ``file``, ``label`` (number of the class), ``group``, ``split`` and attributes."""
        path = self.path
        if path.is_dir():
            if asked := [name for name in (self.group, self.split, *self.columns, *self.ignore) if name]:
                raise InputError(f"{path} is a folder, which has no columns {listed(asked)}; a CSV file may list it")
            rows, where = from_folders(path), f"{path}: the folders"
        elif path.is_file():
            named = [*([self.group] if self.group else []), *self.columns]
            rows, where = from_csv(path, self.label, self.split, named, self.ignore), f"{path}: {self.label}"
        else:
            raise InputError(nowhere(self.asked, path, "put the images there, or mend --data.path and --data.root"))
        self.class_names, rows = numbered(rows, self.classes, where, path)
        return rows.assign(group=groups_of(rows, self.group, self.group_pattern, path))

    def describe(self) -> None:
        self.listing()

    def load(self) -> dict[str, Split]:
        """Reads the images.

        Raises:
            InputError: files that are not there or cannot be read, all of them in one message; columns or labels that
                do not fit; a group in two splits; too few of a class.
        """
        rows = self.listing()
        kept = store([*rows["file"]], self.decoder, self.memory)
        if kept.faults:
            said = say_faults(kept.faults, [*rows[PATH]], self.path)
            if not self.skip_bad:
                raise InputError(f"{said}; mend them, take them out, or leave them out with data.skip_bad true")
            warn(f"{said}; they are left out")
        self.digest, self.left_out = kept.digest, len(kept.faults)
        rows = rows.assign(at=range(len(rows))).drop(index=rows.index[[*kept.faults]])
        grouped = bool(self.group or self.group_pattern)
        rows["split"] = assigned(
            rows, self.plan, self.class_names, f"{'groups' if grouped else 'images'} of {self.path}"
        )
        mixed = rows.groupby("group")["label"].nunique()
        if self.headline == "group" and (not grouped or (mixed > 1).any()):
            why = (
                f"{shortened((mixed > 1).idxmax())} has images of several classes" if grouped else "no groups are named"
            )
            raise InputError(f"{self.path}: {why}, so each image is scored: take data.headline image")
        self.by_group = grouped and self.headline != "image" and not bool((mixed > 1).any())
        self.attributes = self.table_of_units(rows, "group" if self.by_group else PATH)
        if grouped:
            warn_of_spellings(rows["group"], f"{self.path}: names of groups")
        return {name: self.made(kept.pixels, rows[rows["split"] == name]) for name in SPLITS}

    def made(self, pixels: Tensor, rows: pd.DataFrame) -> Split:
        """A split of some rows."""
        target = torch.tensor(rows["label"].to_numpy(np.int64))
        at = torch.tensor(rows["at"].to_numpy(np.int64))
        by = (self.group or "group") if self.by_group else None
        return Split(Pixels(pixels, at), target, units_of(target, rows, by))

    def table_of_units(self, rows: pd.DataFrame, unit: str) -> pd.DataFrame:
        """Attributes by the name of each unit; InputError if a group's images differ in one."""
        for name in self.columns:
            differing = rows.groupby(unit)[name].nunique()
            if (differing > 1).any():
                raise InputError(f"{self.path}: {shortened(differing.idxmax())} has more than one {name}")
        return rows.drop_duplicates(unit).set_index(unit)[self.columns]

    def account(self) -> dict[str, Any]:
        decoder = self.decoder
        made = {"size": decoder.size, "channels": decoder.channels, "bits": decoder.bits, "fit": decoder.fit}
        about = {"by_group": self.by_group, "images_sha256": self.digest, "left_out": self.left_out}
        return super().account() | made | about

    def restore(self, account: Mapping[str, Any]) -> None:
        super().restore(account)
        self.decoder = Decoder(account["size"], account["channels"], account["bits"], account["fit"])
        self.by_group = account["by_group"]

    def read(self, path: Path) -> Split:
        """New images: one, a folder of them, or a CSV file that lists them (``path``, and whose they are, if at all).

        Raises:
            InputError: nothing there, a folder in it, or an image that cannot be read.
        """
        if not hasattr(self, "class_names"):
            self.describe()
        if path.suffix.lower() == ".csv" and path.is_file():
            frame, _ = read_table(path, [PATH])
            if PATH not in frame:
                raise InputError(f"{path} has no column 'path', of image files")
            rows = pd.DataFrame({PATH: cells(frame, PATH, path)})
            rows["file"] = [path.parent / name.replace("\\", "/") for name in rows[PATH]]
            by = self.group if self.by_group and self.group in frame else None
            rows["group"] = cells(frame, by, path) if by else rows[PATH]
        elif path.exists():
            files = files_to_score(path, "image", image_suffixes()) if path.is_dir() else [path]
            rows, by = pd.DataFrame({PATH: [file.name for file in files], "file": files}), None
        else:
            raise InputError(f"{path} does not exist; give an image, a folder of images or a CSV file of their paths")
        kept = store([*rows["file"]], self.decoder, self.memory)
        if kept.faults:
            raise InputError(f"{say_faults(kept.faults, [*rows[PATH]], path)}; mend them, or take them out")
        target = torch.zeros(len(rows), dtype=torch.int64)
        return Split(Pixels(kept.pixels), target, units_of(target, rows, by))


def units_of(target: Tensor, rows: pd.DataFrame, by: str | None) -> list[Units]:
    """What is scored: groups, if they are called something, and images."""
    images = Units(target, name="image", names=[*rows[PATH]])
    if by is None:
        return [images]
    codes, names = pd.factorize(rows["group"])
    of_row = torch.from_numpy(codes.astype(np.int64))
    unit_target = torch.zeros(len(names), dtype=torch.int64).index_copy_(0, of_row, target)
    return [Units(unit_target, of_row, by, list(names)), images]
