"""Image files of any kind as bytes of one shape: decoded side by side, every file that cannot be is named."""

import hashlib
import io
import json
import warnings
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal, TypeVar

import numpy as np
import numpy.typing as npt
import PIL
from joblib import Parallel, cpu_count, delayed
from PIL import Image, ImageOps
from rich.progress import track

from clsunbias.errors import InputError
from clsunbias.terminal import console

Bytes = npt.NDArray[np.uint8]
Found = TypeVar("Found")

DEEP = {"I", "I;16", "I;16B", "I;16L", "I;16N"}
"""Pillow's modes of grey pixels of more than 8 bits."""

TOGETHER = 32
"""Files that a thread takes at a time."""


@dataclass(frozen=True)
class Decoder:
    """How an image file becomes bytes ``(channels, size, size)``.

    EXIF orientation is applied. A palette, CMYK and the like become RGB; grey is repeated for three channels, colour
    becomes luminance for one. What is transparent is laid on black. Grey of more than 8 bits is scaled from its range.
    A file of several frames, or of real numbers, is refused: which frame, which range is nothing to be guessed.

    Args:
        size: height and width, 28 to 224.
        channels: 1 (grey) or 3 (RGB).
        bits: that a grey pixel of more than 8 bits uses: 16, or fewer, such as 12.
        fit: of an image that is no square, ``crop`` takes the middle square, ``pad`` puts black beside it.

    Raises:
        InputError: a size or a number of bits outside its range.
    """

    size: int = 64
    channels: Literal[1, 3] = 3
    bits: int = 16
    fit: Literal["crop", "pad"] = "crop"

    def __post_init__(self) -> None:
        if not 28 <= self.size <= 224:
            raise InputError(f"data.size is the height and width of images, 28 to 224; got {self.size}")
        if not 9 <= self.bits <= 16:
            raise InputError(f"data.bits is what deep grey pixels use, 9 to 16; got {self.bits}")

    def __call__(self, content: bytes) -> Bytes:
        """Pixels of a file's content; raises an error of any kind if there are none."""
        with Image.open(io.BytesIO(content)) as image:
            frames = getattr(image, "n_frames", 1)
            if frames > 1 and image.format != "MPO":  # a camera's JPEG, whose other frames are previews
                raise ValueError(f"it holds {frames} frames: save the one that counts")
            if image.mode not in DEEP:
                # A large JPEG is decoded at a fraction of its size, never below three times what is wanted.
                image.draft(None, (3 * self.size, 3 * self.size))
            pixels = self.square(self.plain(ImageOps.exif_transpose(image)))
        return np.asarray(pixels).reshape(self.size, self.size, self.channels).transpose(2, 0, 1)

    def plain(self, image: Image.Image) -> Image.Image:
        """An image of mode L or RGB."""
        if image.mode == "F":
            raise ValueError("its pixels are real numbers, of no known range: save it with 8 or 16 bits")
        if image.mode in DEEP:
            values, top = np.asarray(image).astype(np.int64), 2**self.bits - 1
            if values.min() < 0 or values.max() > top:
                raise ValueError(f"it has pixels from {values.min()} to {values.max()}, outside 0 to {top} (data.bits)")
            image = Image.fromarray((values * 255 / top).round().astype(np.uint8))
        elif image.has_transparency_data:
            black = Image.new("RGBA", image.size, (0, 0, 0, 255))
            image = Image.alpha_composite(black, image.convert("RGBA")).convert("RGB")
        return image.convert("L" if self.channels == 1 else "RGB")

    def square(self, image: Image.Image) -> Image.Image:
        """An image of the size that is wanted, scaled by an antialiased cubic filter."""
        if image.size == (self.size, self.size):
            return image
        if self.fit == "pad":
            return ImageOps.pad(image, (self.size, self.size), Image.Resampling.BICUBIC)
        return ImageOps.fit(image, (self.size, self.size), Image.Resampling.BICUBIC)

    def digest(self, contents: Iterable[str]) -> str:
        """Hash of what this makes of files of these hashes."""
        about = {**asdict(self), "pillow": PIL.__version__, "files": list(contents)}
        return hashlib.sha256(json.dumps(about).encode()).hexdigest()


def hashes(files: Sequence[Path]) -> list[str]:
    """Hash of the content of each file; empty for one that cannot be read, of which decoding says why."""

    def of(file: Path) -> str:
        try:
            with file.open("rb") as content:
                return hashlib.file_digest(content, "sha256").hexdigest()
        except OSError:
            return ""

    return list(together(of, files, "looking at images"))


def decode(files: Sequence[Path], decoder: Decoder, out: Bytes) -> dict[int, str]:
    """Decodes files side by side.

    Args:
        files: N files.
        decoder: of each.
        out: where their pixels are put, uint8 ``(N, channels, size, size)``.

    Returns:
        What is wrong with those that cannot be read, by their place; their pixels are 0.
    """

    def put(at: int) -> str:
        try:
            out[at] = decoder(files[at].read_bytes())
        except (Image.DecompressionBombError, Image.DecompressionBombWarning):
            return f"it has more pixels than the {Image.MAX_IMAGE_PIXELS} that are read of an image: make it smaller"
        except Exception as error:  # a damaged file makes a decoder fail in any way at all
            out[at] = 0
            return said(error)
        return ""

    faults = together(put, range(len(files)), "reading images")
    return {at: fault for at, fault in enumerate(faults) if fault}


def said(error: Exception) -> str:
    """What a decoder's error says, without what of this machine's memory is in it."""
    if isinstance(error, PIL.UnidentifiedImageError):
        return "it is no image"
    return str(error) or type(error).__name__


def together(work: Callable[[Any], Found], items: Sequence[Any], what: str) -> Iterator[Found]:
    """The results for all items in order, in threads (a decoder lets the others run), with a bar on a terminal."""

    def several(part: Sequence[Any]) -> list[Found]:
        return [work(item) for item in part]

    parts = [items[first : first + TOGETHER] for first in range(0, len(items), TOGETHER)]
    screen = console(stderr=True)
    with warnings.catch_warnings():  # of all threads
        warnings.simplefilter("ignore")
        warnings.simplefilter("error", Image.DecompressionBombWarning)
        done = Parallel(cpu_count(), backend="threading", return_as="generator")(map(delayed(several), parts))
        shown = track(done, what, len(parts), console=screen, transient=True, disable=not screen.is_terminal)
        for part in shown:
            yield from part
