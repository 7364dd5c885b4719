"""MODMA, audio part (arXiv 2002.09283): 52 Chinese speakers, 23 of them depressed, 29 recordings each."""

from itertools import chain
from pathlib import Path
from typing import Literal

import pandas as pd

from clsunbias.errors import InputError, listed
from clsunbias.speech.lines import Speaker, check_once, is_simulated, to_rows
from clsunbias.speech.manifest import Corpus

FOLDER = "audio_lanzhou_2015"
WORKBOOK = "subjects_information_audio_lanzhou_2015.xlsx"
LABELS = {"HC": 0, "MDD": 1}
TASKS = {"interview": range(1, 19), "passage": range(19, 20), "words": range(20, 26), "pictures": range(26, 30)}
"""Numbers of the recordings of each task."""


def read(
    raw: Path,
    *,
    task: Literal["all", "interview", "passage", "words", "pictures"] = "all",
    exclude: tuple[str, ...] = (),
) -> Corpus:
    """Reads the workbook of subjects and lists their recordings. Whole files are the participant's speech.

    The workbook's ids have lost their leading zero: folder ``02010002`` is subject 2010002. No split is official.

    Args:
        raw: folder of ``audio_lanzhou_2015``, or that folder itself.
        task: which recordings are used: all 29, or interview (1 to 18), passage (19), words (20 to 25) or
            pictures (26 to 29).
        exclude: recordings to leave out, such as ``02010004/24``; some copies hold unreadable ones.

    Raises:
        InputError: no workbook or one that cannot be read, an unknown type, a subject listed twice, a recording that is
            absent, or one to be left out that does not exist.
    """
    folder = raw / FOLDER if (raw / FOLDER).is_dir() else raw
    speakers = read_workbook(folder / WORKBOOK)
    numbers = [number for name, part in TASKS.items() if task in {"all", name} for number in part]
    known = {f"{speaker.name}/{number:02d}" for speaker in speakers for number in chain(*TASKS.values())}
    unknown = [recording for recording in exclude if recording not in known]
    if unknown:
        raise InputError(f"there is no recording {unknown[0]!r} to leave out; they are named such as '02010004/24'")
    rows = to_rows(
        speaker.stretch(folder / f"{speaker.name}/{number:02d}.wav")
        for speaker in speakers
        for number in numbers
        if f"{speaker.name}/{number:02d}" not in exclude
    )
    missing = [path for path in rows["path"] if not Path(path).is_file()]
    if missing:
        raise InputError(f"{len(missing)} recordings are missing: {listed(missing)}")
    return Corpus(
        rows,
        ("healthy", "depressed"),
        corrections=[f"recording {recording} is left out" for recording in exclude],
        notes=[] if task == "all" else [f"only recordings of the task {task!r} are used"],
        expected={"all": {"speakers": 52, "positive": 23}},
        simulated=is_simulated(raw) or is_simulated(folder),
    )


def read_workbook(path: Path) -> list[Speaker]:
    """Subjects and their types, of the first sheet; other columns and rows without id and type are passed over."""
    if not path.is_file():
        raise InputError(f"{path} is missing; raw is the folder of {FOLDER}, in which the workbook lies")
    try:
        sheet = pd.read_excel(path, dtype=str)
    except ImportError as error:
        raise InputError(f"{path} needs the package openpyxl: pip install 'clsunbias[modma]'") from error
    except Exception as error:  # a damaged workbook makes the reader fail in any way at all
        raise InputError(f"{path} is not a workbook that can be read: {error}") from error
    sheet.columns = [str(name).strip().lower() for name in sheet.columns]
    for column in ("subject id", "type"):
        if column not in sheet:
            raise InputError(f"{path} has no column {column!r}; its header is: {', '.join(sheet.columns)}")
    speakers = []
    identities, kinds = (sheet[column].fillna("").str.strip() for column in ("subject id", "type"))
    for row, (identity, kind) in enumerate(zip(identities, kinds, strict=True), start=2):  # row 1 is the header
        if not identity and not kind:
            continue
        where = f"{path}, row {row}"
        number = identity.removesuffix(".0")  # a column with gaps holds floating numbers
        if not number.isdecimal() or len(number) > 8:
            raise InputError(f"{where}: subject id must be a number of up to 8 digits; it is {identity!r}")
        if kind.upper() not in LABELS:
            raise InputError(f"{where}: type must be MDD or HC; it is {kind!r}")
        speakers.append(Speaker(number.zfill(8), LABELS[kind.upper()], "", where))
    check_once(speakers)
    return speakers
