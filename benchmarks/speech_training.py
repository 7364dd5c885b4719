"""Training on features of DAIC-WOZ's size: peak memory, and the loader's pace beside the model's."""

import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from torch.nn import functional as F

from benchmarks.timing import Row, judged
from clsunbias.data import Speech
from clsunbias.files import CONFIGS
from clsunbias.networks import FrameStatistics
from clsunbias.objectives import widen
from clsunbias.speech import Precomputed
from clsunbias.speech.manifest import Corpus
from clsunbias.speech.preparation import prepare

MEMORY, PACE = 2.0, 10.0
"""GiB beyond the process's start, and batches loaded in the time that the model takes for one."""

SPEAKERS, SEGMENTS, FRAMES, SIZE = 107, 12027, 384, 512
STEPS = 40


def write_corpus(root: Path) -> None:
    """Made-up features with as many training speakers, segments, frames and dimensions as DAIC-WOZ has."""
    random = np.random.default_rng(0)
    counts = np.full(SPEAKERS, SEGMENTS // SPEAKERS)
    counts[: SEGMENTS % SPEAKERS] += 1
    longest = random.standard_normal((counts.max() * FRAMES, SIZE), dtype=np.float32).astype(np.float16)
    rows = []
    for index, count in enumerate([*counts, 4, 4, 4, 4]):
        path = root / f"{index}.npy"
        np.save(path, longest[: count * FRAMES])
        split = "train" if index < SPEAKERS else ("val", "test")[index % 2]
        rows.append((str(index), index // 2 % 2, split, str(path), 0.0, np.nan))
    columns = ["speaker", "label", "split", "path", "start", "end"]
    prepare(Corpus(pd.DataFrame(rows, columns=columns), ("a", "b"), simulated=True), root / "daic_woz")


def peak(*arguments: str) -> float:
    """GiB that a process of this Python held at most, in one command or in its start alone."""
    code = (
        "import resource, sys; from clsunbias.__main__ import main; import clsunbias.commands.fit; "
        "status = main(sys.argv[1:]) if sys.argv[1:] else 0; "
        "print(status, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)"
    )
    done = subprocess.run([sys.executable, "-c", code, *arguments], capture_output=True, text=True, check=False)
    status, kibibytes = done.stdout.split()[-2:]
    if status != "0":
        raise RuntimeError(f"the run failed:\n{done.stderr}")
    return int(kibibytes) / 2**20


def paces(data: Speech) -> tuple[float, float]:
    """Seconds per batch of the loader, and of the model's training step."""
    data.setup("fit")
    sampler, split = data.train_sampler(data.splits["train"]), data.splits["train"]
    began = time.perf_counter()
    for epoch in range(STEPS):
        sampler.set_epoch(epoch)
        batch = split[next(iter(sampler))]
    loading = (time.perf_counter() - began) / STEPS
    network = FrameStatistics(SIZE, 12)
    optimizer = torch.optim.Adam(network.parameters())
    began = time.perf_counter()
    for _ in range(STEPS // 4):
        optimizer.zero_grad()
        F.cross_entropy(widen(network(batch["x"])), batch["target"]).backward()  # type: ignore[no-untyped-call]
        optimizer.step()
    return loading, (time.perf_counter() - began) / (STEPS // 4)


def measure() -> Sequence[Row]:
    """A run of DAIC-WOZ's config on the made-up features, then loader and model by themselves."""
    with tempfile.TemporaryDirectory() as temporary:
        root = Path(temporary)
        write_corpus(root)
        data = Speech("daic_woz", root, Precomputed(size=SIZE, normalise="none"))
        data.prepare_data()
        options = [
            "fit",
            "--config",
            str(CONFIGS / "daic_woz.yaml"),
            "--data.root",
            str(root),
            "--out",
            str(root / "run"),
        ]
        options += ["--data.front_end", "clsunbias.speech.Precomputed", "--data.front_end.normalise", "none"]
        extra = peak(*options, "--trainer.max_epochs", str(STEPS), "--trainer.enable_progress_bar", "false") - peak()
        loading, step = paces(data)
    size = f"{SPEAKERS} speakers, {SEGMENTS:,} segments × {FRAMES} frames × {SIZE}"
    times = f"{1000 * loading:.0f} ms, {1000 * step:.0f} ms"
    pace = step / loading
    return [
        Row(
            f"speech_training: {size}: peak memory beyond the start",
            f"{extra:.2f} GiB",
            judged(extra, "<", MEMORY, " GiB"),
        ),
        Row(
            f"speech_training: batches loaded while the model takes one step ({times})",
            f"{pace:.1f}",
            f"≥ {PACE:g}, {'met' if pace >= PACE else 'missed'}",
        ),
    ]
