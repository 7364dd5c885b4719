"""VOICED (doi 10.13026/C25Q2N): 208 speakers who each hold one vowel, healthy or with a voice disorder."""

from collections import Counter
from pathlib import Path
from typing import Literal

import pandas as pd

from clsunbias.errors import InputError, listed, shortened
from clsunbias.speech.lines import Line, Speaker, check_once, is_simulated, read_lines, to_rows
from clsunbias.speech.manifest import Corpus

DIAGNOSES = {"healthy": 57, "hyperkinetic dysphonia": 73, "hypokinetic dysphonia": 40, "reflux laryngitis": 38}
"""Speakers of each diagnosis, as the corpus's own files have them."""

MISTYPED = {"hyperkineti dysphonia": "hyperkinetic dysphonia"}
"""As one file's header spells a diagnosis, and what is meant."""

ATTRIBUTES = {"sex": "sex_info", "age": "age_info", "VHI": "vhi", "RSI": "rsi"}
"""What is known of speakers, and the column that says it: the Voice Handicap Index, the Reflux Symptom Index."""


def read(raw: Path, *, classes: Literal["two", "diagnoses"] = "two") -> Corpus:
    """Reads ``labels.csv`` (columns speaker_id, wav, label and more; 1 is pathological) and the files that it names.

    A recording lasts under five seconds, so a segment is a quarter of the usual length. No split is official.

    Args:
        raw: folder of ``labels.csv``, to which the paths of its column ``wav`` are relative.
        classes: ``two``, healthy and pathological, or the four ``diagnoses`` (column diagnosis_hea).

    Raises:
        InputError: ``labels.csv`` is absent or has an unknown label or diagnosis, one that contradicts the other, a
            speaker listed twice or no such file.
    """
    four = classes == "diagnoses"
    columns = ("speaker_id", "wav", "label", *(["diagnosis_hea"] if four else []))
    lines = read_lines(raw / "labels.csv", ",", columns)
    labels = [diagnosis(line) if four else line.binary("label") for line in lines]
    speakers = [
        Speaker(line.text("speaker_id"), label, "", line.where) for line, label in zip(lines, labels, strict=True)
    ]
    check_once(speakers)
    mistyped = Counter(line.cells["diagnosis_hea"].lower() for line in lines if four)
    notes = "labels are those of the corpus's own files; its article counts 58 healthy and 150 pathological"
    return Corpus(
        to_rows(speaker.stretch(line.file("wav", raw)) for speaker, line in zip(speakers, lines, strict=True)),
        tuple(DIAGNOSES) if four else ("healthy", "pathological"),
        seconds=0.96,
        shares=(0.2, 0.3),
        corrections=[
            f"{mistyped[wrong]} diagnosis is spelled {wrong!r}, and counts as {right!r}"
            for wrong, right in MISTYPED.items()
            if mistyped[wrong]
        ],
        notes=(notes,),
        expected={"all": {"speakers": 208, **(DIAGNOSES if four else {"positive": 151})}},
        simulated=is_simulated(raw),
        attributes=attributes(lines),
    )


def diagnosis(line: Line) -> int:
    """Which of the four diagnoses a line has, which must be a disorder just where the label is 1."""
    said = line.text("diagnosis_hea").lower()
    name = MISTYPED.get(said, said)
    if name not in DIAGNOSES:
        raise InputError(f"{line.where}: diagnosis_hea {shortened(said)} is none of {listed(DIAGNOSES)}")
    if (name != "healthy") != bool(line.binary("label")):
        raise InputError(f"{line.where}: diagnosis_hea is {name}, which contradicts the label {line.cells['label']}")
    return list(DIAGNOSES).index(name)


def attributes(lines: list[Line]) -> pd.DataFrame | None:
    """What is known of the speakers beside their class; None if ``labels.csv`` does not say."""
    if any(column not in line.cells for line in lines for column in ATTRIBUTES.values()):
        return None
    known = {name: [line.cells[column] for line in lines] for name, column in ATTRIBUTES.items()}
    return pd.DataFrame({"unit": [line.text("speaker_id") for line in lines], **known})
