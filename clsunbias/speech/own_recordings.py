"""A corpus of one's own: a CSV file that lists its recordings."""

import math
from pathlib import Path

from clsunbias.errors import InputError
from clsunbias.speech.lines import Speaker, check_order, is_simulated, read_lines, to_rows
from clsunbias.speech.manifest import Corpus
from clsunbias.splits import SPLIT_NAMES, order_classes


def read(raw: Path, *, table: str = "recordings.csv", classes: tuple[str, ...] = ()) -> Corpus:
    """Reads a CSV file with columns path, speaker and label, and, if wanted, split, start and end.

    A line is a stretch of a speaker's speech; a speaker's stretches are joined in the order of the lines. Start and end
    are seconds into the file, empty for its beginning and its end. Splits are train, val (also valid, validation or
    dev) and test, given for every line or for none.

    Args:
        raw: folder to which paths are relative, unless they are absolute.
        table: the file's path, relative to raw.
        classes: the labels in the order of the classes, the negative one first; default all labels, sorted.

    Raises:
        InputError: a missing file or column, an empty cell, an unknown label or split, lines without a split among
            others with one, or an end before the start.
    """
    file = raw / table
    lines = read_lines(file, ",", ("path", "speaker", "label"))
    if not lines:
        raise InputError(f"{file} lists no recordings")
    labels = [line.text("label") for line in lines]
    names = order_classes(labels, classes, file)
    splits = [line.cells.get("split", "").lower() for line in lines]
    stretches = []
    for line, label, split in zip(lines, labels, splits, strict=True):
        if split and split not in SPLIT_NAMES:
            raise InputError(f"{line.where}: split {split!r} is none of {', '.join(SPLIT_NAMES)}")
        if label not in names:
            raise InputError(f"{line.where}: label {label!r} is none of the classes {', '.join(names)}")
        if not split and any(splits):
            raise InputError(f"{line.where}: split is empty, but other lines have one; give all or none")
        path = line.file("path", raw)
        start = line.seconds("start") if line.cells.get("start") else 0.0
        end = line.seconds("end") if line.cells.get("end") else math.nan
        check_order(start, end, line.where)
        speaker = Speaker(line.text("speaker"), names.index(label), SPLIT_NAMES.get(split, ""), line.where)
        stretches.append(speaker.stretch(path, start, end))
    return Corpus(to_rows(stretches), names, simulated=is_simulated(raw))
