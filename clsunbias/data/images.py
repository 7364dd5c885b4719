"""New images for ``predict``: a folder of image files, or an npz of arrays."""

from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageOps

from clsunbias.errors import InputError
from clsunbias.files import files_to_score

Pixels = npt.NDArray[np.uint8]


def read_images(path: Path, size: int, channels: int) -> tuple[list[str], Pixels]:
    """Reads images as they are: none is resized or converted, since a model's scores on such would mean nothing.

    One that is stored turned, as its EXIF orientation says, is turned back.

    Args:
        path: a folder of image files (any format that Pillow opens; hidden files are passed over), or an ``.npz`` with
            an array ``images`` (or a single array of any name), uint8 ``(N, H, W)`` or ``(N, H, W, 3)``.
        size: height and width that the model was trained on.
        channels: 1 (grey) or 3 (RGB).

    Returns:
        Names, and pixels uint8 ``(N, H, W, channels)``.

    Raises:
        InputError: nothing there, a folder in it, a file that is no image, or an image of another shape or type or of
            several frames.
    """
    if path.is_dir():
        files = files_to_score(path, "image")
        return [file.name for file in files], np.stack([read_image(file, size, channels) for file in files])
    if not path.is_file():
        raise InputError(f"{path} does not exist; give a folder of images or an .npz file")
    if path.suffix == ".npz":
        return read_npz(path, size, channels)
    return [path.name], read_image(path, size, channels)[np.newaxis]


def read_image(file: Path, size: int, channels: int) -> Pixels:
    """One image file as uint8 ``(H, W, channels)``; raises InputError as :func:`read_images`."""
    try:
        with Image.open(file) as image:
            frames, mode = getattr(image, "n_frames", 1), image.mode
            pixels = np.asarray(ImageOps.exif_transpose(image))
    except Exception as error:  # a damaged file makes a decoder fail in any way at all
        raise InputError(f"{file} is not an image that can be read: {error}") from error
    if frames > 1:
        raise InputError(f"{file} holds {frames} frames, of which one would be scored: save each as its own image")
    expected = {1: "L", 3: "RGB"}[channels]
    if mode != expected or pixels.shape[:2] != (size, size):
        raise InputError(
            f"{file} is a {pixels.shape[1]}×{pixels.shape[0]} image of mode {mode}; "
            f"the model takes {size}×{size} of mode {expected}"
        )
    return pixels.reshape(size, size, channels)


def read_npz(path: Path, size: int, channels: int) -> tuple[list[str], Pixels]:
    """An array of images, named by position; raises InputError as :func:`read_images`."""
    try:
        with np.load(path) as file:
            arrays = dict(file)
    except Exception as error:  # a file of another kind makes the reader fail in any way at all
        raise InputError(f"{path} is not an .npz file that can be read: {error}") from error
    name = "images" if "images" in arrays else next(iter(arrays), "")
    if name != "images" and len(arrays) != 1:
        raise InputError(f"{path} holds {', '.join(arrays) or 'nothing'}; it must hold an array 'images'")
    images = arrays[name]
    shape = (size, size) if channels == 1 else (size, size, channels)
    if images.dtype != np.uint8 or images.shape[1:] not in {shape, (size, size, channels)} or not len(images):
        raise InputError(
            f"{path}: {name} is {images.dtype} of shape {images.shape}; "
            f"the model takes uint8 of shape (N, {', '.join(map(str, shape))})"
        )
    return [str(index) for index in range(len(images))], images.reshape(-1, size, size, channels)
