"""Files of arrays: new images as npz."""

import io
import pickle
import struct
import zipfile
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from hypothesis import strategies as st

from clsunbias.data.images import read_images
from tests.fuzz.bases import Files
from tests.fuzz.cases import Case, Expected
from tests.fuzz.spoiling import spoilt_bytes

IMAGES = np.random.default_rng(0).integers(0, 256, (3, 28, 28), np.uint8)


def npz(compressed: bool = False, **arrays: Any) -> bytes:
    """An npz file."""
    file = io.BytesIO()
    (np.savez_compressed if compressed else np.savez)(file, **arrays)
    return file.getvalue()


def promise(header: str, content: bytes = b"") -> bytes:
    """An npz file with an array whose header says what it likes."""
    text = header.encode()
    text += b" " * (63 - (len(text) + 10) % 64) + b"\n"
    return zipped({"images.npy": b"\x93NUMPY\x01\x00" + struct.pack("<H", len(text)) + text + content})


def zipped(files: Files) -> bytes:
    """A compressed zip file."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return file.getvalue()


def header_of(shape: str, dtype: str = "'|u1'", order: str = "False") -> str:
    """An array's header."""
    return f"{{'descr': {dtype}, 'fortran_order': {order}, 'shape': {shape}, }}"


class Touch:
    """Makes a file when it is read back from a pickle."""

    def __reduce__(self) -> tuple[Any, ...]:
        return Path.touch, (Path("pwned"),)


def npy(array: Any) -> bytes:
    """An npy file."""
    file = io.BytesIO()
    np.save(file, array)
    return file.getvalue()


@cache
def bomb_beside() -> bytes:
    """Images, and 800 MB of zeros that nobody asked for, in less than 1 MB."""
    return zipped({"images.npy": npy(IMAGES), "more.npy": npy(np.zeros(100_000_000))})


ARRAYS: dict[str, tuple[Expected, Callable[[], bytes]]] = {
    "as it should be": ("right", lambda: npz(images=IMAGES)),
    "compressed": ("right", lambda: npz(True, images=IMAGES)),
    "of another name": ("right", lambda: npz(pixels=IMAGES)),
    "in Fortran's order": ("right", lambda: npz(images=np.asfortranarray(IMAGES))),
    "with a further array": ("right", lambda: npz(images=IMAGES, labels=np.zeros(3))),
    "floats": ("refused", lambda: npz(images=IMAGES / 255)),
    "signed": ("refused", lambda: npz(images=IMAGES.astype(np.int8))),
    "larger": ("refused", lambda: npz(images=np.zeros((3, 29, 28), np.uint8))),
    "colours": ("refused", lambda: npz(images=np.zeros((3, 28, 28, 3), np.uint8))),
    "none": ("refused", lambda: npz(images=IMAGES[:0])),
    "a number": ("refused", lambda: npz(images=np.uint8(1))),
    "text": ("refused", lambda: npz(images=np.array(["a"]))),
    "two of other names": ("refused", lambda: npz(a=IMAGES, b=IMAGES)),
    "no array": ("refused", lambda: npz()),
    "objects": ("refused", lambda: npz(images=np.array([Touch()], dtype=object))),
    "objects beside": ("either", lambda: npz(images=IMAGES, more=np.array([Touch()], dtype=object))),
    "structured": ("refused", lambda: npz(images=np.zeros(3, [("a", "u1"), ("b", "f4")]))),
    "a header that promises more": ("refused", lambda: promise(header_of("(1000, 28, 28)"), IMAGES.tobytes())),
    "a header that promises everything": ("refused", lambda: promise(header_of("(10000000000000, 28, 28)"))),
    "a header of negative size": ("refused", lambda: promise(header_of("(-1, 28, 28)"), IMAGES.tobytes())),
    "a header that is no literal": ("refused", lambda: promise("__import__('os').system('touch pwned')")),
    "a header nested a thousand times": ("refused", lambda: promise("(" * 1000 + ")" * 1000)),
    "a header of 20,000 dimensions": ("refused", lambda: promise(header_of(str((1,) * 20000)))),
    "zeros to no end": ("refused", lambda: promise(header_of("(400000000,)", "'<f8'"), bytes(400_000_000))),
    "zeros to no end beside": ("right", lambda: bomb_beside()),
    "a file of text in the zip": ("either", lambda: zipped({"images.npy": b"hello"})),
    "an array that is no file": ("refused", lambda: zipped({"images": IMAGES.tobytes()})),
    "the same name twice": ("either", lambda: npz(images=IMAGES[:1]) + npz(images=IMAGES)),
    "a path upwards": ("right", lambda: zipped({"../images.npy": npy(IMAGES)})),
    "an npy file": ("refused", lambda: npy(IMAGES)),
    "a pickle": ("refused", lambda: pickle.dumps(Touch())),
}
"""Files, what is to come of each, and what makes them."""


@st.composite
def cases(draw: st.DrawFn) -> Case:
    """New images to be scored."""
    name = draw(st.sampled_from(sorted(ARRAYS)))
    expected, make = ARRAYS[name]
    if draw(st.integers(0, 2)) == 0 and "no end" not in name:
        content, change = draw(spoilt_bytes(npz(images=IMAGES)))
        return Case({"new.npz": content}, [change], "either", ["new.npz"])
    return Case({"new.npz": make()}, [name], expected, ["new.npz"])


def read(case: Case) -> str:
    """Reads new images; they are those that were written, or a part of them."""
    _, pixels = read_images(Path("new.npz"), 28, 1)
    if Path("pwned").exists():
        return "it ran code"
    return "" if np.array_equal(pixels[..., 0], IMAGES) else f"other images were read, of shape {pixels.shape}"
