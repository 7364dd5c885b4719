"""Tiny raw trees of speech corpora, written by hand as they are released, quirks included; and how they are checked."""

import math
import re
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import soundfile

from clsunbias.errors import InputError
from clsunbias.speech.manifest import Corpus

TRANSCRIPTS = {
    "300": ("0.5\t1.5\tParticipant\tis it on", "2\t3\tEllie\thi i'm ellie", '3.25\t5\tParticipant\tit\'s "fine"', ""),
    "318": ("1\t2\tEllie\thi", "2\t4\tParticipant\tyes", "4\t4\tParticipant\tuh"),
    "409": ("0\t1\tParticipant\thello", "1\t2\tParticipant\t[Synching]", "2\t3\tEllie\thi", "3\t4\tParticipant\tno"),
    "451": ("1\t2\tParticipant\tfirst", "3\t5.125\tParticipant\tsecond"),
    "458": ("1\t2\tParticipant\t<sync>", "2\t3\tParticipant\tyes"),
    "373": ("1\t2\tEllie\thi", "390\t400\tParticipant\ta", "400\t410\tParticipant\tb", "420\t430\tParticipant\tc"),
    "480": ("1\t2\tParticipant\tyes",),
}
"""Turns of each session under the header; 451, 458 and 480 lack Ellie's."""

DAIC_LABELS = {
    "train_split_Depression_AVEC2017.csv": (
        "Participant_ID,PHQ8_Binary,PHQ8_Score,Gender,PHQ8_Sleep",
        "300 ,0,2,1,0",
        " 318,1,12,0,",
        "409,0,10,1,1",
    ),
    "dev_split_Depression_AVEC2017.csv": ("Participant_ID,PHQ8_Binary,PHQ8_Score,Gender", "451,1,20,0", "458,0,1,1"),
    "test_split_Depression_AVEC2017.csv": ("participant_ID,Gender", "373,1", "480,0"),
    "full_test_split.csv": ("Participant_ID,PHQ_Binary,PHQ_Score,Gender", "373,0,0,1", "480,1,11,0"),
}
"""Label files as released: stray blanks, two spellings of the columns, a test file without labels."""


def write_lines(path: Path, lines: Iterable[str]) -> None:
    """Writes lines into a file, and the folders that lead there."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")


def write_wav(path: Path, rate: int = 16000) -> None:
    """Writes a second of noise, another one under each name."""
    path.parent.mkdir(parents=True, exist_ok=True)
    random = np.random.default_rng(list("/".join(path.parts[-2:]).encode()))
    soundfile.write(path, random.uniform(-0.1, 0.1, rate), rate)


def write_daic_woz(raw: Path, labels: str = "protocol") -> None:
    """Seven sessions of DAIC-WOZ, in folders of both kinds of name, and label files in a folder."""
    for place, (name, lines) in enumerate(TRANSCRIPTS.items()):
        folder = raw / (name if place % 2 else f"{name}_P")
        write_wav(folder / f"{name}_AUDIO.wav")
        write_lines(folder / f"{name}_TRANSCRIPT.csv", ["start_time\tstop_time\tspeaker\tvalue", *lines])
    for file, lines in DAIC_LABELS.items():
        write_lines(raw / labels / file, lines)


def write_workbook(folder: Path, rows: Sequence[tuple[object, ...]]) -> None:
    """MODMA's workbook: padded header, two junk columns, ids as they are given."""
    folder.mkdir(parents=True, exist_ok=True)
    columns = ["subject id", "type ", "age", "gender", "Unnamed: 4", "Unnamed: 5"]
    frame = pd.DataFrame([(*row, None, None) for row in rows], columns=columns)
    frame.to_excel(folder / "subjects_information_audio_lanzhou_2015.xlsx", index=False)


def write_modma(raw: Path) -> None:
    """Two subjects of MODMA, 29 recordings each; the workbook has a row without text between them."""
    folder = raw / "audio_lanzhou_2015"
    for name in ("02010002", "02020008"):
        for number in range(1, 30):
            write_wav(folder / name / f"{number:02d}.wav", rate=100)
    write_workbook(folder, [(2010002, "MDD", 20, "M"), (None, " ", None, None), (2020008, "HC ", 30, "F")])


TRAIN_CHAT = (
    "@Begin",
    "*INV:\twhat do you see ? \x150_900\x15",
    "*PAR:\ta boy",
    "\ton a stool . \x151000_2500\x15",
    "%mor:\tdet:art|a n|boy \x159000_9500\x15",
    "*PAR:\tuh .",
    "*PAR:\the falls . \x152600_3000\x15 and \x153100_3200\x15",
    "@End",
)
TEST_CHAT = ("@Begin", "*PAR:\tcookies . \x15500_1250\x15", "@End")


def write_adress(raw: Path) -> None:
    """Two speakers of each part of ADReSS."""
    for name, group in (("S001", "cc"), ("S079", "cd")):
        write_lines(raw / f"train/transcription/{group}/{name}.cha", TRAIN_CHAT if group == "cc" else TEST_CHAT)
        write_wav(raw / f"train/Full_wave_enhanced_audio/{group}/{name}.wav")
        for chunk in ("2-0-1", "10-5-6"):
            write_wav(raw / f"train/Normalised_audio-chunks/{group}/{name}-{chunk}.wav")
        write_lines(raw / f"train/{group}_meta_data.txt", ["ID   ; age ; gender ; mmse", f"{name} ; 60 ;  male ; NA"])
    for name in ("S160", "S161"):
        write_lines(raw / f"test/transcription/{name}.cha", TEST_CHAT)
        write_wav(raw / f"test/Full_wave_enhanced_audio/{name}.wav")
        write_wav(raw / f"test/Normalised_audio-chunks/{name}-1-0-9.wav")
    labels = ["ID   ; age ; gender ; Label ; mmse", "S160 ; 60 ; 0 ; 1 ; 12", "S161 ; 61 ; 1 ; 0 ; 29 ; "]
    write_lines(raw / "test/meta_data_test.txt", labels)


def write_voiced(raw: Path) -> None:
    """Two speakers of VOICED."""
    write_lines(
        raw / "labels.csv",
        [
            "speaker_id,wav,label,diagnosis_info",
            'voice001,wav16/voice001.wav,1,"dysphonia, hyperkinetic"',
            "voice002,wav16/voice002.wav,0,healthy",
        ],
    )
    for name in ("voice001", "voice002"):
        write_wav(raw / f"wav16/{name}.wav", rate=8000)


NAN = "end"
"""Stands for an end of NaN, which equals nothing."""

Row = tuple[str, int, str, str, float, float | str]


def rows_of(corpus: Corpus, raw: Path) -> list[Row]:
    """Rows with paths relative to the raw tree."""
    return [
        (speaker, label, split, str(Path(path).relative_to(raw)), start, NAN if math.isnan(end) else end)
        for speaker, label, split, path, start, end in corpus.rows.itertuples(index=False, name=None)
    ]


def times_of(corpus: Corpus, speaker: str) -> list[tuple[float, float]]:
    """Start and end of each stretch of a speaker."""
    rows = corpus.rows[corpus.rows["speaker"] == speaker]
    return list(zip(rows["start"], rows["end"], strict=True))


def edit(path: Path, old: str, new: str) -> None:
    """Replaces a text that must be in a file."""
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))


def fails(read: Callable[[], object], *parts: object) -> None:
    """Checks that reading fails with a message that has these parts in this order."""
    with pytest.raises(InputError, match="(?s:.*)".join(re.escape(str(part)) for part in parts)):
        read()
