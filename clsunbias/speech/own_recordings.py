"""Recordings of one's own: a CSV file that lists those of a corpus, or new ones to be scored."""

import math
from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from clsunbias.errors import InputError, listed, shortened
from clsunbias.speech.lines import Line, Speaker, Stretch, check_order, is_simulated, read_lines, to_rows
from clsunbias.speech.manifest import Corpus
from clsunbias.splits import SPLIT_NAMES, order_classes

OWN = {"path", "speaker", "label", "split", "start", "end"}
"""Columns that say what is read; all others are attributes of speakers."""


def read(raw: Path, *, table: str = "recordings.csv", classes: tuple[str, ...] = ()) -> Corpus:
    """Reads a CSV file with columns path, speaker and label, and, if wanted, split, start and end.

    A line is a stretch of a speaker's speech; a speaker's stretches are joined in the order of the lines. Start and end
    are seconds into the file, empty for its beginning and its end. Splits are train, val (also valid, validation or
    dev) and test, given for every line or for none.

    Args:
        raw: folder to which paths are relative, unless they are absolute.
        table: the file's path, relative to raw.
        classes: the labels in the order of the classes, the negative one first; default all labels, sorted.

    Speakers of one class may share a recording, in stretches that do not overlap. Further columns, such as sex and age,
    are what is known of the speakers.

    Raises:
        InputError: a missing file or column, an empty cell, an unknown label or split, lines without a split among
            others with one, an end before the start, or a recording listed under two classes or speakers.
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
            raise InputError(f"{line.where}: split {shortened(split)} is none of {', '.join(SPLIT_NAMES)}")
        if label not in names:
            raise InputError(f"{line.where}: label {shortened(label)} is none of the classes {listed(names)}")
        if not split and any(splits):
            raise InputError(f"{line.where}: split is empty, but other lines have one; give all or none")
        speaker = Speaker(line.text("speaker"), names.index(label), SPLIT_NAMES.get(split, ""), line.where)
        stretches.append(stretch_of(speaker, line, raw))
    check_one_owner(stretches, [line.where for line in lines])
    return Corpus(to_rows(stretches), names, simulated=is_simulated(raw), attributes=attributes(lines))


def attributes(lines: Sequence[Line]) -> pd.DataFrame | None:
    """Further columns of the table, of each speaker the first entry that is there; None if there are none."""
    more = [name for name in lines[0].cells if name and name not in OWN]
    if not more:
        return None
    cells = pd.DataFrame(
        [{"unit": line.text("speaker"), **{name: line.cells[name] for name in more}} for line in lines]
    )
    found: pd.DataFrame = cells.replace("", None).groupby("unit", sort=False).first().fillna("").reset_index()
    return found


def read_new(table: Path) -> list[Stretch]:
    """Reads a CSV file of recordings to be scored: columns path and speaker and, if wanted, start and end.

    Raises:
        InputError: as :func:`read`.
    """
    lines = read_lines(table, ",", ("path", "speaker"))
    if not lines:
        raise InputError(f"{table} lists no recordings")
    speakers = [Speaker(line.text("speaker"), 0, "", line.where) for line in lines]
    stretches = [stretch_of(speaker, line, table.parent) for speaker, line in zip(speakers, lines, strict=True)]
    check_one_owner(stretches, [line.where for line in lines])
    return stretches


def stretch_of(speaker: Speaker, line: Line, raw: Path) -> Stretch:
    """The stretch of a speaker's speech that a line lists."""
    start = line.seconds("start") if line.cells.get("start") else 0.0
    end = line.seconds("end") if line.cells.get("end") else math.nan
    if start == end:
        raise InputError(f"{line.where}: it ends at {end} s, where it starts; mend the times or take the line out")
    check_order(start, end, line.where)
    return speaker.stretch(line.file("path", raw), start, end)


def check_one_owner(stretches: Sequence[Stretch], where: Sequence[str], contents: Sequence[str] = ()) -> None:
    """Raises InputError for a recording of two classes, or for speech in it that is two speakers' at once.

    Args:
        stretches: of a table, one a line.
        where: what each goes by in messages, such as file and line.
        contents: what each is a stretch of, as a message says it; by default the file.
    """
    recordings: dict[str, list[tuple[float, float, str, int, str]]] = {}
    contents = contents or [str(Path(path).resolve()) for *_, path, _, _ in stretches]
    for (speaker, label, _, _, start, end), line, content in zip(stretches, where, contents, strict=True):
        about = (start, math.inf if math.isnan(end) else end, speaker, label, line)
        recordings.setdefault(content, []).append(about)
    for content, parts in recordings.items():
        latest: dict[str, tuple[float, str]] = {}  # of each speaker the stretch that ends last, and its line
        for start, end, speaker, label, line in sorted(parts):
            if label != parts[0][3]:
                raise InputError(
                    f"{content} is listed under two classes: {parts[0][4]}, and {line}; keep one, or cut "
                    "the file in two"
                )
            for other, (until, other_line) in latest.items():
                if other != speaker and start < until:
                    raise InputError(
                        f"{content} is listed under two speakers, {other} and {speaker}: {other_line}, and {line}; "
                        "keep one, or give each start and end that do not overlap"
                    )
            latest[speaker] = max(latest.get(speaker, (0.0, "")), (end, line))
