"""Made-up corpora: raw trees like those of DAIC-WOZ, MODMA and ADReSS, with the two cues of the paper's toy in them.

The real corpora may not be passed on. These let every step from the raw tree to the results table be run and checked,
and show what a method does about a cue that informs about one class only, since here it is known who has it.
"""

import shutil
from itertools import count, islice
from pathlib import Path
from typing import Literal

import numpy as np
import pandas as pd
from rich.progress import track

from clsunbias.errors import InputError
from clsunbias.files import write_csv
from clsunbias.speech.lines import MARKER
from clsunbias.speech.raw_trees import Person, write_adress, write_daic_woz, write_modma
from clsunbias.terminal import console

UNFINISHED = ".unfinished"
"""Folder, within that of a made-up corpus, in which it is written until it is complete."""

LEAST_SECONDS = 8.0
"""Every speaker's speech lasts at least so long."""


Sizes = dict[tuple[str, int], int]
"""Numbers of speakers by split (empty where the corpus leaves it open) and class."""

STRATA: dict[str, Sizes] = {
    "daic_woz": {("train", 0): 77, ("train", 1): 30, ("val", 0): 23, ("val", 1): 12, ("test", 0): 33, ("test", 1): 14},
    "modma": {("", 0): 29, ("", 1): 23},
    "adress": {("", 0): 54, ("", 1): 54, ("test", 0): 24, ("test", 1): 24},
}
"""Of the real corpora."""

WRITERS = {"daic_woz": write_daic_woz, "modma": write_modma, "adress": write_adress}

SHARED = (0.1, 0.9)
CUES = {"as_in_train": (1.0, 0.5), "none": (0.0, 0.0), "all": (1.0, 1.0)}
"""Share of the negatives and of the positives that have a cue, as in the toy of arXiv 2508.06943."""

DAIC_SESSIONS = [session for session in range(300, 493) if session not in {342, 394, 398, 460}]
DAIC_KNOWN = {"train": [409, 318, 319, 321, 341, 362, 444], "val": [451, 458], "test": [373, 480]}
"""Sessions with a quirk, in the split in which they are released."""


def simulate(
    corpus: Literal["daic_woz", "modma", "adress"],
    out: Path,
    speakers: int,
    hours: float,
    seed: int = 0,
    test_cue: Literal["as_in_train", "none", "all"] = "as_in_train",
) -> None:
    """Writes a made-up raw tree, ``SIMULATED.txt``, which says so, and ``SIMULATED.csv``, who has which cue.

    Splits and classes have the real corpus's proportions, and its counts at its number of speakers (189, 52, 156). Of
    the positives 90 % speak lively, of the negatives 10 %. A faint hum is in the recordings of all negatives and of
    half of the positives. The counts are exact, per split and class.

    Args:
        corpus: whose layout.
        out: a folder that is empty or does not exist; what a killed process has left in it is made anew.
        speakers: how many.
        hours: of the speakers' speech, in all.
        seed: the same gives the same tree.
        test_cue: who hums in the test split: as in the others, nobody, or everybody. It changes no other split.

    Raises:
        InputError: a folder with files in it, too few or too many speakers, too little speech, or test_cue for a
            corpus without a test split of its own.
    """
    if out.exists() and (not out.is_dir() or any(one.name != UNFINISHED for one in out.iterdir())):
        raise InputError(f"{out} is not empty; give a new folder")
    if test_cue != "as_in_train" and ("test", 0) not in STRATA[corpus]:
        raise InputError(f"{corpus} has no test split of its own, so test_cue must be as_in_train")
    if hours * 3600 < LEAST_SECONDS * speakers:
        least = LEAST_SECONDS * speakers / 3600
        raise InputError(f"{speakers} speakers need {least:.3f} hours, {LEAST_SECONDS:g} s each; got {hours}")
    people = plan(corpus, speakers, hours, seed, test_cue)
    unfinished = out / UNFINISHED
    shutil.rmtree(unfinished, ignore_errors=True)
    unfinished.mkdir(parents=True)
    try:
        write_tree(corpus, unfinished, people, seed, f"speakers={speakers} hours={hours} seed={seed} {test_cue=!s}")
        for part in sorted(unfinished.iterdir(), key=lambda part: part.name != MARKER):
            part.rename(out / part.name)
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)


def write_tree(corpus: str, out: Path, people: list[Person], seed: int, settings: str) -> None:
    """Writes all that a made-up corpus has into a folder, with a progress bar."""
    # First of all, so that a tree left half written does not pass for real.
    (out / MARKER).write_text(
        f"These recordings, transcripts and labels are made up by clsunbias in the layout of {corpus}.\n"
        "No person spoke them, and no result on them says anything about a disease.\n"
        f"{settings}\n"
    )
    shown = console(stderr=True)
    told = track(people, f"recordings of {corpus}", console=shown, transient=True, disable=not shown.is_terminal)
    WRITERS[corpus](out, told, seed)
    truth = [(one.name, one.split, one.label, int(one.shared), int(one.cue)) for one in people]
    write_csv(out / "SIMULATED.csv", pd.DataFrame(truth, columns=["speaker", "split", "label", "shared", "cue"]))


def plan(corpus: str, speakers: int, hours: float, seed: int, test_cue: str) -> list[Person]:
    """Who speaks how long, with which cues; by name."""
    sizes = proportional(STRATA[corpus], speakers)
    # An open stratum needs four, for each split to have one when a fifth goes to validation, a fifth to the test.
    tries = ((number, proportional(STRATA[corpus], number)) for number in count(speakers))
    enough = next(n for n, parts in tries if all(size >= (1 if split else 4) for (split, _), size in parts.items()))
    if enough > speakers:
        raise InputError(f"{speakers} speakers leave a split of {corpus} without a class; {enough} are enough")
    random = np.random.default_rng(seed)
    names = iter(name_speakers(corpus, sizes, random))
    weights = random.lognormal(0.0, 0.5, speakers)
    seconds = iter(LEAST_SECONDS + (hours * 3600 - LEAST_SECONDS * speakers) * weights / weights.sum())
    people = []
    for (split, label), size in sizes.items():
        shares = CUES[test_cue if split == "test" else "as_in_train"]
        lively, cued = round(size * SHARED[label]), round(size * shares[label])
        for place in range(size):
            # The second is spread evenly, so that the cues do not depend on each other.
            cue = (place + 1) * cued // size > place * cued // size
            people.append(Person(next(names), split, label, place < lively, cue, float(next(seconds))))
    return sorted(people, key=lambda person: person.name)


def proportional(parts: Sizes, total: int) -> Sizes:
    """Whole numbers of a given sum in the proportion of parts, by largest remainders."""
    exact = np.array([*parts.values()]) * total / sum(parts.values())
    whole = exact.astype(int)
    whole[np.argsort(whole - exact, kind="stable")[: total - whole.sum()]] += 1
    return dict(zip(parts, whole.tolist(), strict=True))


def name_speakers(corpus: str, sizes: Sizes, random: np.random.Generator) -> list[str]:
    """A name for each speaker, in the order of the sizes."""
    total = sum(sizes.values())
    if corpus == "modma":  # subjects 2010001, … are depressed
        first = {0: 2020001, 1: 2010001}
        return [f"{first[label] + place:08d}" for (_, label), size in sizes.items() for place in range(size)]
    if corpus == "adress":
        return [f"S{number:03d}" for number in range(1, total + 1)]
    if total > len(DAIC_SESSIONS):
        raise InputError(f"daic_woz has {len(DAIC_SESSIONS)} sessions; got {total} speakers")
    known = [session for sessions in DAIC_KNOWN.values() for session in sessions]
    others = iter(random.permutation([session for session in DAIC_SESSIONS if session not in known]))
    names: list[int] = []
    for split, own in DAIC_KNOWN.items():
        size = sizes[split, 0] + sizes[split, 1]
        sessions = [*own, *islice(others, max(0, size - len(own)))][:size]
        # 409 comes first: released as healthy, lively as the depressed.
        first_of_all = 1 if split == "train" else 0
        names += [*sessions[:first_of_all], *random.permutation(sessions[first_of_all:])]
    return [str(session) for session in names]
