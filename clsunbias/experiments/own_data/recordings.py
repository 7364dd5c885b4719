"""Recordings: a CSV file that lists them, or a folder that ``clsunbias prepare`` has made."""

from pathlib import Path

import pandas as pd

from clsunbias.experiments.own_data.understanding import (
    Asked,
    Understood,
    files_of,
    read_asked,
    roles,
)
from clsunbias.speech.manifest import Corpus, Manifest
from clsunbias.speech.preparation import prepare

LOWEST_RATE, HIGHEST_RATE = 8000, 16000
"""Samples a second that features are made of: what is recorded, within these."""

SEGMENTS = 5
"""So many of a speaker's who speaks as long as most do, if they last from 0.96 to 3.84 s then."""

STEP = 0.32
"""Seconds that segments are a multiple of."""


def understand_recordings(asked: Asked, column: str, out: Path) -> Understood:
    """Recordings that a CSV file lists by a column of paths; writes their manifest to ``out``."""
    frame, _ = read_asked(asked)
    labels, patients, classes = roles(asked, frame)
    files = files_of(asked, frame, column)
    speakers = frame[column].str.strip() if patients is None else patients
    rows = pd.DataFrame(
        {
            "speaker": speakers,
            "label": labels.map(classes.index),
            "split": "",
            "path": files,
            "start": 0.0,
            "end": float("nan"),
        }
    )
    others = frame[[*asked.attributes]].assign(unit=speakers).drop_duplicates("unit") if asked.attributes else None
    prepare(Corpus(rows, tuple(classes), simulated=False, attributes=others), out)
    return understood(asked, Manifest.read(out / "manifest.csv", "clsunbias study"), out, labels, speakers)


def understand_prepared(asked: Asked) -> Understood:
    """A folder that holds a manifest."""
    folder = asked.path if asked.path.is_dir() else asked.path.parent
    manifest = Manifest.read(folder / "manifest.csv", "clsunbias prepare")
    labels = manifest.rows["label"].map(dict(enumerate(manifest.class_names)))
    return understood(asked, manifest, folder, labels, manifest.rows["speaker"])


def understood(asked: Asked, manifest: Manifest, folder: Path, labels: pd.Series, speakers: pd.Series) -> Understood:
    """What a manifest says of a corpus, and features that suit it."""
    seconds = (manifest.rows["end"] - manifest.rows["start"]).groupby(manifest.rows["speaker"]).sum()
    rate = int(min(max(manifest.rows["sample_rate"].mode()[0], LOWEST_RATE), HIGHEST_RATE))
    length = min(max(seconds.median() / SEGMENTS // STEP * STEP, 3 * STEP), 12 * STEP)
    bands = 40 if rate == LOWEST_RATE else 80
    classes = manifest.class_names
    return Understood(
        "recordings",
        asked,
        "voiced.yaml",
        {
            "data.init_args.corpus": str(folder.resolve()),
            "data.init_args.attributes": [*asked.attributes],
            "data.init_args.seconds": round(length, 2),
            "data.init_args.front_end.init_args.sample_rate": rate,
            "data.init_args.front_end.init_args.bands": bands,
            "model.network.init_args.features": bands,
            "model.network.init_args.outputs": 1 if len(classes) == 2 else len(classes),
        },
        labels,
        speakers,
        classes,
        {
            "speech": f"{seconds.sum() / 3600:.2f} hours, of a speaker {seconds.min():.1f} to {seconds.max():.1f} s, "
            f"half of them {seconds.median():.1f} s or more; segments of {length:.2f} s",
            "features": f"{bands} log-mel bands at {rate} Hz",
        },
    )
