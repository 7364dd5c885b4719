"""2-D data sets of MedMNIST v2 (doi 10.1038/s41597-022-01721-8) from their official files, and files like them."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import pandas as pd
import torch

from clsunbias.data.classes import check_labels, group_labels
from clsunbias.data.image_data import ImageData
from clsunbias.data.images import read_images
from clsunbias.data.official import official_npz, suffix
from clsunbias.data.pixels import Pixels
from clsunbias.data.split import Split
from clsunbias.data.units import Units
from clsunbias.data_paths import data_root, find_data, nowhere
from clsunbias.errors import InputError, listed
from clsunbias.files import check_memory
from clsunbias.splits import SPLITS
from clsunbias.terminal import note

Array = npt.NDArray[np.uint8]


class MedMNIST(ImageData):
    """Images of MedMNIST v2 in memory, scaled to [−1, 1] as (pixel/255 − 0.5)/0.5, in the official splits.

    Args:
        flag: MedMNIST's name of a 2-D data set, such as ``bloodmnist``; or an ``.npz`` file of one's own with the same
            arrays (``train_images``, ``train_labels``, … of uint8), whose sum nobody knows.
        root: folder of the file; default $CLSUNBIAS_DATA, else ``data``.
        size: height and width: 28, 64, 128 or 224.
        classes: labels of each class, such as ``{benign: [1], malignant: [0]}``, the negative one first; None has each
            label be a class.
        positive_from: of grades, the lowest positive one, which makes two classes of them.
        ordered: whether the classes are grades; those of RetinaMNIST are, if they are left as they are.
        options: of every data set of images (:class:`~clsunbias.data.image_data.ImageData`).

    Raises:
        InputError: no such data set, one of volumes or of several labels an image, or options that contradict.
    """

    channels: int

    def __init__(
        self,
        flag: str,
        root: Path | None = None,
        size: Literal[28, 64, 128, 224] = 28,
        classes: Mapping[str, Sequence[int]] | None = None,
        positive_from: int | None = None,
        ordered: bool = False,
        **options: Any,
    ) -> None:
        super().__init__(**options)
        if classes and positive_from is not None:
            raise InputError("data.classes and data.positive_from both say what the classes are: give one of them")
        self.flag, self.root, self.size = flag, data_root(root), size
        self.classes, self.positive_from = classes, positive_from
        self.own = find_data(flag, root) if flag.endswith(".npz") else None
        self.official_splits = self.own is None
        self.name = self.own.stem if self.own else f"{flag}{suffix(size)}"
        self.ordered = ordered
        if self.own is None:
            about = self.about()
            self.channels = about["n_channels"]
            self.name_classes({int(label): name for label, name in about["label"].items()})
            self.ordered = ordered or (about["task"] == "ordinal-regression" and not classes and positive_from is None)

    def about(self) -> Mapping[str, Any]:
        """What MedMNIST says of the data set; InputError if it has none of the name, or not for here."""
        import medmnist  # brings pandas and scikit-learn, which nothing else here needs

        flat = [flag for flag in medmnist.INFO if not flag.endswith("3d")]
        if self.flag not in flat:
            raise InputError(
                f"MedMNIST has no 2-D data set {self.flag!r}; its are {', '.join(flat)}; a file of one's own is given "
                "with its suffix .npz"
            )
        about: Mapping[str, Any] = medmnist.INFO[self.flag]
        if "multi-label" in about["task"]:
            raise InputError(f"an image of {self.flag} may have several labels: here each has one class")
        return about

    def name_classes(self, named: Mapping[int, str]) -> None:
        """Sets the classes' names, and which of them each label is in, of all labels and their names."""
        labels, lowest = sorted(named), self.positive_from
        if lowest is not None:
            if not labels[0] < lowest <= labels[-1]:
                raise InputError(
                    f"positive_from is the lowest positive grade, {labels[0] + 1} to {labels[-1]}; got {lowest}"
                )
            groups: dict[str, Sequence[int]] = {
                f"grade < {lowest}": [label for label in labels if label < lowest],
                f"grade ≥ {lowest}": [label for label in labels if label >= lowest],
            }
        else:
            groups = dict(self.classes or {named[label]: [label] for label in labels})
        names, of_label = group_labels(groups, map(str, labels), f"{self.name} (labels {listed(map(str, labels), 20)})")
        self.class_names = tuple(names)
        self.of_label = {int(label): index for label, index in of_label.items()}

    @property
    def source(self) -> Path | None:
        return self.own

    @property
    def licence(self) -> str:
        if self.own:
            return ""
        return f"{self.about()['license']}: MedMNIST v2 (Yang et al., Scientific Data 10:41, 2023)"

    def file(self) -> Path:
        """The official file, or one's own."""
        if self.own is None:
            return official_npz(self.flag, self.root, self.size)
        if not self.own.is_file():
            raise InputError(nowhere(Path(self.flag), self.own, "put the file there, or mend --data.flag"))
        return self.own

    def arrays(self) -> dict[str, tuple[Array, npt.NDArray[np.int64]]]:
        """Pixels and labels of each split, as the file has them.

        Raises:
            InputError: a file of one's own that is no such file.
        """
        path, found = self.file(), {}
        try:
            with np.load(path) as arrays:
                check_memory(2 * path.stat().st_size, f"the images of {path}")
                for split in SPLITS:
                    found[split] = arrays[f"{split}_images"], arrays[f"{split}_labels"]
        except InputError:
            raise
        except Exception as error:  # a file of another kind makes the reader fail in any way at all
            raise InputError(f"{path} is not an .npz file as MedMNIST's are: {error}") from error
        return {split: self.checked(split, *parts) for split, parts in found.items()}

    def checked(self, split: str, images: Array, labels: npt.NDArray[Any]) -> tuple[Array, npt.NDArray[np.int64]]:
        """Pixels and labels ``(N,)`` of a split; raises InputError if they are not as MedMNIST's are."""
        shape, wanted = images.shape, (self.size, self.size)
        grey = len(shape) == 3 or shape[3:] == (1,)
        if images.dtype != np.uint8 or shape[1:3] != wanted or not (grey or shape[3:] == (3,)):
            raise InputError(
                f"{self.name}: {split}_images is {images.dtype} of shape {shape}; needed are uint8 of shape "
                f"(N, {self.size}, {self.size}), grey, or (N, {self.size}, {self.size}, 3), colour (data.size)"
            )
        if labels.size != len(images) or not np.issubdtype(labels.dtype, np.integer):
            raise InputError(
                f"{self.name}: {split}_labels is {labels.dtype} of shape {labels.shape}; needed is one whole number "
                f"for each of {len(images)} images"
            )
        return images, labels.reshape(-1).astype(np.int64)

    def describe(self) -> None:
        if self.own:
            self.take_own(self.arrays())

    def take_own(self, arrays: Mapping[str, tuple[Array, npt.NDArray[np.int64]]]) -> None:
        """Finds classes and channels of a file of one's own, all splits of which have images of one kind."""
        labels = np.unique(np.concatenate([labels for _, labels in arrays.values()]))
        if not self.classes and self.positive_from is None:
            check_labels(map(str, labels), f"{self.own}: labels")
        self.name_classes({int(label): str(label) for label in labels})
        kinds = {3 if images.shape[3:] == (3,) else 1 for images, _ in arrays.values()}
        if len(kinds) > 1:
            raise InputError(f"{self.own} has grey images in one split, colour in another")
        self.channels = kinds.pop()

    def load(self) -> dict[str, Split]:
        arrays = self.arrays()
        if self.own:
            self.take_own(arrays)
            note(f"{self.own} is no official file: its sum is not checked, the record holds its hash")
        return {split: Split(self.rows(images), self.targets(labels)) for split, (images, labels) in arrays.items()}

    def targets(self, labels: npt.NDArray[np.int64]) -> torch.Tensor:
        """Class of each row, int64 ``(N,)``, of the file's labels."""
        return torch.tensor(pd.Series(labels).map(self.of_label).to_numpy(np.int64))

    def restore(self, account: Mapping[str, Any]) -> None:
        super().restore(account)
        self.channels, self.size, _ = account["input_shape"]

    def read(self, path: Path) -> Split:
        if not hasattr(self, "channels"):
            self.describe()
        names, pixels = read_images(path, self.size, self.channels, self.resize)
        target = torch.zeros(len(names), dtype=torch.int64)
        return Split(self.rows(pixels), target, [Units(target, name="image", names=names)])

    def pictures(self, split: str) -> Array:
        path = self.own or self.root / f"{self.flag}{suffix(self.size)}.npz"
        if not path.exists():  # a report fetches nothing
            raise InputError(f"{path.name} is not in the data folder: no pictures (--data-root or $CLSUNBIAS_DATA)")
        return self.arrays()[split][0]

    def rows(self, pixels: Array) -> Pixels:
        """Pixels uint8 ``(N, H, W)`` or ``(N, H, W, channels)`` as rows ``(N, channels, H, W)``."""
        images = torch.from_numpy(pixels.reshape(-1, self.size, self.size, self.channels))
        return Pixels(images.permute(0, 3, 1, 2).contiguous())


class BreastMNIST(MedMNIST):
    """Breast ultrasound, 546/78/156 images: malignant (negative) against normal or benign (positive, 73 %).

    Args:
        root: folder of ``breastmnist.npz``; default $CLSUNBIAS_DATA, else ``data``.
        options: of :class:`~clsunbias.data.image_data.ImageData`.
    """

    flag = "breastmnist"

    def __init__(self, root: Path | None = None, **options: Any) -> None:
        classes = {"malignant": [0], "normal or benign": [1]}
        super().__init__(self.flag, root=root, size=28, classes=classes, positive_from=None, ordered=False, **options)


class RetinaMNIST(MedMNIST):
    """Retinal fundus photographs, 1080/120/400 images, five grades of diabetic retinopathy made binary.

    The paper says that grades 2–4 are positive (45 % of the test set). Its printed results fit grades 3–4 (22 %)
    instead: an accuracy of 0.73 beside a macro-F1 of 0.57 (Table 4) cannot come from the former.

    Args:
        root: folder of ``retinamnist.npz``; default $CLSUNBIAS_DATA, else ``data``.
        positive_from: lowest positive grade, 1 to 4.
        options: of :class:`~clsunbias.data.image_data.ImageData`.

    Raises:
        InputError: positive_from outside 1–4.
    """

    flag = "retinamnist"

    def __init__(self, root: Path | None = None, positive_from: int = 2, **options: Any) -> None:
        super().__init__(
            self.flag, root=root, size=28, classes=None, positive_from=positive_from, ordered=False, **options
        )
