"""The official files of MedMNIST v2: where they are, fetched once, and whether they are what was published."""

import hashlib
from pathlib import Path

from clsunbias.errors import InputError

SMALLEST = 28
"""Height and width of the images whose file has no size in its name."""


def suffix(size: int) -> str:
    """What MedMNIST's names of files and sums end in for images of a size."""
    return "" if size == SMALLEST else f"_{size}"


def official_npz(flag: str, root: Path, size: int = SMALLEST) -> Path:
    """The official file of a MedMNIST data set, fetched when it is not there, its md5 checked every time.

    Args:
        flag: MedMNIST's name for the data set, such as ``breastmnist``.
        root: folder that holds, or will hold, ``<flag>.npz`` or, of larger images, ``<flag>_<size>.npz``.
        size: height and width of the images: 28, 64, 128 or 224.

    Raises:
        InputError: there is no such data set, or its file is absent and cannot be fetched, or is not the official one.
    """
    import medmnist  # brings pandas and scikit-learn, which nothing else here needs

    if flag not in medmnist.INFO:
        raise InputError(f"MedMNIST has no data set {flag!r}; its are {', '.join(medmnist.INFO)}")
    info = medmnist.INFO[flag]
    path = root / f"{flag}{suffix(size)}.npz"
    if not path.exists():
        try:
            root.mkdir(parents=True, exist_ok=True)
            getattr(medmnist, info["python_class"])(split="train", root=str(root), download=True, size=size)
        except Exception as error:  # of the network or the folder: medmnist lets all kinds through
            if path.is_file():
                path.unlink()  # what came of it is no whole file
            reason = error.__context__ or error  # medmnist's own message is a page of advice
            url = info[f"url{suffix(size)}"]
            raise InputError(
                f"{path} is missing and could not be downloaded ({reason}); fetch {url} on a machine that is "
                "online and put it there, or point --data.root or $CLSUNBIAS_DATA at the folder that holds it"
            ) from error
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, lambda: hashlib.md5(usedforsecurity=False)).hexdigest()
    if digest != (official := info[f"MD5{suffix(size)}"]):
        raise InputError(
            f"{path} is not the official file: md5 {digest}, expected {official} ({path.stat().st_size} bytes); it "
            "is truncated, altered or another version. Delete it to have it downloaded again"
        )
    return path
