"""New images for ``predict``: a folder of image files, or an npz of arrays."""

import math
import warnings
from pathlib import Path
from zipfile import ZipFile

import numpy as np
import numpy.typing as npt
from numpy.lib import format as npy
from PIL import Image, ImageOps

from clsunbias.errors import InputError, listed
from clsunbias.files import check_memory, files_to_score
from clsunbias.terminal import warn

Pixels = npt.NDArray[np.uint8]

MODES = {1: "L", 3: "RGB"}
"""Pillow's name of images with so many channels."""

BYTES = 8
"""Of memory at most for each number of a model's inputs: bytes as they are read, and float32 made of them."""

HEADERS = {(1, 0): npy.read_array_header_1_0, (2, 0): npy.read_array_header_2_0}
"""What reads shape and type of an array of each version, and nothing else of it."""


def read_images(path: Path, size: int, channels: int, resize: bool = False) -> tuple[list[str], Pixels]:
    """Reads images as they are: none is converted, since a model's scores on such would mean nothing.

    One that is stored turned, as its EXIF orientation says, is turned back.

    Args:
        path: a folder of image files (any format that Pillow opens; other files are left out, which is said), one of
            them, or an ``.npz`` with an array ``images`` (or a single array of any name), uint8 ``(N, H, W)`` or
            ``(N, H, W, 3)``.
        size: height and width that the model was trained on.
        channels: 1 (grey) or 3 (RGB).
        resize: whether images of another size are taken, cut to their middle square and scaled, as MedMNIST's were;
            it is said of how many.

    Returns:
        Names, and pixels uint8 ``(N, H, W, channels)``.

    Raises:
        InputError: nothing there, a folder in it, a file that is no image, or an image of another shape or type or of
            several frames, or more than the machine's memory holds.
    """
    if path.is_dir():
        files = files_to_score(path, "image", Image.registered_extensions().keys())
    elif not path.is_file():
        raise InputError(f"{path} does not exist; give a folder of images or an .npz file")
    elif path.suffix == ".npz":
        images = read_npz(path, size, channels, resize)
        return [str(index) for index in range(len(images))], scaled_images(images, path, size)
    else:
        files = [path]
    check_memory(BYTES * len(files) * size * size * channels, f"the {len(files)} images of {path}")
    read = [read_image(file, size, channels, resize) for file in files]
    if scaled := [f"{file.name} ({shape})" for file, (_, shape) in zip(files, read, strict=True) if shape]:
        say_resized(scaled, len(read), size)
    return [file.name for file in files], np.stack([pixels for pixels, _ in read])


def say_resized(images: list[str], of: int, size: int) -> None:
    """Says which images are scored in another size than they have."""
    warn(
        f"{len(images)} of {of} images were cut to their middle square and resized to {size}×{size}, from "
        f"{listed(images, 3)}"
    )


def middle_square(image: Image.Image, size: int) -> Image.Image:
    """The largest square in the middle of an image, scaled by an antialiased cubic filter."""
    side = min(image.size)
    left, top = ((length - side) // 2 for length in image.size)
    return image.crop((left, top, left + side, top + side)).resize((size, size), Image.Resampling.BICUBIC)


def read_image(file: Path, size: int, channels: int, resize: bool) -> tuple[Pixels, str]:
    """One image file as uint8 ``(H, W, channels)``, and the shape it had if it is another; see :func:`read_images`."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            with Image.open(file) as image:  # which reads the header alone
                frames, shape = getattr(image, "n_frames", 1), f"{image.width}×{image.height}"
                fits = image.size == (size, size)
                fault = "" if image.mode == MODES[channels] else f"of mode {MODES[channels]}"
                if frames == 1 and not fault and (fits or resize):
                    upright = ImageOps.exif_transpose(image)
                    pixels = np.asarray(upright if fits else middle_square(upright, size))
                    return pixels.reshape(size, size, channels), "" if fits else shape
                mode = image.mode
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise InputError(
            f"{file} has more pixels than the {Image.MAX_IMAGE_PIXELS} that are read of an image: make it smaller"
        ) from error
    except Exception as error:  # a damaged file makes a decoder fail in any way at all
        raise InputError(f"{file} is not an image that can be read: {error}") from error
    if frames > 1:
        raise InputError(f"{file} holds {frames} frames, of which one would be scored: save each as its own image")
    raise InputError(
        f"{file} is a {shape} image of mode {mode}; the model takes {size}×{size} of mode {MODES[channels]}"
        + ("" if fault else "; --resize true scales images of other sizes")
    )


def read_npz(path: Path, size: int, channels: int, resize: bool) -> Pixels:
    """An array of images ``(N, H, W, channels)``, whose header is looked at first; errors as :func:`read_images`."""
    try:
        with np.load(path) as file:
            names = list(file.files)
            name = "images" if "images" in names else next(iter(names), "")
            if name != "images" and len(names) != 1:
                raise InputError(f"{path} holds {', '.join(names) or 'nothing'}; it must hold an array 'images'")
            check_header(path, name, size, channels, resize)
            images: Pixels = file[name]
    except InputError:
        raise
    except Exception as error:  # a file of another kind makes the reader fail in any way at all
        raise InputError(f"{path} is not an .npz file that can be read: {str(error)[:200]}") from error
    return images.reshape(*images.shape[:3], channels)


def check_header(path: Path, name: str, size: int, channels: int, resize: bool) -> None:
    """Raises InputError if an array of an npz is none of images for the model, or more than the memory holds."""
    with ZipFile(path) as archive, archive.open(f"{name}.npy") as array:
        shape, _, kind = HEADERS[npy.read_magic(array)](array)
        held = archive.getinfo(array.name).file_size
    grey = channels == 1 and len(shape) == 3
    images = kind == np.uint8 and (grey or shape[3:] == (channels,)) and all(shape)
    if not images or not (resize or shape[1:3] == (size, size)):
        wanted = ("H", "W") if resize else (size, size)
        raise InputError(
            f"{path}: {name} is {kind} of shape {shape}; the model takes uint8 of shape "
            f"({', '.join(map(str, ('N', *wanted, *((3,) if channels == 3 else ()))))})"
            + ("; --resize true scales images of other sizes" if images else "")
        )
    if math.prod(shape) > held:
        raise InputError(f"{path}: {name} says that it is of shape {shape}, but holds no more than {held} bytes")
    check_memory(math.prod(shape) + BYTES * shape[0] * size * size * channels, f"the {shape[0]} images of {path}")


def scaled_images(images: Pixels, path: Path, size: int) -> Pixels:
    """Images ``(N, H, W, channels)`` of another size as :func:`middle_square`; others as they are."""
    if images.shape[1:3] == (size, size):
        return images
    say_resized([f"{path.name} ({images.shape[2]}×{images.shape[1]})"], len(images), size)
    channels = images.shape[3]
    made = [middle_square(Image.fromarray(image if channels > 1 else image[..., 0]), size) for image in images]
    return np.stack([np.asarray(image) for image in made]).reshape(-1, size, size, channels)
