"""ADReSS 2020 (arXiv 2004.06833): 156 speakers describe a picture, half of them with Alzheimer's dementia."""

import re
from pathlib import Path
from typing import Literal

from clsunbias.errors import InputError
from clsunbias.speech.lines import Speaker, check_once, check_order, is_simulated, read_lines, to_rows
from clsunbias.speech.manifest import Corpus

GROUPS = {"cc": 0, "cd": 1}
"""Folder of each class in the training part: controls, and speakers with dementia."""

TEST_LABELS = (
    *("test/meta_data_test.txt", "test/meta_data.txt", "meta_data_test.txt", "meta_data.txt"),
    *("test/test_results.txt", "test_results.txt"),
)
"""Where copies of the corpus hold the labels of the test part; a file without a column Label is passed over."""

TURN = re.compile(r"^\*PAR:.*(?:\n\t.*)*", re.MULTILINE)
"""A turn of the participant in a CHAT transcript: a line ``*PAR:`` and the lines after it that begin with a tab."""

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
    stretches = []
    untimed = 0
    for speaker in read_speakers(raw):
        part, group = ("test", "") if speaker.split == "test" else ("train", list(GROUPS)[speaker.label])
        if audio == "chunks":
            folder = raw / part / "Normalised_audio-chunks" / group
            stretches += [speaker.stretch(path) for path in find_chunks(folder, speaker)]
            continue
        path = raw / part / "Full_wave_enhanced_audio" / group / f"{speaker.name}.wav"
        transcript = raw / part / "transcription" / group / f"{speaker.name}.cha"
        for file in (path, transcript):
            if not file.is_file():
                raise InputError(f"{file} is missing; {speaker.where} lists the speaker")
        turns = participant_turns(transcript)
        untimed += turns.count([])
        if not any(turns):
            raise InputError(f"{transcript} has no turn of the participant (*PAR:) with a time mark")
        stretches += [speaker.stretch(path, start, end) for turn in turns for start, end in turn]
    return Corpus(
        to_rows(stretches),
        ("healthy", "dementia"),
        notes=[f"{untimed} turns of participants have no time mark and are left out"] if untimed else [],
        expected={"train+val": {"speakers": 108, "positive": 54}, "test": {"speakers": 48, "positive": 24}},
        simulated=is_simulated(raw),
    )


def read_speakers(raw: Path) -> list[Speaker]:
    """Speakers of both parts; of the test part from the first of the known files that has labels."""
    speakers = [
        Speaker(line.text("id"), label, "", line.where)
        for group, label in GROUPS.items()
        for line in read_lines(raw / "train" / f"{group}_meta_data.txt", ";", ("id",))
    ]
    found = [raw / name for name in TEST_LABELS if (raw / name).is_file()]
    tables = (read_lines(path, ";", ("id",)) for path in found)
    labelled = next((lines for lines in tables if lines and "label" in lines[0].cells), None)
    if labelled is None:
        said = f"only {', '.join(map(str, found))}, without a column Label" if found else "none of the known files"
        raise InputError(
            f"the labels of the test speakers are missing: there is {said}; {raw / TEST_LABELS[0]} is needed"
        )
    speakers += [Speaker(line.text("id"), line.binary("label"), "test", line.where) for line in labelled]
    check_once(speakers)
    return speakers


def find_chunks(folder: Path, speaker: Speaker) -> list[Path]:
    """A speaker's chunks, their numbers in order of size: ``S001-2`` comes before ``S001-10``."""
    paths = sorted(
        folder.glob(f"{speaker.name}-*.wav"),
        key=lambda path: [int(part) if part.isdecimal() else part for part in re.split(r"(\d+)", path.name)],
    )
    if not paths:
        raise InputError(f"{folder} holds no chunk {speaker.name}-….wav; {speaker.where} lists the speaker")
    return paths


def participant_turns(path: Path) -> list[list[tuple[float, float]]]:
    """Time marks of each turn of the participant, in seconds; they stand in milliseconds between characters 21."""
    try:
        text = path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise InputError(f"{path} is no transcript in UTF-8: {error}") from error
    turns = []
    for turn in TURN.finditer(text):
        times = []
        for mark in TIME_MARK.finditer(text, *turn.span()):
            start, end = int(mark[1]) / 1000, int(mark[2]) / 1000
            line = text.count("\n", 0, mark.start()) + 1
            check_order(start, end, f"{path}, line {line}")
            if end > start:
                times.append((start, end))
        turns.append(times)
    return turns
