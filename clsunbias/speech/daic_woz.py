"""DAIC-WOZ (AVEC 2017): 189 interviews by an animated agent, Ellie; 56 speakers are depressed by the PHQ-8."""

import re
from collections.abc import Sequence
from dataclasses import replace
from itertools import product
from pathlib import Path
from typing import Literal, NamedTuple

from clsunbias.errors import InputError
from clsunbias.speech.lines import Line, Speaker, check_once, check_order, is_simulated, read_lines, to_rows
from clsunbias.speech.manifest import Corpus

LABEL_FILES = {
    "train": ("train_split_Depression_AVEC2017.csv", "train_split.csv"),
    "val": ("dev_split_Depression_AVEC2017.csv", "dev_split.csv"),
    "test": ("full_test_split.csv", "test_split_Depression_AVEC2017.csv", "test_split.csv"),
}
"""Known names of each split's labels, the better one first; not every release has full_test_split.csv."""

LABEL_COLUMNS = ("phq8_binary", "phq_binary")
SCORE_COLUMNS = ("phq8_score", "phq_score")

# Defects of the release, as users of the corpus have published them (github.com/adbailey1/daic_woz_process).
WRONGLY_HEALTHY = "409"
OFFSETS = {"318": 34.319917, "321": 3.8379167, "341": 6.1892, "362": 16.8582}
INTERRUPTIONS = {"373": (395.0, 428.0), "444": (286.0, 387.0)}
SYNC_MARKER = re.compile(r"[<\[]sync(h|ing|hing)?[>\]]", re.IGNORECASE)

TOTALS = {
    "train": {"speakers": 107, "positive": 30, "segments": 12027},
    "val": {"speakers": 35, "positive": 12, "segments": 4559},
    "test": {"speakers": 47, "positive": 14, "segments": 6243},
}
"""Of the release, before any correction; segments of 3.84 s as counted by one of the authors (enmwmak/Teaching)."""


class Turn(NamedTuple):
    """A turn of an interview: who speaks, from when to when (in seconds), and the words."""

    speaker: str
    start: float
    end: float
    words: str


def read(
    raw: Path,
    *,
    correct_label: bool = False,
    correct_times: bool = False,
    cut_interruptions: bool = False,
    before_interview: Literal["keep", "drop_markers", "drop"] = "keep",
    exclude: tuple[int, ...] = (),
) -> Corpus:
    """Reads labels and transcripts, and lists the participants' turns; by default, the corpus as released.

    Sessions lie in folders ``300`` or ``300_P`` under raw or its folder ``DAIC-WOZ``, labels beside them or one folder
    deeper. The official splits are kept, dev as val.

    Args:
        raw: folder of the sessions and the labels.
        correct_label: counts speaker 409 as depressed: the score is 10, the label says healthy.
        correct_times: shifts the transcripts of 318, 321, 341 and 362, which run ahead of their recordings.
        cut_interruptions: cuts the interruptions of 373 (395 to 428 s) and 444 (286 to 387 s) out of the turns.
        before_interview: what comes before the interview: ``keep`` it; ``drop_markers``: leave out turns with a
            synchronisation marker such as ``<sync>``; ``drop``: leave out all up to the last marker or, where there is
            none, all before Ellie's first turn (a transcript with neither is kept whole).
        exclude: sessions to leave out.

    Raises:
        InputError: a label file that is absent or without a known column; a speaker listed twice; a session without
            folder, recording or transcript; a transcript without its columns, with a time that is no number, an end
            before the start, or no turn of the participant.
    """
    home = raw / "DAIC-WOZ" if (raw / "DAIC-WOZ").is_dir() else raw
    speakers, notes = read_labels([*dict.fromkeys([raw, home])])
    corrections = []
    for place, speaker in enumerate(speakers):
        if correct_label and speaker.name == WRONGLY_HEALTHY and not speaker.label:
            speakers[place] = replace(speaker, label=1)
            corrections.append(f"speaker {WRONGLY_HEALTHY} counts as depressed")
    left_out = [str(number) for number in exclude]
    unknown = set(left_out) - {speaker.name for speaker in speakers}
    if unknown:
        raise InputError(f"there is no session {min(unknown)} to leave out")
    corrections += [f"session {name} is left out" for name in left_out]
    stretches = []
    dropped = []
    for speaker in speakers:
        if speaker.name in left_out:
            continue
        audio, transcript = find_session(home, speaker)
        turns = read_turns(transcript)
        if before_interview != "keep":
            before = len(turns)
            turns = without_preamble(turns, whole=before_interview == "drop")
            dropped.append(before - len(turns))
        times = [(turn.start, turn.end) for turn in turns if turn.speaker == "participant" and turn.end > turn.start]
        if correct_times and speaker.name in OFFSETS:
            offset = OFFSETS[speaker.name]
            times = [(start + offset, end + offset) for start, end in times]
            corrections.append(f"session {speaker.name}: transcript shifted by {offset} s")
        if cut_interruptions and speaker.name in INTERRUPTIONS:
            first, last = INTERRUPTIONS[speaker.name]
            times = cut_out(times, first, last)
            corrections.append(f"session {speaker.name}: interruption from {first:g} to {last:g} s cut out")
        if not times:
            raise InputError(f"{transcript} has no turn of the participant")
        stretches += [speaker.stretch(audio, start, end) for start, end in times]
    if any(dropped):
        what = "turns before the interview" if before_interview == "drop" else "turns with a synchronisation marker"
        corrections.append(f"{sum(dropped)} {what} dropped, from {sum(map(bool, dropped))} sessions")
    return Corpus(
        to_rows(stretches),
        ("healthy", "depressed"),
        corrections=corrections,
        notes=notes,
        expected=TOTALS,
        simulated=is_simulated(raw) or is_simulated(home),
    )


def read_labels(homes: Sequence[Path]) -> tuple[list[Speaker], list[str]]:
    """Speakers with labels as released, and a note on each label that the score belies."""
    speakers, notes = [], []
    for split in LABEL_FILES:
        for line in find_labels(homes, split):
            column = next(column for column in LABEL_COLUMNS if column in line.cells)
            name = line.text("participant_id")
            speakers.append(Speaker(name, line.binary(column), split, line.where))
            score = next((line.cells[column] for column in SCORE_COLUMNS if column in line.cells), "")
            if score.isdecimal() and (int(score) >= 10) != speakers[-1].label:
                notes.append(f"speaker {name} is released with a score of {score} and the label {speakers[-1].label}")
    check_once(speakers)
    return speakers, notes


def find_labels(homes: Sequence[Path], split: str) -> list[Line]:
    """Lines of the first known label file of a split, in a folder or one folder deeper."""
    places = product(LABEL_FILES[split], homes)
    paths = [path for name, home in places for path in (home / name, *sorted(home.glob(f"*/{name}"))) if path.is_file()]
    for path in paths:
        lines = read_lines(path, ",", ("participant_id",))
        if lines and any(column in lines[0].cells for column in LABEL_COLUMNS):
            return lines
    if paths:
        also = "; full_test_split.csv, which has them, is needed" if split == "test" else ""
        raise InputError(f"{paths[0]} has no labels (column PHQ8_Binary or PHQ_Binary){also}")
    raise InputError(f"{homes[0]} has no label file {' or '.join(LABEL_FILES[split])}, nor has a folder in it")


def find_session(home: Path, speaker: Speaker) -> tuple[Path, Path]:
    """Recording and transcript of a session."""
    folders = [home / f"{speaker.name}_P", home / speaker.name]
    folder = next((folder for folder in folders if folder.is_dir()), None)
    if folder is None:
        raise InputError(f"{folders[0]} is missing (so is {folders[1]}); {speaker.where} lists the session")
    files = folder / f"{speaker.name}_AUDIO.wav", folder / f"{speaker.name}_TRANSCRIPT.csv"
    for file in files:
        if not file.is_file():
            raise InputError(f"{file} is missing; {speaker.where} lists the session")
    return files


def read_turns(path: Path) -> list[Turn]:
    """All turns of a transcript, in order."""
    turns = []
    for line in read_lines(path, "\t", ("start_time", "stop_time", "speaker", "value"), quoted=False):
        start, end = line.seconds("start_time"), line.seconds("stop_time")
        check_order(start, end, line.where)
        turns.append(Turn(line.cells["speaker"].lower(), start, end, line.cells["value"]))
    return turns


def without_preamble(turns: list[Turn], whole: bool) -> list[Turn]:
    """Turns less those with a synchronisation marker and, if whole, less those before the interview."""
    marked = [position for position, turn in enumerate(turns) if SYNC_MARKER.search(turn.words)]
    if whole:
        ellie = [position for position, turn in enumerate(turns) if turn.speaker == "ellie"]
        first = marked[-1] + 1 if marked else (ellie or [0])[0]
        turns = turns[first:]
    return [turn for turn in turns if not SYNC_MARKER.search(turn.words)]


def cut_out(times: list[tuple[float, float]], first: float, last: float) -> list[tuple[float, float]]:
    """What of each stretch lies before ``first`` or after ``last``."""
    parts = [part for start, end in times for part in ((start, min(end, first)), (max(start, last), end))]
    return [(start, end) for start, end in parts if end > start]
