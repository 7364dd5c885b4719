"""BreastMNIST and RetinaMNIST, from the official files of MedMNIST v2 (doi 10.1038/s41597-022-01721-8)."""

import hashlib
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from clsunbias.data.augmentation import Jitter
from clsunbias.data.base import DataModule, step_seed
from clsunbias.data.images import read_images
from clsunbias.data.split import Batch, Split
from clsunbias.data.units import Units
from clsunbias.data_paths import data_root
from clsunbias.errors import InputError

Array = npt.NDArray[np.uint8]


def official_npz(flag: str, root: Path) -> Path:
    """The official file of a MedMNIST data set, fetched when it is not there, its md5 checked every time.

    Args:
        flag: MedMNIST's name for the data set, such as ``breastmnist``.
        root: folder that holds, or will hold, ``<flag>.npz``.

    Raises:
        InputError: there is no such data set, or its file is absent and cannot be fetched, or is not the official one.
    """
    import medmnist  # brings pandas and scikit-learn, which nothing else here needs

    if flag not in medmnist.INFO:
        raise InputError(f"MedMNIST has no data set {flag!r}; its are {', '.join(medmnist.INFO)}")
    info = medmnist.INFO[flag]
    path = root / f"{flag}.npz"
    if not path.exists():
        try:
            root.mkdir(parents=True, exist_ok=True)
            getattr(medmnist, info["python_class"])(split="train", root=str(root), download=True)
        except Exception as error:  # of the network or the folder: medmnist lets all kinds through
            if path.is_file():
                path.unlink()  # what came of it is no whole file
            reason = error.__context__ or error  # medmnist's own message is a page of advice
            raise InputError(
                f"{path} is missing and could not be downloaded ({reason}); fetch {info['url']} on a machine that is "
                "online and put it there, or point --data.root or $CLSUNBIAS_DATA at the folder that holds it"
            ) from error
    digest = hashlib.md5(path.read_bytes(), usedforsecurity=False).hexdigest()
    if digest != info["MD5"]:
        raise InputError(
            f"{path} is not the official file: md5 {digest}, expected {info['MD5']} ({path.stat().st_size} bytes); it "
            "is truncated, altered or another version. Delete it to have it downloaded again"
        )
    return path


class MedMNIST(DataModule):
    """Images of 28×28 pixels in memory, scaled to [−1, 1] as (pixel/255 − 0.5)/0.5, the official splits.

    Args:
        root: folder of the npz file; default $CLSUNBIAS_DATA, else ``data``.
        augment: random augmentation of training batches; None for none.
        options: of every data set (:class:`DataModule`).

    Raises:
        InputError: a subclass that does not say which data set it is.
    """

    flag: ClassVar[str]
    channels: ClassVar[int]
    size: ClassVar[int] = 28
    scaling: ClassVar[str] = "(pixel / 255 - 0.5) / 0.5, channels first"
    resize: bool = False
    """Whether :meth:`read` takes images of other sizes, and scales them."""

    def __init__(self, root: Path | None = None, augment: Jitter | None = None, **options: Any) -> None:
        super().__init__(**options)
        if not hasattr(self, "flag") or not hasattr(self, "channels"):
            raise InputError(
                f"{type(self).__name__} does not say which data set it is: take BreastMNIST or RetinaMNIST, or a "
                "subclass of MedMNIST with a flag of MedMNIST's (such as pathmnist), channels and class_names"
            )
        self.root = data_root(root)
        self.augment = augment

    @property
    def licence(self) -> str:
        import medmnist

        about = medmnist.INFO.get(self.flag)
        return f"{about['license']}: MedMNIST v2 (Yang et al., Scientific Data 10:41, 2023)" if about else ""

    def binarise(self, labels: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
        """The file's labels as class numbers."""
        return labels

    def load(self) -> dict[str, Split]:
        with np.load(official_npz(self.flag, self.root)) as arrays:
            return {
                split: Split(
                    self.rows(arrays[f"{split}_images"]),
                    torch.from_numpy(self.binarise(arrays[f"{split}_labels"].reshape(-1).astype(np.int64))),
                )
                for split in ("train", "val", "test")
            }

    def read(self, path: Path) -> Split:
        names, pixels = read_images(path, self.size, self.channels, self.resize)
        target = torch.zeros(len(names), dtype=torch.int64)
        return Split(self.rows(pixels), target, [Units(target, name="image", names=names)])

    def pictures(self, split: str) -> Array:
        path = self.root / f"{self.flag}.npz"
        if not path.exists():  # a report fetches nothing
            raise InputError(f"{path.name} is not in the data folder: no pictures (--data-root or $CLSUNBIAS_DATA)")
        with np.load(official_npz(self.flag, self.root)) as arrays:
            return np.asarray(arrays[f"{split}_images"])

    def rows(self, pixels: Array) -> Tensor:
        """Pixels uint8 ``(N, H, W)`` or ``(N, H, W, channels)`` as float32 ``(N, channels, H, W)`` in [−1, 1]."""
        images = torch.tensor(pixels.reshape(-1, self.size, self.size, self.channels), dtype=torch.float32)
        return images.permute(0, 3, 1, 2).div(127.5).sub(1).contiguous()

    def on_after_batch_transfer(self, batch: Batch, dataloader_idx: int) -> Batch:
        if self.augment and self.trainer is not None and self.trainer.training:
            # By step and place in the global batch: a resumed run draws what it would have drawn, and so do processes.
            seed = step_seed(self.trainer)
            batch["x"] = self.augment(batch["x"], seed, self.trainer.global_rank, self.trainer.world_size)
        return super().on_after_batch_transfer(batch, dataloader_idx)


class BreastMNIST(MedMNIST):
    """Breast ultrasound, 546/78/156 images: malignant (negative) against normal or benign (positive, 73 %)."""

    flag = "breastmnist"
    channels = 1
    class_names = ("malignant", "normal or benign")


class RetinaMNIST(MedMNIST):
    """Retinal fundus photographs, 1080/120/400 images, five grades of diabetic retinopathy made binary.

    The paper says that grades 2–4 are positive (45 % of the test set). Its printed results fit grades 3–4 (22 %)
    instead: an accuracy of 0.73 beside a macro-F1 of 0.57 (Table 4) cannot come from the former.

    Args:
        root: folder of ``retinamnist.npz``; default $CLSUNBIAS_DATA, else ``data``.
        positive_from: lowest positive grade, 1 to 4.
        options: of :class:`MedMNIST`.

    Raises:
        InputError: positive_from outside 1–4.
    """

    flag = "retinamnist"
    channels = 3

    def __init__(self, root: Path | None = None, positive_from: int = 2, **options: Any) -> None:
        super().__init__(root, **options)
        if not 1 <= positive_from <= 4:
            raise InputError(f"positive_from is the lowest positive grade, 1 to 4; got {positive_from}")
        self.positive_from = positive_from
        self.class_names = (f"grade < {positive_from}", f"grade ≥ {positive_from}")

    def binarise(self, labels: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
        return (labels >= self.positive_from).astype(np.int64)
