"""What the header of an audio file promises: libsndfile reads a truncated file without a word, as far as it goes."""

import struct
from pathlib import Path
from typing import BinaryIO

UNKNOWN = (0, 0xFFFFFFFF, 0xFFFFFFFFFFFFFFFF)
"""Lengths that a recorder leaves that was stopped hard: they promise nothing."""


def promised_bytes(path: Path) -> tuple[int, int]:
    """Bytes of audio that a file's header promises, and those that are there; twice 0 where it promises none.

    Known are WAV, RF64, W64, AIFF, AU and NIST SPHERE, and of Ogg the last page. libsndfile itself finds what a
    FLAC, MP3 or CAF file lacks.
    """
    size = path.stat().st_size
    with path.open("rb") as file:
        head = file.read(40)
        if head[:7] == b"NIST_1A":
            promised, start = sphere(file)
        elif head[:4] == b".snd":
            start, promised = struct.unpack(">4xII", head[:12])
        elif head[:4] == b"OggS":
            promised, start = last_page(file, size)
        elif head[:4] in {b"RIFF", b"RF64", b"BW64"} and head[8:12] == b"WAVE":
            promised, start = chunk(file, size, "<4sI", b"data", first=12)
        elif head[:4] == b"FORM" and head[8:12] in {b"AIFF", b"AIFC"}:
            promised, start = chunk(file, size, ">4sI", b"SSND", first=12)
        elif head[:4] == b"riff" and head[24:28] == b"wave":
            promised, start = chunk(file, size, "<16sQ", b"data", first=40)
        else:
            promised, start = 0, size
    return (0, 0) if promised in UNKNOWN else (promised, max(size - start, 0))


def chunk(file: BinaryIO, size: int, header: str, wanted: bytes, first: int) -> tuple[int, int]:
    """Length of the first chunk of that name, and where its content starts; chunks begin at the byte ``first``.

    In W64, whose names have 16 bytes, a length counts the header, too. In RF64 the chunk ds64 holds the length.
    """
    wide = header == "<16sQ"
    step, own, long = (8, 24, 0) if wide else (2, 0, 0)
    file.seek(first)
    while len(read := file.read(struct.calcsize(header))) == struct.calcsize(header):
        name, length = struct.unpack(header, read)
        if name[:4] == wanted:
            if length in UNKNOWN:
                return long, file.tell()
            return length - own, file.tell()
        start = file.tell()
        if name == b"ds64":
            long = int.from_bytes(file.read(16)[8:], "little")
        length = min(max(length - own, 0), size)
        file.seek(start + length + -length % step)
    return 0, size


def sphere(file: BinaryIO) -> tuple[int, int]:
    """Bytes of samples that a NIST SPHERE file promises, and where they start."""
    file.seek(0)
    try:
        start = int(file.read(16)[8:])
        file.seek(0)
        lines = [line.split(None, 2) for line in file.read(start).decode("latin-1").splitlines()]
        cells = {line[0]: line[2] for line in lines if len(line) == 3}
        if "," in cells.get("sample_coding", ""):  # compressed
            return 0, start
        return int(cells["sample_count"]) * int(cells["sample_n_bytes"]) * int(cells.get("channel_count", 1)), start
    except (ValueError, KeyError):
        return 0, 0


def last_page(file: BinaryIO, size: int) -> tuple[int, int]:
    """Length of the last page of an Ogg file, and where it starts."""
    first = max(size - 66000, 0)  # no page is longer
    file.seek(first)
    tail = file.read()
    page = tail[max(tail.rfind(b"OggS"), 0) :]
    lengths = page[27 : 27 + page[26]] if len(page) > 26 else b""
    return 27 + len(lengths) + sum(lengths), size - len(page)
