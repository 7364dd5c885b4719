"""ADReSS 2020 (arXiv 2004.06833): 156 speakers describe a picture, half of them with Alzheimer's dementia."""

import math
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Literal

from clsunbias.errors import InputError
from clsunbias.speech.lines import Speaker, check_once, check_order, is_simulated, read_lines, to_rows
from clsunbias.speech.manifest import Corpus

GROUPS = {"cc": 0, "cd": 1}
"""Folder of each class in the training part: controls, and speakers with dementia."""

TEST_LABELS = ("test/meta_data_test.txt", "test/meta_data.txt", "meta_data_test.txt", "meta_data.txt")
TEST_RESULTS = ("test/test_results.txt", "test_results.txt")
"""Where copies of the corpus hold the labels of the test part; a file without a column Label is passed over."""

TIME_MARK = re.compile(r"\x15(\d+)_(\d+)\x15")


def read(raw: Path, *, audio: Literal["full", "chunks"] = "full") -> Corpus:
    """Reads meta data, transcripts and recordings of both parts. Validation speakers are left to be chosen.

    Args:
        raw: folder of ``train`` and ``test``.
        audio: ``full``: the participant's turns of ``Full_wave_enhanced_audio``, by the time marks of the transcript;
            ``chunks``: the whole files of ``Normalised_audio-chunks``, made by voice activity detection.

    Raises:
        InputError: no meta data, or a line of them without an id or label; a speaker listed twice; a recording or
            transcript that is absent; a transcript without time marks of the participant, or one that ends before its
            start.
    """
    speakers = [*train_speakers(raw), *test_speakers(raw)]
    check_once(speakers)
    stretches = []
    untimed = 0
    for speaker in speakers:
        part, group = ("test", "") if speaker.split == "test" else ("train", list(GROUPS)[speaker.label])
        if audio == "chunks":
            for path in chunks(raw / part / "Normalised_audio-chunks" / group, speaker):
                stretches.append((speaker.name, speaker.label, speaker.split, str(path), 0.0, math.nan))
            continue
        path = raw / part / "Full_wave_enhanced_audio" / group / f"{speaker.name}.wav"
        transcript = raw / part / "transcription" / group / f"{speaker.name}.cha"
        for file in (path, transcript):
            if not file.is_file():
                raise InputError(f"{file} is missing; {speaker.where} lists the speaker")
        turns = list(participant_turns(transcript))
        times = [time for turn in turns for time in turn]
        untimed += sum(not turn for turn in turns)
        if not times:
            raise InputError(f"{transcript} has no turn of the participant (*PAR:) with a time mark")
        stretches += [(speaker.name, speaker.label, speaker.split, str(path), start, end) for start, end in times]
    return Corpus(
        to_rows(stretches),
        ("healthy", "dementia"),
        notes=[f"{untimed} turns of participants have no time mark and are left out"] if untimed else [],
        expected={"train+val": {"speakers": 108, "positive": 54}, "test": {"speakers": 48, "positive": 24}},
        simulated=is_simulated(raw),
    )


def train_speakers(raw: Path) -> Iterator[Speaker]:
    """Speakers of the training part; a file for each class."""
    for group, label in GROUPS.items():
        for line in read_lines(raw / "train" / f"{group}_meta_data.txt", ";", ("id",)):
            yield Speaker(line.text("id"), label, "", line.where)


def test_speakers(raw: Path) -> Iterator[Speaker]:
    """Speakers of the test part, from the first of the known files that has labels."""
    found = [raw / name for name in (*TEST_LABELS, *TEST_RESULTS) if (raw / name).is_file()]
    for path in found:
        lines = read_lines(path, ";", ("id",))
        if lines and "label" in lines[0].cells:
            for line in lines:
                yield Speaker(line.text("id"), line.binary("label"), "test", line.where)
            return
    said = f"only {', '.join(map(str, found))}, without a column Label" if found else "none of the known files"
    raise InputError(f"the labels of the test speakers are missing: there is {said}; {raw / TEST_LABELS[0]} is needed")


def chunks(folder: Path, speaker: Speaker) -> list[Path]:
    """A speaker's chunks, their numbers in order of size."""
    paths = sorted(folder.glob(f"{speaker.name}-*.wav"), key=natural_order)
    if not paths:
        raise InputError(f"{folder} holds no chunk {speaker.name}-….wav; {speaker.where} lists the speaker")
    return paths


def natural_order(path: Path) -> list[int | str]:
    """A key by which ``S001-2`` comes before ``S001-10``."""
    return [int(part) if part.isdecimal() else part for part in re.split(r"(\d+)", path.name)]


def participant_turns(path: Path) -> Iterator[list[tuple[float, float]]]:
    """Time marks of each turn of the participant in a CHAT transcript, in seconds.

    A turn is a line ``*PAR:`` and the lines after it that begin with a tab; its marks, in milliseconds, stand between
    two characters of code 21.
    """
    try:
        lines = path.read_text(encoding="utf-8-sig").split("\n")
    except UnicodeDecodeError as error:
        raise InputError(f"{path} is no transcript in UTF-8: {error}") from error
    turn: list[tuple[float, float]] | None = None
    for number, line in enumerate(lines, start=1):
        if not line.startswith("\t"):
            if turn is not None:
                yield turn
            turn = [] if line.startswith("*PAR:") else None
        if turn is None:
            continue
        for mark in TIME_MARK.finditer(line):
            start, end = int(mark[1]) / 1000, int(mark[2]) / 1000
            check_order(start, end, f"{path}, line {number}")
            if end > start:
                turn.append((start, end))
    if turn is not None:
        yield turn
