"""Log-mel extraction: over a bare loop of the same librosa calls, and what a second process brings."""

import tempfile
import time
from collections.abc import Sequence
from functools import partial
from pathlib import Path

import librosa
import numpy as np
import pandas as pd
import soundfile
from joblib.externals.loky import get_reusable_executor

from benchmarks.timing import Row, in_turn, ratio_row
from clsunbias.speech.features import SpeakerTask, features
from clsunbias.speech.frontends import LogMel
from clsunbias.speech.manifest import Manifest

OVERHEAD, SCALING = 1.2, 1.7
SPEAKERS, SECONDS, SEGMENT, RATE = 24, 180, 3.84, 16000


def corpus(folder: Path) -> Manifest:
    """Recordings of noise, three minutes each, and their manifest."""
    random = np.random.default_rng(0)
    rows = []
    for index in range(SPEAKERS):
        path = folder / f"{index}.wav"
        soundfile.write(path, 0.1 * random.standard_normal(SECONDS * RATE), RATE)
        rows.append((str(index), index % 2, "train", str(path), 0.0, float(SECONDS), RATE))
    columns = ["speaker", "label", "split", "path", "start", "end", "sample_rate"]
    return Manifest(pd.DataFrame(rows, columns=columns), ("a", "b"), True, folder / "manifest.csv")


def bare(paths: Sequence[str], out: Path) -> None:
    """What a script would do: each recording's segments through librosa, normalised, kept as float16."""
    size = round(SEGMENT * RATE)
    for index, path in enumerate(paths):
        samples, _ = soundfile.read(path, dtype="float32")
        made = []
        for start in range(0, len(samples) - size + 1, size):
            power = librosa.feature.melspectrogram(
                y=samples[start : start + size], sr=RATE, n_fft=512, win_length=400, hop_length=160, n_mels=80
            )
            frames = np.log(np.maximum(power[:, :-1].T, 1e-10))
            made.append(((frames - frames.mean(0)) / np.maximum(frames.std(0), 1e-3)).astype(np.float16))
        np.save(out / f"{index}.npy", np.stack(made))


def measure() -> Sequence[Row]:
    """Both sides in this process and on one core; then ours shared out over two warm processes."""
    front_end = LogMel(sample_rate=RATE)
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        manifest = corpus(folder)
        made = features(manifest, front_end, SEGMENT)  # for the file and its shape
        counts = made.speaker.value_counts(sort=False)
        firsts = counts.cumsum() - counts
        tasks = [
            SpeakerTask(rows, int(firsts[name]), int(counts[name]), folder / f"{name}.done")
            for name, rows in manifest.rows.groupby("speaker", sort=False)
        ]

        def ours(jobs: int) -> float:
            began = time.perf_counter()
            extract = partial(
                SpeakerTask.extract, front_end=front_end, seconds=SEGMENT, path=made.path, shape=made.shape
            )
            share = map if jobs == 1 else get_reusable_executor(max_workers=jobs, env={"OMP_NUM_THREADS": "1"}).map
            list(share(extract, tasks))
            return time.perf_counter() - began

        def loop() -> float:
            began = time.perf_counter()
            bare(list(manifest.rows["path"]), folder)
            return time.perf_counter() - began

        alone, plain, shared = in_turn(3, lambda: ours(1), loop, lambda: ours(2))
    hours, gain = SPEAKERS * SECONDS / 3600, min(alone) / min(shared)
    return [
        ratio_row(f"speech_features: {hours:.1f} h of log-mel over a bare librosa loop", alone, plain, "≤", OVERHEAD),
        Row(
            "speech_features: the same, 1 process over 2",
            f"{gain:.2f}",
            f"≥ {SCALING}, {'met' if gain >= SCALING else 'missed'}",
        ),
    ]
