"""``clsunbias prepare``: a raw corpus becomes ``manifest.csv`` and ``summary.json``, each recording checked."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from joblib import Parallel, delayed
from rich.progress import track
from rich.table import Table

from clsunbias.errors import InputError, listed
from clsunbias.files import atomic, sha256_of, write_csv, write_json
from clsunbias.speech.lines import STRETCH
from clsunbias.speech.manifest import COLUMNS, HASH, Corpus, check_classes, check_speakers, relative
from clsunbias.speech.own_recordings import check_one_owner
from clsunbias.speech.recordings import Recording, inspect
from clsunbias.speech.segments import segment_count
from clsunbias.splits import SPLITS, SplitPlan, spelled_alike
from clsunbias.terminal import console, say

OVERHANG = 1.0
"""Seconds that a stretch may reach beyond its recording, and is then cut off there; more means a truncated file."""


def try_inspect(path: str, frame_rate: float) -> tuple[Recording, str] | str:
    """What a check found and the hash of the content, or what is wrong."""
    try:
        return inspect(Path(path), frame_rate), sha256_of(Path(path))
    except InputError as error:
        return str(error)


def check_recordings(rows: pd.DataFrame, frame_rate: float) -> tuple[pd.DataFrame, dict[str, str], list[str]]:
    """Inspects recordings, in parallel.

    Args:
        rows: ``path``, ``start`` and ``end``, as in a :class:`~clsunbias.speech.manifest.Corpus`.
        frame_rate: rows per second of ``.npy`` features.

    Returns:
        The rows of recordings that can be used, with sample rates, ends and hashes; what is wrong with each other one;
        notes.
    """
    paths = rows["path"].unique()
    # Threads: reading audio leaves the interpreter's lock.
    found = Parallel(-1, prefer="threads", return_as="generator")(delayed(try_inspect)(p, frame_rate) for p in paths)
    bar = track(found, "checking recordings", total=len(paths), console=console(stderr=True), transient=True)
    results = dict(zip(paths, bar, strict=True))
    bad = {path: result for path, result in results.items() if isinstance(result, str)}
    good = {path: result[0] for path, result in results.items() if not isinstance(result, str)}
    rates = rows["path"].map({path: result.sample_rate for path, result in good.items()})
    length = rows["path"].map({path: result.seconds for path, result in good.items()})
    ends = rows["end"].fillna(length)
    beyond = (rows["start"] >= length) | (ends > length + OVERHANG)
    empty = (ends.clip(upper=length) - rows["start"]) * rates < 1
    for path, start, end in rows.loc[beyond | empty, ["path", "start", "end"]].itertuples(index=False, name=None):
        what = f"speech is marked from {start:.2f} s" + ("" if np.isnan(end) else f" to {end:.2f} s")
        if start >= good[path].seconds or end > good[path].seconds + OVERHANG:
            lasts = f"{path} lasts {good[path].seconds:.2f} s"
            bad[path] = f"{lasts}, yet {what}: it is truncated, or the times are another file's"
        else:
            bad[path] = f"{path}: {what}, which holds no sample"
    rows = rows.assign(
        end=ends.clip(upper=length),
        sample_rate=rates,
        **{HASH: rows["path"].map({path: results[path][1] for path in good})},
    )
    mixed = sum(result.channels > 1 for result in good.values())
    notes = [f"{mixed} recordings have several channels: they are mixed down to one"] if mixed else []
    several = sorted({result.sample_rate for path, result in good.items() if not path.endswith(".npy")})
    if len(several) > 1:
        notes.append(f"sample rates differ ({', '.join(f'{rate:g}' for rate in several)} Hz): features resample them")
    return rows[~rows["path"].isin(bad)], bad, notes


def refuse(bad: Mapping[str, str], recordings: int, remedy: str) -> None:
    """Raises InputError if there are bad recordings: how many of all, the first ten of them, and what to do."""
    if bad:
        more = f"\n… and {len(bad) - 10} more" if len(bad) > 10 else ""
        raise InputError(
            f"{len(bad)} of {recordings} recordings cannot be used; {remedy}:\n"
            + "\n".join(list(bad.values())[:10])
            + more
        )


def count(rows: pd.DataFrame, corpus: Corpus) -> dict[str, dict[str, Any]]:
    """Speakers (in all and of each class), recordings, segments and hours of every split and of all."""
    counts = {}
    for split in (*SPLITS, "all"):
        part = rows if split == "all" else rows[rows["split"] == split]
        speakers = part.groupby("speaker")
        classes = np.bincount(speakers["label"].first(), minlength=len(corpus.class_names))
        segments = [segment_count(own, float(own["sample_rate"].iloc[0]), corpus.seconds) for _, own in speakers]
        counts[split] = {
            "speakers": len(segments),
            **dict(zip(corpus.class_names, classes.tolist(), strict=True)),
            "recordings": int(part["path"].nunique()),
            "segments": sum(segments),
            "hours": round(float((part["end"] - part["start"]).sum()) / 3600, 3),
        }
    return counts


def differences(counts: Mapping[str, Mapping[str, Any]], corpus: Corpus) -> list[str]:
    """Where counts differ from the known totals, in words."""
    said = []
    for split, expected in corpus.expected.items():
        for what, wanted in expected.items():
            name, shown = (corpus.class_names[1], "positive speakers") if what == "positive" else (what, what)
            shown = f"speakers of {what}" if what in corpus.class_names else shown
            found = sum(counts[part][name] for part in split.split("+"))
            if found != wanted:
                said.append(f"{split}: {found} {shown}, known are {wanted}")
    return said


def check_same_content(rows: pd.DataFrame, class_names: Sequence[str]) -> None:
    """Raises InputError if recordings of the same content are of two classes, or the same speech of two speakers."""
    same = rows[rows.groupby(HASH)["path"].transform("nunique") > 1]
    contents = "the content of " + same.groupby(HASH)["path"].transform("first")
    stretches = list(same[list(STRETCH)].itertuples(index=False, name=None))
    where = [f"{path} ({class_names[label]})" for path, label in zip(same["path"], same["label"], strict=True)]
    check_one_owner(stretches, where, list(contents))


def prepare(
    corpus: Corpus,
    out: Path,
    plan: SplitPlan | None = None,
    skip_bad: bool = False,
    frame_rate: float = 100.0,
) -> dict[str, Any]:
    """Checks a corpus, writes its manifest and summary, and returns the summary.

    Args:
        corpus: as an adapter read it.
        out: folder of ``manifest.csv`` and ``summary.json``, both written whole or not at all.
        plan: how speakers without a split get one.
        skip_bad: leaves recordings out that cannot be used, rather than stopping.
        frame_rate: rows per second of ``.npy`` features.

    Raises:
        InputError: a speaker with two labels or in two splits, bad recordings, one under two names that are of two
            classes or speakers, a split without one of the classes, or an out that cannot be written.
    """
    plan = plan or SplitPlan()
    check_speakers(corpus.rows, corpus.class_names)
    rows, bad, notes = check_recordings(corpus.rows, frame_rate)
    if not skip_bad:
        refuse(bad, corpus.rows["path"].nunique(), "mend or remove them, or leave them out with --skip-bad")
    check_same_content(rows, corpus.class_names)
    if twins := spelled_alike(rows["speaker"]):
        notes.append(f"speakers that may be one, spelled in several ways, count as different ones: {listed(twins)}")
    lost = sorted(set(corpus.rows["speaker"]) - set(rows["speaker"]))
    if lost:
        notes.append(f"speakers without any recording left: {', '.join(lost)}")
    groups = rows.rename(columns={"speaker": "group"})
    rows = rows.assign(split=plan.assign(groups, corpus.shares, of="speakers"))
    check_classes(rows, corpus.class_names)
    counts = count(rows, corpus)
    home = out.resolve()
    rows = rows.assign(path=[str(relative(Path(path).resolve(), home)) for path in rows["path"]])
    summary = {
        "class_names": list(corpus.class_names),
        "simulated": corpus.simulated,
        "counts": counts,
        "segment_seconds": corpus.seconds,
        "differences": [] if corpus.simulated else differences(counts, corpus),
        "corrections": list(corpus.corrections),
        "notes": [*corpus.notes, *notes],
        "left_out": sorted(bad.values()),
        "splits": {**asdict(plan), "shares": list(corpus.shares)},
    }
    try:
        with atomic(out / "manifest.csv") as temporary:
            rows[[*COLUMNS, HASH]].to_csv(temporary, index=False)
            summary["manifest_sha256"] = sha256_of(temporary)
            write_json(out / "summary.json", summary)
        if corpus.attributes is not None:
            write_csv(out / "attributes.csv", corpus.attributes[corpus.attributes["unit"].isin(rows["speaker"])])
    except OSError as error:
        raise InputError(f"{out} cannot be written ({error.strerror}): mend that or give another --out") from error
    return summary


def show(summary: Mapping[str, Any], title: str) -> None:
    """Prints a summary: counts in a table, then everything out of the ordinary."""
    table = Table("", *summary["counts"], title=("SIMULATED: " if summary["simulated"] else "") + title)
    for name in summary["counts"]["all"]:
        table.add_row(name, *(f"{part[name]:,}" for part in summary["counts"].values()))
    console().print(table)
    for heading in ("differences", "corrections", "notes", "left_out"):
        for line in summary[heading]:
            say(f"{heading.replace('_', ' ')}: {line}")
