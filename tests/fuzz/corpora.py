"""Lists of recordings, and transcripts of DAIC-WOZ."""

import math
from functools import cache
from pathlib import Path

import pandas as pd
from hypothesis import strategies as st

from clsunbias.speech import daic_woz
from tests.fuzz.bases import Files, at_home, files_below, recordings
from tests.fuzz.cases import Case, Expected, command
from tests.fuzz.readings import number, read_rows
from tests.fuzz.spoiling import spoilt_bytes
from tests.speech_trees import DAIC_LABELS, TRANSCRIPTS, write_daic_woz

LIST = "raw/recordings.csv"
CELLS = (
    "",
    " ",
    "-1",
    "nan",
    "inf",
    "1e9",
    "0",
    "0.5",
    "1,5",
    "x",
    "../0.wav",
    "1.wav",
    "train",
    "ILL",
    "ill ",
    "S1",
    "s1",
    "é",
)


@st.composite
def manifest_cases(draw: st.DrawFn) -> Case:
    """A list of recordings with a cell, a recording or some bytes changed."""
    files, expected = dict(recordings()), "either"
    way = draw(st.sampled_from(["cell", "cell", "bytes", "recording", "lines", "form"]))
    lines = files[LIST].decode().splitlines()
    row, names = draw(st.integers(0, len(lines) - 1)), ["recordings.csv", ".wav", "split", "speaker"]
    if way == "cell":
        cells = lines[row].split(",")
        column = draw(st.integers(0, len(cells) - 1))
        cells[column] = draw(st.sampled_from(CELLS))
        lines[row], change = ",".join(cells), f"cell {column} of line {row + 1} is {cells[column]!r}"
    elif way == "lines":
        change = draw(st.sampled_from(["gone", "twice", "longer"]))
        lines = (
            lines[:row]
            + {"gone": [], "twice": [lines[row]] * 2, "longer": [f"{lines[row]},more"]}[change]
            + lines[row + 1 :]
        )
        change = f"line {row + 1} is {change}"
    elif way == "form":
        change, expected = "quoted, with a byte order mark and line ends of Windows", "right"
        lines = ["﻿" + lines[0], *(",".join(f'"{cell}"' for cell in line.split(",")) + "\r" for line in lines[1:])]
    files[LIST] = "\n".join([*lines, ""]).encode()
    if way in {"bytes", "recording"}:
        name = LIST if way == "bytes" else f"raw/{row % 12}.wav"
        files[name], change = draw(spoilt_bytes(files[name]))
        change = f"{name}: {change}"
    verdict: Expected = "right" if expected == "right" else "either"
    return Case(files, [change], verdict, names)


def read_manifest(case: Case) -> str:
    """Prepares a list of recordings, and compares the manifest with another reading of the list."""
    command("prepare", "manifest", "--raw", "raw", "--out", "data/mine")
    rows = [row for row in read_rows(Path(LIST)) if any(cell.strip() for cell in row.values())]
    rows = [{name.strip().lower(): cell.strip() for name, cell in row.items()} for row in rows]
    made = pd.read_csv("data/mine/manifest.csv", dtype=str, keep_default_na=False)
    if len(made) != len(rows):
        return f"{len(rows)} lines became {len(made)}"
    labels = sorted({row["label"] for row in rows})
    for row, stretch in zip(rows, made.to_dict("records"), strict=True):
        path = (Path("data/mine") / stretch["path"]).resolve()
        if path != (Path("raw") / row["path"]).resolve() or stretch["speaker"] != row["speaker"]:
            return f"{row} became {stretch}"
        if int(stretch["label"]) != labels.index(row["label"]):
            return f"of the classes {labels}, {row['label']} became {stretch['label']}"
        for end, otherwise in (("start", 0.0), ("end", math.nan)):
            wanted = number(row[end]) if row.get(end) else otherwise
            if not math.isnan(wanted) and abs(float(stretch[end]) - wanted) > (0 if end == "start" else 1.0):
                return f"{end} {row.get(end)} became {stretch[end]}"
    return ""


@cache
def interviews() -> Files:
    """Seven sessions in DAIC-WOZ's layout."""
    with at_home() as home:
        write_daic_woz(home / "raw")
        return files_below(home)


@st.composite
def transcript_cases(draw: st.DrawFn) -> Case:
    """DAIC-WOZ's layout with one transcript or file of labels changed."""
    files = dict(interviews())
    texts = sorted(name for name in files if name.endswith(".csv"))
    name = draw(st.sampled_from(texts))
    if draw(st.booleans()):
        files[name], change = draw(spoilt_bytes(files[name]))
    else:
        separator = "\t" if "TRANSCRIPT" in name else ","
        lines = files[name].decode().splitlines()
        row = draw(st.integers(0, len(lines) - 1))
        cells = lines[row].split(separator)
        column = draw(st.integers(0, len(cells) - 1))
        cells[column] = draw(st.sampled_from([*CELLS, "Participant", "ELLIE", "<sync>", "300", "2", '"']))
        lines[row], change = separator.join(cells), f"cell {column} of line {row + 1} is {cells[column]!r}"
        files[name] = "\n".join([*lines, ""]).encode()
    return Case(files, [f"{name}: {change}"], "either", [Path(name).name, "label file", "listed twice"])


def read_transcripts(case: Case) -> str:
    """Reads the layout, and compares whose speech lies where with another reading."""
    corpus = daic_woz.read(Path("raw"))
    speakers = {}
    for file in DAIC_LABELS:
        for row in read_rows(Path("raw/protocol") / file):
            cells = {name.strip().lower(): cell.strip() for name, cell in row.items() if name}
            label = cells.get("phq8_binary", cells.get("phq_binary"))
            if label and cells["participant_id"]:
                speakers[cells["participant_id"]] = int(label)
    found = dict(zip(corpus.rows["speaker"], corpus.rows["label"], strict=True))
    if not set(found) <= set(speakers) or any(speakers[name] != label for name, label in found.items()):
        return f"speakers are {speakers}, found were {found}"
    for name in set(found) & set(TRANSCRIPTS) - {"318", "373"}:  # whose times are corrected
        own = corpus.rows[corpus.rows["speaker"] == name]
        path = next(Path("raw").glob(f"{name}*/*TRANSCRIPT.csv"))
        turns = [
            (float(row["start_time"]), float(row["stop_time"]))
            for row in (
                {(key or "").strip().lower(): cell or "" for key, cell in row.items()}
                for row in read_rows(path, "\t", quoted=False)
            )
            if row.get("speaker", "").strip().lower() == "participant"
        ]
        turns = [(start, end) for start, end in turns if end > start]
        if len(own) > len(turns):
            return f"{name} has turns {turns}, found were {own[['start', 'end']].to_numpy().tolist()}"
    return ""
